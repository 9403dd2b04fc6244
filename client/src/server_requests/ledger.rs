//! The open requests of a connection, and the answers that may have to be given again. No IO.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use super::request::{ParsedRequest, Response};

/// How many requests may be open at once, and how many bytes of them. What exceeds it is declined if it is this
/// client's to answer, and left to others if it is not.
pub(super) const MOST_OPEN: usize = 4_096;
pub(super) const MOST_OPEN_BYTES: usize = 64 * 1024 * 1024;
/// How many answers are kept for a server that asks again, and how many bytes of them.
const MOST_GIVEN: usize = 64;
const MOST_GIVEN_BYTES: usize = 16 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Ledger {
    /// By the id on the wire. Those of an earlier line may have the same.
    open: HashMap<Box<str>, Vec<Open>>,
    count: usize,
    bytes: usize,
    /// What was answered last over a line that may be lost: the server asks again then.
    given: VecDeque<SentAnswer>,
    given_bytes: usize,
}

/// A request that is not answered.
pub(super) struct Open {
    /// The line that it was asked on; none while that is lost, and the server has not asked again.
    pub(super) leg: Option<u64>,
    /// Whether it waits for another client.
    pub(super) left: bool,
    pub(super) asked: Arc<ParsedRequest>,
    pub(super) end: Arc<End>,
}

/// How a request ends without an answer from here.
#[derive(Default)]
pub(super) struct End {
    pub(super) cancel: CancellationToken,
    pub(super) left: OnceLock<()>,
}

/// An answer that was given.
pub(super) struct SentAnswer {
    pub(super) asked: Arc<ParsedRequest>,
    /// The line that it was sent over, if it was.
    pub(super) leg: Option<u64>,
    pub(super) answer: Response,
}

impl Ledger {
    /// Ends requests that are not to be answered from here any more.
    pub(super) fn cancel(&mut self, which: impl Fn(&Open) -> bool, left: bool) {
        if self.count == 0 {
            return;
        }
        let (count, bytes) = (&mut self.count, &mut self.bytes);
        self.open.retain(|_, all| {
            all.retain(|open| !which(open) || !open.cancel(left, count, bytes));
            !all.is_empty()
        });
    }

    /// The same for those of one id.
    pub(super) fn cancel_id(&mut self, id: &str, which: impl Fn(&Open) -> bool) {
        let Some(all) = self.open.get_mut(id) else { return };
        let (count, bytes) = (&mut self.count, &mut self.bytes);
        all.retain(|open| !which(open) || !open.cancel(false, count, bytes));
        if all.is_empty() {
            self.open.remove(id);
        }
    }

    /// Takes a request in. None if there are too many.
    pub(super) fn add(&mut self, asked: &Arc<ParsedRequest>) -> Option<Arc<End>> {
        let bytes = asked.bytes();
        if self.count > 0 && (self.count >= MOST_OPEN || self.bytes + bytes > MOST_OPEN_BYTES) {
            return None;
        }
        self.count += 1;
        self.bytes += bytes;
        let end = Arc::<End>::default();
        let leg = Some(asked.request.leg);
        let open = Open { leg, left: false, asked: Arc::clone(asked), end: Arc::clone(&end) };
        self.open.entry(asked.request.id.get().into()).or_default().push(open);
        Some(end)
    }

    /// The open requests of an id.
    pub(super) fn of_id(&mut self, id: &str) -> impl Iterator<Item = &mut Open> {
        self.open.get_mut(id).into_iter().flatten()
    }

    /// The line is gone on which they were asked.
    pub(super) fn lost(&mut self) {
        for open in self.open.values_mut().flatten() {
            open.leg = None;
        }
    }

    /// The last answer to a request of an id.
    pub(super) fn given(&mut self, id: &str) -> Option<&mut SentAnswer> {
        self.given.iter_mut().find(|given| given.asked.request.id.get() == id)
    }

    fn find(&mut self, asked: &Arc<ParsedRequest>) -> Option<&mut Open> {
        self.open.get_mut(asked.request.id.get())?.iter_mut().find(|open| Arc::ptr_eq(&open.asked, asked))
    }

    /// A request waits for another client. False if it is over.
    pub(super) fn leave(&mut self, asked: &Arc<ParsedRequest>) -> bool {
        self.find(asked).map(|open| open.left = true).is_some()
    }

    pub(super) fn remove(&mut self, asked: &Arc<ParsedRequest>) -> Option<Open> {
        let id = asked.request.id.get();
        let all = self.open.get_mut(id)?;
        let at = all.iter().position(|open| Arc::ptr_eq(&open.asked, asked))?;
        let open = all.swap_remove(at);
        if all.is_empty() {
            self.open.remove(id);
        }
        self.count -= 1;
        self.bytes -= asked.bytes();
        Some(open)
    }

    pub(super) fn remember(&mut self, given: SentAnswer) {
        self.given_bytes += given.bytes();
        self.given.push_back(given);
        while (self.given.len() > MOST_GIVEN || self.given_bytes > MOST_GIVEN_BYTES)
            && let Some(oldest) = self.given.pop_front()
        {
            self.given_bytes -= oldest.bytes();
        }
    }

    pub(super) fn forget_all_given(&mut self) {
        self.given.clear();
        self.given_bytes = 0;
    }

    pub(super) fn forget_given(&mut self, id: &str) {
        self.given.retain(|given| given.asked.request.id.get() != id);
        self.given_bytes = self.given.iter().map(SentAnswer::bytes).sum();
    }
}

impl Open {
    /// Ends it, and takes it out of the sums.
    fn cancel(&self, left: bool, count: &mut usize, bytes: &mut usize) -> bool {
        *count -= 1;
        *bytes -= self.asked.bytes();
        if left {
            let _ = self.end.left.set(());
        }
        self.end.cancel.cancel();
        true
    }
}

impl SentAnswer {
    fn bytes(&self) -> usize {
        let answer = self.answer.as_ref().map_or_else(|(_, message)| message.len(), String::len);
        self.asked.bytes() + answer
    }
}
