//! What every handle of one client shares: its session, its threads, and the turns that are kept.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tracing::Instrument;

use crate::api::thread::state::ThreadState;
use crate::config::{ConfigArguments, LargeNumbers};
use crate::dial::TokenSource;
use crate::options::{ClientInfo, ClientSettings, Place};
use crate::process::Program;
use crate::rpc::{Call, CallOptions, RawAnswer, only_reads};
use crate::server_requests::{Dispatcher, Handlers};
use crate::session::{
    ByteTransport, Endpoint, Events, Plan, Remote, Restore, Services, Session, retry_overload,
};
use crate::turn::{MOST_KEPT_BYTES, TurnState};
use crate::{Error, Memory, Secrets, lock};

/// What the program around the client gives it.
#[derive(Clone)]
pub struct Host {
    /// Where its tasks run.
    pub runtime: Handle,
    /// Who the client is, unless its settings say otherwise.
    pub client_info: ClientInfo,
    /// Folders from which an installed `@openai/codex` is looked for, upwards.
    pub search_from: Vec<PathBuf>,
    /// Who makes the calls.
    pub program: Arc<dyn Program>,
    /// Where what turns and commands hold is counted.
    pub memory: Memory,
    /// Carries the bytes to a server, in place of a process and of a URL.
    pub transport: Option<Arc<dyn ByteTransport>>,
    /// Gives a token for each connection to a server elsewhere, in place of the one that settings hold.
    pub token: Option<Arc<dyn TokenSource>>,
}

/// What every handle of one client shares.
pub(crate) struct Core {
    pub(crate) settings: ClientSettings,
    pub(crate) config: ConfigArguments,
    /// What neither logs nor errors may show.
    pub(crate) secrets: Secrets,
    pub(crate) services: Services,
    /// Who makes the calls.
    program: Arc<dyn Program>,
    pub(crate) memory: Memory,
    plan: Arc<Plan>,
    me: Weak<Self>,
    slot: Mutex<Slot>,
    threads: Mutex<HashMap<String, Weak<ThreadState>>>,
    closed: OnceCell<()>,
    kept: Mutex<VecDeque<Arc<TurnState>>>,
    /// Set once the client is being closed: no turn begins any more.
    pub(super) ending: AtomicBool,
    /// The threads that are attended to without a handle, and what holds them; the last one was the last to be.
    attended: Mutex<VecDeque<Attended>>,
    /// What holds the threads of turns that have ended, until who waited for the turn takes them up.
    waiting: Mutex<HashMap<String, Holds>>,
}

/// How many turns are kept for whoever has a continuation of them.
const MOST_KEPT: usize = 64;

/// What keeps a thread followed: a lease.
type Holds = Arc<dyn Any + Send + Sync>;

/// A thread that is attended to without a handle.
struct Attended {
    thread: Arc<ThreadState>,
    _holds: Holds,
}

/// How many threads are attended to that nobody has a handle of.
const MOST_ATTENDED: usize = 64;

#[derive(Default)]
struct Slot {
    session: Option<Arc<Session>>,
    sessions: u64,
    closed: bool,
}

impl Core {
    pub(crate) fn new(
        settings: ClientSettings,
        handlers: Option<Arc<dyn Handlers>>,
        host: Host,
        span: tracing::Span,
    ) -> Result<Arc<Self>, Error> {
        settings.check()?;
        let config = settings.config.as_ref();
        let config = config.map(|config| ConfigArguments::new(config, LargeNumbers::Refused)).transpose()?;
        let config = config.unwrap_or_default();
        let endpoint = match &host.transport {
            Some(transport) => {
                settings.check_no_process("transport")?;
                if settings.url.is_some() {
                    let why = "options.url: options.transport goes in its place; give one of them";
                    return Err(Error::InvalidArgument(why.to_owned()));
                }
                settings.check_remote(host.token.is_some())?;
                Endpoint::Bytes(Arc::clone(transport))
            }
            None => {
                let surroundings = || {
                    // Made on the program's own thread, as a client is.
                    let taken = host.program.surroundings().now_or_never();
                    taken.unwrap_or_else(|| Err(Error::client_closed()))
                };
                settings
                    .dial(surroundings, host.token.clone())?
                    .map_or(Endpoint::Process, |dial| Endpoint::Dial(Remote::new(dial, host.token.clone())))
            }
        };
        let mut sources = endpoint.secret_sources();
        sources.config = settings.config.as_ref();
        sources.overrides = settings.config_overrides.as_deref().unwrap_or_default();
        sources.urls.extend(settings.base_url.as_deref());
        sources.credentials.extend(settings.api_key.as_deref());
        let secrets = Secrets::of(&sources);
        let Host { runtime, client_info, search_from, program, memory, transport: _, token: _ } = host;
        let arguments = config.arguments.clone();
        let plan = Plan::new(endpoint, &settings, &client_info, arguments, secrets.clone(), search_from);
        let services = Services {
            ring: Arc::default(),
            begun: Arc::default(),
            dispatcher: Dispatcher::new(handlers, secrets.clone()),
            events: Arc::new(Events::new(span.clone())),
            runtime,
            span,
        };
        Ok(Arc::new_cyclic(|me| Self {
            settings,
            config,
            secrets,
            services,
            program,
            memory: memory.of_client(),
            plan: Arc::new(plan),
            me: Weak::clone(me),
            slot: Mutex::default(),
            threads: Mutex::default(),
            closed: OnceCell::new(),
            kept: Mutex::default(),
            ending: AtomicBool::new(false),
            attended: Mutex::default(),
            waiting: Mutex::default(),
        }))
    }

    /// The session that lives, or a new one: after a server has died the next call starts another.
    pub(crate) fn session(&self) -> Result<Arc<Session>, Error> {
        if let Some(session) = self.living(&lock(&self.slot))? {
            return Ok(session);
        }
        // Not under the lock: it may run code of the program, and that may make calls.
        let surroundings = self.program.surroundings();
        let mut slot = lock(&self.slot);
        if let Some(session) = self.living(&slot)? {
            return Ok(session);
        }
        slot.sessions += 1;
        let threads = self.weak() as Weak<dyn Restore>;
        let session = Session::start(&self.plan, &self.services, threads, slot.sessions, surroundings);
        slot.session = Some(Arc::clone(&session));
        Ok(session)
    }

    /// The session that lives, unless there may be no other.
    fn living(&self, slot: &Slot) -> Result<Option<Arc<Session>>, Error> {
        if slot.closed {
            return Err(Error::client_closed());
        }
        let Some(session) = &slot.session else { return Ok(None) };
        match session.connection.ended() {
            None => Ok(Some(Arc::clone(session))),
            Some(error) if self.settings.restart == Some(false) && session.metadata().is_some() => Err(error),
            Some(error) => {
                // Its end may be under way: all are told of it before they hear of the next one.
                session.connection.end(&error);
                Ok(None)
            }
        }
    }

    /// Makes a request, which has its place in the queue when this returns. What only reads is asked again while
    /// the server is overloaded.
    pub(crate) fn request(
        &self,
        method: &str,
        params: Option<String>,
        timeout: Option<Duration>,
    ) -> Result<impl Future<Output = RawAnswer> + Send + 'static, Error> {
        let timeout = timeout.unwrap_or(self.settings.request_timeout());
        let options = CallOptions::within(timeout);
        let deadline = Instant::now() + timeout;
        let connection = Arc::clone(&self.session()?.connection);
        let call = connection.request(method, params.as_deref(), options);
        let method = method.to_owned();
        let answer = async move {
            if !only_reads(&method) {
                return call.answer().await;
            }
            let mut first = Some(call);
            retry_overload(deadline, move || {
                let left = CallOptions { timeout: deadline - Instant::now(), ..options };
                let again = || connection.request(&method, params.as_deref(), left);
                first.take().unwrap_or_else(again).answer()
            })
            .await
        };
        Ok(answer.instrument(self.services.span.clone()))
    }

    /// Makes a request with the deadline of this client.
    pub(crate) async fn ask(&self, method: &str, params: Map<String, Value>) -> RawAnswer {
        self.request(method, Some(Value::Object(params).to_string()), None)?.await
    }

    /// Sees a call to its answer, for which nobody waits.
    pub(crate) fn disregard(&self, call: Call) {
        let answered = async move { drop(call.answer().await) };
        self.services.runtime.spawn(answered.instrument(self.services.span.clone()));
    }

    /// Whether the server is a process of this client.
    pub(crate) fn has_process(&self) -> bool {
        self.plan.endpoint.is_process()
    }

    /// Where the codex is that paths are sent to.
    pub(crate) fn place(&self) -> Place<'_> {
        if self.plan.endpoint.is_process() { Place::Here(&*self.program) } else { Place::Elsewhere }
    }

    /// A path as the program that makes the calls means it.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        self.program.absolute(path)
    }

    /// The session, if one lives.
    pub(crate) fn current(&self) -> Option<Arc<Session>> {
        lock(&self.slot).session.clone()
    }

    /// A handle that does not keep it alive.
    pub(crate) fn weak(&self) -> Weak<Self> {
        Weak::clone(&self.me)
    }

    /// The threads that a session has loaded.
    pub(crate) fn threads_of(&self, session: u64) -> Vec<Arc<ThreadState>> {
        let threads = lock(&self.threads);
        threads.values().filter_map(Weak::upgrade).filter(|thread| thread.session() == session).collect()
    }

    /// All threads that somebody holds.
    pub(super) fn all_threads(&self) -> Vec<Arc<ThreadState>> {
        lock(&self.threads).values().filter_map(Weak::upgrade).collect()
    }

    /// What all handles of one thread share.
    pub(crate) fn thread(&self, id: &str, make: impl FnOnce() -> ThreadState) -> Arc<ThreadState> {
        let mut threads = lock(&self.threads);
        if let Some(shared) = threads.get(id).and_then(Weak::upgrade) {
            return shared;
        }
        threads.retain(|_, shared| shared.strong_count() > 0);
        let shared = Arc::new(make());
        threads.insert(id.to_owned(), Arc::downgrade(&shared));
        // Whatever else knows threads forgets them with these: a client may open any number, one after the other.
        self.services.dispatcher.sweep();
        if let Some(session) = self.current() {
            session.router.keep_threads(|id| threads.contains_key(id));
        }
        shared
    }

    /// A thread has another id from now on. By the one before it is known all the same.
    pub(crate) fn rename(&self, thread: &Arc<ThreadState>, id: &str) {
        thread.rename(id);
        lock(&self.threads).insert(id.to_owned(), Arc::downgrade(thread));
    }

    /// What the handles of a thread share, if there are any.
    pub(crate) fn known_thread(&self, id: &str) -> Option<Arc<ThreadState>> {
        lock(&self.threads).get(id).and_then(Weak::upgrade)
    }

    /// Whether the server that is there has a thread loaded.
    pub(crate) fn has_loaded(&self, thread: &ThreadState) -> bool {
        self.current()
            .is_some_and(|session| session.connection.ended().is_none() && session.number == thread.session())
    }

    /// A turn of this client.
    pub(crate) fn turn_state(&self, thread: &str, turn: &str, keep_log: bool) -> Arc<TurnState> {
        TurnState::hiding(self.secrets.clone(), &self.memory, thread, turn, keep_log)
    }

    /// Keeps a turn for whoever continues it.
    pub(crate) fn keep(&self, state: &Arc<TurnState>) {
        let mut kept = lock(&self.kept);
        if kept.iter().any(|known| Arc::ptr_eq(known, state)) {
            return;
        }
        let alike = kept.iter().filter(|known| known.turn_id == state.turn_id);
        if let Some(last) = alike.map(|known| known.log_number()).max() {
            state.set_log_number(last + 1);
        }
        state.keep();
        kept.push_back(Arc::clone(state));
        while kept.len() > MOST_KEPT || (self.memory.kept() > MOST_KEPT_BYTES && kept.len() > 1) {
            // The oldest that has ended, else the oldest.
            let oldest = kept.iter().position(|known| known.end().is_some()).unwrap_or_default();
            if let Some(state) = kept.remove(oldest) {
                state.release();
            }
        }
    }

    /// A turn that was kept, with the log of that number.
    pub(crate) fn kept(&self, turn: &str, log: u64) -> Option<Arc<TurnState>> {
        lock(&self.kept).iter().find(|state| state.turn_id == turn && state.log_number() == log).cloned()
    }

    /// Whether somebody hears what codex says or asks, of any thread.
    pub(crate) fn has_observers(&self) -> bool {
        let dispatcher = &self.services.dispatcher;
        dispatcher.client().is_some() || dispatcher.records().is_read() || self.services.ring.is_read()
    }

    /// Holds a thread until it is let go of by [`Self::unattended`], or the client is closed.
    pub(crate) fn attend(&self, thread: &Arc<ThreadState>, holds: Holds) {
        self.unattended(thread);
        let mut attended = lock(&self.attended);
        attended.push_back(Attended { thread: Arc::clone(thread), _holds: holds });
        let idle = |attended: &Attended| attended.thread.running().is_none();
        let oldest = attended.iter().position(idle).filter(|_| attended.len() > MOST_ATTENDED);
        let left = oldest.and_then(|oldest| attended.remove(oldest));
        // Its end looks for others that are attended to.
        drop(attended);
        drop(left);
    }

    /// Undoes [`Self::attend`].
    pub(crate) fn unattended(&self, thread: &Arc<ThreadState>) {
        let mut attended = lock(&self.attended);
        let at = attended.iter().position(|known| Arc::ptr_eq(&known.thread, thread));
        let held = at.and_then(|at| attended.remove(at));
        drop(attended);
        drop(held);
    }

    /// Holds a thread until it is taken up again by [`Self::taken_up`], or the client is closed.
    pub(crate) fn keep_thread(&self, id: &str, holds: Holds) {
        lock(&self.waiting).insert(id.to_owned(), holds);
    }

    /// Undoes [`Self::keep_thread`].
    pub(crate) fn taken_up(&self, id: &str) {
        let held = lock(&self.waiting).remove(id);
        drop(held);
    }

    /// Refuses later calls and ends the server. Every caller waits for the end.
    pub(crate) async fn close(&self) {
        let session = {
            let mut slot = lock(&self.slot);
            slot.closed = true;
            slot.session.take()
        };
        self.closed
            .get_or_init(|| async {
                if let Some(session) = session {
                    let threads = lock(&self.threads).len();
                    session.close(threads).await;
                }
                let attended = std::mem::take(&mut *lock(&self.attended));
                let waiting = std::mem::take(&mut *lock(&self.waiting));
                drop((attended, waiting));
                self.services.ring.close();
                self.services.dispatcher.records().close();
            })
            .await;
    }
}
