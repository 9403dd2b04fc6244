//! A turn that is being started: its id is not known before the server has answered, and its events may be here before.

use std::sync::{Arc, Weak};

use serde_json::value::RawValue;

use super::backlog::{Backlog, Kept};
use super::owner::{Claim, Owner};
use super::route::{Route, Starting};
use super::running::Running;
use super::{Router, TurnSink};
use crate::lock;

/// A turn that is being started. Its early events are kept until its id is known.
#[derive(Debug)]
pub struct Expected {
    router: Weak<Router>,
    thread: String,
    settled: bool,
}

impl Router {
    /// A turn is about to begin: what comes for unknown turns of this thread is kept from now on.
    pub fn expect(self: &Arc<Self>, thread: &str, claim: Claim) -> Expected {
        let owner = Owner::starting(thread, claim);
        let mut inner = lock(&self.inner);
        if owner.begun_here() {
            inner.begun.forget_doubtful(thread);
        }
        let starting =
            Starting { owner, early: Backlog::default(), idle: false, missed: false, unnamed: None };
        inner.threads.entry(thread.to_owned()).or_default().starting = Some(starting);
        drop(inner);
        Expected::new(self, thread)
    }
}

impl Expected {
    fn new(router: &Arc<Router>, thread: &str) -> Self {
        Self { router: Arc::downgrade(router), thread: thread.to_owned(), settled: false }
    }

    /// No answer will tell its id.
    pub fn is_unnamed(&self) {
        let Some(router) = self.router.upgrade() else { return };
        if let Some(route) = lock(&router.inner).threads.get_mut(&self.thread) {
            let before = route.started.borrow().clone();
            if let Some(starting) = &mut route.starting {
                starting.unnamed = Some(before);
            }
        }
    }

    /// What the server has stored is about to be asked for: it tells what was missed until now.
    pub fn catches_up(&self) {
        let Some(router) = self.router.upgrade() else { return };
        if let Some(route) = lock(&router.inner).threads.get_mut(&self.thread)
            && let Some(starting) = &mut route.starting
        {
            starting.missed = false;
        }
    }

    /// This is what the server has stored: what came before the last gap is older.
    pub fn caught_up(&self, stored: &RawValue) {
        let Some(router) = self.router.upgrade() else { return };
        if let Some(route) = lock(&router.inner).threads.get_mut(&self.thread)
            && let Some(starting) = &mut route.starting
        {
            starting.early.caught_up(stored);
        }
    }

    /// Whether it has begun nobody has said, nor will.
    pub fn may_have_begun(&self) {
        let Some(router) = self.router.upgrade() else { return };
        let mut inner = lock(&router.inner);
        let begun = Arc::clone(&inner.begun);
        if let Some(route) = inner.threads.get_mut(&self.thread)
            && let Some(starting) = &route.starting
        {
            begun.may_have_begun(&starting.owner);
            route.in_doubt = true;
        }
    }

    /// The id is known, and what it has done so far is not. Where that can't be found out it is no turn that never was.
    pub fn begun(&self, turn: &str) {
        let Some(router) = self.router.upgrade() else { return };
        if let Some(route) = lock(&router.inner).threads.get(&self.thread)
            && let Some(starting) = &route.starting
        {
            starting.owner.named(turn);
        }
    }

    /// The id is known: `sink` gets what came early, then all that comes. It comes back from here where events were
    /// missed, as a line was lost: these are to be caught up with first.
    pub fn resolve(mut self, turn: &str, sink: Arc<dyn TurnSink>) -> Result<(), Self> {
        let Some(router) = self.router.upgrade() else { return Ok(()) };
        let mut inner = lock(&router.inner);
        let starting = inner.threads.get(&self.thread).and_then(|route| route.starting.as_ref());
        if inner.ended.is_none() && starting.is_some_and(|starting| starting.missed) {
            drop(inner);
            self.begun(turn);
            return Err(self);
        }
        self.settled = true;
        let ended = inner.ended.clone();
        inner.last = None;
        let joins = inner
            .threads
            .get(&self.thread)
            .and_then(|route| route.starting.as_ref())
            .is_some_and(|starting| !starting.owner.begun_here());
        let begun = if joins { inner.known_owner(&self.thread, turn) } else { None };
        let starting = inner.threads.get_mut(&self.thread).and_then(|route| {
            let mut starting = route.starting.take()?;
            if let Some(begun) = begun {
                // It is joined again: what it asks is for who began it.
                if let Some(context) = starting.owner.context() {
                    begun.continued(context);
                }
                std::mem::replace(&mut starting.owner, begun).ended();
            }
            starting.owner.is(turn, &sink);
            let running = Running { owner: Arc::clone(&starting.owner), sink: Some(Arc::clone(&sink)) };
            route.turns.insert(turn.to_owned(), running);
            Some(starting)
        });
        let idle = starting.as_ref().is_some_and(|starting| starting.idle);
        let mut lost = None;
        match starting.map(|starting| starting.early.take(turn)) {
            // Still under the lock: what comes next must come after these.
            Some(Ok(early)) => router.all_again(&mut inner, early, &sink),
            Some(Err(error)) => lost = Some(error),
            None => {}
        }
        // What agents said of which the root is this turn.
        for (thread, line) in inner.agents.strays_of(|_| true) {
            crate::rpc::with_notification(&line, |notification| {
                inner.give_agent(&thread, notification);
            });
        }
        if ended.is_some() {
            for running in inner.threads.remove(&self.thread).into_iter().flat_map(Route::into_turns) {
                inner.abandon(&running.owner);
            }
        } else if lost.is_some() {
            inner.forget(&self.thread, turn);
        }
        drop(inner);
        router.settled.send_replace(());
        if idle {
            sink.thread_idle();
        }
        if let Some(error) = ended.or(lost) {
            sink.connection_ended(&error);
        }
        router.wake();
        Ok(())
    }
}

impl Drop for Expected {
    /// The turn never came to be, or can't be followed: what was kept belongs to nobody here.
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let Some(router) = self.router.upgrade() else { return };
        let mut inner = lock(&router.inner);
        let starting = inner.threads.get_mut(&self.thread).and_then(|route| route.starting.take());
        if let Some(starting) = starting {
            inner.unfollowed(&self.thread, &starting.owner);
            let lost = starting.early.lost();
            if lost > 0 {
                tracing::warn!(
                    thread = self.thread,
                    lost,
                    "events of turns that nobody knows were too many to keep"
                );
                router.lost(&mut inner, lost);
            }
            for kept in starting.early.take("").unwrap_or_default() {
                if let Kept::Line(line) = kept {
                    router.again(&mut inner, &line);
                }
            }
        }
        drop(inner);
        router.settled.send_replace(());
        router.wake();
    }
}
