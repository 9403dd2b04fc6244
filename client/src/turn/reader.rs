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
}

impl EventReader {
    pub(super) fn new(
        state: Arc<TurnState>,
        stalled: Arc<OnceLock<Error>>,
        id: u64,
        kind: ReaderKind,
    ) -> Self {
        Self { state, stalled, id, kind, closed: Mutex::new(false) }
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
        let batch = match self.kind {
            ReaderKind::JoinedEvents => log.take_events(&mut cursor, true),
            ReaderKind::EveryEvent => log.take_events(&mut cursor, false),
            ReaderKind::Text => {
                // A batch without assistant text is no news: read on to the end of the log.
                let mut batch = log.take_text(&mut cursor);
                while batch.is_empty() && log.has_more(cursor) {
                    batch = log.take_text(&mut cursor);
                }
                batch
            }
        };
        inner.cursors.insert(self.id, cursor);
        inner.trim();
        if !batch.is_empty() {
            return Next::Batch(batch);
        }
        if let Some(end) = &inner.end {
            return match &end.outcome {
                Err(error) if !end.completed || self.kind == ReaderKind::Text => Next::Failed(error.clone()),
                _ => Next::End,
            };
        }
        if let Some(error) = self.stalled.get() {
            return Next::Failed(self.at(cursor, error));
        }
        if let Some(waker) = waker {
            inner.on_wake(waker);
        }
        Next::Pending
    }

    /// The inactivity error with the place where this reader stands.
    fn at(&self, cursor: Cursor, error: &Error) -> Error {
        let Error::TurnInactive { continuation, idle_ms } = error else { return error.clone() };
        let mode = if self.kind == ReaderKind::Text { "text" } else { "events" }.to_owned();
        let (cursor, _) = cursor.order();
        let continuation = Continuation { cursor, mode, ..continuation.clone() };
        Error::TurnInactive { continuation, idle_ms: *idle_ms }
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        self.close();
    }
}
