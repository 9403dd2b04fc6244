//! What callers of `codex exec` may ask for, by the names and rules of `@openai/codex-sdk`.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::Error;
use crate::options::{Variables, nullable_variables, parse_argument, present};

/// Options of all turns, by the names of `@openai/codex-sdk`. Unlike elsewhere in this crate unknown names are let
/// be, and null is nothing: programs written for that package rely on it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecSettings {
    /// The executable.
    pub codex_path_override: Option<String>,
    /// The same, by its name in the main entry.
    pub codex_path: Option<String>,
    /// Base URL of the OpenAI API.
    pub base_url: Option<String>,
    /// API key.
    pub api_key: Option<String>,
    /// Configuration as in `config.toml`.
    pub config: Option<Box<RawValue>>,
    /// Raw `--config` values.
    pub config_overrides: Option<Vec<String>>,
    /// A command in front of codex.
    pub command_prefix: Option<Vec<String>>,
    /// Raw arguments of `codex exec`.
    pub extra_args: Option<Vec<String>>,
    /// The whole environment, where it is given.
    #[serde(deserialize_with = "nullable_variables")]
    pub env: Option<Variables>,
}

/// Options of a thread's turns.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecThreadSettings {
    /// The model.
    pub model: Option<String>,
    /// Classification of a new thread.
    pub thread_source: Option<String>,
    /// The sandbox of commands.
    pub sandbox_mode: Option<String>,
    /// Where the agent works.
    pub working_directory: Option<String>,
    /// Whether it may work outside a git repository.
    pub skip_git_repo_check: Option<bool>,
    /// How much the model thinks.
    pub model_reasoning_effort: Option<String>,
    /// Whether commands in the sandbox have a network.
    pub network_access_enabled: Option<bool>,
    /// How the web is searched.
    pub web_search_mode: Option<String>,
    /// The same as a boolean.
    pub web_search_enabled: Option<bool>,
    /// When approvals are asked for.
    pub approval_policy: Option<String>,
    /// Further folders that may be written to.
    pub additional_directories: Option<Vec<String>>,
}

/// Options of one turn.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecTurnSettings {
    /// JSON Schema of the answer.
    #[serde(deserialize_with = "present")]
    pub output_schema: Option<Box<RawValue>>,
    /// Cyber selection of the turn.
    pub cyber_access_program: Option<String>,
}

impl ExecSettings {
    /// The command in front of codex, if there is one.
    pub(super) fn prefix(&self) -> &[String] {
        self.command_prefix.as_deref().unwrap_or_default()
    }

    /// The configuration; null is none.
    pub(super) fn config(&self) -> Result<Map<String, Value>, Error> {
        let read = |config: &RawValue| serde_json::from_str(config.get()).ok();
        match self.config.as_deref().map(read) {
            None | Some(Some(Value::Null)) => Ok(Map::new()),
            Some(Some(Value::Object(config))) => Ok(config),
            _ => Err(Error::InvalidArgument("options.config: must be a plain object".to_owned())),
        }
    }
}

impl ExecTurnSettings {
    /// Refuses what can't work.
    pub fn check(&self) -> Result<(), Error> {
        match &self.output_schema {
            Some(schema) if !schema.get().starts_with('{') => Err(Error::InvalidArgument(
                "options.outputSchema: must be a plain JSON object, or a Standard Schema".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

/// What a turn is asked.
#[derive(Debug, Default)]
pub struct ExecInput {
    /// The text, for stdin.
    pub prompt: String,
    /// The images.
    pub images: Vec<Image>,
}

/// An image of an input.
#[derive(Debug)]
pub struct Image {
    /// Where the file is.
    pub path: String,
    /// Which item of the input it was.
    at: usize,
}

impl Image {
    pub(super) fn missing(&self) -> Error {
        Error::InvalidArgument(format!("input[{}].path: there is no file {}", self.at, self.path))
    }
}

impl ExecInput {
    /// Reads it from JSON text: a string, or an array of items.
    pub fn parse(json: Option<&str>) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case", expecting = "an object")]
        enum Item {
            Text { text: String },
            LocalImage { path: String },
        }
        const ACCEPTS: &str =
            "it takes a string, or an array of {type: 'text', text} and {type: 'local_image', path}";
        if json.is_some_and(|json| json.starts_with('"')) {
            return Ok(Self { prompt: parse_argument(json, "input", ACCEPTS)?, images: Vec::new() });
        }
        let items: Vec<Item> = parse_argument(json, "input", ACCEPTS)?;
        let (mut texts, mut images) = (Vec::new(), Vec::new());
        for (at, item) in items.into_iter().enumerate() {
            match item {
                Item::Text { text } => texts.push(text),
                Item::LocalImage { path } => images.push(Image { path, at }),
            }
        }
        Ok(Self { prompt: texts.join("\n\n"), images })
    }
}

/// An empty string is nothing, as in `@openai/codex-sdk`.
pub(super) fn given(option: &Option<String>) -> Option<&str> {
    option.as_deref().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_joined_by_a_blank_line_and_images_kept_apart() {
        let json = r#"[{"type":"text","text":"a"},{"type":"local_image","path":"i.png"},{"type":"text","text":"b"}]"#;
        let input = ExecInput::parse(Some(json)).unwrap();
        assert_eq!(input.prompt, "a\n\nb");
        let images: Vec<_> = input.images.iter().map(|image| (image.path.as_str(), image.at)).collect();
        assert_eq!(images, [("i.png", 1)]);
    }

    #[test]
    fn a_wrong_item_is_named_by_its_index() {
        let message = ExecInput::parse(Some(r#"[{"type":"text","text":"a"},{"type":"video"}]"#)).unwrap_err();
        assert!(message.to_string().starts_with("input[1]"), "{message}");
        assert!(ExecInput::parse(None).unwrap_err().to_string().starts_with("input: is missing"));
    }
}
