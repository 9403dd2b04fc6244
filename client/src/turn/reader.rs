//! A cursor over a log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::batch::Batch;
use super::event_log::EventLog;
use super::log::{Cursor, Log};
use super::reader_kind::ReaderKind;
use crate::result::Continuation;
use crate::source::{Next, Source, Waker};
use crate::{Error, lock};

/// Reads the log of a turn, or of its agents.
pub struct EventReader {
    log: Arc<EventLog>,
    stalled: Arc<OnceLock<Error>>,
    id: u64,
    kind: ReaderKind,
    /// From where to where the last batch went.
    batch: Mutex<(Cursor, Cursor)>,
    /// Whether it has come to its end.
    is_over: AtomicBool,
}

impl EventLog {
    /// A reader of its own, of what came after a number of events, or as much of that as is kept.
    pub(super) fn reader(
        self: &Arc<Self>,
        after: u64,
        kind: ReaderKind,
        stalled: Arc<OnceLock<Error>>,
    ) -> EventReader {
        let mut inner = self.inner();
        let from = |log: &Log| log.cursor_after(after).unwrap_or_else(|| log.start());
        let start = inner.log.as_ref().map(from).unwrap_or_default();
        let id = inner.add_reader(start);
        drop(inner);
        EventReader::new(Arc::clone(self), stalled, id, kind, start)
    }

    /// The same; none where not all of it is kept, or so many events have not come yet.
    pub(super) fn reader_after(
        self: &Arc<Self>,
        after: u64,
        kind: ReaderKind,
        stalled: Arc<OnceLock<Error>>,
    ) -> Option<EventReader> {
        let mut inner = self.inner();
        let start = inner.log.as_ref()?.cursor_after(after)?;
        let id = inner.add_reader(start);
        drop(inner);
        Some(EventReader::new(Arc::clone(self), stalled, id, kind, start))
    }
}

impl EventReader {
    pub(super) fn new(
        log: Arc<EventLog>,
        stalled: Arc<OnceLock<Error>>,
        id: u64,
        kind: ReaderKind,
        start: Cursor,
    ) -> Self {
        Self { log, stalled, id, kind, batch: Mutex::new((start, start)), is_over: AtomicBool::new(false) }
    }

    /// Leaves; what only this reader kept alive is freed. False if it had left before.
    pub fn close(&self) -> bool {
        let mut inner = self.log.inner();
        if inner.readers.remove(&self.id).is_none() {
            return false;
        }
        self.log.trim(&mut inner);
        drop(inner);
        // Whoever waits on this reader must learn that there is nothing to wait for.
        self.log.wake();
        true
    }

    /// Whether everything was given.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Where the reader stands whose user has handled this many of the last batch.
    pub fn continuation(&self, taken: usize) -> Continuation {
        let inner = self.log.inner();
        let (start, end) = *lock(&self.batch);
        let stands = inner.log.as_ref().map_or(start, |log| log.within_batch(start, end, taken, self.kind));
        drop(inner);
        self.log.continuation(stands.event(), self.kind.mode())
    }

    /// The inactivity error with the place where this reader stands.
    fn stalled_at(&self, cursor: Cursor, error: &Error) -> Error {
        match error {
            Error::TurnInactive { idle_ms, .. } => Error::TurnInactive {
                continuation: self.log.continuation(cursor.event(), self.kind.mode()),
                idle_ms: *idle_ms,
            },
            other => other.clone(),
        }
    }

    /// Whether what this reader gives would end as if nothing had failed.
    fn hides_failure(&self) -> bool {
        self.kind.is_text() || self.kind == ReaderKind::Steps
    }
}

impl Source for EventReader {
    type Batch = Batch;
    type Error = Error;

    fn is_free(&self) -> bool {
        self.log.is_free()
    }

    fn wait_until_free(&self) {
        drop(self.log.inner());
    }

    fn poll(&self, waker: Option<Waker>) -> Next<Batch> {
        let mut inner = self.log.inner();
        let inner = &mut *inner;
        let Some(kept_from) = inner.readers.get_mut(&self.id) else { return Next::End };
        let Some(log) = &inner.log else { return Next::End };
        let mut last = lock(&self.batch);
        let start = last.1;
        let mut cursor = start;
        let batch = match self.kind {
            ReaderKind::JoinedEvents => log.take_events(&mut cursor, true),
            ReaderKind::EveryEvent => log.take_events(&mut cursor, false),
            // A batch with nothing for this reader is no news: these read on to the end of the log.
            ReaderKind::Text | ReaderKind::FinalText | ReaderKind::Commentary => {
                log.take_text_of(&mut cursor, self.kind)
            }
            ReaderKind::Steps => log.take_steps(&mut cursor),
        };
        // Who asks again has handled all of the batch before.
        *kept_from = start;
        *last = (start, cursor);
        self.log.trim(inner);
        if !batch.is_empty() {
            return Next::Batch(batch);
        }
        if let Some(end) = &inner.end {
            self.is_over.store(true, Ordering::Relaxed);
            return match &end.error {
                Some(error) if !end.is_told || self.hides_failure() => Next::Failed(error.clone()),
                _ => Next::End,
            };
        }
        if let Some(error) = self.stalled.get() {
            return Next::Failed(self.stalled_at(cursor, error));
        }
        inner.wakers.pending(waker)
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        self.close();
    }
}
