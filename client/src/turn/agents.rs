//! What the agents that work for a turn do, and which of them still work.

use std::collections::HashSet;
use std::sync::Arc;

use super::event_log::{EventLog, LogEnd};
use super::log::Entered;
use crate::Error;
use crate::rpc::Notification;

/// The events of a turn's sub-agents: a log of its own, and which of them still work. They never end or change
/// the turn, and may outlive it.
pub(super) struct SubAgents {
    log: Arc<EventLog>,
    working: HashSet<String>,
    turn_ended: bool,
}

impl SubAgents {
    pub(super) fn new(thread_id: &str, turn_id: &str) -> Self {
        let log = EventLog::new(thread_id, turn_id, true);
        // For readers that begin later, as long as the turn is known at all.
        log.hold();
        Self { log, working: HashSet::new(), turn_ended: false }
    }

    pub(super) fn log(&self) -> &Arc<EventLog> {
        &self.log
    }

    pub(super) fn joined(&mut self, thread: &str) {
        self.working.insert(thread.to_owned());
    }

    /// One event of an agent's thread. True if a reader waits to be woken.
    pub(super) fn event(&mut self, thread: &str, notification: &Notification<'_>) -> bool {
        let delta = self.log.delta(notification);
        let wake = self.log.push(Entered { notification, delta, line: None, message: None });
        match notification.method {
            "turn/started" => drop(self.working.insert(thread.to_owned())),
            "turn/completed" | "thread/closed" | "thread/deleted" => drop(self.working.remove(thread)),
            _ => {}
        }
        self.end_if_done();
        wake
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
        if self.turn_ended && self.working.is_empty() {
            self.log.end(LogEnd { error: None, is_told: true });
            self.log.wake();
        }
    }
}
