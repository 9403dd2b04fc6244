//! How a thread comes back after its line was lost, and its running turns with it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::thread::Thread;
use crate::Error;
use crate::routing::Router;
use crate::rpc::Connection;

#[derive(Deserialize)]
struct Resumed<'a> {
    #[serde(borrow)]
    thread: Stored<'a>,
}

#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow, default)]
    turns: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
}

impl Thread {
    /// Follows the thread again, over a new line that is not open to others yet, and gives its turns what they missed.
    ///
    /// Wire: `thread/resume`, `thread/read`.
    pub(super) async fn restore(&self, connection: &Arc<Connection>, router: &Router) -> Result<(), Error> {
        let paused = router.paused(self.id());
        let ask = |method, params: String| connection.handshake(method, Some(&params), self.call_options());
        let resumed = ask("thread/resume", self.resume_params(!paused.is_empty())).answer().await;
        let answer = match resumed {
            Ok(answer) => answer,
            // It is not kept on disk, or was deleted.
            Err(Error::Rpc(error)) => {
                tracing::warn!(thread = self.id(), %error.message, "a thread could not be resumed");
                self.shared.unloaded();
                for turn in paused {
                    if let Some(sink) = router.lose(self.id(), &turn) {
                        sink.connection_ended(&Error::TurnLost {
                            message: format!(
                                "the connection was lost, and the thread of turn {turn} could not be resumed: {}",
                                error.message
                            ),
                            result: None,
                        });
                    }
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if paused.is_empty() {
            return Ok(());
        }
        // The token usage follows the answer: once the next one is here, it is as well.
        let read = ask("thread/read", json!({ "threadId": self.id() }).to_string()).answer().await;
        if let Err(error) = read
            && !matches!(error, Error::Rpc(_))
        {
            return Err(error);
        }
        let turns = serde_json::from_str::<Resumed<'_>>(answer.get()).map(|resumed| resumed.thread.turns);
        let turns = turns.unwrap_or_default();
        for turn in paused {
            let is_it = |stored: &&&RawValue| {
                serde_json::from_str::<Identified>(stored.get()).is_ok_and(|s| s.id == turn)
            };
            router.resume(self.id(), &turn, turns.iter().find(is_it).copied());
        }
        Ok(())
    }
}
