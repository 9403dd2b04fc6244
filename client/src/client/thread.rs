use std::future::Future;
use std::sync::{Arc, Mutex, Weak};

use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::defaults::Defaults;
use super::restore::is_unwritten;
use super::session::Session;
use super::start::Work;
use super::turn::Turn;
use crate::options::{Input, Opening, ThreadSettings, TurnSettings};
use crate::requests::Handlers;
use crate::rpc::{CallOptions, RawAnswer};
use crate::turn::{TurnResult, TurnState};
use crate::{Error, lock};

/// One thread of a client.
#[derive(Clone)]
pub struct Thread {
    pub(super) core: Arc<Core>,
    pub(super) shared: Arc<ThreadShared>,
}

/// What all handles of one thread share.
pub(super) struct ThreadShared {
    pub(super) id: String,
    /// Turns run one after the other: the server would merge a second into the running one.
    pub(super) turns: Arc<Semaphore>,
    opened: Mutex<Opened>,
    /// The last token usage that was asked for: it outlives the server.
    usage: Mutex<Option<String>>,
    /// The turn of this client that was started last.
    running: Mutex<Weak<TurnState>>,
    /// The settings for later turns.
    pub(super) defaults: Mutex<Defaults>,
    /// Kept here for as long as the thread is: the dispatcher does not keep them.
    handlers: Mutex<Option<Arc<dyn Handlers>>>,
}

#[derive(Default, Clone)]
struct Opened {
    /// The session that has the thread loaded.
    session: u64,
    settings: ThreadSettings,
}

impl ThreadShared {
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            turns: Arc::new(Semaphore::new(1)),
            opened: Mutex::default(),
            usage: Mutex::default(),
            running: Mutex::default(),
            defaults: Mutex::default(),
            handlers: Mutex::default(),
        }
    }

    pub(super) fn opened(&self, session: u64, settings: ThreadSettings) {
        // Where the thread was cut off when it was forked says nothing about how it is loaded again.
        let settings = ThreadSettings { last_turn_id: None, ..settings };
        let mut opened = lock(&self.opened);
        // The server takes settings when it loads a thread; of one that it has loaded it ignores them.
        if opened.session != session {
            *opened = Opened { session, settings };
        }
    }

    /// The session that has the thread loaded.
    pub(super) fn session(&self) -> u64 {
        lock(&self.opened).session
    }

    /// A session has the thread loaded.
    pub(super) fn loaded(&self, session: u64) {
        lock(&self.opened).session = session;
    }

    /// The server does not have the thread loaded any more.
    pub(super) fn unloaded(&self) {
        lock(&self.opened).session = 0;
    }

    /// The thread has other settings now, with which it is to be loaded again.
    pub(super) fn change_settings(&self, change: impl FnOnce(&mut ThreadSettings)) {
        change(&mut lock(&self.opened).settings);
    }

    pub(super) fn runs(&self, state: &Arc<TurnState>) {
        *lock(&self.running) = Arc::downgrade(state);
    }

    /// The turn of this client that runs.
    pub(super) fn running(&self) -> Option<Arc<TurnState>> {
        lock(&self.running).upgrade().filter(|state| state.end().is_none())
    }

    pub(super) fn set_handlers(&self, handlers: Arc<dyn Handlers>) {
        *lock(&self.handlers) = Some(handlers);
    }

    pub(super) fn handlers(&self) -> Option<Arc<dyn Handlers>> {
        lock(&self.handlers).clone()
    }

    pub(super) fn settings(&self) -> ThreadSettings {
        lock(&self.opened).settings.clone()
    }
}

impl Thread {
    pub(super) fn new(core: Arc<Core>, shared: Arc<ThreadShared>) -> Self {
        Self { core, shared }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// The last token usage of the thread that was seen here, as JSON: total, last, modelContextWindow.
    pub fn usage(&self) -> Option<String> {
        let mut known = lock(&self.shared.usage);
        if let Some(usage) = self.core.current().and_then(|session| session.router.usage(self.id())) {
            *known = Some(usage);
        }
        known.clone()
    }

    /// One turn, to its end. The turn has its place behind earlier ones when this returns. Wire: `turn/start`.
    pub fn run(
        &self,
        input: Input,
        settings: TurnSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = Result<Arc<TurnResult>, Error>> + Send + 'static, Error> {
        let work = Work::Input(input, Box::new(settings));
        let begun = self.begin(work, handlers, cancel, false)?;
        Ok(async move {
            let turn = begun.await?;
            turn.result(turn.wait()).await
        })
    }

    /// One turn, as soon as the server has accepted it. The turn has its place behind earlier ones when this
    /// returns. Wire: `turn/start`.
    pub fn turn(
        &self,
        input: Input,
        settings: TurnSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = Result<Turn, Error>> + Send + 'static, Error> {
        self.begin(Work::Input(input, Box::new(settings)), handlers, cancel, true)
    }

    /// The thread as the server has stored it, as JSON. Wire: `thread/read`.
    pub async fn read(&self, include_turns: bool) -> RawAnswer {
        self.ask("thread/read", json!({ "threadId": self.id(), "includeTurns": include_turns })).await
    }

    /// Gives the thread a name. Wire: `thread/name/set`.
    pub async fn set_name(&self, name: &str) -> Result<(), Error> {
        if name.trim().is_empty() {
            return Err(Error::InvalidArgument(
                "name is empty; a thread needs something to be found by".to_owned(),
            ));
        }
        self.ask("thread/name/set", json!({ "threadId": self.id(), "name": name })).await.map(drop)
    }

    /// Tells the server that nobody here follows the thread any more; its answer is not waited for.
    pub(super) fn unsubscribe(&self) {
        if let Some(session) = self.core.current() {
            let params = json!({ "threadId": self.id() }).to_string();
            drop(session.connection.request("thread/unsubscribe", Some(&params), self.call_options()));
        }
    }

    /// Loads the thread in a session that does not have it: the server was started anew since, or the line was lost.
    ///
    /// False where the server has nothing of it on disk. It may know it all the same: of a thread without a turn
    /// nothing is written yet.
    pub(super) async fn ensure_loaded(&self, session: &Session) -> Result<bool, Error> {
        if self.shared.session() == session.number {
            return Ok(true);
        }
        let params = self.resume_params(false);
        let resumed = session.connection.request("thread/resume", Some(&params), self.call_options());
        match resumed.answer().await {
            Ok(_) => {
                self.shared.loaded(session.number);
                session.router.follow_settings(self.id());
                Ok(true)
            }
            Err(error) if session.connection.reconnects() && is_unwritten(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What loads the thread with the settings that it was opened with.
    pub(super) fn resume_params(&self, include_turns: bool) -> String {
        let settings = self.shared.settings();
        let settings = ThreadSettings {
            ephemeral: None,
            service_name: None,
            include_turns: Some(include_turns),
            ..settings
        };
        let mut params: Map<String, Value> = settings.wire(Opening::Resume, &self.core.config.secrets);
        params.insert("threadId".to_owned(), self.id().into());
        Value::Object(params).to_string()
    }

    pub(super) fn call_options(&self) -> CallOptions {
        CallOptions { timeout: self.core.settings.request_timeout(), indeterminate: false, long: false }
    }

    pub(super) async fn ask(&self, method: &str, params: Value) -> RawAnswer {
        self.core.request(method, Some(params.to_string()), None)?.await
    }
}
