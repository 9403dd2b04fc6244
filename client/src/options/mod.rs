//! What callers may ask for: parsed from JSON text, every wrong name and value refused with what is accepted.

mod calls;
mod client;
mod input;
mod thread;
mod turn;

pub use calls::{NotificationSettings, ReadSettings, ReaderSettings, RequestSettings};
pub use client::{ClientInfo, ClientSettings, LogLevel};
pub use input::{Input, InputItem};
pub(crate) use thread::Opening;
pub use thread::{
    ApprovalMode, ApprovalPolicy, ApprovalsReviewer, Personality, SandboxMode, ThreadSettings, WebSearch,
};
pub use turn::{ReasoningSummary, SandboxPolicy, TurnSettings};

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::Error;

/// A field of the wire that may be left out (`None`), null, or a value.
pub type Maybe<T> = Option<Option<T>>;

/// Reads options from JSON text. `what` names the argument in errors; no text is no options.
pub fn parse<T: DeserializeOwned + Default>(json: Option<&str>, what: &str) -> Result<T, Error> {
    let Some(json) = json else { return Ok(T::default()) };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { what.to_owned() } else { format!("{what}.{path}") };
        Error::InvalidArgument(format!("{place}: {}", without_position(&error.into_inner())))
    })
}

/// The text of a JSON error without the line and column of a text that the user never saw.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Refuses an empty id.
pub fn id(value: &str, name: &str) -> Result<(), Error> {
    if value.trim().is_empty() {
        return Err(Error::InvalidArgument(format!("{name} is empty; it must be the id of one")));
    }
    Ok(())
}

/// For optional fields: whatever is there is read as a value, so that null is not taken for nothing.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
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
