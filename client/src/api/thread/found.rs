//! What the server says of a thread when it is asked for it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::routing::works;
use crate::rpc::{Call, read_answer};
use crate::session::retry_overload;
use crate::{Error, RpcErrorKind};

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

/// What a thread is at. In a shape that is not known it says nothing, and spoils nothing of the answer that it is part of.
#[derive(Deserialize)]
#[serde(from = "Value")]
pub(crate) struct Status(Option<String>);

impl From<Value> for Status {
    fn from(status: Value) -> Self {
        Self(status["type"].as_str().or_else(|| status.as_str()).map(str::to_owned))
    }
}

impl Status {
    /// Whether it works on a turn.
    pub(crate) fn is_active(&self) -> bool {
        self.0.as_deref().is_some_and(works)
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
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the server says that it does not have a thread. One that fails, or is overloaded, says nothing of it.
pub(crate) fn is_missing(error: &Error) -> bool {
    let Error::Rpc(error) = error else { return false };
    matches!(
        error.kind,
        RpcErrorKind::ThreadNotFound | RpcErrorKind::InvalidRequest | RpcErrorKind::MethodNotFound
    )
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::RpcError;

    #[test]
    fn a_server_that_fails_says_nothing_of_a_thread() {
        let of = |kind| {
            let (message, method) = ("no".to_owned(), "thread/read".to_owned());
            let error = RpcError { kind, message, rpc_code: 0, data: None, method, codex_version: None };
            is_missing(&Error::Rpc(Arc::new(error)))
        };
        assert!(of(RpcErrorKind::ThreadNotFound) && of(RpcErrorKind::InvalidRequest));
        assert!(!of(RpcErrorKind::Internal) && !of(RpcErrorKind::ServerBusy) && !of(RpcErrorKind::Other));
    }

    #[test]
    fn a_status_that_is_not_known_is_no_rest() {
        let is_active = |status: Value| serde_json::from_value::<Status>(status).unwrap().is_active();
        let of = |word: &str| is_active(json!({ "type": word }));
        assert!(of("active") && of("ofTomorrow") && is_active(json!("active")));
        assert!(!of("idle") && !of("notLoaded") && !of("systemError"));
        assert!(!is_active(json!(7)) && !is_active(json!({ "kind": "active" })));
    }
}
