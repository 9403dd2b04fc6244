//! A simulated app-server: its threads, turns and questions, and who follows them.
//!
//! What it does is what the real one was seen to do; where that differs by version or by luck, the plan says which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::plan::{Fault, Op, Request, ServerPlan};
use crate::settings::InForce;

/// The server, and what is known of it for certain.
pub struct Server {
    state: Mutex<State>,
    pub plan: ServerPlan,
    pub begun: Instant,
}

pub struct State {
    /// Cancelled when the process dies.
    pub process: CancellationToken,
    pub is_up: bool,
    pub threads: BTreeMap<String, Thread>,
    pub legs: BTreeMap<u32, Leg>,
    pub asks: BTreeMap<i64, Ask>,
    pub next_ask: i64,
    /// What each run has the model do.
    pub scripts: Vec<Vec<Op>>,
    pub faults: VecDeque<(usize, Request, Fault)>,
    /// What must not have happened.
    pub violations: Vec<String>,
    /// Every question there was: its id, thread and turn.
    pub questions: Vec<(i64, String, String)>,
    /// When something was told of a thread.
    pub activity: Vec<(String, Instant)>,
    /// Who had a request about which thread go wrong.
    pub hit: Vec<(usize, String)>,
    /// What happened, for people.
    pub trace: Option<Vec<String>>,
    /// How questions were answered.
    pub answers: Vec<Answered>,
    /// Threads that a client had loaded from disk, and what changed with that.
    pub loads: Vec<Load>,
    /// What users asked for when they took up a thread: client, thread, settings.
    pub asked: Vec<(usize, String, Value)>,
    /// What users gave to turns and for later ones, whether the server heard of it or not.
    pub tried: Vec<(usize, String, Value)>,
    /// Which thread a client found missing last, and the threads that were then made in the place of one.
    pub missing: BTreeMap<usize, String>,
    pub anew: BTreeMap<String, String>,
    /// Threads that a client let go of, and the server failed to.
    pub kept: BTreeSet<(usize, String)>,
    pub(crate) ids: u32,
    pub(crate) words: u32,
}

/// A message to a client.
pub struct Out {
    pub line: String,
    /// What it tells of the settings of a thread.
    pub teaches: Option<(String, InForce)>,
}

/// One connection of one client.
pub struct Leg {
    pub client: usize,
    pub out: mpsc::UnboundedSender<Out>,
    pub is_initialized: bool,
    /// Ends it, both ways.
    pub cut: CancellationToken,
}

pub struct Thread {
    pub id: String,
    pub is_loaded: bool,
    pub is_written: bool,
    pub followers: BTreeSet<u32>,
    pub turns: Vec<Turn>,
    pub in_force: InForce,
    /// What is on disk of the settings.
    pub stored: InForce,
    pub tokens: u64,
    /// What each client may take for the settings in force: what it was told last, and what may have reached it since.
    pub known: BTreeMap<usize, Vec<InForce>>,
    /// The thread and the turn that it works for, where it is a sub-agent's.
    pub parent: Option<(String, String)>,
}

pub struct Turn {
    pub id: String,
    /// The turn that it works for in the end; its own id where that is nobody's.
    pub root: String,
    /// Who had it started: run and client.
    pub starters: Vec<(usize, usize)>,
    pub steers: u32,
    pub items: Vec<Item>,
    pub phase: TurnPhase,
    pub status: Option<String>,
    /// When it ended, and whether the process died then.
    pub ended: Option<(Instant, bool)>,
    pub usages: Vec<String>,
    /// Who asked for its end.
    pub interrupted_by: Vec<usize>,
    pub interrupt: CancellationToken,
    pub never_ends: bool,
    pub begun: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnPhase {
    Accepted,
    Started,
    Ended,
}

pub struct Item {
    pub id: String,
    pub kind: &'static str,
    /// What came as deltas.
    pub streamed: String,
    /// The item as it is now, without its times.
    pub body: Map<String, Value>,
    pub is_complete: bool,
    /// After the end of its turn.
    pub is_late: bool,
}

/// A question to the clients.
pub struct Ask {
    pub thread: String,
    pub turn: String,
    pub line: String,
    pub answer: watch::Sender<Option<String>>,
}

/// A thread that was loaded from disk.
pub struct Load {
    pub client: usize,
    pub thread: String,
    pub before: InForce,
    pub after: InForce,
    /// What the client may have taken for the settings in force.
    pub known: Vec<InForce>,
}

/// An answer to a question.
#[derive(Debug)]
pub struct Answered {
    pub ask: i64,
    pub thread: String,
    pub turn: String,
    pub client: usize,
    pub leg: u32,
    pub answer: String,
}

impl Server {
    pub fn new(plan: ServerPlan, trace: bool) -> Arc<Self> {
        let state = State {
            process: CancellationToken::new(),
            is_up: true,
            threads: BTreeMap::new(),
            legs: BTreeMap::new(),
            asks: BTreeMap::new(),
            next_ask: 0,
            scripts: Vec::new(),
            faults: VecDeque::new(),
            violations: Vec::new(),
            questions: Vec::new(),
            activity: Vec::new(),
            hit: Vec::new(),
            trace: trace.then(Vec::new),
            answers: Vec::new(),
            loads: Vec::new(),
            asked: Vec::new(),
            tried: Vec::new(),
            missing: BTreeMap::new(),
            anew: BTreeMap::new(),
            kept: BTreeSet::new(),
            ids: 0,
            words: 0,
        };
        Arc::new(Self { state: Mutex::new(state), plan, begun: Instant::now() })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, what: impl FnOnce() -> String) {
        let at = self.begun.elapsed();
        if let Some(trace) = &mut self.state().trace {
            trace.push(format!("{:>9.1} {}", at.as_secs_f64() * 1_000.0, what()));
        }
    }

    /// The process dies: all that it had not on disk is gone.
    pub fn die(&self) {
        let mut state = self.state();
        if !state.is_up {
            return;
        }
        state.is_up = false;
        state.process.cancel();
        state.asks.clear();
        state.next_ask = 0;
        for (_, leg) in std::mem::take(&mut state.legs) {
            leg.cut.cancel();
        }
        for thread in state.threads.values_mut() {
            thread.is_loaded = false;
            thread.followers.clear();
            for turn in &mut thread.turns {
                if turn.phase != TurnPhase::Ended {
                    turn.phase = TurnPhase::Ended;
                    turn.status = Some("interrupted".to_owned());
                    turn.ended = Some((Instant::now(), true));
                }
            }
        }
        drop(state);
        self.note(|| "== the server dies".to_owned());
    }

    pub fn start(&self) {
        let mut state = self.state();
        if state.is_up {
            return;
        }
        state.is_up = true;
        state.process = CancellationToken::new();
        drop(state);
        self.note(|| "== the server is up".to_owned());
    }

    /// How a turn is read: its status, and whether it says when it was completed.
    pub fn stored_status(&self, turn: &Turn) -> (String, bool) {
        let after = Duration::from_millis(u64::from(self.plan.stores_after_ms));
        match (turn.phase, &turn.status, turn.ended) {
            (TurnPhase::Ended, Some(status), Some((at, died))) => {
                let is_stored = !died && at.elapsed() >= after;
                if is_stored { (status.clone(), true) } else { ("interrupted".to_owned(), false) }
            }
            (TurnPhase::Accepted, ..) if self.plan.stores_after_ms > 0 => ("interrupted".to_owned(), false),
            _ => ("inProgress".to_owned(), false),
        }
    }
}

impl State {
    /// Whether a request of a client about the thread of a turn went wrong.
    pub fn was_hit(&self, client: usize, turn: &Turn) -> bool {
        self.hit.iter().any(|(of, thread)| {
            let thread = self.threads.get(thread);
            *of == client && thread.is_some_and(|thread| thread.turns.iter().any(|of| of.id == turn.id))
        })
    }

    pub fn violate(&mut self, what: String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("!! {what}"));
        }
        self.violations.push(what);
    }

    pub fn id(&mut self, of: &str) -> String {
        self.ids += 1;
        format!("{of}{}", self.ids)
    }

    /// To all who follow the thread.
    pub fn emit(&mut self, thread: &str, method: &str, params: Value) {
        let line = json!({ "method": method, "params": params }).to_string();
        self.emit_line(thread, &line);
    }

    /// The same with a whole message.
    pub fn emit_line(&mut self, thread: &str, line: &str) {
        self.send_all(thread, line, None);
    }

    /// To all who follow the thread: the settings that it has now.
    pub fn emit_settings(&mut self, id: &str) {
        let Some(thread) = self.threads.get(id) else { return };
        let in_force = thread.in_force.clone();
        let params = json!({ "threadId": id, "threadSettings": in_force });
        let line = json!({ "method": "thread/settings/updated", "params": params }).to_string();
        self.send_all(id, &line, Some(in_force));
    }

    fn send_all(&mut self, id: &str, line: &str, teaches: Option<InForce>) {
        // What is told of the thread alone is no sign of its turn.
        if line.contains("\"turnId\"") || line.contains("\"turn\"") {
            self.activity.push((id.to_owned(), Instant::now()));
        }
        let Some(thread) = self.threads.get_mut(id) else { return };
        for leg in thread.followers.iter().filter_map(|leg| self.legs.get(leg)) {
            let teaches = teaches.clone().map(|in_force| (id.to_owned(), in_force));
            // Who was never answered has taken up nothing yet.
            if let Some((_, in_force)) = &teaches
                && let Some(known) = thread.known.get_mut(&leg.client)
            {
                known.push(in_force.clone());
            }
            let _ = leg.out.send(Out { line: line.to_owned(), teaches });
        }
    }

    /// To one client.
    pub fn send(&self, leg: u32, line: String) {
        if let Some(leg) = self.legs.get(&leg) {
            let _ = leg.out.send(Out { line, teaches: None });
        }
    }

    /// The answer to one client, which tells it what settings a thread has.
    pub fn teach(&mut self, leg: u32, teaches: Option<(String, InForce)>, line: String) {
        let Some(leg) = self.legs.get(&leg) else { return };
        if let Some((id, in_force)) = &teaches
            && let Some(thread) = self.threads.get_mut(id)
        {
            thread.known.entry(leg.client).or_default().push(in_force.clone());
        }
        let _ = leg.out.send(Out { line, teaches });
    }

    /// A message has reached a client.
    pub fn reached(&mut self, client: usize, teaches: Option<(String, InForce)>) {
        let Some((id, in_force)) = teaches else { return };
        let Some(thread) = self.threads.get_mut(&id) else { return };
        if let Some(known) = thread.known.get_mut(&client)
            && let Some(at) = known.iter().rposition(|known| *known == in_force)
        {
            known.drain(..at);
        }
    }

    /// To all.
    pub fn broadcast(&mut self, method: &str, params: Value) {
        let line = json!({ "method": method, "params": params }).to_string();
        for leg in self.legs.values().filter(|leg| leg.is_initialized) {
            let _ = leg.out.send(Out { line: line.clone(), teaches: None });
        }
    }

    pub fn tell(&self, leg: u32, message: Value) {
        self.send(leg, message.to_string());
    }

    pub fn turn(&mut self, thread: &str, turn: &str) -> Option<&mut Turn> {
        self.threads.get_mut(thread)?.turns.iter_mut().find(|known| known.id == turn)
    }

    /// The fault that the plan has for this request, once.
    pub fn fault(&mut self, client: usize, method: &str) -> Option<Fault> {
        let is_it = |request: Request| match request {
            Request::Any => true,
            Request::Resume => method == "thread/resume",
            Request::TurnStart => method == "turn/start",
            Request::Interrupt => method == "turn/interrupt",
            Request::Read => method == "thread/read",
        };
        let at = self.faults.iter().position(|(of, request, _)| *of == client && is_it(*request))?;
        self.faults.remove(at).map(|(_, _, fault)| fault)
    }
}

impl Turn {
    pub fn new(id: &str, starters: Vec<(usize, usize)>) -> Self {
        Self {
            id: id.to_owned(),
            root: id.to_owned(),
            starters,
            steers: 0,
            items: Vec::new(),
            phase: TurnPhase::Accepted,
            status: None,
            ended: None,
            usages: Vec::new(),
            interrupted_by: Vec::new(),
            interrupt: CancellationToken::new(),
            never_ends: false,
            begun: Instant::now(),
        }
    }
}

impl Thread {
    pub fn running(&self) -> Option<&Turn> {
        self.turns.last().filter(|turn| turn.phase != TurnPhase::Ended)
    }

    pub fn running_mut(&mut self) -> Option<&mut Turn> {
        self.turns.last_mut().filter(|turn| turn.phase != TurnPhase::Ended)
    }

    pub fn status(&self) -> Value {
        match (self.is_loaded, self.running()) {
            (false, _) => json!({ "type": "notLoaded" }),
            (true, Some(_)) => json!({ "type": "active", "activeFlags": [] }),
            (true, None) => json!({ "type": "idle" }),
        }
    }
}

impl Item {
    pub fn json(&self, started: u64, completed: Option<u64>) -> Value {
        let mut body = self.body.clone();
        body.insert("startedAtMs".to_owned(), json!(started));
        body.insert("completedAtMs".to_owned(), json!(completed));
        Value::Object(body)
    }
}
