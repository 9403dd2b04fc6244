//! How a thread comes back whose events were missed, and its running turns with it.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::thread::Thread;
use crate::Error;
use crate::routing::Router;
use crate::rpc::{Call, Connection};

/// A thread is written to disk a moment after its first turn was accepted. It is looked for again after this.
pub(super) const AGAIN: Duration = Duration::from_millis(25);
/// How often, for a turn that waits: an ephemeral thread is never written.
const MOST_TRIES: u32 = 40;

/// The answer to `thread/resume`, as far as it is needed here.
#[derive(Deserialize)]
pub(super) struct Resumed {
    thread: Stored,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    turns: Vec<Box<RawValue>>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    r#type: String,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
    #[serde(default)]
    status: String,
}

impl Resumed {
    pub(super) fn read(answer: &RawValue) -> Result<Self, Error> {
        serde_json::from_str(answer.get())
            .map_err(|error| Error::Spawn(format!("the answer to thread/resume can't be read: {error}")))
    }

    /// A turn as the server has stored it.
    pub(super) fn turn(&self, id: &str) -> Option<&RawValue> {
        let turns = self.thread.turns.iter().rev();
        turns.map(Box::as_ref).find(|turn| identified(turn).is_some_and(|turn| turn.id == id))
    }

    /// The turn that runs.
    pub(super) fn running(&self) -> Option<(String, &RawValue)> {
        let last = self.thread.turns.last()?;
        let Identified { id, status } = identified(last)?;
        (status == "inProgress").then_some((id, last))
    }

    /// Whether a turn is stored as interrupted.
    pub(super) fn is_interrupted(&self, id: &str) -> bool {
        self.turn(id).and_then(identified).is_some_and(|turn| turn.status == "interrupted")
    }

    fn is_idle(&self) -> bool {
        self.thread.status.as_ref().is_some_and(|status| status.r#type != "active")
    }
}

fn identified(turn: &RawValue) -> Option<Identified> {
    serde_json::from_str(turn.get()).ok()
}

/// Whether the server has nothing on disk of a thread: it had no turn yet, or is ephemeral.
pub(super) fn is_unwritten(error: &Error) -> bool {
    // Its file is made a moment before its first line is written, and that before its first turn.
    let signs = ["no rollout found", ".jsonl is empty", "list_turns is not supported yet"];
    matches!(error, Error::Rpc(error) if signs.iter().any(|sign| error.message.contains(sign)))
}

impl Thread {
    /// Follows the thread again, over a new line that is not open to others yet, and gives its turns what they missed.
    ///
    /// Wire: `thread/resume`, `thread/read`.
    pub(super) async fn restore(&self, connection: &Arc<Connection>, router: &Router) -> Result<(), Error> {
        let paused = router.paused(self.id());
        let expects = router.expects(self.id());
        let active = router.active(self.id()).borrow().clone();
        let ask = |method, params: String| connection.handshake(method, Some(&params), self.call_options());
        let mut tries = 0;
        let resumed = loop {
            match ask("thread/resume", self.resume_params(!paused.is_empty() || expects)).answer().await {
                // Its first turn may have begun a moment ago.
                Err(error) if !paused.is_empty() && tries < MOST_TRIES && is_unwritten(&error) => {
                    tries += 1;
                    tokio::time::sleep(AGAIN).await;
                }
                resumed => break resumed,
            }
        };
        let resumed = match resumed {
            Ok(answer) => Resumed::read(&answer)?,
            Err(error @ Error::Rpc(_)) => {
                tracing::warn!(thread = self.id(), %error, "a thread could not be resumed");
                router.found_idle(self.id(), &active);
                self.shared.unloaded();
                self.lose_turns(router, paused, &error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if resumed.is_idle() {
            router.found_idle(self.id(), &active);
        }
        // Not every answer names the turn that it begins, and the event that does may have been missed.
        if expects && let Some((turn, _)) = resumed.running() {
            router.found_started(self.id(), &turn);
        }
        if paused.is_empty() {
            return Ok(());
        }
        self.hear_usage(ask("thread/read", json!({ "threadId": self.id() }).to_string())).await?;
        for turn in paused {
            // One that is about to begin is stored as interrupted: which of both it is turns out later.
            let is_clear = resumed.is_idle() || !resumed.is_interrupted(&turn);
            router.resume(self.id(), &turn, resumed.turn(&turn).filter(|_| is_clear));
        }
        Ok(())
    }

    /// The token usage follows the answer to `thread/resume`: once the answer to `next` is here, it is as well.
    pub(super) async fn hear_usage(&self, next: Call) -> Result<(), Error> {
        match next.answer().await {
            Ok(_) | Err(Error::Rpc(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn lose_turns(&self, router: &Router, turns: Vec<String>, error: &Error) {
        for turn in turns {
            if let Some(sink) = router.lose(self.id(), &turn) {
                sink.connection_ended(&Error::TurnLost {
                    message: format!(
                        "the connection was lost, and the thread of turn {turn} could not be resumed: {error}"
                    ),
                    result: None,
                });
            }
        }
    }
}
