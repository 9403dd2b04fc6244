//! Values as TOML, in one line each, strings quoted as JSON has them and numbers as JavaScript prints them.

use serde_json::{Map, Number, Value};

use super::LargeNumbers;
use crate::Error;
use crate::keys::is_bare;

/// The first whole number that TOML does not have.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// A value; `path` names it in errors.
pub(super) fn value(value: &Value, path: &str, numbers: LargeNumbers) -> Result<String, Error> {
    Ok(match value {
        Value::Null => {
            return Err(Error::InvalidArgument(format!(
                "options.config: `{path}` is null, which TOML does not have; leave the key out instead"
            )));
        }
        Value::Bool(value) => value.to_string(),
        Value::Number(given) => number(given, path, numbers)?,
        Value::String(value) => text(value),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let items = items.map(|(at, item)| self::value(item, &format!("{path}[{at}]"), numbers));
            format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(", "))
        }
        Value::Object(table) => {
            let pair = |(key, item): (&String, &Value)| {
                if key.is_empty() {
                    return Err(Error::InvalidArgument(format!(
                        "options.config: a key is empty in `{path}`; give it a name"
                    )));
                }
                Ok(format!("{} = {}", self::key(key), self::value(item, &format!("{path}.{key}"), numbers)?))
            };
            format!("{{{}}}", table.iter().map(pair).collect::<Result<Vec<_>, _>>()?.join(", "))
        }
    })
}

/// A configuration file of values with dotted keys. One that stands below another is put into that: TOML takes each
/// table once.
pub(crate) fn file(values: &Map<String, Value>, numbers: LargeNumbers) -> Result<String, Error> {
    let mut lines: Vec<(&str, Value)> = Vec::new();
    for (path, given) in values {
        let below = |above: &str| path.strip_prefix(above).and_then(|rest| rest.strip_prefix('.'));
        if let Some((above, table)) = lines.iter_mut().find(|(above, _)| below(above).is_some()) {
            put(table, below(above).unwrap_or_default(), given);
            continue;
        }
        // What came before below this one is overwritten, as by arguments in this order.
        lines
            .retain(|(known, _)| known.strip_prefix(path.as_str()).is_none_or(|rest| !rest.starts_with('.')));
        lines.push((path, given.clone()));
    }
    let mut file = String::new();
    for (path, given) in lines {
        let dotted = path.split('.').map(key).collect::<Vec<_>>().join(".");
        file.push_str(&format!("{dotted} = {}\n", value(&given, path, numbers)?));
    }
    Ok(file)
}

fn put(table: &mut Value, path: &str, given: &Value) {
    let mut place = table;
    for segment in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[segment];
    }
    *place = given.clone();
}

/// A string as JSON has it is one of TOML too, but for DEL.
pub(crate) fn text(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn key(key: &str) -> String {
    if is_bare(key) { key.to_owned() } else { text(key) }
}

fn number(number: &Number, path: &str, numbers: LargeNumbers) -> Result<String, Error> {
    if let Some(integer) = number.as_i64() {
        return Ok(integer.to_string());
    }
    let float = number.as_f64().unwrap_or_default();
    // JavaScript writes it without a fraction or an exponent, so that TOML would take it for an integer.
    let is_whole = !number.is_f64() || (float.fract() == 0.0 && (TOO_LARGE..1e21).contains(&float.abs()));
    match numbers {
        _ if !is_whole => Ok(as_javascript(float)),
        LargeNumbers::AsFloats => Ok(format!("{float:e}")),
        LargeNumbers::Refused => Err(Error::InvalidArgument(format!(
            "options.config: `{path}` is {number}, and whole numbers of TOML are from {} to {}",
            i64::MIN,
            i64::MAX
        ))),
    }
}

/// A number with a fraction, or a large one, as JavaScript prints it.
fn as_javascript(float: f64) -> String {
    if float.fract() == 0.0 && float.abs() < TOO_LARGE {
        return format!("{float:.1}");
    }
    if (1e-6..1e21).contains(&float.abs()) {
        return float.to_string();
    }
    let text = format!("{float:e}");
    if text.contains("e-") { text } else { text.replace('e', "e+") }
}
