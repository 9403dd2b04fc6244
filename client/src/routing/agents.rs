use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::Deserialize;

use super::TurnSink;
use crate::rpc::Notification;

/// How many events of unknown threads are kept until it is known whose they are.
const MOST_STRAYS: usize = 256;

/// The threads of sub-agents, and the turns that they work for. The server announces them by an item of the
/// turn that spawned them alone, and some of their events come before it.
#[derive(Default)]
pub(super) struct Agents {
    turns: HashMap<String, Arc<dyn TurnSink>>,
    strays: VecDeque<(String, Box<str>)>,
}

impl Agents {
    /// The turn that a thread works for.
    pub(super) fn turn_of(&self, thread: &str) -> Option<&Arc<dyn TurnSink>> {
        self.turns.get(thread)
    }

    /// The threads that work for a turn which has not ended.
    pub(super) fn working(&self) -> impl Iterator<Item = &String> {
        self.turns.iter().filter(|(_, turn)| !turn.has_ended()).map(|(thread, _)| thread)
    }

    /// Every turn that an agent works for.
    pub(super) fn into_turns(self) -> impl Iterator<Item = Arc<dyn TurnSink>> {
        self.turns.into_values()
    }

    /// Keeps an event of a thread that nobody knows yet.
    pub(super) fn stray(&mut self, thread: &str, line: &str) {
        if self.strays.len() == MOST_STRAYS {
            self.strays.pop_front();
        }
        self.strays.push_back((thread.to_owned(), line.into()));
    }

    /// Learns from an event of a turn, or of one of its agents, which threads work for it. Gives what they had
    /// said before.
    pub(super) fn learn(
        &mut self,
        notification: &Notification<'_>,
        turn: &Arc<dyn TurnSink>,
    ) -> Vec<Box<str>> {
        if !matches!(notification.method, "item/started" | "item/completed")
            || !notification.line.contains("\"collabAgentToolCall\"")
        {
            return Vec::new();
        }
        let mut early = Vec::new();
        for thread in receivers(notification.line) {
            if self.turns.contains_key(&thread) {
                continue;
            }
            turn.agent_joined(&thread);
            let (theirs, others): (VecDeque<_>, _) =
                self.strays.drain(..).partition(|(stray, _)| *stray == thread);
            self.strays = others;
            early.extend(theirs.into_iter().map(|(_, line)| line));
            self.turns.insert(thread, Arc::clone(turn));
        }
        early
    }
}

/// The threads that a collaboration item names.
fn receivers(line: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Message {
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        item: Item,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Item {
        r#type: String,
        #[serde(default)]
        receiver_thread_ids: Vec<String>,
    }
    match serde_json::from_str::<Message>(line) {
        Ok(message) if message.params.item.r#type == "collabAgentToolCall" => {
            message.params.item.receiver_thread_ids
        }
        _ => Vec::new(),
    }
}
