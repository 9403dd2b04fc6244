//! One turn: what its events mean, and how it ends. Its events are kept in a log of their own.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::Instant;

use super::agents::{FileChanges, SubAgents};
use super::collector::{Collector, Completion, WireTurn};
use super::event_log::{EventLog, LogEnd};
use super::log::Entered;
use super::observed::Observed;
use super::stored::{Proof, beginning, ending, is_numbered, missed, proof};
use crate::memory::Share;
use crate::result::TurnResult;
use crate::routing::TurnSink;
use crate::rpc::Notification;
use crate::trace::Observer;
use crate::turn_status::TurnStatus;
use crate::{Error, Memory, Secrets, lock};

/// How a turn ended.
#[derive(Debug, Clone)]
pub struct TurnEnd {
    /// Its result, or why there is none.
    pub outcome: Result<Arc<TurnResult>, Error>,
    /// Whether the server said so by `turn/completed`, which ends a stream of events without an error.
    pub completed: bool,
}

/// How far a turn is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phase {
    /// `turn/started` came: from now on it can be interrupted.
    pub started: bool,
    /// There are signs that it is over, but nothing that says how it ended.
    pub doubtful: bool,
    /// How many such signs there were.
    pub doubts: u32,
    /// It has ended.
    pub ended: bool,
    /// It waits for a handler of this program.
    pub occupied: bool,
    /// It has sub-agents that work.
    pub agents: bool,
}

impl Phase {
    /// Whether its own silence means nothing: somebody else works for it.
    pub fn is_waiting(&self) -> bool {
        self.occupied || self.agents
    }
}

/// One turn: its log, what its result is made of, and who waits for it.
pub struct TurnState {
    /// The thread.
    pub thread_id: String,
    /// The turn.
    pub turn_id: String,
    log: Arc<EventLog>,
    memory: Memory,
    inner: Mutex<Inner>,
    phase: watch::Sender<Phase>,
    agents: Mutex<Option<SubAgents>>,
    agent_changes: Mutex<FileChanges>,
    observed: OnceLock<Observed>,
}

struct Inner {
    waiting_runs: usize,
    collector: Collector,
    /// What the collector holds.
    share: Share,
    aborted: bool,
    /// The server has said that it is over, in words that can't be read.
    said_over: bool,
    /// The other id that the server has for the turn.
    alias: Option<String>,
    /// What is let go at the end.
    held: Option<Box<dyn Any + Send>>,
    end: Option<TurnEnd>,
    last_event: Instant,
    /// After events were missed: the items that are known, and whether each is complete.
    known: Option<HashMap<String, bool>>,
}

impl TurnState {
    /// A turn whose log is kept for as long as there is a view or a reader.
    pub fn new(thread_id: &str, turn_id: &str, keep_log: bool) -> Arc<Self> {
        Self::hiding(Secrets::default(), &Memory::default(), thread_id, turn_id, keep_log)
    }

    /// The same for a turn whose errors show none of `secrets`; what it holds is counted in `memory`.
    pub fn hiding(
        secrets: Secrets,
        memory: &Memory,
        thread_id: &str,
        turn_id: &str,
        keep_log: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            thread_id: thread_id.to_owned(),
            turn_id: turn_id.to_owned(),
            log: EventLog::new(thread_id, turn_id, keep_log, memory),
            memory: memory.clone(),
            inner: Mutex::new(Inner {
                waiting_runs: 0,
                collector: Collector::new(secrets),
                share: memory.share(),
                aborted: false,
                said_over: false,
                alias: None,
                held: None,
                end: None,
                last_event: Instant::now(),
                known: None,
            }),
            phase: watch::Sender::new(Phase::default()),
            agents: Mutex::default(),
            agent_changes: Mutex::default(),
            observed: OnceLock::new(),
        })
    }

    /// Has the turn observed from now on, if by anybody.
    pub fn observe(&self, observer: Option<Arc<dyn Observer>>) {
        if let Some(observer) = observer {
            let _ = self.observed.set(Observed::new(observer));
        }
    }

    /// Follows how far the turn is.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// How the turn ended, if it has.
    pub fn end(&self) -> Option<TurnEnd> {
        lock(&self.inner).end.clone()
    }

    /// Waits for the end.
    pub async fn ended(&self) -> TurnEnd {
        let mut phase = self.phase();
        let _ = phase.wait_for(|phase| phase.ended).await;
        self.end().unwrap_or_else(|| TurnEnd {
            outcome: Err(Error::Closed("the turn was dropped".to_owned())),
            completed: false,
        })
    }

    /// The id by which the server takes requests about the running turn.
    pub fn running_id(&self) -> String {
        lock(&self.inner).alias.clone().unwrap_or_else(|| self.turn_id.clone())
    }

    /// Holds something until the turn has ended: it is gone before anybody hears of the end.
    pub fn hold(&self, what: impl Any + Send) {
        let mut inner = lock(&self.inner);
        if inner.end.is_none() {
            inner.held = Some(Box::new(what));
        }
    }

    /// When the last event came.
    pub fn last_event(&self) -> Instant {
        lock(&self.inner).last_event
    }

    /// What was collected so far.
    pub fn partial(&self, status: TurnStatus) -> Arc<TurnResult> {
        Arc::new(lock(&self.inner).collector.result(&self.thread_id, &self.turn_id, status))
    }

    /// The same for an error.
    pub fn partial_in_error(&self, status: TurnStatus) -> Arc<TurnResult> {
        let partial = self.partial(status);
        Arc::new(lock(&self.inner).collector.hidden((*partial).clone()))
    }

    /// Ends the turn here, whatever the server makes of it.
    pub fn finish(&self, outcome: Result<Arc<TurnResult>, Error>) {
        self.set_end(&mut lock(&self.inner), TurnEnd { outcome, completed: false });
        self.wake();
    }

    /// Ends the turn as the server has it stored. Where events were missed, or none came, what is stored there is told
    /// before. False where that has no word for how it ended.
    pub fn settle(&self, stored: &RawValue) -> bool {
        let Some(turn) = WireTurn::ended(stored) else { return false };
        let mut inner = lock(&self.inner);
        let is_told = inner.known.is_some() && !inner.said_over;
        // What has a number there may be known by its id.
        if (inner.known.is_some() || inner.collector.has_no_items()) && !is_numbered(stored) {
            drop(inner);
            self.tell_missed(stored);
            inner = lock(&self.inner);
        }
        if is_told {
            drop(inner);
            self.tell_end(stored);
        } else {
            self.end_as(&mut inner, &turn);
            drop(inner);
        }
        self.wake();
        true
    }

    /// The server has said that it is over, in words that can't be read.
    pub fn is_said_over(&self) -> bool {
        lock(&self.inner).said_over
    }

    /// Has the log begin for who reads a turn that nobody has read so far: with what is known of it, so that what it has
    /// completed comes first. Kept from now on until [`Self::release`].
    pub fn keep_from_the_middle(&self) {
        let inner = lock(&self.inner);
        let started = self.phase.borrow().started.then(|| beginning(&self.thread_id, &self.turn_id));
        let told = started.iter().map(String::as_str).chain(inner.collector.told().map(AsRef::as_ref));
        // Under the lock: what comes next must come after these.
        self.log.keep_from_the_middle(told);
    }

    fn tell_missed(&self, stored: &RawValue) {
        let mut inner = lock(&self.inner);
        let known = inner.collector.known();
        inner.known = Some(known.clone());
        drop(inner);
        let has_started = self.phase.borrow().started;
        for line in missed(stored, &self.thread_id, &self.turn_id, has_started, &known) {
            crate::rpc::with_notification(&line, |notification| {
                self.event(notification);
            });
        }
    }

    fn tell_end(&self, stored: &RawValue) {
        if self.end().is_none() {
            crate::rpc::with_notification(&ending(stored, &self.thread_id), |notification| {
                self.event(notification);
            });
        }
    }

    fn end_as(&self, inner: &mut Inner, turn: &WireTurn) {
        let outcome = inner.collector.end(&self.thread_id, &self.turn_id, turn).map(Arc::new);
        self.set_end(inner, TurnEnd { outcome, completed: true });
    }

    fn doubt(&self) {
        self.phase.send_modify(|phase| {
            phase.doubtful = true;
            phase.doubts = phase.doubts.wrapping_add(1);
        });
    }

    /// The failure that the server announced without ending the turn.
    pub fn announced_failure(&self) -> Option<Error> {
        lock(&self.inner).collector.fatal(&self.thread_id, &self.turn_id)
    }

    /// Its events.
    pub(super) fn log(&self) -> &Arc<EventLog> {
        &self.log
    }

    /// The events of the turn's sub-agents, for readers.
    pub(super) fn agents_log(&self) -> Arc<EventLog> {
        let ended = self.end().is_some();
        self.with_agents(|agents| {
            if ended {
                agents.turn_ended();
            }
            Arc::clone(agents.log())
        })
    }

    fn with_agents<T>(&self, then: impl FnOnce(&mut SubAgents) -> T) -> T {
        let working = self.phase.borrow().agents;
        let mut agents = lock(&self.agents);
        then(
            agents
                .get_or_insert_with(|| SubAgents::new(&self.thread_id, &self.turn_id, working, &self.memory)),
        )
    }

    /// Somebody else works for the turn from now on, or does not any more: its silence is counted anew.
    fn waits(&self, change: impl FnOnce(&mut Phase)) {
        lock(&self.inner).last_event = Instant::now();
        self.phase.send_if_modified(|phase| {
            let before = *phase;
            change(phase);
            *phase != before
        });
    }

    /// Gives the turn up to a view: whoever reads or waits through it gets the error, the turn goes on.
    pub fn stall(&self, view: &OnceLock<Error>, idle_ms: u64) {
        let continuation = self.log.continuation(self.log.events(), "run");
        let _ = view.set(Error::TurnInactive { continuation, idle_ms });
        self.phase.send_modify(|_| {});
        self.wake();
    }

    /// Which of the logs of its turn this one's is, of those that can be gone on with: the first is 0.
    pub fn log_number(&self) -> u64 {
        self.log.number()
    }

    /// Numbers its log.
    pub fn set_log_number(&self, number: u64) {
        self.log.set_number(number);
    }

    /// Keeps the log from now on for a continuation, also while nobody looks, until [`Self::release`].
    pub fn keep(&self) {
        self.log.keep();
    }

    /// Undoes [`Self::keep`].
    pub fn release(&self) {
        self.log.give_up();
    }

    /// The caller has aborted the turn: however it ends now, it ends as aborted.
    pub fn abort(&self) {
        lock(&self.inner).aborted = true;
    }

    /// The signs that the turn is over were wrong, as many as there were.
    pub fn no_doubt(&self, doubts: u32) {
        self.phase.send_modify(|phase| phase.doubtful &= phase.doubts != doubts);
    }

    /// Whether nobody reads and nobody waits for the result.
    pub fn is_abandoned(&self) -> bool {
        lock(&self.inner).waiting_runs == 0 && !self.log.is_read()
    }

    fn set_end(&self, inner: &mut Inner, end: TurnEnd) {
        if inner.end.is_none() {
            let end = if inner.aborted { self.as_aborted(inner, end) } else { end };
            let error = end.outcome.as_ref().err().cloned();
            self.log.end(LogEnd { error, is_told: end.completed });
            inner.end = Some(end);
            inner.held = None;
            if let Some(observed) = self.observed.get() {
                observed.ended();
            }
            self.phase.send_modify(|phase| phase.ended = true);
            if let Some(agents) = &mut *lock(&self.agents) {
                agents.turn_ended();
            }
        }
    }

    fn as_aborted(&self, inner: &Inner, end: TurnEnd) -> TurnEnd {
        let result = match end.outcome {
            Ok(result) => Arc::new(inner.collector.hidden((*result).clone())),
            Err(Error::TurnFailed(failure)) => Arc::clone(&failure.result),
            Err(_) => {
                let result = inner.collector.result(&self.thread_id, &self.turn_id, TurnStatus::Interrupted);
                Arc::new(inner.collector.hidden(result))
            }
        };
        TurnEnd { outcome: Err(Error::Aborted { result: Some(result) }), completed: false }
    }

    pub(super) fn add_waiting(&self, change: isize) {
        let mut inner = lock(&self.inner);
        inner.waiting_runs = inner.waiting_runs.saturating_add_signed(change);
    }
}

impl TurnSink for TurnState {
    fn event(&self, notification: &Notification<'_>) -> bool {
        let delta = self.log.delta(notification);
        let mut inner = lock(&self.inner);
        if inner.known.is_some() && inner.has_seen(notification, self.phase.borrow().started) {
            return false;
        }
        inner.last_event = Instant::now();
        if let Some(observed) = self.observed.get() {
            observed.event(notification);
        }
        let meaning = inner.collector.read(notification);
        let bytes = inner.collector.bytes();
        inner.share.set(bytes);
        let (line, message) = (meaning.line, meaning.message);
        let wake = self.log.push(Entered { notification, delta, line, message });
        if meaning.started {
            self.phase.send_modify(|phase| phase.started = true);
        }
        if meaning.fatal {
            self.doubt();
        }
        match meaning.completed {
            Some(Completion::Told(turn)) => {
                self.end_as(&mut inner, &turn);
                drop(inner);
                // The end is not kept waiting for what else may come.
                self.wake();
                return false;
            }
            Some(Completion::Unreadable) => {
                inner.said_over = true;
                self.doubt();
            }
            None => {}
        }
        wake
    }

    fn also_called(&self, turn: &str) -> bool {
        let mut inner = lock(&self.inner);
        if inner.end.is_some() {
            return false;
        }
        inner.alias = Some(turn.to_owned());
        true
    }

    fn thread_idle(&self) {
        self.doubt();
    }

    fn agent_joined(&self, _thread: &str) {
        if self.log.is_kept() {
            self.with_agents(|_| {});
        }
    }

    fn agent_event(&self, thread: &str, notification: &Notification<'_>) -> bool {
        if let Some(observed) = self.observed.get() {
            observed.event(notification);
        }
        lock(&self.agent_changes).take(thread, notification);
        lock(&self.agents).as_mut().is_some_and(|agents| agents.event(notification))
    }

    fn agents_at_work(&self, working: bool) {
        if self.phase.borrow().agents != working {
            self.waits(|phase| phase.agents = working);
        }
        if let Some(agents) = &mut *lock(&self.agents) {
            agents.work(working);
        }
    }

    fn occupied(&self, occupied: bool) {
        self.waits(|phase| phase.occupied = occupied);
    }

    fn file_changes(&self, thread: &str, item: &str) -> Option<String> {
        if thread == self.thread_id {
            return lock(&self.inner).collector.file_changes(item);
        }
        lock(&self.agent_changes).of(thread, item)
    }

    fn wake(&self) {
        let agents = lock(&self.agents).as_ref().map(|agents| Arc::clone(agents.log()));
        if let Some(agents) = agents {
            agents.wake();
        }
        self.log.wake();
    }

    fn recover(&self, stored: Option<&RawValue>) {
        if let Some(stored) = stored {
            self.tell_missed(stored);
        }
        // An item that is told as begun may be in its middle as well.
        self.log.gap();
    }

    fn has_ended(&self) -> bool {
        self.end().is_some()
    }

    fn conclude(&self, turn: &RawValue) {
        match proof(turn) {
            Proof::Over => self.tell_end(turn),
            Proof::Nothing => self.doubt(),
            Proof::Running => {}
        }
    }

    fn connection_ended(&self, error: &Error) {
        if let Some(agents) = &mut *lock(&self.agents) {
            agents.connection_ended(error);
        }
        // Who asks for them later waits for nothing either.
        self.agents_at_work(false);
        self.finish(Err(error.clone()));
    }
}

impl Inner {
    /// Whether an event says what is known, because it was told before or found out meanwhile.
    fn has_seen(&mut self, notification: &Notification<'_>, has_started: bool) -> bool {
        match notification.method {
            "turn/started" => return has_started,
            // The server tells it again to whoever resumes the thread.
            "thread/tokenUsage/updated" => return self.collector.has_usage(notification),
            _ => {}
        }
        let (Some(known), Some(item)) = (&mut self.known, notification.ids.item.as_deref()) else {
            return false;
        };
        let complete = notification.method == "item/completed";
        match known.get_mut(item) {
            Some(true) => true,
            Some(known) if complete => {
                *known = true;
                false
            }
            Some(_) => notification.method == "item/started",
            None => {
                if complete || notification.method == "item/started" {
                    known.insert(item.to_owned(), complete);
                }
                false
            }
        }
    }
}
