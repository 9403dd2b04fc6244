//! The log of a turn, or of the agents that work for it, and who reads it. What its events mean is not known here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::deltas::DeltaParts;
use super::log::{Cursor, Entered, Log, ReaderKind};
use super::reader::EventReader;
use super::result::Continuation;
use crate::rpc::Notification;
use crate::source::Wakers;
use crate::{Error, lock};

/// The events of one turn, or of its agents. It is kept for as long as somebody holds it or reads.
pub(super) struct EventLog {
    thread_id: String,
    turn_id: String,
    /// Whether there is a log: says without the lock what is worth to prepare for it.
    kept: AtomicBool,
    inner: Mutex<Inner>,
}

/// How a log ended.
#[derive(Debug, Clone)]
pub(super) struct LogEnd {
    /// What went wrong.
    pub(super) error: Option<Error>,
    /// Whether the events themselves tell it, so that who reads them needs no error.
    pub(super) is_told: bool,
}

pub(super) struct Inner {
    /// None where nobody can read it any more.
    pub(super) log: Option<Log>,
    holders: usize,
    /// Where the last batch of each reader began: what came after may not have been handled yet.
    pub(super) readers: HashMap<u64, Cursor>,
    next_reader: u64,
    pub(super) wakers: Wakers,
    pub(super) end: Option<LogEnd>,
    /// How many events came.
    events: u64,
}

impl EventLog {
    pub(super) fn new(thread_id: &str, turn_id: &str, keep: bool) -> Arc<Self> {
        Arc::new(Self {
            thread_id: thread_id.to_owned(),
            turn_id: turn_id.to_owned(),
            kept: AtomicBool::new(keep),
            inner: Mutex::new(Inner {
                log: keep.then(Log::default),
                holders: 0,
                readers: HashMap::new(),
                next_reader: 0,
                wakers: Wakers::default(),
                end: None,
                events: 0,
            }),
        })
    }

    /// The parts of a delta, where they are kept. Taken outside the lock, for which readers wait.
    pub(super) fn delta<'a>(&self, notification: &Notification<'a>) -> Option<DeltaParts<'a>> {
        if self.is_kept() { DeltaParts::of(notification) } else { None }
    }

    /// Keeps an event. True if a reader waits to be woken.
    pub(super) fn push(&self, event: Entered<'_>) -> bool {
        let mut inner = self.inner();
        inner.events += 1;
        if let Some(log) = &mut inner.log {
            log.push(event);
        }
        !inner.wakers.is_empty()
    }

    /// Events were missed.
    pub(super) fn gap(&self) {
        if let Some(log) = &mut self.inner().log {
            log.gap();
        }
    }

    /// There will be no more events; the first end counts.
    pub(super) fn end(&self, end: LogEnd) {
        self.inner().end.get_or_insert(end);
    }

    /// Wakes who waits.
    pub(super) fn wake(&self) {
        let wakers = self.inner().wakers.take();
        wakers.wake();
    }

    /// Whether anything is kept.
    pub(super) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    /// How many events came.
    pub(super) fn events(&self) -> u64 {
        self.inner().events
    }

    /// Whether anybody reads.
    pub(super) fn is_read(&self) -> bool {
        !self.inner().readers.is_empty()
    }

    /// Whether what came after a number of events is still here.
    pub(super) fn has_events_after(&self, events: u64) -> bool {
        self.inner().log.as_ref().is_some_and(|log| log.cursor_after(events).is_some())
    }

    /// Keeps the log from now on, also while nobody reads, until [`Self::release`].
    pub(super) fn hold(&self) {
        let mut inner = self.inner();
        inner.holders += 1;
        let events = inner.events;
        inner.log.get_or_insert_with(|| Log::after_events(events));
        self.kept.store(true, Ordering::Relaxed);
    }

    /// The same where what came after a number of events is still here; else false.
    pub(super) fn hold_after(&self, events: u64) -> bool {
        self.hold();
        let is_here = self.has_events_after(events);
        if !is_here {
            self.release();
        }
        is_here
    }

    /// Undoes [`Self::hold`].
    pub(super) fn release(&self) {
        let mut inner = self.inner();
        inner.holders -= 1;
        self.trim(&mut inner);
    }

    /// A reader of its own, of what came after a number of events.
    pub(super) fn reader(
        self: &Arc<Self>,
        after: u64,
        kind: ReaderKind,
        stalled: Arc<OnceLock<Error>>,
    ) -> EventReader {
        let mut inner = self.inner();
        let id = inner.next_reader;
        inner.next_reader += 1;
        let from = |log: &Log| log.cursor_after(after).unwrap_or_else(|| log.start());
        let start = inner.log.as_ref().map(from).unwrap_or_default();
        inner.readers.insert(id, start);
        drop(inner);
        EventReader::new(Arc::clone(self), stalled, id, kind, start)
    }

    /// Where a reader stands that has read so many events.
    pub(super) fn continuation(&self, events: u64, mode: &str) -> Continuation {
        Continuation {
            thread_id: self.thread_id.clone(),
            turn_id: self.turn_id.clone(),
            cursor: events,
            mode: mode.to_owned(),
        }
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Forgets what no reader can ask for any more.
    pub(super) fn trim(&self, inner: &mut Inner) {
        if inner.holders > 0 {
            return;
        }
        let slowest = inner.readers.values().copied().min_by_key(Cursor::event);
        match (slowest, &mut inner.log) {
            (Some(slowest), Some(log)) => log.trim(slowest),
            _ => {
                inner.log = None;
                self.kept.store(false, Ordering::Relaxed);
            }
        }
    }
}
