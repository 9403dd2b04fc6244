//! The notifications that belong to no turn.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::source::{Next, Source, Waker, Wakers};
use crate::{Error, lock};

/// How many notifications are kept for readers that are behind, and how many bytes of them.
const CAPACITY: usize = 4096;
const CAPACITY_BYTES: usize = 16 * 1024 * 1024;
/// What a reader takes at once.
const BATCH: usize = 256;

/// The notifications outside turns, bounded: what a reader did not take in time is dropped and counted.
#[derive(Default)]
pub struct Ring {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: VecDeque<Entry>,
    bytes: usize,
    first: u64,
    /// How many never came here.
    lost: u64,
    readers: usize,
    wakers: Wakers,
    closed: bool,
}

struct Entry {
    method: Box<str>,
    line: Arc<str>,
}

/// A reader of its own, from the moment it was made.
pub struct RingReader {
    ring: Arc<Ring>,
    methods: Option<Vec<String>>,
    cursor: Mutex<Position>,
}

#[derive(Default)]
struct Position {
    next: u64,
    dropped: u64,
    /// How many of those that never came to the ring are counted.
    lost: u64,
    closed: bool,
}

impl Ring {
    /// Keeps a notification, where anybody reads.
    pub fn push(&self, method: &str, line: &str) {
        let mut inner = lock(&self.inner);
        if inner.readers == 0 {
            return;
        }
        inner.bytes += line.len();
        inner.entries.push_back(Entry { method: method.into(), line: line.into() });
        while inner.entries.len() > CAPACITY || (inner.bytes > CAPACITY_BYTES && inner.entries.len() > 1) {
            inner.drop_first();
        }
    }

    /// Notifications were let go before they came here.
    pub fn lost(&self, count: u64) {
        lock(&self.inner).lost += count;
    }

    /// Whether anybody reads.
    pub fn is_read(&self) -> bool {
        lock(&self.inner).readers > 0
    }

    /// Wakes who waits.
    pub fn wake(&self) {
        let wakers = lock(&self.inner).wakers.take();
        wakers.wake();
    }

    /// Ends every reader once it has read what is there.
    pub fn close(&self) {
        lock(&self.inner).closed = true;
        self.wake();
    }

    /// A reader of what comes from now on, of these methods or of all.
    pub fn reader(self: &Arc<Self>, methods: Option<Vec<String>>) -> RingReader {
        let mut inner = lock(&self.inner);
        inner.readers += 1;
        let (next, lost) = (inner.first + inner.entries.len() as u64, inner.lost);
        RingReader {
            ring: Arc::clone(self),
            methods,
            cursor: Mutex::new(Position { next, lost, ..Position::default() }),
        }
    }
}

impl Inner {
    fn drop_first(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.line.len();
            self.first += 1;
        }
    }
}

impl RingReader {
    /// How many notifications this reader was too slow for, whatever their method.
    pub fn dropped(&self) -> u64 {
        lock(&self.cursor).dropped
    }

    /// Leaves.
    pub fn close(&self) {
        let mut inner = lock(&self.ring.inner);
        let mut cursor = lock(&self.cursor);
        if std::mem::replace(&mut cursor.closed, true) {
            return;
        }
        inner.readers -= 1;
        while inner.readers == 0 && !inner.entries.is_empty() {
            inner.drop_first();
        }
        drop(cursor);
        drop(inner);
        self.ring.wake();
    }
}

impl Source for RingReader {
    /// Notifications as JSON.
    type Batch = Vec<Arc<str>>;
    type Error = Error;

    fn poll(&self, waker: Option<Waker>) -> Next<Self::Batch> {
        let mut inner = lock(&self.ring.inner);
        let mut cursor = lock(&self.cursor);
        if cursor.closed {
            return Next::End;
        }
        let missed = inner.first.saturating_sub(cursor.next);
        cursor.dropped += missed + (inner.lost - cursor.lost);
        cursor.lost = inner.lost;
        cursor.next += missed;
        let start = usize::try_from(cursor.next - inner.first).unwrap_or(usize::MAX);
        let mut batch = Vec::new();
        for entry in inner.entries.iter().skip(start) {
            cursor.next += 1;
            let wanted = |methods: &Vec<String>| methods.iter().any(|method| **method == *entry.method);
            if self.methods.as_ref().is_none_or(wanted) {
                batch.push(Arc::clone(&entry.line));
            }
            if batch.len() == BATCH {
                break;
            }
        }
        if !batch.is_empty() {
            return Next::Batch(batch);
        }
        if inner.closed {
            return Next::End;
        }
        inner.wakers.pending(waker)
    }
}

impl Drop for RingReader {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_reader_learns_how_much_it_missed() {
        let ring = Arc::new(Ring::default());
        let reader = ring.reader(None);
        let picky = ring.reader(Some(vec!["b".to_owned()]));
        for number in 0..CAPACITY + 10 {
            ring.push(if number % 2 == 0 { "a" } else { "b" }, &number.to_string());
        }
        ring.close();
        let mut seen = Vec::new();
        while let Some(batch) = reader.next().await.unwrap() {
            seen.extend(batch.iter().map(|line| line.parse::<usize>().unwrap()));
        }
        assert_eq!(seen, (10..CAPACITY + 10).collect::<Vec<_>>());
        assert_eq!(reader.dropped(), 10);
        assert_eq!(&*picky.next().await.unwrap().unwrap()[0], "11");
    }
}
