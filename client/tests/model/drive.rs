//! Does what a plan says with real clients.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_client::api::Host;
use codex_client::options::{ClientInfo, ClientSettings, Input};
use codex_client::process::Surroundings;
use codex_client::{Codex, Error, Memory, Thread};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::asking::{Calls, Handler, Whose};
use crate::legs::Way;
use crate::plan::{Action, Op, Plan, ReadKind, Reading, RunPlan, Settings};
use crate::runs::Run;
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
    /// Reads of threads, with and without their turns.
    pub reads: Arc<Mutex<Vec<Read>>>,
    pub others: JoinSet<()>,
}

/// A read of a thread: the client, the thread, whether with its turns, and what came of it.
pub type Read = (usize, String, bool, Result<(), Error>);

pub struct Client {
    pub codex: Codex,
    pub way: Arc<Way>,
}

/// A thread, and who has a handle of it.
pub struct Slot {
    pub id: String,
    pub handles: BTreeMap<usize, Thread>,
}

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
            let settings = ClientSettings { max_in_flight: client.in_flight, ..ClientSettings::default() };
            let handler = Handler::make(number, Whose::Client, client.handler, &calls);
            let codex = Codex::new(settings, handler, host, tracing::Span::none())?;
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
            reads: Arc::default(),
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
                self.server.state().tried.push((client, handle.id().to_owned(), run.settings.wire()));
                self.run(client, Some(handle), run.clone());
            }
            Action::OneShot { client, run } => self.run(client % count, None, run.clone()),
            Action::Leave { client, thread } => {
                if let Some((number, id)) = self.thread_id(*thread) {
                    lock(&self.threads)[number].handles.remove(&(client % count));
                    // What nobody has a handle of is forgotten.
                    if let Some(thread) = self.server.state().threads.get_mut(&id) {
                        thread.known.remove(&(client % count));
                    }
                }
            }
            Action::Read { client, thread, turns } => {
                let Some(handle) = self.handle(client % count, *thread) else { return };
                let (client, turns, reads) = (client % count, *turns, Arc::clone(&self.reads));
                self.others.spawn(async move {
                    let read = handle.read(turns).await.map(drop);
                    lock(&reads).push((client, handle.id().to_owned(), turns, read));
                });
            }
            Action::Cancel { run } => {
                let Some(run) = self.some_run(*run) else { return };
                run.was_interrupted = true;
                let (turn, client) = (lock(&run.turn).clone(), run.client);
                let codex = self.clients[client].codex.clone();
                if let Some(turn) = turn {
                    self.others.spawn(async move { drop(codex.cancel_turn(&turn.continuation()).await) });
                }
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
                self.server.state().tried.push((client % count, handle.id().to_owned(), settings.wire()));
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
                silence_ms: None,
            };
            self.server.note(|| format!("## client {client} tries {}", thread.id()));
            self.run(client, Some(thread), plan);
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
}

/// Lets all tasks do what they can without time passing.
pub async fn settled() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
