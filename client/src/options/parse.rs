//! Reads options, and says of wrong ones what is accepted.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::unknown::{Call, unknown_name};
use crate::Error;

/// Reads options from JSON text. `what` names the argument in errors; no text is no options.
pub fn parse<T: DeserializeOwned + Default>(json: Option<&str>, what: &str) -> Result<T, Error> {
    parse_beside(json, what, &[])
}

/// The same for options that are not all data: `beside` are the names of the others, for the error of an unknown
/// one.
pub fn parse_beside<T: DeserializeOwned + Default>(
    json: Option<&str>,
    what: &str,
    beside: &[&str],
) -> Result<T, Error> {
    parse_for(Call::Other, json, what, beside)
}

/// The same for a call that takes less than the type of its options has.
pub fn parse_for<T: DeserializeOwned + Default>(
    call: Call,
    json: Option<&str>,
    what: &str,
    beside: &[&str],
) -> Result<T, Error> {
    let Some(json) = json else { return Ok(T::default()) };
    // A struct could be read from an array as well, which nobody means.
    if !json.trim_start().starts_with('{') {
        return Err(no_object(json, what));
    }
    read(json).map_err(|wrong| in_place(json, &wrong, &|json| read::<T>(json).err(), call, what, beside))
}

type Wrong = serde_path_to_error::Error<serde_json::Error>;

/// All types are read in this one way: what reads them is large, and compiled for each way there is.
fn read<T: DeserializeOwned>(json: &str) -> Result<T, Wrong> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json))
}

fn no_object(json: &str, what: &str) -> Error {
    let given: Value = serde_json::from_str(json).unwrap_or_default();
    Error::InvalidArgument(format!("{what}: {} is not accepted; it takes an object", kind(&given)))
}

/// What is said of what is wrong in `json`, and where. `again` reads another text as the same type.
fn in_place(
    json: &str,
    wrong: &Wrong,
    again: &dyn Fn(&str) -> Option<Wrong>,
    call: Call,
    what: &str,
    beside: &[&str],
) -> Error {
    let mut path = wrong.path().to_string();
    let mut why = no_word(json, wrong.path(), again).unwrap_or_else(|| in_words(wrong.inner()));
    if SECRET.iter().any(|name| path.starts_with(name)) {
        why = without_string(why);
    }
    if let Some((name, told)) = unknown_name(&why, call, beside)
        && (path == "." || path == name)
    {
        (path, why) = (name, told);
    }
    let place = if path == "." { what.to_owned() } else { format!("{what}.{path}") };
    Error::InvalidArgument(format!("{place}: {why}"))
}

/// The text of a JSON error in the words of JavaScript, without the line and column of a text that the user
/// never saw.
pub(super) fn in_words(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    text.truncate(text.rfind(" at line ").unwrap_or(text.len()));
    if text.starts_with("invalid type: ") || text.starts_with("invalid value: ") {
        for (rust, javascript) in WORDS {
            text = text.replacen(rust, javascript, 1);
        }
    }
    text
}

/// Why a value that is no string is not taken where one of some words must stand: serde does not list them.
fn no_word(
    json: &str,
    path: &serde_path_to_error::Path,
    again: &dyn Fn(&str) -> Option<Wrong>,
) -> Option<String> {
    use serde_path_to_error::Segment;
    let mut options: Value = serde_json::from_str(json).ok()?;
    let mut place = &mut options;
    for segment in path {
        place = match segment {
            Segment::Map { key } => place.get_mut(key)?,
            Segment::Seq { index } => place.get_mut(index)?,
            _ => return None,
        };
    }
    let given = kind(place);
    // The error of a word that is in no list has the list.
    let was_string = std::mem::replace(place, "".into()).is_string();
    let error = in_words(again(&options.to_string())?.inner());
    let words = error.strip_prefix("unknown variant ``, ").filter(|_| !was_string)?;
    Some(format!("{given} is not accepted, {words}"))
}

/// The text of a wrong type without the string that was given: in the wrong place it may be a secret all the same.
fn without_string(text: String) -> String {
    let given = text.strip_prefix("invalid type: string \"");
    match given.and_then(|text| text.rsplit_once("\", expected ")) {
        Some((_, expected)) => format!("invalid type: a string, expected {expected}"),
        None => text,
    }
}

/// Options in which there are secrets.
const SECRET: &[&str] = &["apiKey", "config", "env"];

const WORDS: &[(&str, &str)] = &[
    (": map,", ": an object,"),
    (": sequence,", ": an array,"),
    (": integer `", ": the number `"),
    (": floating point `", ": the number `"),
    (", expected a map", ", expected an object"),
    (", expected a sequence", ", expected an array"),
    (", expected u64", ", expected a whole number that is not negative"),
    (", expected u32", ", expected a whole number that is not negative"),
    (", expected u16", ", expected a whole number from 0 to 65535"),
    (", expected variant identifier", ", expected a string"),
    (", expected string or map", ", expected a string"),
];

/// What a value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
