//! Does what a plan says with real clients.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_client::api::Host;
use codex_client::options::{ClientInfo, ClientSettings, Input};
use codex_client::process::Surroundings;
use codex_client::turn::TurnResult;
use codex_client::{Codex, Error, Memory, Thread, Turn};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::asking::{Calls, Handler, Whose};
use crate::legs::Way;
use crate::plan::{Action, Op, Plan, ReadKind, Reading, RunPlan, Settings};
use crate::reading::{SharedGot, read};
use crate::server::Server;

/// Within this a turn runs when nothing is wrong.
const PROBE: Duration = Duration::from_secs(200);
/// Within this all is gone that nobody holds.
const LEAVE: Duration = Duration::from_secs(400);

/// Everything that a case is about.
pub struct Stage {
    pub server: Arc<Server>,
    pub clients: Vec<Client>,
    pub threads: Arc<Mutex<Vec<Slot>>>,
    pub runs: Vec<Run>,
    pub calls: Calls,
    /// Which clients have handlers of which threads.
    pub handlers: Vec<(usize, String)>,
    pub others: JoinSet<()>,
}

pub struct Client {
    pub codex: Codex,
    pub way: Arc<Way>,
}

/// A thread, and who has a handle of it.
pub struct Slot {
    pub id: String,
    pub handles: BTreeMap<usize, Thread>,
}

/// A turn that was asked for, or found.
pub struct Run {
    pub client: usize,
    pub thread: String,
    pub is_own: bool,
    /// Asked for when all was well again.
    pub is_probe: bool,
    pub plan: RunPlan,
    pub cancel: CancellationToken,
    pub turn: Arc<Mutex<Option<Arc<Turn>>>>,
    pub readers: Vec<(Reading, SharedGot)>,
    pub asked: Instant,
    pub was_interrupted: bool,
    pub task: Option<JoinHandle<(Outcome, Instant)>>,
    pub outcome: Option<(Outcome, Instant)>,
}

pub type Outcome = Result<Option<Arc<TurnResult>>, Error>;

pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    pub fn set(plan: &Plan, trace: bool) -> Result<Self, Error> {
        let server = Server::new(plan.server, trace);
        let calls = Calls::default();
        let mut clients = Vec::new();
        for (number, client) in plan.clients.iter().enumerate() {
            let way = Way::new(Arc::clone(&server), number, plan.world);
            let host = Host {
                memory: Memory::default(),
                runtime: tokio::runtime::Handle::current(),
                client_info: ClientInfo { name: "model".to_owned(), title: None, version: "1".to_owned() },
                search_from: Vec::new(),
                program: Arc::new(Surroundings::default()),
                transport: Some(Arc::clone(&way) as _),
                token: None,
            };
            let handler = Handler::make(number, Whose::Client, client.handler, &calls);
            let codex = Codex::new(ClientSettings::default(), handler, host, tracing::Span::none())?;
            clients.push(Client { codex, way });
        }
        let threads = Arc::default();
        Ok(Self {
            server,
            clients,
            threads,
            runs: Vec::new(),
            calls,
            handlers: Vec::new(),
            others: JoinSet::new(),
        })
    }

    /// Does all steps.
    pub async fn play(&mut self, plan: &Plan) {
        let first = Action::Start { client: 0, settings: Settings::default(), handler: None };
        self.act(&first);
        sleep(Duration::from_millis(1)).await;
        for step in &plan.steps {
            if step.after_ms > 0 {
                sleep(Duration::from_millis(step.after_ms.into())).await;
            }
            self.server.note(|| format!("## {:?}", step.action));
            self.act(&step.action);
            // All that can be done now is.
            settled().await;
        }
    }

    /// A thread by its number, and a client's handle of it.
    fn handle(&self, client: usize, thread: usize) -> Option<Thread> {
        let threads = lock(&self.threads);
        if threads.is_empty() {
            return None;
        }
        threads[thread % threads.len()].handles.get(&client).cloned()
    }

    fn act(&mut self, action: &Action) {
        let count = self.clients.len();
        match action {
            Action::Start { client, settings, handler } => {
                let client = client % count;
                let number = lock(&self.threads).len();
                let has_handler = handler.is_some();
                let handler = Handler::make(client, Whose::Thread(number), *handler, &self.calls);
                let (codex, settings) = (self.clients[client].codex.clone(), settings.thread());
                let threads = Arc::clone(&self.threads);
                if has_handler {
                    // Which thread it will be is not known yet.
                    self.handlers.push((client, String::new()));
                }
                self.others.spawn(async move {
                    if let Ok(thread) = codex.start_thread(settings, handler).await {
                        let id = thread.id().to_owned();
                        lock(&threads).push(Slot { id, handles: [(client, thread)].into() });
                    }
                });
            }
            Action::Resume { client, thread, settings: given, handler } => {
                let client = client % count;
                let Some((number, id)) = self.thread_id(*thread) else { return };
                let handler = Handler::make(client, Whose::Thread(number), *handler, &self.calls);
                let (codex, settings) = (self.clients[client].codex.clone(), given.thread());
                let threads = Arc::clone(&self.threads);
                self.server.state().asked.push((client, id.clone(), given.wire()));
                if handler.is_some() {
                    self.handlers.push((client, id.clone()));
                }
                self.others.spawn(async move {
                    if let Ok(thread) = codex.resume_thread(&id, settings, handler).await {
                        lock(&threads)[number].handles.insert(client, thread);
                    }
                });
            }
            Action::Run { client, thread, run } => {
                let client = client % count;
                let Some(handle) = self.handle(client, *thread) else { return };
                self.run(client, handle, run.clone());
            }
            Action::Attach { client, thread, readers } => {
                let client = client % count;
                let Some(handle) = self.handle(client, *thread) else { return };
                self.attach(client, handle, readers);
            }
            Action::Interrupt { run } => {
                let Some(run) = self.some_run(*run) else { return };
                run.was_interrupted = true;
                let turn = lock(&run.turn).clone();
                if let Some(turn) = turn {
                    self.others.spawn(async move { drop(turn.interrupt(false).await) });
                }
            }
            Action::Abort { run } => {
                if let Some(run) = self.some_run(*run) {
                    run.cancel.cancel();
                }
            }
            Action::Steer { run } => {
                let Some(run) = self.some_run(*run) else { return };
                let turn = lock(&run.turn).clone();
                if let Some(turn) = turn {
                    self.others.spawn(async move {
                        if let Ok(input) = Input::parse("\"more\"") {
                            drop(turn.steer(input).await);
                        }
                    });
                }
            }
            Action::Update { client, thread, settings } => {
                let Some(handle) = self.handle(client % count, *thread) else { return };
                let settings = settings.defaults();
                self.others.spawn(async move { drop(handle.update_defaults(settings).await) });
            }
            Action::Drop { client, cut } => self.clients[client % count].way.cut(*cut),
            Action::Refuse { client, times, status } => {
                self.clients[client % count].way.refuse(*times, *status);
            }
            Action::Kill { down_ms } => {
                self.server.die();
                let (server, down) = (Arc::clone(&self.server), Duration::from_millis((*down_ms).into()));
                self.others.spawn(async move {
                    sleep(down).await;
                    server.start();
                });
            }
            Action::Fault { client, request, fault } => {
                self.server.state().faults.push_back((client % count, *request, *fault));
            }
        }
    }

    fn thread_id(&self, thread: usize) -> Option<(usize, String)> {
        let threads = lock(&self.threads);
        let number = thread.checked_rem(threads.len())?;
        Some((number, threads[number].id.clone()))
    }

    fn some_run(&mut self, run: usize) -> Option<&mut Run> {
        let number = run.checked_rem(self.runs.len())?;
        self.runs.get_mut(number)
    }

    /// Asks for a turn.
    pub fn run(&mut self, client: usize, thread: Thread, plan: RunPlan) {
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
        let settings = plan.settings.turn();
        let id = thread.id().to_owned();
        let readers: Vec<_> = plan.readers.iter().map(|reading| (*reading, SharedGot::default())).collect();
        let (shared, codex) =
            (Arc::<Mutex<Option<Arc<Turn>>>>::default(), self.clients[client].codex.clone());
        let task = match Input::parse(&format!("\"run {number}\"")) {
            Err(error) => timed(async move { Err(error) }),
            Ok(input) if readers.is_empty() => {
                let run = thread.run(input, settings, handler, cancel.clone());
                drop(thread);
                timed(async move { run?.await.map(Some) })
            }
            Ok(input) => {
                let begun = thread.turn(input, settings, handler, cancel.clone());
                drop(thread);
                let (readers, shared) = (readers.clone(), Arc::clone(&shared));
                timed(async move { follow(codex, begun?.await?, shared, readers).await })
            }
        };
        self.runs.push(Run {
            client,
            thread: id,
            is_own: true,
            is_probe: false,
            plan,
            cancel,
            turn: shared,
            readers,
            asked: Instant::now(),
            was_interrupted: false,
            task: Some(task),
            outcome: None,
        });
    }

    /// Follows whatever turn runs.
    fn attach(&mut self, client: usize, thread: Thread, readings: &[Reading]) {
        // Runs are numbered as scripts are.
        self.server.state().scripts.push(Vec::new());
        let readers: Vec<_> = readings.iter().map(|reading| (*reading, SharedGot::default())).collect();
        let shared = Arc::<Mutex<Option<Arc<Turn>>>>::default();
        let id = thread.id().to_owned();
        let (codex, mine, slot) = (self.clients[client].codex.clone(), readers.clone(), Arc::clone(&shared));
        let task = timed(async move {
            match thread.running_turn(None).await? {
                Some(turn) => follow(codex, turn, slot, mine).await,
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
            },
            cancel: CancellationToken::new(),
            turn: shared,
            readers,
            asked: Instant::now(),
            was_interrupted: false,
            task: Some(task),
            outcome: None,
        });
    }

    /// Nothing goes wrong any more.
    pub fn heal(&mut self) {
        for client in &self.clients {
            client.way.heal();
        }
        self.server.state().faults.clear();
        self.server.start();
    }

    /// Every thread can be used by everybody who has it.
    pub async fn probe(&mut self) {
        let handles = |slot: &Slot| slot.handles.clone();
        let all: Vec<_> = lock(&self.threads).iter().flat_map(handles).collect();
        for (client, thread) in all {
            let script = vec![Op::Message { chunks: 2, every_ms: 1 }, Op::Usage];
            let readers = [ReadKind::Text, ReadKind::Every];
            let reading = |kind| Reading { kind, hand_over_after: None, pause_ms: 0 };
            let plan = RunPlan {
                script,
                settings: Settings::default(),
                handler: None,
                readers: readers.map(reading).to_vec(),
                abort_after_ms: None,
            };
            self.server.note(|| format!("## client {client} tries {}", thread.id()));
            self.run(client, thread, plan);
            if let Some(run) = self.runs.last_mut() {
                run.is_probe = true;
            }
            self.wait(PROBE).await;
        }
    }

    /// Lets go of everything, and of the server too, and gives time for what is slow to end.
    pub async fn leave(self) -> Arc<Server> {
        let Self { server, clients, threads, runs, mut others, .. } = self;
        others.shutdown().await;
        drop((clients, threads, runs));
        server.die();
        sleep(LEAVE).await;
        server
    }

    /// Waits for the ends of runs. True if all have ended.
    pub async fn wait(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        for run in &mut self.runs {
            if let Some(task) = &mut run.task {
                let Ok(outcome) = tokio::time::timeout_at(deadline, task).await else { return false };
                run.task = None;
                run.outcome =
                    Some(outcome.unwrap_or_else(|error| {
                        (Err(Error::Spawn(format!("PANIC {error}"))), Instant::now())
                    }));
            }
        }
        true
    }
}

/// Runs it, and says when it ended.
fn timed(run: impl Future<Output = Outcome> + Send + 'static) -> JoinHandle<(Outcome, Instant)> {
    tokio::spawn(async move { (run.await, Instant::now()) })
}

async fn follow(
    codex: Codex,
    turn: Turn,
    shared: Arc<Mutex<Option<Arc<Turn>>>>,
    readers: Vec<(Reading, SharedGot)>,
) -> Outcome {
    let turn = Arc::new(turn);
    *lock(&shared) = Some(Arc::clone(&turn));
    let mut reading = JoinSet::new();
    for (how, got) in readers {
        reading.spawn(read(codex.clone(), Arc::clone(&turn), how, got));
    }
    drop(codex);
    let result = turn.result(turn.wait()).await;
    drop(turn);
    reading.join_all().await;
    result.map(Some)
}

/// Lets all tasks do what they can without time passing.
pub async fn settled() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
