//! What the agents that work for a turn do. Which they are, and whether they work, is known where events are routed.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::event_log::{EventLog, LogEnd};
use super::log::Entered;
use crate::rpc::Notification;
use crate::{Error, Memory};

/// The events of a turn's sub-agents: a log of its own. They never end or change the turn, and may outlive it.
pub(super) struct SubAgents {
    log: Arc<EventLog>,
    working: bool,
    turn_ended: bool,
}

impl SubAgents {
    pub(super) fn new(thread_id: &str, turn_id: &str, working: bool, memory: &Memory) -> Self {
        let log = EventLog::new(thread_id, turn_id, true, memory);
        // For readers that begin later, as long as the turn is known at all.
        log.hold();
        Self { log, working, turn_ended: false }
    }

    pub(super) fn log(&self) -> &Arc<EventLog> {
        &self.log
    }

    /// One event of an agent's thread. True if a reader waits to be woken.
    pub(super) fn event(&mut self, notification: &Notification<'_>) -> bool {
        let delta = self.log.delta(notification);
        self.log.push(Entered { notification, delta, line: None, message: None })
    }

    /// Whether any of them works.
    pub(super) fn work(&mut self, working: bool) {
        self.working = working;
        self.end_if_done();
    }

    pub(super) fn turn_ended(&mut self) {
        self.turn_ended = true;
        self.end_if_done();
    }

    pub(super) fn connection_ended(&mut self, error: &Error) {
        self.log.end(LogEnd { error: Some(error.clone()), is_told: false });
        self.log.wake();
    }

    fn end_if_done(&self) {
        if self.turn_ended && !self.working {
            self.log.end(LogEnd { error: None, is_told: true });
            self.log.wake();
        }
    }
}

/// The changes of the file-change items of agents that are not complete: what asks for an approval does not hold them.
#[derive(Default)]
pub(super) struct FileChanges(HashMap<(Box<str>, Box<str>), Box<RawValue>>);

impl FileChanges {
    pub(super) fn take(&mut self, thread: &str, notification: &Notification<'_>) {
        #[derive(Deserialize)]
        struct Message {
            params: Params,
        }
        #[derive(Deserialize)]
        struct Params {
            item: Item,
        }
        #[derive(Deserialize)]
        struct Item {
            r#type: String,
            changes: Option<Box<RawValue>>,
        }
        match (notification.method, notification.ids.item.as_deref()) {
            ("item/started", Some(item)) if notification.line.contains("\"fileChange\"") => {
                if let Ok(Message { params: Params { item: Item { r#type, changes: Some(changes) } } }) =
                    serde_json::from_str(notification.line)
                    && r#type == "fileChange"
                {
                    self.0.insert((thread.into(), item.into()), changes);
                }
            }
            ("item/completed", Some(item)) if !self.0.is_empty() => {
                self.0.remove(&(thread.into(), item.into()));
            }
            // Some are never completed.
            ("turn/completed" | "thread/closed", _) => self.0.retain(|(of, _), _| **of != *thread),
            _ => {}
        }
    }

    pub(super) fn of(&self, thread: &str, item: &str) -> Option<String> {
        self.0.get(&(thread.into(), item.into())).map(|changes| changes.get().to_owned())
    }
}
