use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::core::{Core, Host};
use super::defaults::Defaults;
use super::events::Observer;
use super::metadata::Metadata;
use super::thread::{Thread, ThreadShared};
use crate::options::{ClientSettings, Input, RunSettings, ThreadSettings, id};
use crate::process::secret_texts;
use crate::requests::{HandlerKind, Handlers};
use crate::routing::RingReader;
use crate::rpc::{CallOptions, RawAnswer};
use crate::turn::TurnResult;
use crate::{Error, lock, options};

/// A client of one codex app-server at a time. Cheap to clone; when the last handle is dropped the server ends.
#[derive(Clone)]
pub struct Codex {
    pub(super) core: Arc<Core>,
}

/// A handle that does not keep the client alive.
pub struct WeakCodex {
    core: Weak<Core>,
}

impl WeakCodex {
    /// The client, while it lives.
    pub fn upgrade(&self) -> Option<Codex> {
        Some(Codex { core: self.core.upgrade()? })
    }
}

impl Codex {
    /// A client that connects with its first call. `span` is the parent of all it traces.
    pub fn new(
        settings: ClientSettings,
        handlers: Option<Arc<dyn Handlers>>,
        host: Host,
        span: tracing::Span,
    ) -> Result<Self, Error> {
        Ok(Self { core: Core::new(settings, handlers, host, span)? })
    }

    /// A handle that does not keep the client alive.
    pub fn downgrade(&self) -> WeakCodex {
        WeakCodex { core: Arc::downgrade(&self.core) }
    }

    /// Tells of what happens to the connection, from now on.
    pub fn observe(&self, observer: Observer) {
        self.core.events.add(observer);
    }

    /// Connects now, or waits for the connection that is under way. Wire: `initialize`.
    pub async fn connect(&self) -> Result<Arc<Metadata>, Error> {
        self.core.session()?.ready().await
    }

    /// What the server said of itself, once connected.
    pub fn metadata(&self) -> Option<Arc<Metadata>> {
        self.core.current()?.metadata()
    }

    /// Process id of the server, while it runs.
    pub fn pid(&self) -> Option<u32> {
        let session = self.core.current()?;
        if session.connection.ended().is_some() { None } else { session.pid() }
    }

    /// Any method of the protocol; `params` is JSON text. The request has its place in the queue when this
    /// returns.
    pub fn request(
        &self,
        method: &str,
        params: Option<String>,
        timeout: Option<Duration>,
    ) -> Result<impl Future<Output = RawAnswer> + Send + 'static, Error> {
        check_method(method)?;
        self.core.request(method, params, timeout)
    }

    /// Sends a notification; it has its place among the requests with the first step of this. Wire: any client
    /// notification.
    pub async fn notify(&self, method: &str, params: Option<String>) -> Result<(), Error> {
        check_method(method)?;
        let session = self.core.session()?;
        session.connection.notify(method, params.as_deref())?;
        session.ready().await.map(drop)
    }

    /// Follows the notifications that belong to no turn, from now on.
    pub fn notifications(&self, methods: Option<Vec<String>>) -> Result<RingReader, Error> {
        self.core.session()?;
        Ok(self.core.ring.reader(methods))
    }

    /// Follows the requests from the server and how each was answered, from now on.
    pub fn server_requests(&self) -> Result<RingReader, Error> {
        self.core.session()?;
        Ok(self.core.dispatcher.records().reader(None))
    }

    /// A new thread. Wire: `thread/start`.
    pub async fn start_thread(
        &self,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        settings.check(options::Opening::Start)?;
        let has = |handlers: &Option<Arc<dyn Handlers>>| {
            handlers.as_ref().is_some_and(|handlers| handlers.has(HandlerKind::Approval))
        };
        let asks = has(&handlers) || has(self.core.dispatcher.client());
        let settings = settings.for_new_thread(asks);
        let params = settings.wire(options::Opening::Start, &self.core.config.secrets);
        self.open_thread("thread/start", params, settings, handlers).await
    }

    /// A thread that was started before. Wire: `thread/resume`.
    pub async fn resume_thread(
        &self,
        thread_id: &str,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        id(thread_id, "id")?;
        settings.check(options::Opening::Resume)?;
        let mut params = settings.wire(options::Opening::Resume, &self.core.config.secrets);
        params.insert("threadId".to_owned(), thread_id.into());
        self.open_thread("thread/resume", params, settings, handlers).await
    }

    /// One turn on a fresh thread, which the server may unload afterwards.
    pub async fn run(
        &self,
        input: Input,
        settings: RunSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
    ) -> Result<Arc<TurnResult>, Error> {
        let RunSettings { thread: settings, turn } = settings;
        turn.check()?;
        if cancel.is_cancelled() {
            return Err(Error::Aborted { result: None });
        }
        let thread = tokio::select! {
            thread = self.start_thread(settings, handlers) => thread?,
            () = cancel.cancelled() => return Err(Error::Aborted { result: None }),
        };
        let outcome = thread.run(input, turn, None, cancel)?.await;
        thread.unsubscribe();
        outcome
    }

    /// Refuses later calls, lets answers that are on the way arrive, and ends the server. Idempotent.
    pub async fn close(&self) {
        self.core.close().await;
    }

    pub(super) async fn open_thread(
        &self,
        method: &str,
        params: Map<String, Value>,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        #[derive(Deserialize)]
        struct Opened {
            thread: Identified,
        }
        #[derive(Deserialize)]
        struct Identified {
            id: String,
            status: Option<Status>,
        }
        #[derive(Deserialize)]
        struct Status {
            r#type: String,
        }
        let session = self.core.session()?;
        if let Some(Some(config)) = &settings.config {
            self.core.secrets.learn(secret_texts(config));
        }
        let options =
            CallOptions { timeout: self.core.settings.request_timeout(), indeterminate: false, long: false };
        let resumes = params.get("threadId").filter(|_| method == "thread/resume").and_then(Value::as_str);
        let resumes = resumes.map(str::to_owned);
        let known = resumes.as_deref().map(|id| session.router.active(id));
        if let (Some(id), Some(handlers)) = (&resumes, &handlers) {
            // What waits for an answer is asked again as soon as the thread is followed.
            self.core.dispatcher.set_thread(id, handlers);
        }
        let params = Value::Object(params).to_string();
        let answer = session.connection.request(method, Some(&params), options).answer().await;
        let answer = answer.inspect_err(|_| {
            let before = resumes.and_then(|id| self.core.known_thread(&id)?.handlers().map(|old| (id, old)));
            if let Some((id, old)) = before {
                self.core.dispatcher.set_thread(&id, &old);
            }
        })?;
        let opened: Opened = serde_json::from_str(answer.get())
            .map_err(|error| Error::Spawn(format!("the answer to {method} has no thread id: {error}")))?;
        let thread_id = opened.thread.id;
        if let Some(known) = known
            && opened.thread.status.is_some_and(|status| status.r#type == "active")
        {
            // Another client's turn: one that is started here must wait for its end.
            session.router.found_busy(&thread_id, &known);
        }
        let shared = self.core.thread(&thread_id, || ThreadShared::new(&thread_id));
        shared.opened(session.number, settings);
        session.router.follow_settings(&thread_id);
        *lock(&shared.defaults) = Defaults::of_answer(&answer);
        if let Some(handlers) = handlers {
            self.core.dispatcher.set_thread(&thread_id, &handlers);
            shared.set_handlers(handlers);
        }
        Ok(Thread::new(Arc::clone(&self.core), shared))
    }
}

fn check_method(method: &str) -> Result<(), Error> {
    if method.trim().is_empty() {
        return Err(Error::InvalidArgument(
            "method is empty; it must be a method of the protocol".to_owned(),
        ));
    }
    Ok(())
}
