//! A handle on a turn, and who waits for its result.

use std::sync::{Arc, OnceLock};

use super::reader::EventReader;
use super::reader_kind::ReaderKind;
use super::state::TurnState;
use crate::Error;
use crate::result::{Continuation, TurnResult};

/// A handle on a turn: readers begin here, and while it lives the log is kept from the first event on.
pub struct View {
    state: Arc<TurnState>,
    stalled: Arc<OnceLock<Error>>,
    /// How many events its readers pass over.
    from: u64,
    /// Whether it keeps the log.
    holds: bool,
}

impl View {
    /// Looks at a turn.
    pub fn new(state: Arc<TurnState>) -> Self {
        state.log().hold();
        Self { state, stalled: Arc::default(), from: 0, holds: true }
    }

    /// Looks at nothing but how a turn ends: what its events were is not kept.
    pub fn of_the_end(state: Arc<TurnState>) -> Self {
        Self { state, stalled: Arc::default(), from: 0, holds: false }
    }

    /// Looks at what came after a number of events; none where that is not here any more, or not yet.
    pub fn after(state: Arc<TurnState>, events: u64) -> Option<Self> {
        let is_here = state.log().hold_after(events);
        is_here.then(|| Self { state, stalled: Arc::default(), from: events, holds: true })
    }

    /// Where a reader that has not begun stands.
    pub fn continuation(&self) -> Continuation {
        self.state.log().continuation(self.from, "stream")
    }

    /// The turn.
    pub fn state(&self) -> &Arc<TurnState> {
        &self.state
    }

    /// A reader of its own, from the turn's first event.
    pub fn reader(&self, kind: ReaderKind) -> EventReader {
        self.state.log().reader(self.from, kind, self.stalled())
    }

    /// A reader of what came after a number of events; none where that is not here any more, or not yet.
    pub fn reader_after(&self, kind: ReaderKind, events: u64) -> Option<EventReader> {
        self.state.log().reader_after(events, kind, self.stalled())
    }

    /// How many events came so far.
    pub fn events(&self) -> u64 {
        self.state.log().events()
    }

    /// How much memory the events take that are kept.
    pub fn bytes(&self) -> usize {
        self.state.log().bytes()
    }

    /// A reader of what the turn's sub-agents do, from their first event.
    pub fn agents_reader(&self) -> EventReader {
        self.state.agents_log().reader(0, ReaderKind::JoinedEvents, Arc::default())
    }

    /// Counts as somebody who waits for the result, until it is dropped.
    pub fn waiting(&self) -> ResultWaiter {
        self.state.add_waiting(1);
        ResultWaiter(Arc::clone(&self.state))
    }

    /// Waits for the result, or until this view was given up as stalled.
    pub async fn result(&self, _waiting: ResultWaiter) -> Result<Arc<TurnResult>, Error> {
        let mut phase = self.state.phase();
        loop {
            if let Some(end) = self.state.end() {
                return end.outcome;
            }
            if let Some(error) = self.stalled.get() {
                return Err(error.clone());
            }
            if phase.changed().await.is_err() {
                return Err(Error::Closed("the turn was dropped".to_owned()));
            }
        }
    }

    /// Where [`TurnState::stall`] tells this view that the turn was given up.
    pub fn stalled(&self) -> Arc<OnceLock<Error>> {
        Arc::clone(&self.stalled)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.holds {
            self.state.log().release();
        }
    }
}

/// Somebody who waits for a turn's result: a reader that leaves does not interrupt the turn then.
pub struct ResultWaiter(Arc<TurnState>);

impl Drop for ResultWaiter {
    fn drop(&mut self) {
        self.0.add_waiting(-1);
    }
}
