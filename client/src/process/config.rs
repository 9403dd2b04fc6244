use serde_json::{Map, Value};

use crate::Error;

/// Anything shorter is a word that stands in any text, such as `1` or `true`.
const SHORTEST_SECRET: usize = 8;

/// Configuration as codex takes it.
#[derive(Debug, Default)]
pub struct ConfigArguments {
    /// The values of `--config`, each `dotted.key=<TOML>`.
    pub arguments: Vec<String>,
    /// What must not show in the process list, with dotted keys.
    pub secrets: Map<String, Value>,
}

impl ConfigArguments {
    /// Every text in [`Self::secrets`].
    pub fn secret_texts(&self) -> Vec<String> {
        fn collect(value: &Value, texts: &mut Vec<String>) {
            match value {
                Value::String(text) if text.len() >= SHORTEST_SECRET => texts.push(text.clone()),
                Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
                Value::Object(table) => table.values().for_each(|item| collect(item, texts)),
                _ => {}
            }
        }
        let mut texts = Vec::new();
        self.secrets.values().for_each(|value| collect(value, &mut texts));
        texts
    }
}

/// Flattens a configuration object to `--config` values, keeping secrets out of them.
pub fn config_arguments(config: &Map<String, Value>) -> Result<ConfigArguments, Error> {
    let mut flat = ConfigArguments::default();
    flatten(config, "", &mut flat)?;
    Ok(flat)
}

fn flatten(table: &Map<String, Value>, prefix: &str, flat: &mut ConfigArguments) -> Result<(), Error> {
    for (key, value) in table {
        if key.is_empty() {
            return Err(Error::InvalidArgument("options.config: a key is empty; give it a name".to_owned()));
        }
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if holds_secret(&path, value) {
            flat.secrets.insert(path, value.clone());
            continue;
        }
        match value {
            // A quoted segment is not understood by codex, so a table with such a key goes out whole.
            Value::Object(inner) if !inner.is_empty() && inner.keys().all(|key| is_bare(key)) => {
                flatten(inner, &path, flat)?;
            }
            _ => flat.arguments.push(format!("{path}={}", toml_value(value, &path)?)),
        }
    }
    Ok(())
}

fn toml_value(value: &Value, path: &str) -> Result<toml::Value, Error> {
    Ok(match value {
        Value::Null => {
            return Err(Error::InvalidArgument(format!(
                "options.config: `{path}` is null, which TOML does not have; leave the key out instead"
            )));
        }
        Value::Bool(value) => toml::Value::Boolean(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => toml::Value::Integer(integer),
            (None, Some(float)) => toml::Value::Float(float),
            (None, None) => {
                return Err(Error::InvalidArgument(format!(
                    "options.config: `{path}` is {number}, which TOML can't hold"
                )));
            }
        },
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(items) => toml::Value::Array(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| toml_value(item, &format!("{path}[{index}]")))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(table) => toml::Value::Table(
            table
                .iter()
                .map(|(key, item)| Ok((key.clone(), toml_value(item, &format!("{path}.{key}"))?)))
                .collect::<Result<_, Error>>()?,
        ),
    })
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Whether a value may not appear in the argument list: what goes to MCP servers and providers as
/// credentials, and whatever its name says is one.
fn holds_secret(path: &str, value: &Value) -> bool {
    let segments: Vec<&str> = path.split('.').collect();
    let Some(key) = segments.last() else { return false };
    match segments.as_slice() {
        ["mcp_servers", _, "env" | "http_headers"] => true,
        ["model_providers", _, "http_headers" | "query_params"] => true,
        ["shell_environment_policy", "set"] => true,
        // A table that goes out whole takes its secrets along, so it is looked through first.
        _ => match value {
            Value::Object(table) if table.keys().any(|key| !is_bare(key)) => {
                table.iter().any(|(key, value)| holds_secret_below(&format!("{path}.{key}"), value))
            }
            Value::Object(_) => false,
            Value::Array(items) => {
                items.iter().any(|item| holds_secret_below(path, item)) || names_secret(key)
            }
            _ => names_secret(key),
        },
    }
}

fn holds_secret_below(path: &str, value: &Value) -> bool {
    let key = path.rsplit('.').next().unwrap_or_default();
    match value {
        Value::Object(table) => {
            ["env", "http_headers", "query_params"].contains(&key)
                || table.iter().any(|(key, value)| holds_secret_below(&format!("{path}.{key}"), value))
        }
        Value::Array(items) => items.iter().any(|item| holds_secret_below(path, item)) || names_secret(key),
        _ => names_secret(key),
    }
}

fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // These hold the name of a variable, not what is in it; and limits count tokens.
    let harmless = ["_env_var", "env_key", "env_http_headers", "_limit", "_tokens", "_token_limit"];
    !harmless.iter().any(|end| key.ends_with(end))
        && ["token", "secret", "password", "api_key", "apikey", "authorization"]
            .iter()
            .any(|word| key.contains(word))
}
