use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Error;

/// Anything shorter is a word that stands in any text, such as `1` or `true`.
pub(crate) const SHORTEST_SECRET: usize = 8;

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
        let mut texts = Vec::new();
        self.secrets.values().for_each(|value| collect_texts(value, &mut texts));
        texts
    }
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= SHORTEST_SECRET => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(table) => table.values().for_each(|item| collect_texts(item, texts)),
        _ => {}
    }
}

/// Every text in a configuration object, dotted or nested, that would not go into arguments.
pub(crate) fn secret_texts(config: &Map<String, Value>) -> Vec<String> {
    fn walk(table: &Map<String, Value>, prefix: &str, texts: &mut Vec<String>) {
        for (key, value) in table {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                _ if holds_secret(&path, value) => collect_texts(value, texts),
                Value::Object(inner) => walk(inner, &path, texts),
                _ => {}
            }
        }
    }
    let mut texts = Vec::new();
    walk(config, "", &mut texts);
    texts
}

/// The values of the environment variables whose names say that they are secrets.
pub(crate) fn secret_variables(variables: &BTreeMap<String, String>) -> Vec<String> {
    let is_secret = |(name, value): &(&String, &String)| names_secret(name) && value.len() >= SHORTEST_SECRET;
    variables.iter().filter(is_secret).map(|(_, value)| value.clone()).collect()
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
            (None, Some(float)) if number.is_f64() && !is_written_whole(float) => toml::Value::Float(float),
            // It would silently become a number of another kind.
            _ => {
                return Err(Error::InvalidArgument(format!(
                    "options.config: `{path}` is {number}, and whole numbers of TOML are from {} to {}",
                    i64::MIN,
                    i64::MAX
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

/// Whether JavaScript writes a number, which is more than an i64 holds, without a fraction or an exponent.
fn is_written_whole(float: f64) -> bool {
    float.fract() == 0.0 && (-(i64::MIN as f64)..1e21).contains(&float.abs())
}

/// Whether a key can be a segment of a dotted path.
pub(crate) fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The tables of MCP servers, model providers and exporters whose values are credentials, whatever their names.
const CREDENTIALS: &[&str] = &["env", "headers", "http_headers", "query_params"];

/// Whether a value may not appear in the argument list: what is in a table of credentials, and whatever its name
/// says is one.
pub(crate) fn holds_secret(path: &str, value: &Value) -> bool {
    let mut segments = path.split('.');
    if segments.any(|segment| CREDENTIALS.contains(&segment))
        || is_below(path, "shell_environment_policy.set")
    {
        return true;
    }
    match value {
        // It is taken apart, and each of its values looked at.
        Value::Object(table) if table.keys().all(|key| is_bare(key)) => false,
        _ => holds_secret_below(path.rsplit('.').next().unwrap_or_default(), value),
    }
}

/// The same for what goes out whole.
fn holds_secret_below(key: &str, value: &Value) -> bool {
    match value {
        Value::Object(table) => table
            .iter()
            .any(|(key, value)| CREDENTIALS.contains(&key.as_str()) || holds_secret_below(key, value)),
        Value::Array(items) => items.iter().any(|item| holds_secret_below(key, item)) || names_secret(key),
        _ => names_secret(key),
    }
}

fn is_below(path: &str, table: &str) -> bool {
    path.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
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
