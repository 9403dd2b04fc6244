//! What callers may ask for: parsed from JSON text, every wrong name and value refused with what is accepted.

mod account;
mod argument;
mod calls;
mod client;
mod command;
mod config;
mod continuation;
mod defaults;
mod goal;
mod handed_on;
mod history;
mod input;
mod lasting;
mod object;
mod paths;
mod remote;
mod review;
mod run;
mod serve;
mod thread;
mod turn;
#[cfg(test)]
mod types;
mod unknown;
mod variables;
mod wire_fields;

pub use account::{AccountSettings, LoginWaitSettings};
pub use argument::parse_argument;
pub use calls::{
    CloseSettings, InterruptSettings, NotificationSettings, ObserverSettings, ReadSettings, ReaderSettings,
    RequestSettings, SteerSettings, TextSettings,
};
pub use client::{ClientInfo, ClientSettings, LogLevel};
pub use command::{CommandSettings, TerminalSize};
pub use config::{ConfigBatchSettings, ConfigEdit, ConfigReadSettings, ConfigWriteSettings, MergeStrategy};
pub use continuation::parse_continuation;
pub use defaults::DefaultSettings;
pub use goal::{GoalSettings, GoalStatus};
pub use handed_on::HandedOn;
pub(crate) use handed_on::hands_on;
pub(crate) use history::fields;
pub use history::{
    Folders, ItemQuery, ModelQuery, SortDirection, ThreadQuery, ThreadSortKey, ThreadSourceKind,
    TurnItemsView, TurnQuery,
};
pub use input::{Input, InputItem};
pub(crate) use object::only_objects;
pub(crate) use paths::{Place, Placed};
pub use review::{CompactSettings, ContinueSettings, ReviewDelivery, ReviewSettings, ReviewTarget};
pub use run::RunSettings;
pub use serve::{ServeSettings, SignedTokenSettings};
pub(crate) use thread::Opening;
pub use thread::{
    ApprovalMode, ApprovalPolicy, ApprovalsReviewer, Personality, SandboxMode, ThreadSettings, ToolSpec,
    WebSearch,
};
pub use turn::{ReasoningSummary, SandboxPolicy, TurnSettings};
pub use unknown::Call;
pub(crate) use variables::{Variables, nullable_variables, variables, wire_variables};

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::Error;
use unknown::unknown_name;

/// A field of the wire that may be left out (`None`), null, or a value.
pub type Maybe<T> = Option<Option<T>>;

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
        let given: Value = serde_json::from_str(json).unwrap_or_default();
        return Err(Error::InvalidArgument(format!(
            "{what}: {} is not accepted; it takes an object",
            kind(&given)
        )));
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let mut path = error.path().to_string();
        let mut why = no_word::<T>(json, error.path()).unwrap_or_else(|| in_words(error.inner()));
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
    })
}

/// The text of a JSON error in the words of JavaScript, without the line and column of a text that the user
/// never saw.
fn in_words(error: &serde_json::Error) -> String {
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
fn no_word<T: DeserializeOwned>(json: &str, path: &serde_path_to_error::Path) -> Option<String> {
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
    let error = T::deserialize(options).err()?.to_string();
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

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Refuses an empty id.
pub fn id(value: &str, name: &str) -> Result<(), Error> {
    if value.trim().is_empty() {
        return Err(Error::InvalidArgument(format!("{name} is empty; it must be the id of one")));
    }
    Ok(())
}

/// Refuses options that are there and empty.
fn not_empty(options: &[(&str, Option<&str>)]) -> Result<(), Error> {
    match options.iter().find(|(_, value)| value.is_some_and(|value| value.trim().is_empty())) {
        Some((name, _)) => {
            Err(Error::InvalidArgument(format!("options.{name}: must not be empty; leave it out instead")))
        }
        None => Ok(()),
    }
}

/// For optional fields: whatever is there is read as a value, so that null is not taken for nothing.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn exclusive(what: &str, first: (&str, bool), second: (&str, bool)) -> Result<(), Error> {
    if first.1 && second.1 {
        return Err(Error::InvalidArgument(format!(
            "{what}: `{}` and `{}` exclude each other; give one of them",
            first.0, second.0
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(checked: Result<(), Error>) -> String {
        checked.expect_err("they exclude each other").to_string()
    }

    #[test]
    fn options_of_threads_and_turns_that_exclude_each_other_are_refused_together() {
        let thread = |json: &str| {
            refusal(parse::<ThreadSettings>(Some(json), "options").unwrap().check(Opening::Start))
        };
        let turn = |json: &str| refusal(parse::<TurnSettings>(Some(json), "options").unwrap().check());
        let policy = r#"{"approvalMode":"deny_all","approvalPolicy":null}"#;
        let reviewer = r#"{"approvalMode":"deny_all","approvalsReviewer":"user"}"#;
        let sandbox = r#"{"sandbox":"read-only","sandboxPolicy":{"type":"readOnly"}}"#;
        for (message, names) in [
            (thread(policy), ["`approvalMode`", "`approvalPolicy`"]),
            (thread(reviewer), ["`approvalMode`", "`approvalsReviewer`"]),
            (turn(policy), ["`approvalMode`", "`approvalPolicy`"]),
            (turn(sandbox), ["`sandbox`", "`sandboxPolicy`"]),
        ] {
            assert!(message.contains("exclude"), "{message}");
            assert!(names.iter().all(|name| message.contains(name)), "{message}");
        }
    }

    #[test]
    fn an_option_of_another_call_is_refused() {
        let thread = |json: &str, opening| {
            refusal(parse::<ThreadSettings>(Some(json), "options").unwrap().check(opening))
        };
        for (message, parts) in [
            (thread(r#"{"includeTurns":true}"#, Opening::Start), ["options.includeTurns", "startThread"]),
            (thread(r#"{"ephemeral":true}"#, Opening::Resume), ["options.ephemeral", "resumeThread"]),
            (thread(r#"{"serviceName":"s"}"#, Opening::Resume), ["options.serviceName", "resumeThread"]),
        ] {
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
    }
}
