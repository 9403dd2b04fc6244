//! What is held for a program outside of its own memory: one with a garbage collector must be told, or it never collects
//! the handles that hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Less than this is not worth to be told.
const STEP: i64 = 64 * 1024;

/// Counts the bytes that are held for a program, or a thread of one.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    held: Arc<AtomicI64>,
    /// What of it nobody has a handle on: it is kept for continuations.
    kept: Arc<AtomicI64>,
}

impl Memory {
    /// How many bytes are held, but for a few.
    pub fn held(&self) -> i64 {
        self.held.load(Ordering::Relaxed)
    }

    /// The same for one client, whose continuations are counted apart.
    pub fn of_client(&self) -> Self {
        Self { held: Arc::clone(&self.held), kept: Arc::default() }
    }

    /// How many bytes are kept for continuations alone.
    pub fn kept(&self) -> usize {
        usize::try_from(self.kept.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// A share of all that is held.
    pub fn share(&self) -> Share {
        Share::of(&self.held)
    }

    /// A share of what is kept for continuations alone.
    pub fn share_of_kept(&self) -> Share {
        Share::of(&self.kept)
    }
}

/// What one holds. It is given back when this is dropped.
pub struct Share {
    counter: Arc<AtomicI64>,
    told: i64,
}

impl Share {
    fn of(counter: &Arc<AtomicI64>) -> Self {
        Self { counter: Arc::clone(counter), told: 0 }
    }

    /// So much is held now. Told in steps, so that this costs nothing for each event.
    pub fn set(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let difference = bytes - self.told;
        if difference.abs() >= STEP || (bytes == 0 && difference != 0) {
            self.counter.fetch_add(difference, Ordering::Relaxed);
            self.told = bytes;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}
