//! The input of a turn: text, or items of several kinds.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::parse::{in_words, kind};
use super::present;
use crate::Error;

/// What a turn is asked.
#[derive(Debug, Clone)]
pub enum Input {
    /// Items of the user.
    User(Vec<Value>),
    /// Content from outside with the authority of a tool.
    External(Value),
}

/// One item of an input.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub enum InputItem {
    /// Text.
    Text {
        /// The text; a lone surrogate becomes U+FFFD.
        text: String,
    },
    /// An image: a URL, or bytes with their type.
    #[cfg_attr(
        test,
        ts(
            untagged,
            type = "{ type: 'image', /** `https:` or `data:` URL. */ url: string, \
            data?: undefined, mimeType?: undefined } | { type: 'image', url?: undefined, \
            /** The bytes. */ data: Uint8Array, /** Their media type, such as `image/png`. */ mimeType: string }"
        )
    )]
    Image {
        /// `https:` or `data:` URL. Excludes `data`.
        #[serde(default, deserialize_with = "present")]
        url: Option<String>,
        /// The bytes. Excludes `url`.
        #[serde(default, deserialize_with = "present")]
        data: Option<String>,
        /// Media type of `data`, such as `image/png`.
        #[serde(default, deserialize_with = "present")]
        mime_type: Option<String>,
    },
    /// An image file on the machine where codex runs.
    LocalImage {
        /// Its path.
        path: String,
    },
    /// Audio by URL.
    Audio {
        /// `https:` or `data:` URL.
        url: String,
    },
    /// An audio file on the machine where codex runs.
    LocalAudio {
        /// Its path.
        path: String,
    },
    /// A skill.
    Skill {
        /// Its name.
        name: String,
        /// Its path.
        path: String,
    },
    /// A mention of an app, plugin or file.
    Mention {
        /// Its name.
        name: String,
        /// Its path.
        path: String,
    },
    /// Untrusted content with the authority of a tool, sent as `toolOutput`. Stands alone.
    External {
        /// The tool it comes from.
        tool_name: String,
        /// The content.
        #[cfg_attr(test, ts(type = "string | Protocol.FunctionCallOutputContentItem[]"))]
        content: Value,
        /// The tool's namespace.
        #[serde(default, deserialize_with = "present")]
        namespace: Option<String>,
    },
}

const KINDS: &str = "a string, or one or more items of type text, image, localImage, audio, localAudio, skill, mention, \
                     or one of type external";

impl Input {
    /// No word: codex goes on with what it has.
    pub(crate) fn nothing() -> Self {
        Self::User(Vec::new())
    }

    /// The error for no input at all.
    pub fn missing() -> Error {
        Error::InvalidArgument(format!("input is missing; it takes {KINDS}"))
    }

    /// Reads an input from JSON text. Bytes are base64 in it.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let value: Value = serde_json::from_str(json)
            .map_err(|error| Error::InvalidArgument(format!("input: {}", in_words(&error))))?;
        match value {
            Value::String(text) => Ok(Self::User(vec![text_item(&text)])),
            Value::Array(items) if items.is_empty() => {
                Err(Error::InvalidArgument(format!("input has no items; it takes {KINDS}")))
            }
            Value::Array(items) => {
                let alone = items.len() == 1;
                let read = |(index, item)| Self::item(item, &format!("input[{index}]"), alone);
                let mut user = Vec::new();
                for item in items.into_iter().enumerate().map(read) {
                    match item? {
                        Self::User(items) => user.extend(items),
                        external => return Ok(external),
                    }
                }
                Ok(Self::User(user))
            }
            Value::Object(_) => Self::item(value, "input", true),
            other => Err(Error::InvalidArgument(format!(
                "input: {} is not accepted; it takes {KINDS}",
                kind(&other)
            ))),
        }
    }

    /// The fields of `turn/start`.
    pub(crate) fn start_fields(self) -> Map<String, Value> {
        let (input, output) = match self {
            Self::User(items) => (items, None),
            Self::External(output) => (Vec::new(), Some(output)),
        };
        let mut fields = Map::new();
        fields.insert("input".to_owned(), Value::Array(input));
        fields.extend(output.map(|output| ("toolOutput".to_owned(), output)));
        fields
    }

    /// The `input` of `turn/steer`, which takes items of the user alone.
    pub(crate) fn steer_items(self) -> Result<Vec<Value>, Error> {
        match self {
            Self::User(items) => Ok(items),
            Self::External(_) => {
                Err(Error::InvalidArgument("input: a running turn takes no item of type external".to_owned()))
            }
        }
    }

    fn item(value: Value, place: &str, alone: bool) -> Result<Self, Error> {
        let wrong = |why: String| Error::InvalidArgument(format!("{place}: {why}"));
        if !value.is_object() {
            return Err(wrong(format!("{} is no item; input takes {KINDS}", kind(&value))));
        }
        let strange = value
            .as_object()
            .into_iter()
            .flatten()
            .find(|(name, value)| *name != "content" && !value.is_string());
        let strange = strange.map(|(name, _)| format!("{name}: "));
        let item: InputItem = serde_json::from_value(value).map_err(|error| {
            let text = in_words(&error);
            let field = strange.filter(|_| text.starts_with("invalid type: ")).unwrap_or_default();
            wrong(field + &text)
        })?;
        let wire = match item {
            InputItem::Text { text } => text_item(&text),
            InputItem::Image { url: Some(url), data: None, mime_type: None } => {
                json!({ "type": "image", "url": url })
            }
            InputItem::Image { url: None, data: Some(data), mime_type: Some(mime) } => {
                json!({ "type": "image", "url": format!("data:{mime};base64,{data}") })
            }
            InputItem::Image { .. } => {
                return Err(wrong("an image takes either `url`, or `data` with `mimeType`".to_owned()));
            }
            InputItem::LocalImage { path } => json!({ "type": "localImage", "path": path }),
            InputItem::Audio { url } => json!({ "type": "audio", "url": url }),
            InputItem::LocalAudio { path } => json!({ "type": "localAudio", "path": path }),
            InputItem::Skill { name, path } => json!({ "type": "skill", "name": name, "path": path }),
            InputItem::Mention { name, path } => json!({ "type": "mention", "name": name, "path": path }),
            InputItem::External { .. } if !alone => {
                return Err(wrong("an item of type external stands alone".to_owned()));
            }
            InputItem::External { tool_name, content, namespace } => {
                if !content.is_string() && !content.is_array() {
                    return Err(wrong("`content` must be a string or an array of content items".to_owned()));
                }
                let output = json!({ "name": tool_name, "namespace": namespace, "output": content });
                return Ok(Self::External(output));
            }
        };
        Ok(Self::User(vec![wire]))
    }
}

fn text_item(text: &str) -> Value {
    json!({ "type": "text", "text": text, "text_elements": [] })
}
