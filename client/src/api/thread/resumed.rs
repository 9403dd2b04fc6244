//! What an answer that resumes a thread holds. Only read here; what follows from it is in `restore.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use super::found::Status;
use crate::Error;
use crate::rpc::read_answer;
use crate::turn::{Proof, proof};

/// A thread is written to disk a moment after its first turn was accepted. It is looked for again after this.
pub(crate) const AGAIN: Duration = Duration::from_millis(25);
/// So many of the last turns are asked for where the items have no ids. A turn that runs is among them.
pub(super) const LAST_TURNS: u32 = 10;

/// The answer to `thread/resume`, as far as it is needed here.
#[derive(Deserialize)]
pub(crate) struct Resumed {
    thread: Stored,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    turns: Vec<Box<RawValue>>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
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
    pub(crate) fn read(answer: &RawValue) -> Result<Self, Error> {
        read_answer("thread/resume", answer)
    }

    /// A turn as the server has stored it.
    pub(crate) fn turn(&self, id: &str) -> Option<&RawValue> {
        let turns = self.thread.turns.iter().rev();
        turns.map(Box::as_ref).find(|turn| identified(turn).is_some_and(|turn| turn.id == id))
    }

    /// The turn that runs.
    pub(crate) fn running(&self) -> Option<(String, &RawValue)> {
        let last = self.thread.turns.last()?;
        let Identified { id } = identified(last)?;
        (proof(last) == Proof::Running).then_some((id, last))
    }

    /// The last turn that compacted the context, after another one.
    pub(super) fn compacted_since(&self, before: Option<&str>) -> Option<String> {
        let turns =
            self.thread.turns.iter().rev().filter_map(|turn| identified(turn).map(|known| (known.id, turn)));
        let mut since = turns.take_while(|(id, _)| Some(id.as_str()) != before);
        let compacts = |turn: &RawValue| {
            serde_json::from_str(turn.get())
                .is_ok_and(|turn: Items| turn.items.iter().any(|item| item.kind == "contextCompaction"))
        };
        since.find(|(_, turn)| compacts(turn)).map(|(id, _)| id)
    }

    /// Whether items have numbers in the place of their ids: codex before 0.166 gives them while a turn runs.
    pub(super) fn is_numbered(&self) -> bool {
        let numbered = |turn: &RawValue| {
            turn.get().contains("\"item-") && serde_json::from_str(turn.get()).is_ok_and(Items::are_numbered)
        };
        self.thread.turns.iter().rev().take(LAST_TURNS as usize).any(|turn| numbered(turn))
    }

    /// Gives items that have numbers the ids that `thread/turns/list` has for them.
    pub(super) fn identify(&mut self, listed: &RawValue) {
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

    pub(crate) fn is_active(&self) -> bool {
        self.thread.status.as_ref().is_some_and(Status::is_active)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.thread.status.as_ref().is_some_and(|status| !status.is_active())
    }
}

fn identified(turn: &RawValue) -> Option<Identified> {
    serde_json::from_str(turn.get()).ok()
}

/// Whether the server has nothing on disk of a thread: it had no turn yet, or is ephemeral.
pub(crate) fn is_unwritten(error: &Error) -> bool {
    // Its file is made a moment before its first line is written, and that before its first turn.
    let signs = ["no rollout found", ".jsonl is empty", "list_turns is not supported yet"];
    matches!(error, Error::Rpc(error) if signs.iter().any(|sign| error.message.contains(sign)))
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
