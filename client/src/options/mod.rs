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
mod input;
mod lasting;
mod object;
mod parse;
mod paths;
mod queries;
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
// As it is generated.
#[rustfmt::skip]
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
pub use continuation::{ContinueSettings, parse_continuation};
pub use defaults::DefaultSettings;
pub use goal::{GoalSettings, GoalStatus};
pub use handed_on::HandedOn;
pub(crate) use handed_on::hands_on;
pub use input::{Input, InputItem};
pub(crate) use object::only_objects;
pub use parse::{parse, parse_beside, parse_for};
pub(crate) use paths::{Place, Placed};
pub(crate) use queries::fields;
pub use queries::{
    Folders, ItemQuery, ModelQuery, SortDirection, ThreadQuery, ThreadSortKey, ThreadSourceKind,
    TurnItemsView, TurnQuery,
};
pub use review::{CompactSettings, ReviewDelivery, ReviewSettings, ReviewTarget};
pub use run::RunSettings;
pub use serve::{ServeSettings, SignedTokenSettings};
pub(crate) use thread::OpenKind;
pub use thread::{
    ApprovalMode, ApprovalPolicy, ApprovalsReviewer, Personality, SandboxMode, ThreadSettings, ToolSpec,
    WebSearch,
};
pub use turn::{ReasoningSummary, SandboxPolicy, TurnSettings};
pub use unknown::Call;
pub(crate) use variables::{Variables, nullable_variables, variables, wire_variables};

use serde::{Deserialize, Deserializer};

use crate::Error;

/// A field of the wire that may be left out (`None`), null, or a value.
pub type Maybe<T> = Option<Option<T>>;

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
            refusal(parse::<ThreadSettings>(Some(json), "options").unwrap().check(OpenKind::Start))
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
            (thread(r#"{"includeTurns":true}"#, OpenKind::Start), ["options.includeTurns", "startThread"]),
            (thread(r#"{"ephemeral":true}"#, OpenKind::Resume), ["options.ephemeral", "resumeThread"]),
            (thread(r#"{"serviceName":"s"}"#, OpenKind::Resume), ["options.serviceName", "resumeThread"]),
        ] {
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
    }
}
