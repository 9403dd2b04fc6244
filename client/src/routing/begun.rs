//! The turns of a client that nobody follows over this connection: those that have ended, for which a sub-agent may begin to
//! work later, those whose connection was lost, which may run on and ask over the next, and starts that were not answered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::owner::Owner;
use crate::lock;

/// How many are known that may still run.
const MOST: usize = 1024;
/// How many are known that have ended: their handlers are held so long.
const MOST_OVER: usize = 16;

/// The last turns of one client, over all of its connections.
#[derive(Default)]
pub struct Begun(Mutex<VecDeque<Arc<Owner>>>);

impl Begun {
    pub(super) fn remember(&self, owner: &Arc<Owner>) {
        let mut turns = lock(&self.0);
        turns.retain(|known| !Arc::ptr_eq(known, owner));
        turns.push_back(Arc::clone(owner));
        for (is_over, most) in [(true, MOST_OVER), (false, MOST)] {
            let alike = |known: &Arc<Owner>| known.is_over() == is_over;
            if turns.iter().filter(|known| alike(known)).count() > most
                && let Some(oldest) = turns.iter().position(alike)
            {
                turns.remove(oldest);
            }
        }
    }

    /// Whether it is one of them: begun here, or perhaps.
    pub(super) fn knows(&self, owner: &Arc<Owner>) -> bool {
        lock(&self.0).iter().any(|known| Arc::ptr_eq(known, owner))
    }

    /// A turn of a thread whose start was not answered may have begun: it is known then, but not to be ours.
    pub(super) fn may_have_begun(&self, owner: &Owner) {
        let doubtful = owner.doubtful();
        self.forget_doubtful(doubtful.thread());
        self.remember(&doubtful);
    }

    /// A turn that begins in a thread now finds none that runs there.
    pub(super) fn forget_doubtful(&self, thread: &str) {
        lock(&self.0).retain(|owner| owner.thread() != thread || owner.turn().is_some());
    }

    /// The turn of an id, in whichever thread.
    pub(super) fn find(&self, turn: &str) -> Option<Arc<Owner>> {
        lock(&self.0).iter().rev().find(|owner| owner.is_turn(turn)).cloned()
    }

    /// One of a thread that may still run: it was begun here, over an earlier connection or by a start that was not
    /// answered. That has its name from now on.
    pub(super) fn take_up(&self, thread: &str, turn: &str) -> Option<Arc<Owner>> {
        let turns = lock(&self.0);
        let of_thread = || turns.iter().rev().filter(|owner| owner.thread() == thread && !owner.is_over());
        if let Some(owner) = of_thread().find(|owner| owner.is_turn(turn)) {
            return Some(Arc::clone(owner));
        }
        let owner = of_thread().find(|owner| owner.turn().is_none())?;
        owner.named(turn);
        Some(Arc::clone(owner))
    }
}
