//! How a thread comes back whose events were missed, and its running turns with it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use super::thread::Thread;
use crate::Error;
use crate::routing::Router;
use crate::rpc::{Call, Connection};

/// A thread is written to disk a moment after its first turn was accepted. It is looked for again after this.
pub(super) const AGAIN: Duration = Duration::from_millis(25);
/// How often, for a turn that waits: an ephemeral thread is never written.
const MOST_TRIES: u32 = 40;

/// So many of the last turns are asked for where the items have no ids. A turn that runs is among them.
const LAST_TURNS: u32 = 10;

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

/// A turn with its items.
#[derive(Deserialize)]
struct Items {
    id: String,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize, Serialize)]
struct Item {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The answer to `thread/turns/list`.
#[derive(Deserialize)]
struct Listed {
    data: Vec<Items>,
}

impl Items {
    fn are_numbered(self) -> bool {
        self.items.iter().any(Item::is_numbered)
    }
}

impl Item {
    fn is_numbered(&self) -> bool {
        let number = self.id.strip_prefix("item-");
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }
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

    /// Whether items have numbers in the place of their ids: codex before 0.166 gives them while a turn runs.
    fn is_numbered(&self) -> bool {
        let numbered = |turn: &RawValue| {
            turn.get().contains("\"item-") && serde_json::from_str(turn.get()).is_ok_and(Items::are_numbered)
        };
        self.thread.turns.iter().rev().take(LAST_TURNS as usize).any(|turn| numbered(turn))
    }

    /// Gives items that have numbers the ids that `thread/turns/list` has for them.
    fn identify(&mut self, listed: &RawValue) {
        let Ok(listed) = serde_json::from_str::<Listed>(listed.get()) else { return };
        for turn in &mut self.thread.turns {
            let Ok(Items { id, mut items }) = serde_json::from_str(turn.get()) else { continue };
            let Some(real) = listed.data.iter().find(|listed| listed.id == id) else { continue };
            // More than were listed stay as they are.
            for (item, real) in items.iter_mut().zip(&real.items) {
                if item.is_numbered() && item.kind == real.kind {
                    item.id.clone_from(&real.id);
                }
            }
            let Ok(mut whole) = serde_json::from_str::<Map<String, Value>>(turn.get()) else { continue };
            whole.insert("items".to_owned(), json!(items));
            if let Ok(whole) = serde_json::value::to_raw_value(&whole) {
                *turn = whole;
            }
        }
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
            Ok(answer) => self.identified(Resumed::read(&answer)?, ask).await?,
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

    /// What was resumed, with ids for items that have none.
    ///
    /// Wire: `thread/turns/list`, with codex before 0.166.
    pub(super) async fn identified(
        &self,
        mut resumed: Resumed,
        ask: impl Fn(&'static str, String) -> Call,
    ) -> Result<Resumed, Error> {
        if !resumed.is_numbered() {
            return Ok(resumed);
        }
        let last = json!({
            "threadId": self.id(), "itemsView": "full", "sortDirection": "desc", "limit": LAST_TURNS,
        });
        match ask("thread/turns/list", last.to_string()).answer().await {
            Ok(listed) => resumed.identify(&listed),
            Err(error @ Error::Rpc(_)) => {
                tracing::warn!(thread = self.id(), %error, "items of a turn that runs have no ids");
            }
            Err(error) => return Err(error),
        }
        Ok(resumed)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn w2_numbers_of_an_older_codex_become_ids() {
        let answer = raw(r#"{"thread":{"turns":[{"id":"t","status":"inProgress","items":[
                {"type":"userMessage","id":"item-1","content":[]},{"type":"agentMessage","id":"item-2","text":"a"},
                {"type":"commandExecution","id":"call_1"},{"type":"plan","id":"item-3"},
                {"type":"commandExecution","id":"call_2"}]}]}}"#);
        let mut resumed = Resumed::read(&answer).unwrap();
        assert!(resumed.is_numbered());
        resumed.identify(&raw(
            r#"{"data":[{"id":"later","items":[]},{"id":"t","items":[{"type":"userMessage","id":"u"},
                {"type":"agentMessage","id":"m"},{"type":"commandExecution","id":"other"},
                {"type":"agentMessage","id":"n"}]}]}"#,
        ));
        let (id, turn) = resumed.running().unwrap();
        let items: Items = serde_json::from_str(turn.get()).unwrap();
        let ids: Vec<_> = items.items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!((id.as_str(), ids), ("t", vec!["u", "m", "call_1", "item-3", "call_2"]));
        assert!(turn.get().contains(r#""text":"a""#));
    }

    #[test]
    fn w2_ids_are_no_numbers() {
        let answer = raw(r#"{"thread":{"turns":[{"id":"t","items":[{"type":"plan","id":"item-a"}]}]}}"#);
        assert!(!Resumed::read(&answer).unwrap().is_numbered());
    }
}
