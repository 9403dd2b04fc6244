//! Turns that are asked for, or found, and what becomes of them.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_client::options::{ContinueSettings, Input, RunSettings};
use codex_client::turn::{Continuation, TurnResult};
use codex_client::{Codex, Error, Thread, Turn};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::asking::{Handler, Whose};
use crate::drive::{Stage, lock};
use crate::plan::{Reading, RunPlan, Settings};
use crate::reading::{SharedGot, read};

/// A turn that was asked for, or found.
pub struct Run {
    pub client: usize,
    /// Its thread; empty where it has one of its own.
    pub thread: String,
    pub is_own: bool,
    /// Asked for when all was well again.
    pub is_probe: bool,
    pub plan: RunPlan,
    pub cancel: CancellationToken,
    pub turn: SharedTurn,
    /// Once it has settled.
    pub turn_id: Option<String>,
    pub readers: Vec<(Reading, SharedGot)>,
    pub asked: Instant,
    pub was_interrupted: bool,
    /// When it was given up as silent.
    pub silences: Arc<Mutex<Vec<Instant>>>,
    pub task: Option<JoinHandle<(Outcome, Instant)>>,
    pub outcome: Option<(Outcome, Instant)>,
}

pub type Outcome = Result<Option<Arc<TurnResult>>, Error>;
type SharedTurn = Arc<Mutex<Option<Arc<Turn>>>>;
type Silences = Arc<Mutex<Vec<Instant>>>;

impl Stage {
    /// Asks for a turn; without a thread on one of its own.
    pub fn run(&mut self, client: usize, thread: Option<Thread>, plan: RunPlan) {
        let number = self.runs.len();
        self.server.state().scripts.push(plan.script.clone());
        let cancel = CancellationToken::new();
        if let Some(after) = plan.abort_after_ms {
            let cancel = cancel.clone();
            self.others.spawn(async move {
                sleep(Duration::from_millis(after.into())).await;
                cancel.cancel();
            });
        }
        let handler = Handler::make(client, Whose::Run(number), plan.handler, &self.calls);
        let mut settings = plan.settings.turn();
        settings.inactivity_timeout_ms = plan.silence_ms.map(u64::from);
        let id = thread.as_ref().map(|thread| thread.id().to_owned()).unwrap_or_default();
        let readings = if thread.is_some() { plan.readers.as_slice() } else { &[] };
        let readers: Vec<_> = readings.iter().map(|reading| (*reading, SharedGot::default())).collect();
        let (turn, silences) = (SharedTurn::default(), Silences::default());
        let codex = self.clients[client].codex.clone();
        let task = match (Input::parse(&format!("\"run {number}\"")), thread) {
            (Err(error), _) => timed(async move { Err(error) }),
            (Ok(input), None) => {
                let (cancel, silences) = (cancel.clone(), Arc::clone(&silences));
                timed(async move {
                    let settings = RunSettings { thread: plan.settings.thread(), turn: settings };
                    let outcome = codex.run(input, settings, handler, cancel, false).await;
                    go_on(&codex, outcome, &silences).await.map(Some)
                })
            }
            (Ok(input), Some(thread)) if readers.is_empty() => {
                let run = thread.run(input, settings, handler, cancel.clone());
                drop(thread);
                let silences = Arc::clone(&silences);
                timed(async move {
                    let outcome = run?.await;
                    go_on(&codex, outcome, &silences).await.map(Some)
                })
            }
            (Ok(input), Some(thread)) => {
                let begun = thread.turn(input, settings, handler, cancel.clone());
                drop(thread);
                let (readers, turn, silences) = (readers.clone(), Arc::clone(&turn), Arc::clone(&silences));
                timed(async move { follow(codex, begun?.await?, turn, readers, silences).await })
            }
        };
        self.runs.push(Run {
            client,
            thread: id,
            is_own: true,
            is_probe: false,
            plan,
            cancel,
            turn,
            turn_id: None,
            readers,
            asked: Instant::now(),
            was_interrupted: false,
            silences,
            task: Some(task),
            outcome: None,
        });
    }

    /// Follows whatever turn runs.
    pub fn attach(&mut self, client: usize, thread: Thread, readings: &[Reading]) {
        // Runs are numbered as scripts are.
        self.server.state().scripts.push(Vec::new());
        let readers: Vec<_> = readings.iter().map(|reading| (*reading, SharedGot::default())).collect();
        let (turn, silences) = (SharedTurn::default(), Silences::default());
        let id = thread.id().to_owned();
        let codex = self.clients[client].codex.clone();
        let (mine, slot, silent) = (readers.clone(), Arc::clone(&turn), Arc::clone(&silences));
        let task = timed(async move {
            match thread.running_turn(None).await? {
                Some(turn) => follow(codex, turn, slot, mine, silent).await,
                None => Ok(None),
            }
        });
        self.runs.push(Run {
            client,
            thread: id,
            is_own: false,
            is_probe: false,
            plan: RunPlan {
                script: Vec::new(),
                settings: Settings::default(),
                handler: None,
                readers: Vec::new(),
                abort_after_ms: None,
                silence_ms: None,
            },
            cancel: CancellationToken::new(),
            turn,
            turn_id: None,
            readers,
            asked: Instant::now(),
            was_interrupted: false,
            silences,
            task: Some(task),
            outcome: None,
        });
    }

    /// Waits for the ends of runs. True if all have ended.
    pub async fn wait(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut all = true;
        for run in &mut self.runs {
            if let Some(task) = &mut run.task {
                // Others may have ended all the same.
                let Ok(outcome) = tokio::time::timeout_at(deadline, task).await else {
                    all = false;
                    continue;
                };
                run.task = None;
                // A turn holds its thread.
                run.turn_id = lock(&run.turn).take().map(|turn| turn.id().to_owned());
                run.outcome =
                    Some(outcome.unwrap_or_else(|error| {
                        (Err(Error::Spawn(format!("PANIC {error}"))), Instant::now())
                    }));
            }
        }
        all
    }
}

/// Runs it, and says when it ended.
fn timed(run: impl Future<Output = Outcome> + Send + 'static) -> JoinHandle<(Outcome, Instant)> {
    tokio::spawn(async move { (run.await, Instant::now()) })
}

async fn follow(
    codex: Codex,
    turn: Turn,
    shared: SharedTurn,
    readers: Vec<(Reading, SharedGot)>,
    silences: Silences,
) -> Outcome {
    let turn = Arc::new(turn);
    *lock(&shared) = Some(Arc::clone(&turn));
    let mut reading = JoinSet::new();
    for (how, got) in readers {
        reading.spawn(read(codex.clone(), Arc::clone(&turn), how, got));
    }
    let result = turn.result(turn.wait()).await;
    drop(turn);
    let result = go_on(&codex, result, &silences).await;
    drop(codex);
    reading.join_all().await;
    result.map(Some)
}

/// A turn that was given up as silent goes on, and so does who waits for it.
async fn go_on(
    codex: &Codex,
    outcome: Result<Arc<TurnResult>, Error>,
    silences: &Silences,
) -> Result<Arc<TurnResult>, Error> {
    match outcome {
        Err(Error::TurnInactive { continuation, .. }) => {
            lock(silences).push(Instant::now());
            let turn = continued(codex, &continuation)?;
            turn.result(turn.wait()).await
        }
        outcome => outcome,
    }
}

/// The turn of a continuation.
pub fn continued(codex: &Codex, continuation: &Continuation) -> Result<Turn, Error> {
    codex.continue_turn(continuation, &ContinueSettings::default(), None, CancellationToken::new())
}
