use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::oneshot;

use super::log::{Batch, Cursor};
use super::result::Continuation;
use super::state::TurnState;
use crate::routing::TurnSink;
use crate::{Error, lock};

/// What a reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderKind {
    /// Events; adjacent deltas of one item joined while the reader is behind.
    JoinedEvents,
    /// Every event as it came.
    EveryEvent,
    /// The assistant's text.
    Text,
    /// Completed items, as steps.
    Steps,
}

impl ReaderKind {
    /// The `mode` of a continuation.
    fn mode(self) -> &'static str {
        match self {
            Self::JoinedEvents | Self::EveryEvent => "stream",
            Self::Text => "text",
            Self::Steps => "steps",
        }
    }
}

/// What a reader gets.
#[derive(Debug)]
pub enum Next {
    /// What was ready, never empty.
    Batch(Batch),
    /// Nothing yet.
    Pending,
    /// The turn is over and everything was read.
    End,
    /// The turn ended in another way than by `turn/completed`, or, for text, failed.
    Failed(Error),
}

/// A cursor over a turn's log.
pub struct EventReader {
    state: Arc<TurnState>,
    stalled: Arc<OnceLock<Error>>,
    id: u64,
    kind: ReaderKind,
    closed: Mutex<bool>,
    /// From where to where the last batch went.
    batch: Mutex<(Cursor, Cursor)>,
}

impl EventReader {
    pub(super) fn new(
        state: Arc<TurnState>,
        stalled: Arc<OnceLock<Error>>,
        id: u64,
        kind: ReaderKind,
    ) -> Self {
        Self { state, stalled, id, kind, closed: Mutex::new(false), batch: Mutex::default() }
    }

    /// The turn.
    pub fn state(&self) -> &Arc<TurnState> {
        &self.state
    }

    /// What is ready now.
    pub fn try_next(&self) -> Next {
        self.poll(None)
    }

    /// What is ready now; where nothing is, `waker` is called once there may be.
    pub fn next_or_wake(&self, waker: Box<dyn FnOnce() + Send>) -> Next {
        self.poll(Some(waker))
    }

    /// Waits for what comes next; `None` is the end.
    pub async fn next(&self) -> Result<Option<Batch>, Error> {
        loop {
            let (sender, receiver) = oneshot::channel();
            match self.next_or_wake(Box::new(move || {
                let _ = sender.send(());
            })) {
                Next::Batch(batch) => return Ok(Some(batch)),
                Next::End => return Ok(None),
                Next::Failed(error) => return Err(error),
                Next::Pending => drop(receiver.await),
            }
        }
    }

    /// Leaves; what only this reader kept alive is freed. True if nobody is left who reads or waits.
    pub fn close(&self) -> bool {
        let mut closed = lock(&self.closed);
        if *closed {
            return false;
        }
        *closed = true;
        let mut inner = self.state.inner();
        inner.cursors.remove(&self.id);
        inner.trim();
        drop(inner);
        // Whoever waits on this reader must learn that there is nothing to wait for.
        self.state.wake();
        self.state.is_abandoned()
    }

    fn poll(&self, waker: Option<Box<dyn FnOnce() + Send>>) -> Next {
        let mut inner = self.state.inner();
        let Some(mut cursor) = inner.cursors.get(&self.id).copied() else { return Next::End };
        let Some(log) = &inner.log else { return Next::End };
        let start = cursor;
        let batch = match self.kind {
            ReaderKind::JoinedEvents => log.take_events(&mut cursor, true),
            ReaderKind::EveryEvent => log.take_events(&mut cursor, false),
            // A batch with nothing for this reader is no news: these read on to the end of the log.
            ReaderKind::Text => log.take_text(&mut cursor),
            ReaderKind::Steps => log.take_steps(&mut cursor),
        };
        inner.cursors.insert(self.id, cursor);
        inner.trim();
        if !batch.is_empty() {
            *lock(&self.batch) = (start, cursor);
            return Next::Batch(batch);
        }
        if let Some(end) = &inner.end {
            return match &end.outcome {
                Err(error) if !end.completed || self.hides_failure() => Next::Failed(error.clone()),
                _ => Next::End,
            };
        }
        if let Some(error) = self.stalled.get() {
            let events = inner.log.as_ref().map_or(0, |log| log.events_before(cursor));
            return Next::Failed(self.stalled_at(events, error));
        }
        if let Some(waker) = waker {
            inner.on_wake(waker);
        }
        Next::Pending
    }

    /// Where the reader stands whose user has handled this many of the last batch.
    pub fn continuation(&self, taken: usize) -> Continuation {
        let inner = self.state.inner();
        let (start, end) = *lock(&self.batch);
        let events = inner
            .log
            .as_ref()
            .map_or(inner.events, |log| log.events_before(log.within_batch(start, end, taken, self.kind)));
        self.continuation_at(events)
    }

    fn continuation_at(&self, cursor: u64) -> Continuation {
        Continuation {
            thread_id: self.state.thread_id.clone(),
            turn_id: self.state.turn_id.clone(),
            cursor,
            mode: self.kind.mode().to_owned(),
        }
    }

    /// The inactivity error with the place where this reader stands.
    fn stalled_at(&self, events: u64, error: &Error) -> Error {
        match error {
            Error::TurnInactive { idle_ms, .. } => {
                Error::TurnInactive { continuation: self.continuation_at(events), idle_ms: *idle_ms }
            }
            other => other.clone(),
        }
    }

    /// Whether what this reader gives would end as if the turn had not failed.
    fn hides_failure(&self) -> bool {
        matches!(self.kind, ReaderKind::Text | ReaderKind::Steps)
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        self.close();
    }
}
