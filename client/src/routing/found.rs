//! What is known of the threads of a connection beside their turns, and how they come back when the line was lost.

use std::sync::{Arc, Weak};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::route::Paused;
use super::running::Running;
use super::{Backlog, Router, ThreadSink, TurnSink};
use crate::lock;

impl Router {
    /// Follows which turn the server works on in a thread.
    pub fn active(&self, thread: &str) -> watch::Receiver<Option<String>> {
        lock(&self.inner).threads.entry(thread.to_owned()).or_default().active.subscribe()
    }

    /// Follows which turn the server last said it has started in a thread, also after its end.
    pub fn started(&self, thread: &str) -> watch::Receiver<Option<String>> {
        lock(&self.inner).threads.entry(thread.to_owned()).or_default().started.subscribe()
    }

    /// Tells a thread what the server says of it, from now on.
    pub fn follow(&self, thread: &str, sink: Weak<dyn ThreadSink>) {
        lock(&self.inner).threads.entry(thread.to_owned()).or_default().sink = Some(sink);
    }

    /// The last `thread/tokenUsage/updated` of a thread: its `tokenUsage` as JSON.
    pub fn usage(&self, thread: &str) -> Option<String> {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            params: Params<'a>,
        }
        #[derive(Deserialize)]
        struct Params<'a> {
            #[serde(borrow, rename = "tokenUsage")]
            token_usage: &'a RawValue,
        }
        let line = lock(&self.inner).threads.get(thread)?.usage.clone()?;
        let message: Message<'_> = serde_json::from_str(&line).ok()?;
        Some(message.params.token_usage.get().to_owned())
    }

    /// Events are being missed: what still comes for turns is held until each has been resumed.
    pub fn pause(&self) {
        let mut inner = lock(&self.inner);
        inner.last = None;
        for route in inner.threads.values_mut() {
            if let Some(starting) = &mut route.starting {
                starting.missed = true;
                starting.early.gap();
            }
            for paused in route.paused.values_mut() {
                paused.held.gap();
            }
            for (turn, running) in route.turns.drain() {
                route.paused.insert(turn, Paused { running, held: Backlog::default(), idle: false });
            }
        }
    }

    /// The turns of a thread that are paused.
    pub fn paused(&self, thread: &str) -> Vec<String> {
        let inner = lock(&self.inner);
        inner.threads.get(thread).map(|route| route.paused.keys().cloned().collect()).unwrap_or_default()
    }

    /// The threads of sub-agents that work for turns of this client, and how many events of their turns came.
    pub fn agents(&self) -> Vec<(String, u64)> {
        lock(&self.inner).agents.working()
    }

    /// What the server says of a sub-agent whose events were missed: that it is idle, or is no more. What was heard
    /// since is newer.
    pub fn found_agent_idle(&self, thread: &str, heard: u64) {
        let mut inner = lock(&self.inner);
        for running in inner.agents.found_idle(thread, heard) {
            inner.settle(&running);
        }
        drop(inner);
        self.wake();
    }

    /// Goes on with a turn that was paused: first with what the server has `stored` of it, then with what was held.
    /// Where the server has nothing, what was missed stays missed, and whether the turn still runs is doubtful.
    pub fn resume(&self, thread: &str, turn: &str, stored: Option<&RawValue>) {
        let mut inner = lock(&self.inner);
        inner.last = None;
        let Some(route) = inner.threads.get_mut(thread) else { return };
        let Some(Paused { running, mut held, idle }) = route.paused.remove(turn) else { return };
        let Some(sink) = running.sink.clone() else { return };
        if let Some(stored) = stored {
            held.caught_up(stored);
        }
        route.turns.insert(turn.to_owned(), running);
        sink.recover(stored);
        let mut lost = None;
        match held.take(turn) {
            // Still under the lock: what comes next must come after these.
            Ok(held) => self.all_again(&mut inner, held, &sink),
            Err(error) => lost = Some(error),
        }
        if let Some(stored) = stored {
            sink.conclude(stored);
        }
        if sink.has_ended()
            && let Some(route) = inner.threads.get_mut(thread)
        {
            route.ended(turn);
        }
        drop(inner);
        if let Some(error) = lost {
            sink.connection_ended(&error);
        }
        if idle || stored.is_none() {
            sink.thread_idle();
        }
        sink.wake();
        self.wake();
    }

    /// How many times the server said what it works on in a thread.
    pub fn said(&self, thread: &str) -> u64 {
        lock(&self.inner).threads.get(thread).map_or(0, |route| route.said)
    }

    /// What the server says of a thread whose events were missed: that it is idle, and has been since `active` was
    /// what was known of it.
    pub fn found_idle(&self, thread: &str, active: &Option<String>) {
        if let Some(route) = lock(&self.inner).threads.get_mut(thread) {
            route.said += 1;
            route.rests(active);
        }
    }

    /// The same of a thread that is given up: what the server says is newer, also where it was asked for before.
    pub fn presume_idle(&self, thread: &str, active: &Option<String>) {
        if let Some(route) = lock(&self.inner).threads.get_mut(thread) {
            route.rests(active);
        }
    }

    /// What the server says of a thread over a new line: that it is idle. A start that was not answered over an earlier one
    /// never came to be, or its turn is over: what begins later is another's.
    pub fn found_idle_anew(&self, thread: &str, active: &Option<String>) {
        lock(&self.inner).begun.forget_doubtful(thread);
        self.found_idle(thread, active);
    }

    /// What the server says of a thread whose events were missed: the turn that it works on.
    pub fn found_active(&self, thread: &str, turn: &str) {
        lock(&self.inner).threads.entry(thread.to_owned()).or_default().found_busy(Some(turn.to_owned()));
    }

    /// What the server says of a thread: that it works on a turn, if it is known which. It was asked when it had `said` so
    /// much: what came since is newer.
    pub fn found_busy(&self, thread: &str, turn: Option<String>, said: u64) {
        let mut inner = lock(&self.inner);
        let route = inner.threads.entry(thread.to_owned()).or_default();
        let is_news = turn.is_some() || route.active.borrow().is_none();
        if is_news && route.said == said {
            route.found_busy(turn);
        }
    }

    /// Whether a turn may have begun in a thread of which nothing was heard.
    pub fn is_in_doubt(&self, thread: &str) -> bool {
        lock(&self.inner).threads.get(thread).is_some_and(|route| route.in_doubt)
    }

    /// It would have been heard of by now.
    pub fn no_doubt(&self, thread: &str) {
        if let Some(route) = lock(&self.inner).threads.get_mut(thread) {
            route.in_doubt = false;
        }
    }

    /// Whether a turn of a thread is being started.
    pub fn expects(&self, thread: &str) -> bool {
        lock(&self.inner).threads.get(thread).is_some_and(|route| route.starting.is_some())
    }

    /// Whether a turn of a thread is being started whose id no answer tells: the one that was started before it, if any was.
    pub fn expects_unnamed(&self, thread: &str) -> Option<Option<String>> {
        lock(&self.inner).threads.get(thread)?.starting.as_ref()?.unnamed.clone()
    }

    /// What the server says of a thread whose events were missed: the turn that it has started, and whether that runs.
    pub fn found_started(&self, thread: &str, turn: &str, runs: bool) {
        if let Some(route) = lock(&self.inner).threads.get_mut(thread) {
            if runs {
                route.found_busy(Some(turn.to_owned()));
            }
            route.started.send_replace(Some(turn.to_owned()));
        }
    }

    /// Gives up a turn that was paused.
    pub fn lose(&self, thread: &str, turn: &str) -> Option<Arc<dyn TurnSink>> {
        let mut inner = lock(&self.inner);
        let route = inner.threads.get_mut(thread)?;
        let running = route.forget(turn)?;
        if running.owner.begun_here() {
            // The server may run on with it, and ask.
            route.unfollowed = Some(Running { owner: Arc::clone(&running.owner), sink: None });
            inner.settle(&running);
        } else {
            inner.over(&running);
        }
        running.sink
    }
}
