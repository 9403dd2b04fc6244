use std::fmt::Write;

use serde_json::Value;
use serde_json::value::RawValue;

use super::json::Fields;
use crate::Error;
use crate::process::{SHORTEST_SECRET, holds_secret, is_bare};

/// The `config` option as codex takes it. Its order, and its numbers as JavaScript prints them, are kept.
#[derive(Debug, Default)]
pub(super) struct ExecConfig {
    /// The values of `--config`, each `dotted.key=<TOML>`.
    pub(super) arguments: Vec<String>,
    /// A `config.toml` of what must not show in the process list, or nothing.
    pub(super) secret_toml: String,
    /// The texts in it, to be struck out of errors and logs.
    pub(super) secret_texts: Vec<String>,
}

enum Item {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Item>),
    Table(Vec<(String, Item)>),
}

impl ExecConfig {
    /// Flattens a configuration object.
    pub(super) fn new(config: &RawValue) -> Result<Self, Error> {
        let mut flat = Self::default();
        match Item::read(config) {
            Some(Item::Table(table)) => flat.flatten(table, "")?,
            Some(Item::Null) | None => {}
            Some(_) => {
                return Err(Error::InvalidArgument("options.config: must be a plain object".to_owned()));
            }
        }
        Ok(flat)
    }

    fn flatten(&mut self, table: Vec<(String, Item)>, prefix: &str) -> Result<(), Error> {
        for (key, item) in table {
            check_key(&key)?;
            let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            if holds_secret(&path, &item.value()) {
                let line = format!("{} = {}\n", toml_path(&path), item.toml(&path)?);
                self.secret_toml.push_str(&line);
                item.collect_texts(&mut self.secret_texts);
                continue;
            }
            match item {
                // A quoted segment is not understood by codex, so a table with such a key goes out whole.
                Item::Table(inner) if !inner.is_empty() && inner.iter().all(|(key, _)| is_bare(key)) => {
                    self.flatten(inner, &path)?;
                }
                item => self.arguments.push(format!("{path}={}", item.toml(&path)?)),
            }
        }
        Ok(())
    }
}

impl Item {
    fn read(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes().first()? {
            b'n' => Self::Null,
            b't' | b'f' => Self::Bool(text == "true"),
            b'"' => Self::Text(serde_json::from_str(text).ok()?),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::List(items.into_iter().map(Self::read).collect::<Option<_>>()?)
            }
            b'{' => {
                let fields = Fields::read(text)?.0;
                let read = |(key, item)| Some((key, Self::read(item)?));
                Self::Table(fields.into_iter().map(read).collect::<Option<_>>()?)
            }
            _ => Self::Number(text.to_owned()),
        })
    }

    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(text) => serde_json::from_str(text).unwrap_or_default(),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::value).collect(),
            Self::Table(table) => table.iter().map(|(key, item)| (key.clone(), item.value())).collect(),
        }
    }

    fn toml(&self, path: &str) -> Result<String, Error> {
        Ok(match self {
            Self::Null => {
                return Err(Error::InvalidArgument(format!(
                    "options.config: `{path}` is null, which TOML does not have; leave the key out instead"
                )));
            }
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => toml_number(text),
            Self::Text(text) => toml_text(text),
            Self::List(items) => {
                let items = items.iter().enumerate().map(|(at, item)| item.toml(&format!("{path}[{at}]")));
                format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(", "))
            }
            Self::Table(table) => {
                let pair = |(key, item): &(String, Self)| {
                    check_key(key)?;
                    Ok(format!("{} = {}", toml_key(key), item.toml(&format!("{path}.{key}"))?))
                };
                format!("{{{}}}", table.iter().map(pair).collect::<Result<Vec<_>, Error>>()?.join(", "))
            }
        })
    }

    fn collect_texts(&self, texts: &mut Vec<String>) {
        match self {
            Self::Text(text) if text.len() >= SHORTEST_SECRET => texts.push(text.clone()),
            Self::List(items) => items.iter().for_each(|item| item.collect_texts(texts)),
            Self::Table(table) => table.iter().for_each(|(_, item)| item.collect_texts(texts)),
            _ => {}
        }
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() {
        return Err(Error::InvalidArgument("options.config: a key is empty; give it a name".to_owned()));
    }
    Ok(())
}

/// A string as JSON has it is one of TOML too, but for DEL.
pub(super) fn toml_text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    let _ = write!(quoted, "{}", Value::from(text));
    quoted.replace('\u{7f}', "\\u007F")
}

/// A number as JavaScript prints it; what TOML would take for an integer beyond its range, as a float.
fn toml_number(text: &str) -> String {
    let is_integer = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    match text.parse::<f64>() {
        Ok(float) if is_integer && text.parse::<i64>().is_err() => format!("{float:e}"),
        _ => text.to_owned(),
    }
}

fn toml_key(key: &str) -> String {
    if is_bare(key) { key.to_owned() } else { toml_text(key) }
}

fn toml_path(path: &str) -> String {
    path.split('.').map(toml_key).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> Result<ExecConfig, Error> {
        ExecConfig::new(&RawValue::from_string(json.to_owned()).unwrap())
    }

    fn arguments(json: &str) -> Vec<String> {
        config(json).unwrap().arguments
    }

    #[test]
    fn values_keep_their_order_and_become_toml() {
        let json = r#"{"b":{"d":"x \"y\"\n\u007f","c":[1,true,{"k":1.5}]},"a":{},"n":1e+21,"big":100000000000000000000,"i":-3}"#;
        assert_eq!(
            arguments(json),
            [
                r#"b.d="x \"y\"\n\u007F""#,
                r#"b.c=[1, true, {k = 1.5}]"#,
                "a={}",
                "n=1e+21",
                "big=1e20",
                "i=-3"
            ]
        );
    }

    #[test]
    fn the_parent_of_a_key_that_is_not_bare_goes_out_as_an_inline_table() {
        let json = r#"{"model_providers":{"my.prov":{"name":"x","base_url":"http://h"}},"a.b":1}"#;
        assert_eq!(
            arguments(json),
            [r#"model_providers={"my.prov" = {name = "x", base_url = "http://h"}}"#, "a.b=1"]
        );
    }

    #[test]
    fn null_is_refused_with_its_path() {
        let message = config(r#"{"a":{"b":[1,{"c":null}]}}"#).unwrap_err().to_string();
        assert!(message.contains("`a.b[1].c` is null"), "{message}");
    }

    #[test]
    fn secrets_are_in_the_file_and_not_in_the_arguments() {
        let json = r#"{"mcp_servers":{"x":{"command":"c","env":{"K":"secret-value"}},"my.srv":{"url":"u","bearer_token":"bearer-value"}},"experimental_bearer_token":"top-secret"}"#;
        let flat = config(json).unwrap();
        assert!(!flat.arguments.iter().any(|argument| argument.contains("value")), "{:?}", flat.arguments);
        assert_eq!(flat.secret_texts, ["c", "secret-value", "bearer-value", "top-secret"][1..]);
        let parsed: toml::Table = flat.secret_toml.parse().unwrap();
        assert_eq!(parsed["mcp_servers"]["x"]["env"]["K"].as_str(), Some("secret-value"));
        assert_eq!(parsed["mcp_servers"]["my.srv"]["bearer_token"].as_str(), Some("bearer-value"));
    }
}
