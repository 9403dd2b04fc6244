//! The turns of a client that have ended here, or whose connection has: a sub-agent may begin to work for one later, and
//! one whose connection was lost may run on and ask over the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::owner::Owner;
use crate::lock;

/// How many are known.
const MOST: usize = 64;

/// The last turns of one client, over all of its connections.
#[derive(Default)]
pub struct Begun(Mutex<VecDeque<Arc<Owner>>>);

impl Begun {
    pub(super) fn remember(&self, owner: &Arc<Owner>) {
        let mut turns = lock(&self.0);
        turns.retain(|known| !Arc::ptr_eq(known, owner));
        if turns.len() == MOST {
            turns.pop_front();
        }
        turns.push_back(Arc::clone(owner));
    }

    /// A turn of a thread whose start was not answered may have begun: it is known then, but not to be ours.
    pub(super) fn may_have_begun(&self, owner: &Owner) {
        let doubtful = owner.in_doubt();
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

    /// One that was begun here over an earlier connection, or may have been, and may still run.
    pub(super) fn lives(&self, thread: &str, turn: &str) -> Option<Arc<Owner>> {
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
