//! Whose a message is: the one place where a thread, a turn, its other id or a sub-agent leads to the turn that owns it.
//!
//! Events are routed by it, requests from the server are answered by it, and what is restored after a lost line is
//! taken from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::agents::{Agents, Learned, Of};
use super::backlog::Kept;
use super::begun::Begun;
use super::owner::{Owner, Whose};
use super::route::Route;
use super::running::Running;
use super::wire::root_turn;
use super::{Ring, TurnSink};
use crate::handlers::CallContext;
use crate::rpc::{Ids, Notification};
use crate::{Error, lock};

/// Knows the turns of one connection.
pub struct Router {
    ring: Arc<Ring>,
    pub(super) inner: Mutex<Inner>,
    /// Told when it becomes known whose something is.
    pub(super) settled: watch::Sender<()>,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) threads: HashMap<String, Route>,
    pub(super) agents: Agents,
    /// Turns that have ended, or whose connection has.
    pub(super) begun: Arc<Begun>,
    /// The turn that the last event went to: most events go where the one before went.
    pub(super) last: Option<(String, String, Running)>,
    /// Whose readers are to be woken.
    woken: Vec<Arc<dyn TurnSink>>,
    ring_touched: bool,
    /// Whether it has become known whose something is.
    settled: bool,
    pub(super) ended: Option<Error>,
}

impl Router {
    /// A router that puts what belongs to no turn into `ring`, of a client whose earlier turns are `begun`.
    pub fn new(ring: Arc<Ring>, begun: Arc<Begun>) -> Arc<Self> {
        let inner = Mutex::new(Inner { begun, ..Inner::default() });
        Arc::new(Self { ring, inner, settled: watch::Sender::default() })
    }

    /// Forgets a turn that has ended; what still comes for it goes to the ring.
    pub fn forget(&self, thread: &str, turn: &str) {
        lock(&self.inner).forget(thread, turn);
    }

    /// Whose a request of a thread is, or of one turn in it.
    pub fn whose(&self, thread: Option<&str>, turn: Option<&str>) -> Whose {
        let mut inner = lock(&self.inner);
        let Some(thread) = thread else { return Whose::default() };
        if let Some(turn) = turn {
            inner.take_up(thread, turn);
        }
        let route = inner.threads.get(thread);
        let known = turn.zip(route).is_some_and(|(turn, route)| route.turn(turn).is_some());
        let unsettled = match inner.agents.of(thread, turn) {
            Of::Agent(running) if !known => {
                let owner = Arc::clone(&running.owner);
                return Whose { ours: owner.begun_here(), owner: Some(owner), ..Whose::default() };
            }
            Of::Agent(_) | Of::Foreign => inner.starts_any(),
            // Any turn that runs may turn out to be the one that it works for.
            Of::Unknown => inner.threads.values().any(Route::has_work),
        };
        route.map_or_else(|| Whose { unsettled, ..Whose::default() }, |route| route.whose(turn))
    }

    /// A turn goes on by another call, made in this context.
    pub fn continued(&self, turn: &str, context: Option<CallContext>) {
        if let (Some(running), Some(context)) = (lock(&self.inner).root(turn), context) {
            running.owner.continued(context);
        }
    }

    /// Tells when it becomes known whose something is.
    pub fn settled(&self) -> watch::Receiver<()> {
        self.settled.subscribe()
    }

    /// A thread was made here, and not only resumed.
    pub fn made(&self, thread: &str) {
        lock(&self.inner).threads.entry(thread.to_owned()).or_default().made_here = true;
        self.settled.send_replace(());
    }

    /// Forgets the threads that are not in use: nobody here has a handle on them, and none of their turns runs.
    pub fn keep_threads(&self, is_used: impl Fn(&str) -> bool) {
        lock(&self.inner)
            .threads
            .retain(|thread, route| route.is_at_work() || route.is_followed() || is_used(thread));
    }

    /// Takes one notification.
    pub fn notification(&self, notification: &Notification<'_>) {
        let mut inner = lock(&self.inner);
        let Ids { thread, turn, .. } = notification.ids;
        let delivered = match (thread.as_deref(), turn.as_deref()) {
            (Some(thread), Some(turn)) => inner.give_turn(thread, turn, notification),
            (Some(thread), None) => {
                if let Some(route) = inner.threads.get_mut(thread) {
                    route.tell(notification);
                }
                false
            }
            (None, _) => {
                inner.doubt_all(notification);
                false
            }
        };
        let delivered =
            delivered || thread.as_deref().is_some_and(|thread| inner.give_agent(thread, notification));
        if !delivered {
            inner.ring_touched = true;
            self.ring.push(notification.method, notification.line);
        }
        if std::mem::take(&mut inner.settled) {
            drop(inner);
            self.settled.send_replace(());
        }
    }

    /// Wakes the readers of what was delivered.
    pub fn wake(&self) {
        let mut inner = lock(&self.inner);
        let woken = std::mem::take(&mut inner.woken);
        let ring = std::mem::take(&mut inner.ring_touched);
        drop(inner);
        for sink in woken {
            sink.wake();
        }
        if ring {
            self.ring.wake();
        }
    }

    /// Ends every turn that is still open.
    pub fn end(&self, error: &Error) {
        let mut inner = lock(&self.inner);
        inner.ended = Some(error.clone());
        inner.last = None;
        let mut threads = std::mem::take(&mut inner.threads);
        let agents = std::mem::take(&mut inner.agents);
        // What came early stays for turns whose answer has come, but nobody has acted on it yet.
        for (thread, route) in &mut threads {
            if let Some(starting) = route.starting.take() {
                inner.threads.insert(thread.clone(), Route::only(starting));
            }
        }
        let turns = threads.into_values().flat_map(Route::into_turns);
        let turns: Vec<_> = agents.into_turns().chain(turns).collect();
        turns.iter().for_each(|running| inner.abandon(&running.owner));
        drop(inner);
        turns.iter().flat_map(Running::followers).for_each(|sink| sink.connection_ended(error));
    }

    /// Messages that belong to nobody here were too many to keep: who reads the notifications learns how many.
    pub(super) fn lost(&self, inner: &mut Inner, count: u64) {
        inner.ring_touched = true;
        self.ring.lost(count);
    }

    /// Routes what had been kept for a turn.
    pub(super) fn all_again(&self, inner: &mut Inner, kept: Vec<Kept>, sink: &Arc<dyn TurnSink>) {
        for kept in kept {
            match kept {
                Kept::Line(line) => self.again(inner, &line),
                Kept::Gap => sink.recover(None),
            }
        }
    }

    /// Routes a message that had been kept.
    pub(super) fn again(&self, inner: &mut Inner, line: &str) {
        crate::rpc::with_notification(line, |notification| {
            let Ids { thread, turn, .. } = notification.ids;
            let (Some(thread), Some(turn)) = (thread.as_deref(), turn.as_deref()) else { return };
            if !inner.give_turn(thread, turn, notification) && !inner.give_agent(thread, notification) {
                inner.ring_touched = true;
                self.ring.push(notification.method, line);
            }
        });
    }
}

impl Inner {
    pub(super) fn forget(&mut self, thread: &str, turn: &str) {
        self.last = None;
        if let Some(running) = self.threads.get_mut(thread).and_then(|route| route.forget(turn)) {
            self.over(&running);
        }
    }

    /// A turn has ended. Its agents may go on.
    pub(super) fn over(&mut self, running: &Running) {
        running.owner.ended();
        if running.sink.is_some() || running.owner.begun_here() {
            self.begun.remember(&running.owner);
        }
        self.settle(running);
    }

    /// A turn that was being started is not followed: it never came to be, or what it does can't be known.
    pub(super) fn unfollowed(&mut self, thread: &str, owner: &Arc<Owner>) {
        if owner.turn().is_none() || self.ended.is_some() {
            return self.abandon(owner);
        }
        let known = owner.turn().is_some_and(|turn| {
            self.threads.get(thread).is_none_or(|route| route.unfollowed(&turn).is_some())
        });
        match self.threads.get_mut(thread) {
            Some(route) if !known => {
                route.unfollowed = Some(Running { owner: Arc::clone(owner), sink: None });
            }
            // It is known by who began it.
            _ => self.abandon(owner),
        }
    }

    /// Nobody follows a turn any more, or it was refused. The server may run on with one that has begun, and ask over the next
    /// connection.
    pub(super) fn abandon(&self, owner: &Arc<Owner>) {
        let may_run = owner.turn().is_some() && (owner.begun_here() || self.begun.knows(owner));
        if may_run {
            self.begun.remember(owner);
        } else {
            owner.ended();
        }
    }

    /// Tells a turn whether any agent works for it, and lets go of it if it has ended and none does.
    pub(super) fn settle(&mut self, running: &Running) {
        let working = self.agents.works_for(&running.owner);
        for sink in &running.followers() {
            sink.agents_at_work(working);
            if !working {
                self.will_wake(sink);
            }
        }
        if running.owner.is_over() && !working {
            self.agents.release(&running.owner);
        }
    }

    fn starts_any(&self) -> bool {
        self.threads.values().any(|route| route.starting.is_some())
    }

    /// The turn of an id, whichever thread it is of.
    fn root(&self, turn: &str) -> Option<Running> {
        let known = self.threads.values().find_map(|route| route.turn(turn)).cloned();
        known.or_else(|| self.agents.root(turn)).or_else(|| {
            let owner = self.begun.find(turn)?;
            let sink = owner.sink();
            Some(Running { owner, sink })
        })
    }

    /// Who is known to have a turn that is joined now: it has one owner, whoever follows it.
    pub(super) fn known_owner(&mut self, thread: &str, turn: &str) -> Option<Arc<Owner>> {
        if let Some(route) = self.threads.get_mut(thread)
            && let Some(lost) = route.unfollowed.take_if(|lost| lost.owner.is_turn(turn))
        {
            return Some(lost.owner);
        }
        let over = || self.begun.find(turn).filter(|owner| owner.thread() == thread);
        self.begun.take_up(thread, turn).or_else(over)
    }

    /// Knows a turn again that was begun here, and that nobody follows over this connection.
    fn take_up(&mut self, thread: &str, turn: &str) {
        if let Some(route) = self.threads.get_mut(thread)
            && route.turn(turn).is_none()
            && route.starting.as_ref().is_none_or(|starting| !starting.owner.begun_here())
            && let Some(owner) = self.begun.take_up(thread, turn)
        {
            route.unfollowed = Some(Running { owner, sink: None });
        }
    }

    fn give_turn(&mut self, thread: &str, turn: &str, notification: &Notification<'_>) -> bool {
        if let Some((last_thread, last_turn, running)) = &self.last
            && last_turn == turn
            && last_thread == thread
            // The few that the thread itself must see take the long way.
            && !notification.method.starts_with('t')
        {
            let running = running.clone();
            return self.deliver(&running, notification);
        }
        match notification.method {
            "turn/started" => {
                // A review begins under one id and ends under that of its root.
                let root = root_turn(notification.line);
                self.take_up(thread, root.as_deref().unwrap_or(turn));
            }
            // They name sub-agents.
            "item/started" | "item/completed" => self.take_up(thread, turn),
            _ => {}
        }
        let Some(route) = self.threads.get_mut(thread) else { return false };
        route.follow(thread, turn, notification);
        let turn = route.named(turn).to_owned();
        if let Some(running) = route.turns.get(&turn).cloned() {
            self.deliver(&running, notification);
            if notification.method == "turn/completed" && running.has_ended() {
                // What still comes for it, such as the output of a command that goes on, comes after its end.
                self.forget(thread, &turn);
            } else {
                self.last = Some((thread.to_owned(), turn, running));
            }
            return true;
        }
        if let Some(paused) = route.paused.get_mut(&turn) {
            paused.held.push(notification.line);
            return true;
        }
        if let Some(unfollowed) = route.unfollowed(&turn).cloned() {
            self.learn_agents(&unfollowed, notification);
            if notification.method == "turn/completed" {
                self.over(&unfollowed);
            }
            // Whoever joins it has what came after the answer that tells the rest.
            if let Some(starting) = self.threads.get_mut(thread).and_then(|route| route.starting.as_mut())
                && !starting.owner.begun_here()
            {
                starting.early.push(notification.line);
                return true;
            }
            return false;
        }
        let is_agents = route.starting.is_some() && self.is_agents(thread, &turn, notification);
        let Some(route) = self.threads.get_mut(thread) else { return false };
        match &mut route.starting {
            Some(starting) if !is_agents => {
                starting.early.push(notification.line);
                true
            }
            _ => {
                if notification.method == "turn/completed" {
                    // A thread works on one turn at a time: it may be the end of a known one that can't be read.
                    route.tell(notification);
                }
                false
            }
        }
    }

    /// Some turn has ended, and which one can't be read: each looks whether it was it.
    fn doubt_all(&self, notification: &Notification<'_>) {
        if notification.method == "turn/completed" {
            for sink in self.threads.values().flat_map(Route::sinks) {
                sink.thread_idle();
            }
        }
    }

    fn deliver(&mut self, running: &Running, notification: &Notification<'_>) -> bool {
        if let Some(sink) = &running.sink
            && sink.event(notification)
        {
            self.will_wake(sink);
        }
        self.learn_agents(running, notification);
        true
    }

    /// Whether a turn in a thread where another is being started works for one of another thread.
    fn is_agents(&self, thread: &str, turn: &str, notification: &Notification<'_>) -> bool {
        let works_elsewhere = || {
            let root = root_turn(notification.line).filter(|root| root != turn)?;
            self.root(&root).filter(|running| running.owner.thread() != thread)
        };
        self.agents.runs(thread, turn)
            || (notification.method == "turn/started" && works_elsewhere().is_some())
    }

    /// Gives an event to the turn that its thread works for, if that is known.
    pub(super) fn give_agent(&mut self, thread: &str, notification: &Notification<'_>) -> bool {
        let turn = notification.ids.turn.as_deref();
        if let ("turn/started", Some(turn)) = (notification.method, turn) {
            self.agent_begins(thread, turn, notification.line);
        }
        let (running, is_known) = match self.agents.of(thread, turn) {
            Of::Agent(running) => (Some(running.clone()), true),
            Of::Foreign => (None, true),
            Of::Unknown => (None, false),
        };
        let sink = running.as_ref().and_then(Running::follower);
        if let Some(sink) = &sink
            && sink.agent_event(thread, notification)
        {
            self.will_wake(sink);
        }
        if let Some(running) = &running {
            self.learn_agents(running, notification);
        } else if self.may_be_known(thread, is_known) {
            self.agents.stray(thread, notification.line);
        }
        if self.agents.follow(thread, notification) {
            let by = self.agents.by(thread).cloned();
            for running in running.iter().chain(by.iter()) {
                self.settle(running);
            }
        }
        sink.is_some()
    }

    /// A turn begins in a thread that may be an agent's: its root says for which turn.
    fn agent_begins(&mut self, thread: &str, turn: &str, line: &str) {
        let running = match root_turn(line) {
            Some(root) if root != turn => self.root(&root),
            // Somebody began it in the agent's thread itself.
            Some(_) => None,
            // An older codex does not say.
            None => self.agents.by(thread).cloned(),
        };
        let before = self.agents.by(thread).cloned();
        let is_new = running.is_some() && before.is_none();
        self.settled |= self.agents.begin(thread, turn, running);
        if let Some(before) = &before {
            // It may have waited for an agent that works for another now.
            self.settle(before);
        }
        if is_new {
            self.give_strays(&[thread.to_owned()]);
        }
    }

    /// Whether it may turn out for which turn an unknown thread works: for one that runs, or is about to. Of an agent
    /// that works for an unknown turn it can only be one that is about to.
    fn may_be_known(&self, thread: &str, is_agent: bool) -> bool {
        if is_agent {
            return self.starts_any();
        }
        !self.threads.contains_key(thread) && self.threads.values().any(Route::is_at_work)
    }

    fn learn_agents(&mut self, running: &Running, notification: &Notification<'_>) {
        let Learned { joined, left } = self.agents.learn(notification, running);
        if !joined.is_empty() {
            self.settled = true;
            self.settle(running);
            left.iter().for_each(|before| self.settle(before));
            self.give_strays(&joined);
        }
    }

    /// Gives the turns of some threads what these had said before.
    fn give_strays(&mut self, threads: &[String]) {
        for (thread, line) in self.agents.strays_of(|stray| threads.iter().any(|thread| thread == stray)) {
            crate::rpc::with_notification(&line, |notification| {
                self.give_agent(&thread, notification);
            });
        }
    }

    fn will_wake(&mut self, sink: &Arc<dyn TurnSink>) {
        if !self.woken.iter().any(|woken| Arc::ptr_eq(woken, sink)) {
            self.woken.push(Arc::clone(sink));
        }
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "begun_tests.rs"]
mod begun_tests;

#[cfg(test)]
#[path = "agents_tests.rs"]
mod agents_tests;
