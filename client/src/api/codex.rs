//! A client, and what is asked of it that belongs to no thread.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::api::core::{Core, Host};
use crate::options::{ClientSettings, Input, RunSettings};
use crate::routing::RingReader;
use crate::rpc::{EMPTY_PARAMS, RawAnswer};
use crate::server_requests::{ContextAlone, Handlers};
use crate::session::{Metadata, Observer};
use crate::turn::TurnResult;
use crate::{Error, Secrets};

/// A client of one codex app-server at a time. Cheap to clone; when the last handle is dropped the server ends.
#[derive(Clone)]
pub struct Codex {
    pub(crate) core: Arc<Core>,
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

    /// What nothing that is passed on may show.
    pub fn secrets(&self) -> &Secrets {
        &self.core.secrets
    }

    /// Tells of what happens to the connection, from now on.
    pub fn observe(&self, observer: Observer) {
        self.core.services.events.add(observer);
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

    /// Any method of the protocol; `params` is JSON text, and may be left out where all of it may. The request has its place in the queue when this
    /// returns.
    pub fn request(
        &self,
        method: &str,
        params: Option<String>,
        timeout: Option<Duration>,
    ) -> Result<impl Future<Output = RawAnswer> + Send + 'static, Error> {
        check_method(method)?;
        // It wants an object, also where it needs nothing of it.
        let params = params.or_else(|| EMPTY_PARAMS.contains(&method).then(|| "{}".to_owned()));
        let left = (method == "thread/unsubscribe").then(|| thread_of(params.as_deref())).flatten();
        let answer = self.core.request(method, params, timeout)?;
        let core = Arc::clone(&self.core);
        Ok(async move {
            let answer = answer.await?;
            if let Some(thread) = left.and_then(|id| core.known_thread(&id)) {
                thread.left();
            }
            Ok(answer)
        })
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
        Ok(self.core.services.ring.reader(methods))
    }

    /// Follows the requests from the server and how each was answered, from now on.
    pub fn server_requests(&self) -> Result<RingReader, Error> {
        self.core.session()?;
        Ok(self.core.services.dispatcher.records().reader(None))
    }

    /// One turn on a fresh thread, which the server may unload afterwards, unless its result is to `keep` it for
    /// [`Self::kept_thread`].
    pub async fn run(
        &self,
        input: Input,
        settings: RunSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
        keep: bool,
    ) -> Result<Arc<TurnResult>, Error> {
        let RunSettings { thread: settings, turn } = settings;
        turn.check()?;
        if cancel.is_cancelled() {
            return Err(Error::Aborted { result: None });
        }
        self.core.may_begin()?;
        let context = handlers.as_ref().and_then(|handlers| handlers.context());
        let begun_by = context.map(|context| Arc::new(ContextAlone(context)) as Arc<dyn Handlers>);
        let thread = tokio::select! {
            thread = self.start_thread(settings, handlers) => thread?,
            () = cancel.cancelled() => return Err(Error::Aborted { result: None }),
        };
        // With its end nobody holds the thread any more.
        let result = thread.run(input, turn, begun_by, cancel)?.await?;
        if keep {
            thread.keep();
        }
        Ok(result)
    }

    /// Refuses later calls, lets answers that are on the way arrive, and ends the server. Idempotent.
    pub async fn close(&self) {
        self.core.close().await;
    }
}

/// The thread that parameters name.
fn thread_of(params: Option<&str>) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        thread_id: String,
    }
    serde_json::from_str::<Named>(params?).ok().map(|named| named.thread_id)
}

fn check_method(method: &str) -> Result<(), Error> {
    if method.trim().is_empty() {
        return Err(Error::InvalidArgument(
            "method is empty; it must be a method of the protocol".to_owned(),
        ));
    }
    Ok(())
}
