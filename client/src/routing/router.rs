use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::Ring;
use super::agents::Agents;
use crate::rpc::{Ids, Notification};
use crate::{Error, lock};

/// Events that come for a turn before its id is known; more than this is not a turn's beginning.
const LONGEST_WAIT: usize = 100_000;

/// Stands for a turn of which only is known that it runs.
const UNKNOWN_TURN: &str = "";

/// Takes the events of one turn.
pub trait TurnSink: Send + Sync {
    /// One notification. True if a reader waits to be woken.
    fn event(&self, notification: &Notification<'_>) -> bool;
    /// Its thread says that it does nothing any more.
    fn thread_idle(&self);
    /// The server calls it by another id too, which it wants to hear when the turn is steered or interrupted. False
    /// if it has ended, and the other is another turn.
    fn also_called(&self, _turn: &str) -> bool {
        false
    }
    /// What was ready has been delivered.
    fn wake(&self);
    /// A thread works for this turn from now on.
    fn agent_joined(&self, _thread: &str) {}
    /// One notification of a thread that works for this turn. True if a reader waits to be woken.
    fn agent_event(&self, _thread: &str, _notification: &Notification<'_>) -> bool {
        false
    }
    /// Takes over what the server has stored of the turn, where events were missed; what else came follows.
    fn recover(&self, _turn: &RawValue) {}
    /// All that came has followed: ends the turn if what is stored says that it is over.
    fn conclude(&self, _turn: &RawValue) {}
    /// Whether the turn is over.
    fn has_ended(&self) -> bool {
        false
    }
    /// The connection has ended, and the turn with it if it had not.
    fn connection_ended(&self, error: &Error);
}

/// Hears what the server says of a thread as a whole. Must not block.
pub trait ThreadSink: Send + Sync {
    /// One `thread/settings/updated`, as the whole message.
    fn settings_updated(&self, line: &str);
    /// The server does not have the thread loaded any more.
    fn unloaded(&self);
}

/// Knows the turns of one connection.
pub struct Router {
    ring: Arc<Ring>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    threads: HashMap<String, Route>,
    agents: Agents,
    /// The sink that the last event went to: most events go where the one before went.
    last: Option<(String, String, Arc<dyn TurnSink>)>,
    /// Whose readers are to be woken.
    woken: Vec<Arc<dyn TurnSink>>,
    ring_touched: bool,
    ended: Option<Error>,
}

#[derive(Default)]
struct Route {
    turns: HashMap<String, Arc<dyn TurnSink>>,
    /// The turns whose events were missed, and what came for them since.
    paused: HashMap<String, Paused>,
    /// The turns that have a second id, by that.
    aliases: HashMap<String, String>,
    /// While a turn is being started: what came for turns that are not known.
    early: Option<Vec<Box<str>>>,
    /// The turn that the server last said it works on, until it says that it ended.
    active: watch::Sender<Option<String>>,
    /// The turn that the server last said it has started.
    started: watch::Sender<Option<String>>,
    usage: Option<Box<str>>,
    /// The thread itself, which hears of its settings.
    sink: Option<Weak<dyn ThreadSink>>,
    /// The thread became idle while a turn was being started.
    idle_early: bool,
}

/// A turn that waits for what it missed.
struct Paused {
    sink: Arc<dyn TurnSink>,
    held: Vec<Box<str>>,
    /// Its thread became idle meanwhile.
    idle: bool,
}

/// A turn that is being started. Its early events are kept until its id is known.
pub struct Expected {
    router: Weak<Router>,
    thread: String,
    settled: bool,
}

impl Router {
    /// A router that puts what belongs to no turn into `ring`.
    pub fn new(ring: Arc<Ring>) -> Arc<Self> {
        Arc::new(Self { ring, inner: Mutex::default() })
    }

    /// From now on what comes for unknown turns of this thread is kept.
    pub fn expect(self: &Arc<Self>, thread: &str) -> Expected {
        lock(&self.inner).threads.entry(thread.to_owned()).or_default().early = Some(Vec::new());
        Expected { router: Arc::downgrade(self), thread: thread.to_owned(), settled: false }
    }

    /// Forgets a turn that has ended; what still comes for it goes to the ring.
    pub fn forget(&self, thread: &str, turn: &str) {
        lock(&self.inner).forget(thread, turn);
    }

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

    /// Takes one notification.
    pub fn notification(&self, notification: &Notification<'_>) {
        let mut inner = lock(&self.inner);
        let Ids { thread, turn, .. } = notification.ids;
        let delivered = match (thread.as_deref(), turn.as_deref()) {
            (Some(thread), Some(turn)) => inner.give_turn(thread, turn, notification),
            (Some(thread), None) => {
                inner.tell_thread(thread, notification);
                false
            }
            _ => false,
        };
        let delivered =
            delivered || thread.as_deref().is_some_and(|thread| inner.give_agent(thread, notification));
        if !delivered {
            inner.ring_touched = true;
            self.ring.push(notification.method, notification.line);
        }
    }

    /// Events are being missed: what still comes for turns is held until each has been resumed.
    pub fn pause(&self) {
        let mut inner = lock(&self.inner);
        inner.last = None;
        for route in inner.threads.values_mut() {
            for (turn, sink) in route.turns.drain() {
                route.paused.insert(turn, Paused { sink, held: Vec::new(), idle: false });
            }
        }
    }

    /// The turns of a thread that are paused.
    pub fn paused(&self, thread: &str) -> Vec<String> {
        let inner = lock(&self.inner);
        inner.threads.get(thread).map(|route| route.paused.keys().cloned().collect()).unwrap_or_default()
    }

    /// The threads of sub-agents whose turn has not ended.
    pub fn agents(&self) -> Vec<String> {
        lock(&self.inner).agents.working().cloned().collect()
    }

    /// Goes on with a turn that was paused: first with what the server has `stored` of it, then with what was held.
    /// Where the server has nothing, what was missed stays missed, and whether the turn still runs is doubtful.
    pub fn resume(&self, thread: &str, turn: &str, stored: Option<&RawValue>) {
        let mut inner = lock(&self.inner);
        inner.last = None;
        let Some(route) = inner.threads.get_mut(thread) else { return };
        let Some(Paused { sink, held, idle }) = route.paused.remove(turn) else { return };
        route.turns.insert(turn.to_owned(), Arc::clone(&sink));
        if let Some(stored) = stored {
            sink.recover(stored);
        }
        // Still under the lock: what comes next must come after these.
        for line in held {
            self.again(&mut inner, &line);
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
        if idle || stored.is_none() {
            sink.thread_idle();
        }
        sink.wake();
        self.wake();
    }

    /// What the server says of a thread whose events were missed: that it is idle, and has been since `active` was
    /// what was known of it.
    pub fn found_idle(&self, thread: &str, active: &Option<String>) {
        if let Some(route) = lock(&self.inner).threads.get_mut(thread) {
            route.active.send_if_modified(|now| {
                let stale = now.is_some() && now == active;
                if stale {
                    *now = None;
                }
                stale
            });
        }
    }

    /// What the server says of a thread whose events were missed: the turn that it works on.
    pub fn found_active(&self, thread: &str, turn: &str) {
        lock(&self.inner)
            .threads
            .entry(thread.to_owned())
            .or_default()
            .active
            .send_replace(Some(turn.to_owned()));
    }

    /// What the server says of a thread: that it works on some turn. What was heard since `before` is newer.
    pub fn found_busy(&self, thread: &str, before: &watch::Receiver<Option<String>>) {
        let mut inner = lock(&self.inner);
        let route = inner.threads.entry(thread.to_owned()).or_default();
        if before.has_changed().is_ok_and(|changed| !changed) && route.active.borrow().is_none() {
            route.active.send_replace(Some(UNKNOWN_TURN.to_owned()));
        }
    }

    /// Whether a turn of a thread is being started.
    pub fn expects(&self, thread: &str) -> bool {
        lock(&self.inner).threads.get(thread).is_some_and(|route| route.early.is_some())
    }

    /// What the server says of a thread whose events were missed: the turn that it has started.
    pub fn found_started(&self, thread: &str, turn: &str) {
        if let Some(route) = lock(&self.inner).threads.get_mut(thread) {
            route.active.send_replace(Some(turn.to_owned()));
            route.started.send_replace(Some(turn.to_owned()));
        }
    }

    /// Gives up a turn that was paused.
    pub fn lose(&self, thread: &str, turn: &str) -> Option<Arc<dyn TurnSink>> {
        let mut inner = lock(&self.inner);
        Some(inner.threads.get_mut(thread)?.paused.remove(turn)?.sink)
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
            if let Some(early) = route.early.take() {
                inner.threads.insert(thread.clone(), Route { early: Some(early), ..Route::default() });
            }
        }
        drop(inner);
        for sink in agents.into_turns() {
            sink.connection_ended(error);
        }
        for route in threads.into_values() {
            let paused = route.paused.into_values().map(|paused| paused.sink);
            for sink in route.turns.into_values().chain(paused) {
                sink.connection_ended(error);
            }
        }
    }
}

impl Inner {
    fn forget(&mut self, thread: &str, turn: &str) {
        if let Some(route) = self.threads.get_mut(thread) {
            route.turns.remove(turn);
            route.paused.remove(turn);
            route.aliases.retain(|_, known| known != turn);
        }
        self.last = None;
    }

    fn give_turn(&mut self, thread: &str, turn: &str, notification: &Notification<'_>) -> bool {
        if let Some((last_thread, last_turn, sink)) = &self.last
            && last_turn == turn
            && last_thread == thread
            // The few that the thread itself must see take the long way.
            && !notification.method.starts_with("t")
        {
            let sink = Arc::clone(sink);
            self.deliver(&sink, notification);
            return true;
        }
        let Some(route) = self.threads.get_mut(thread) else { return false };
        route.follow(turn, notification);
        let turn = route.aliases.get(turn).map_or(turn, String::as_str);
        if let Some(sink) = route.turns.get(turn) {
            let sink = Arc::clone(sink);
            let turn = turn.to_owned();
            self.deliver(&sink, notification);
            if notification.method == "turn/completed" {
                // What still comes for it, such as the output of a command that goes on, comes after its end.
                self.forget(thread, &turn);
            } else {
                self.last = Some((thread.to_owned(), turn, sink));
            }
            return true;
        }
        if let Some(paused) = route.paused.get_mut(turn) {
            paused.held.push(notification.line.into());
            return true;
        }
        match &mut route.early {
            Some(early) if early.len() < LONGEST_WAIT => {
                early.push(notification.line.into());
                true
            }
            _ => false,
        }
    }

    fn tell_thread(&mut self, thread: &str, notification: &Notification<'_>) {
        let Some(route) = self.threads.get_mut(thread) else { return };
        if let Some(sink) = route.sink.as_ref().and_then(Weak::upgrade) {
            match notification.method {
                "thread/settings/updated" => sink.settings_updated(notification.line),
                "thread/closed" | "thread/archived" | "thread/deleted" => sink.unloaded(),
                _ => {}
            }
        }
        let idle = match notification.method {
            "thread/closed" | "thread/archived" | "thread/deleted" => true,
            "thread/status/changed" => !is_active(notification.line),
            _ => false,
        };
        if idle {
            route.idle_early = route.early.is_some();
            // The end of a turn may go untold: it must not keep those that wait behind it.
            route.active.send_replace(None);
            for sink in route.turns.values() {
                sink.thread_idle();
            }
            for paused in route.paused.values_mut() {
                paused.idle = true;
            }
        }
    }

    fn deliver(&mut self, sink: &Arc<dyn TurnSink>, notification: &Notification<'_>) {
        if sink.event(notification) {
            self.will_wake(sink);
        }
        self.learn_agents(sink, notification);
    }

    /// Gives an event to the turn that its thread works for, if that is known.
    fn give_agent(&mut self, thread: &str, notification: &Notification<'_>) -> bool {
        if let Some(sink) = self.agents.turn_of(thread).cloned() {
            if sink.agent_event(thread, notification) {
                self.will_wake(&sink);
            }
            self.learn_agents(&sink, notification);
            return true;
        }
        // Only a turn that runs, or is about to, can turn out to be whose it is.
        let has_turn =
            |route: &Route| !route.turns.is_empty() || !route.paused.is_empty() || route.early.is_some();
        if !self.threads.contains_key(thread) && self.threads.values().any(has_turn) {
            self.agents.stray(thread, notification.line);
        }
        false
    }

    fn learn_agents(&mut self, sink: &Arc<dyn TurnSink>, notification: &Notification<'_>) {
        for line in self.agents.learn(notification, sink) {
            crate::rpc::with_notification(&line, |notification| {
                if let Some(thread) = notification.ids.thread.as_deref() {
                    self.give_agent(thread, notification);
                }
            });
        }
    }

    fn will_wake(&mut self, sink: &Arc<dyn TurnSink>) {
        if !self.woken.iter().any(|woken| Arc::ptr_eq(woken, sink)) {
            self.woken.push(Arc::clone(sink));
        }
    }
}

impl Route {
    fn ended(&mut self, turn: &str) {
        self.active.send_if_modified(|active| {
            let ended = active.as_deref() == Some(turn);
            if ended {
                *active = None;
            }
            ended
        });
    }

    fn follow(&mut self, turn: &str, notification: &Notification<'_>) {
        match notification.method {
            "turn/started" => {
                // A review is started under one id and completed under another, the one that its root has.
                let root = root_turn(notification.line).unwrap_or_else(|| turn.to_owned());
                if root != turn && self.turns.get(&root).is_some_and(|sink| sink.also_called(turn)) {
                    self.aliases.insert(turn.to_owned(), root.clone());
                }
                self.active.send_replace(Some(root));
                self.started.send_replace(Some(turn.to_owned()));
            }
            "turn/completed" => self.ended(turn),
            "thread/tokenUsage/updated" => self.usage = Some(notification.line.into()),
            _ => {}
        }
    }
}

impl Expected {
    /// The id is known: `sink` gets what came early, then all that comes.
    pub fn resolve(mut self, turn: &str, sink: Arc<dyn TurnSink>) {
        self.settled = true;
        let Some(router) = self.router.upgrade() else { return };
        let mut inner = lock(&router.inner);
        let ended = inner.ended.clone();
        inner.last = None;
        let (early, idle) = match inner.threads.get_mut(&self.thread) {
            Some(route) => {
                route.turns.insert(turn.to_owned(), Arc::clone(&sink));
                (route.early.take().unwrap_or_default(), std::mem::take(&mut route.idle_early))
            }
            None => (Vec::new(), false),
        };
        // Still under the lock: what comes next must come after these.
        for line in early {
            router.again(&mut inner, &line);
        }
        if ended.is_some() {
            inner.threads.remove(&self.thread);
        }
        drop(inner);
        if idle {
            sink.thread_idle();
        }
        if let Some(error) = ended {
            sink.connection_ended(&error);
        }
        router.wake();
    }
}

impl Drop for Expected {
    /// The turn never came to be: what was kept belongs to nobody here.
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let Some(router) = self.router.upgrade() else { return };
        let mut inner = lock(&router.inner);
        let early = inner.threads.get_mut(&self.thread).and_then(|route| route.early.take());
        for line in early.unwrap_or_default() {
            router.again(&mut inner, &line);
        }
        drop(inner);
        router.wake();
    }
}

impl Router {
    /// Routes a message that had been kept.
    fn again(&self, inner: &mut Inner, line: &str) {
        crate::rpc::with_notification(line, |notification| {
            let Ids { thread, turn, .. } = notification.ids;
            let (Some(thread), Some(turn)) = (thread.as_deref(), turn.as_deref()) else { return };
            if !inner.give_turn(thread, turn, notification) {
                inner.ring_touched = true;
                self.ring.push(notification.method, line);
            }
        });
    }
}

fn root_turn(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Message {
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        turn: Turn,
    }
    #[derive(Deserialize)]
    struct Turn {
        #[serde(rename = "rootTurnId")]
        root: Option<String>,
    }
    serde_json::from_str::<Message>(line).ok()?.params.turn.root
}

fn is_active(line: &str) -> bool {
    #[derive(Deserialize)]
    struct Message {
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        r#type: String,
    }
    // A status that can't be read is no sign of an end.
    serde_json::from_str::<Message>(line).map_or(true, |message| {
        !matches!(message.params.status.r#type.as_str(), "idle" | "systemError" | "notLoaded")
    })
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
