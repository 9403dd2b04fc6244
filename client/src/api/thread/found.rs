//! What the server says of a thread when it is asked for it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::Error;
use crate::rpc::{Call, read_answer};
use crate::session::retry_overload;

/// The answer to `thread/read`, without turns.
#[derive(Deserialize, Default)]
pub(crate) struct Found {
    thread: Stored,
}

#[derive(Deserialize, Default)]
struct Stored {
    status: Option<Status>,
    #[serde(default)]
    ephemeral: bool,
    preview: Option<String>,
}

/// What a thread is at.
#[derive(Deserialize)]
pub(crate) struct Status {
    r#type: String,
}

impl Status {
    /// Whether it works on a turn.
    pub(crate) fn is_active(&self) -> bool {
        self.r#type == "active"
    }
}

/// Asks for a thread, by requests that `ask` makes. Nothing if the server does not have it. Wire: `thread/read`.
pub(crate) async fn look(
    thread: &str,
    within: Duration,
    ask: impl Fn(&'static str, String) -> Call,
) -> Result<Option<Found>, Error> {
    let read = || ask("thread/read", json!({ "threadId": thread }).to_string()).answer();
    match retry_overload(Instant::now() + within, read).await {
        Ok(answer) => read_answer("thread/read", &answer).map(Some),
        // An overloaded server says nothing of the thread.
        Err(error) if matches!(error, Error::Rpc(_)) && !error.is_overload() => Ok(None),
        Err(error) => Err(error),
    }
}

impl Found {
    /// Whether it works on a turn.
    pub(crate) fn is_active(&self) -> bool {
        self.thread.status.as_ref().is_some_and(Status::is_active)
    }

    /// Whether nobody has said anything in it yet.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.thread.ephemeral && self.thread.preview.as_ref().is_none_or(String::is_empty)
    }

    pub(crate) fn is_ephemeral(&self) -> bool {
        self.thread.ephemeral
    }
}
