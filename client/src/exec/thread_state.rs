//! What the turns of one thread share, whoever holds it: a thread is what its id or its name means in a home of codex.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use futures_util::FutureExt;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::thread_id;
use super::usage::Usage;
use crate::lock;

/// A place in the queue of a thread's turns.
pub(super) type QueueSlot = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// Every thread that somebody holds, of all clients in this process.
static HELD: Mutex<BTreeMap<(PathBuf, String), Weak<Conversation>>> = Mutex::new(BTreeMap::new());

/// One holder of a thread.
pub(super) struct ThreadState {
    inner: Mutex<Inner>,
}

struct Inner {
    id: Option<String>,
    /// Whether it began here, so that nobody can have held it before.
    is_fresh: bool,
    home: PathBuf,
    conversation: Arc<Conversation>,
    /// The usage of all turns up to the last that ran for this holder, where it is known.
    total: Option<Usage>,
    /// How many turns had run by then.
    ran: u64,
}

/// What all holders of a thread have in common.
struct Conversation {
    turns: Arc<Semaphore>,
    /// How many have run.
    ran: AtomicU64,
}

impl ThreadState {
    pub(super) fn fresh() -> Arc<Self> {
        Self::new(None, Some(Usage::default()))
    }

    pub(super) fn resumed(id: &str) -> Arc<Self> {
        Self::new(Some(id.to_owned()), None)
    }

    fn new(id: Option<String>, total: Option<Usage>) -> Arc<Self> {
        let conversation =
            Arc::new(Conversation { turns: Arc::new(Semaphore::new(1)), ran: AtomicU64::new(0) });
        let is_fresh = id.is_none();
        let inner = Inner { id, is_fresh, home: PathBuf::new(), conversation, total, ran: 0 };
        Arc::new(Self { inner: Mutex::new(inner) })
    }

    pub(super) fn id(&self) -> Option<String> {
        lock(&self.inner).id.clone()
    }

    /// codex has said the id. From now on it is the same thread for all who resume it.
    pub(super) fn set_id(&self, id: &str) {
        let mut inner = lock(&self.inner);
        inner.id = Some(id.to_owned());
        inner.join(id);
    }

    /// The next place in the queue of the thread, in a home of codex, whose path is absolute.
    pub(super) fn place(&self, home: Option<&Path>) -> QueueSlot {
        let mut inner = lock(&self.inner);
        let home = home.map(|home| home.canonicalize().unwrap_or_else(|_| home.to_owned()));
        if let Some(asked) = inner.id.clone() {
            let named = home.as_deref().and_then(|home| thread_id::named(home, &asked));
            inner.home = home.unwrap_or_default();
            inner.join(&named.unwrap_or(asked));
        } else {
            inner.home = home.unwrap_or_default();
        }
        let turns = Arc::clone(&inner.conversation.turns);
        drop(inner);
        let mut slot: QueueSlot = Box::pin(turns.acquire_owned());
        // The first poll takes the place.
        match slot.as_mut().now_or_never() {
            Some(permit) => Box::pin(std::future::ready(permit)),
            None => slot,
        }
    }

    /// Takes the new total, and gives what came since the one before, where no turn of another holder is in it.
    pub(super) fn add_usage(&self, total: Usage) -> Option<Usage> {
        let mut inner = lock(&self.inner);
        let ran = inner.conversation.ran.fetch_add(1, Ordering::Relaxed);
        let before = inner.total.replace(total).filter(|_| ran == inner.ran);
        inner.ran = ran + 1;
        total.since(before?)
    }

    /// A turn ended without saying what it used, so of the next one only the total will be known.
    pub(super) fn lose_usage(&self) {
        let mut inner = lock(&self.inner);
        // As long as the thread has not begun, nothing was used.
        if inner.id.is_some() {
            inner.conversation.ran.fetch_add(1, Ordering::Relaxed);
            inner.total = None;
        }
    }
}

impl Inner {
    /// Shares the conversation of whoever holds the thread already.
    fn join(&mut self, id: &str) {
        let mut held = lock(&HELD);
        held.retain(|_, conversation| conversation.strong_count() > 0);
        let conversation = held.entry((self.home.clone(), id.to_ascii_lowercase())).or_default();
        match conversation.upgrade() {
            Some(_) if self.is_fresh => {}
            Some(conversation) => self.conversation = conversation,
            None => *conversation = Arc::downgrade(&self.conversation),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has no caller whose folder it could take")]
mod tests {
    use super::*;

    fn is_free(slot: &mut QueueSlot) -> bool {
        slot.as_mut().now_or_never().is_some()
    }

    #[test]
    fn holders_of_one_thread_of_one_home_wait_for_each_other() {
        let home = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let (first, second) = (ThreadState::resumed("held-by-two"), ThreadState::resumed("HELD-BY-TWO"));
        let mut running = first.place(Some(home.path()));
        let mut elsewhere = ThreadState::resumed("held-by-two").place(Some(other.path()));
        let mut another = ThreadState::resumed("another").place(Some(home.path()));
        assert!(is_free(&mut elsewhere) && is_free(&mut another));
        let permit = {
            let mut waiting = second.place(Some(&home.path().join(".")));
            assert!(!is_free(&mut waiting));
            assert!(is_free(&mut running));
            drop(running);
            is_free(&mut waiting)
        };
        assert!(permit);
    }

    #[test]
    fn a_thread_that_has_just_begun_is_the_one_that_is_resumed() {
        let home = tempfile::tempdir().unwrap();
        let fresh = ThreadState::fresh();
        let running = fresh.place(Some(home.path()));
        fresh.set_id("just-begun");
        let mut waiting = ThreadState::resumed("just-begun").place(Some(home.path()));
        assert!(!is_free(&mut waiting));
        drop(running);
        assert!(is_free(&mut waiting));
    }

    #[test]
    fn a_turn_of_another_holder_is_not_counted_for_one() {
        let home = tempfile::tempdir().unwrap();
        let usage = |tokens: u64| Usage::read(&format!(r#"{{"input_tokens":{tokens}}}"#)).unwrap();
        let first = ThreadState::fresh();
        drop(first.place(Some(home.path())));
        first.set_id("counted");
        assert_eq!(first.add_usage(usage(10)), Some(usage(10)));
        let second = ThreadState::resumed("counted");
        drop(second.place(Some(home.path())));
        assert_eq!(second.add_usage(usage(15)), None);
        assert_eq!(second.add_usage(usage(16)), Some(usage(1)));
        assert_eq!(first.add_usage(usage(18)), None);
        assert_eq!(first.add_usage(usage(21)), Some(usage(3)));
    }
}
