//! The log of a turn, or of the agents that work for it, and who reads it. What its events mean is not known here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::deltas::DeltaParts;
use super::log::{Cursor, Entered, Log};
use crate::memory::{Memory, Share};
use crate::result::Continuation;
use crate::rpc::Notification;
use crate::source::Wakers;
use crate::{Error, lock};

/// The events of one turn, or of its agents. It is kept for as long as somebody holds it or reads.
pub(super) struct EventLog {
    thread_id: String,
    turn_id: String,
    /// Whether there is a log: says without the lock what is worth to prepare for it.
    kept: AtomicBool,
    /// A turn that was lost and joined again has another log, whose events are counted anew.
    number: AtomicU64,
    inner: Mutex<Inner>,
}

/// The cursor of a continuation says which log of its turn it is of, above the number of events in it.
const EVENT_BITS: u32 = 40;
/// So that a cursor is a number that JavaScript has.
const MOST_LOGS: u64 = (1 << (53 - EVENT_BITS)) - 1;

/// Which log of its turn a cursor is of, and how many events were read.
pub fn place_of(cursor: u64) -> (u64, u64) {
    (cursor >> EVENT_BITS, cursor & ((1 << EVENT_BITS) - 1))
}

/// So much of what nobody has a handle on is kept for continuations, in all the turns of a client.
pub const MOST_KEPT_BYTES: usize = 64 * 1024 * 1024;

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
    /// How many of the holders are there for continuations alone.
    keepers: usize,
    memory: Memory,
    share: Share,
    share_of_kept: Share,
}

impl Inner {
    /// Whether nobody reads, and only continuations hold the log.
    fn is_only_kept(&self) -> bool {
        self.holders == self.keepers && self.readers.is_empty()
    }
}

impl Inner {
    /// The id of another reader.
    pub(super) fn add_reader(&mut self, start: Cursor) -> u64 {
        let id = self.next_reader;
        self.next_reader += 1;
        self.readers.insert(id, start);
        id
    }
}

impl EventLog {
    pub(super) fn new(thread_id: &str, turn_id: &str, keep: bool, memory: &Memory) -> Arc<Self> {
        Arc::new(Self {
            thread_id: thread_id.to_owned(),
            turn_id: turn_id.to_owned(),
            kept: AtomicBool::new(keep),
            number: AtomicU64::default(),
            inner: Mutex::new(Inner {
                log: keep.then(Log::default),
                holders: 0,
                readers: HashMap::new(),
                next_reader: 0,
                wakers: Wakers::default(),
                end: None,
                events: 0,
                keepers: 0,
                memory: memory.clone(),
                share: memory.share(),
                share_of_kept: memory.share_of_kept(),
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
            self.account(&mut inner);
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

    /// How much memory the events take that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.inner().log.as_ref().map_or(0, Log::bytes)
    }

    /// Whether what came after a number of events is still here.
    pub(super) fn has_events_after(&self, events: u64) -> bool {
        self.inner().log.as_ref().is_some_and(|log| log.cursor_after(events).is_some())
    }

    /// Holds the log for a continuation: for as long as there is room for what nobody else holds.
    pub(super) fn keep(&self) {
        self.hold();
        let mut inner = self.inner();
        inner.keepers += 1;
        self.account(&mut inner);
    }

    /// Undoes [`Self::keep`].
    pub(super) fn give_up(&self) {
        self.inner().keepers -= 1;
        self.release();
    }

    /// Keeps the log from now on, also while nobody reads, until [`Self::release`].
    pub(super) fn hold(&self) {
        let mut inner = self.inner();
        inner.holders += 1;
        let events = inner.events;
        inner.log.get_or_insert_with(|| Log::after_events(events));
        self.kept.store(true, Ordering::Relaxed);
    }

    /// As [`Self::keep`]; where the beginning was not kept the log begins with what tells what is known of it.
    pub(super) fn keep_from_the_middle<'a>(&self, told: impl Iterator<Item = &'a str>) {
        let mut inner = self.inner();
        inner.holders += 1;
        inner.keepers += 1;
        let events = inner.events;
        let log = inner.log.get_or_insert_with(|| Log::after_events(events));
        if log.start().event() > 0 {
            log.begin_with(&told.collect::<Vec<_>>());
        }
        self.kept.store(true, Ordering::Relaxed);
        self.account(&mut inner);
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

    /// Where a reader stands that has read so many events.
    pub(super) fn continuation(&self, events: u64, mode: &str) -> Continuation {
        Continuation {
            thread_id: self.thread_id.clone(),
            turn_id: self.turn_id.clone(),
            cursor: (self.number() << EVENT_BITS) + events,
            mode: mode.to_owned(),
        }
    }

    /// Which log of its turn this is, of those that can be gone on with.
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    pub(super) fn set_number(&self, number: u64) {
        self.number.store(number.min(MOST_LOGS), Ordering::Relaxed);
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Whether it can be had at once.
    pub(super) fn is_free(&self) -> bool {
        crate::sync::is_free(&self.inner)
    }

    /// Forgets what no reader can ask for any more.
    pub(super) fn trim(&self, inner: &mut Inner) {
        if inner.holders > 0 {
            return self.account(inner);
        }
        let slowest = inner.readers.values().copied().min_by_key(Cursor::event);
        match (slowest, &mut inner.log) {
            (Some(slowest), Some(log)) => log.trim(slowest),
            _ => self.drop_log(inner),
        }
        self.account(inner);
    }

    fn drop_log(&self, inner: &mut Inner) {
        inner.log = None;
        self.kept.store(false, Ordering::Relaxed);
    }

    /// Says how much is held, and drops what is more than is kept for continuations.
    fn account(&self, inner: &mut Inner) {
        let bytes = |inner: &Inner| inner.log.as_ref().map_or(0, Log::bytes);
        if inner.keepers > 0 && inner.is_only_kept() {
            let only_kept = bytes(inner);
            inner.share_of_kept.set(only_kept);
            if inner.memory.kept() > MOST_KEPT_BYTES {
                self.drop_log(inner);
                inner.share_of_kept.set(0);
            }
        } else {
            inner.share_of_kept.set(0);
        }
        let held = bytes(inner);
        inner.share.set(held);
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader_kind::ReaderKind;
    use super::*;
    use crate::memory::Memory;

    fn say(log: &EventLog, bytes: usize) {
        let line = format!(r#"{{"method":"m","params":{{"text":"{}"}}}}"#, "x".repeat(bytes));
        crate::rpc::with_notification(&line, |notification| {
            log.push(Entered { notification, delta: None, line: None, message: None });
        });
    }

    #[test]
    fn what_a_log_holds_is_counted_until_it_is_let_go() {
        let memory = Memory::default();
        let log = EventLog::new("t", "u", true, &memory);
        log.hold();
        say(&log, 1_000_000);
        assert!((1_000_000..1_100_000).contains(&memory.held()), "{}", memory.held());
        let reader = log.reader(0, ReaderKind::EveryEvent, Arc::default());
        log.release();
        assert!(memory.held() > 0, "somebody reads it");
        drop(reader);
        assert_eq!(memory.held(), 0);
        say(&log, 1_000_000);
        assert_eq!((memory.held(), log.is_kept()), (0, false));
    }

    #[test]
    fn what_only_continuations_hold_is_bounded_in_all_logs_of_a_client() {
        let memory = Memory::default().of_client();
        let logs = [0, 1].map(|_| EventLog::new("t", "u", true, &memory));
        for log in &logs {
            log.hold();
            log.keep();
            say(log, MOST_KEPT_BYTES / 3 * 2);
        }
        assert_eq!(memory.kept(), 0, "somebody has handles on both");
        logs[0].release();
        assert!(logs[0].has_events_after(0));
        logs[1].release();
        assert!(!logs[1].has_events_after(0), "there is no room for a second");
        assert!(logs[0].has_events_after(0));
        logs[0].give_up();
        assert_eq!((memory.kept(), memory.held()), (0, 0));
    }
}
