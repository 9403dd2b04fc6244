use std::collections::HashSet;
use std::sync::Arc;

use super::result::TurnStatus;
use super::state::TurnState;
use crate::Error;
use crate::routing::TurnSink;
use crate::rpc::Notification;

/// The events of a turn's sub-agents: a log of its own, and which of them still work. They never end or change
/// the turn, and may outlive it.
pub(super) struct SubAgents {
    log: Arc<TurnState>,
    working: HashSet<String>,
    turn_ended: bool,
}

impl SubAgents {
    pub(super) fn new(thread_id: &str, turn_id: &str) -> Self {
        let log = TurnState::new(thread_id, turn_id, true);
        // For readers that begin later, as long as the turn is known at all.
        log.keep();
        Self { log, working: HashSet::new(), turn_ended: false }
    }

    pub(super) fn log(&self) -> &Arc<TurnState> {
        &self.log
    }

    pub(super) fn joined(&mut self, thread: &str) {
        self.working.insert(thread.to_owned());
    }

    /// One event of an agent's thread. True if a reader waits to be woken.
    pub(super) fn event(&mut self, thread: &str, notification: &Notification<'_>) -> bool {
        let wake = self.log.log_only(notification);
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
        self.log.connection_ended(error);
    }

    fn end_if_done(&self) {
        if self.turn_ended && self.working.is_empty() {
            self.log.finish(Ok(self.log.partial(TurnStatus::Completed)));
        }
    }
}
