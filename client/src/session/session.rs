//! One server, from its start or the first line to it, until its end or the loss of the last line.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::commands::Commands;
use super::endpoint::{LineTask, Link, Plan};
use super::events::{ConnectionEvent, Events};
use super::logins::Logins;
use super::metadata::Metadata;
use super::reconnect::{Reconnector, Restore};
use crate::process::{Process, Surroundings, Taking};
use crate::routing::{Begun, Ring, Router};
use crate::rpc::{Connection, Inbox, Notification, ServerRequest, is_delta};
use crate::server_requests::{Dispatcher, OpenRequests};
use crate::{Error, lock};

/// How long answers that are on the way are waited for when the client closes.
const FINISH_GRACE: Duration = Duration::from_millis(500);
/// What each open thread adds to the time that the server is given to put things away.
const GRACE_PER_THREAD: Duration = Duration::from_millis(50);

/// What a session shares with the client that it belongs to.
pub(crate) struct Services {
    pub(crate) ring: Arc<Ring>,
    /// The turns of earlier connections.
    pub(crate) begun: Arc<Begun>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) events: Arc<Events>,
    /// Where its tasks run.
    pub(crate) runtime: Handle,
    pub(crate) span: tracing::Span,
}

/// A connection to a server, and what happens over it.
pub(crate) struct Session {
    /// Counts the sessions of a client: threads are loaded in one of them.
    pub(crate) number: u64,
    pub(crate) connection: Arc<Connection>,
    pub(crate) router: Arc<Router>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) logins: Arc<Logins>,
    ready: watch::Receiver<Option<Result<Arc<Metadata>, Error>>>,
    process: Arc<Mutex<Option<Process>>>,
    given_up: CancellationToken,
    /// Ends the line to a server that runs elsewhere; also when the session is dropped.
    closing: CancellationToken,
    _dropped: DropGuard,
    /// Who sees the lines to that server to their end.
    keeper: TaskTracker,
    /// Why the server is ended from here, where it is: its exit is no news then.
    reason: Arc<OnceLock<Error>>,
}

impl Session {
    /// Begins to connect; requests queue up until it is ready.
    pub(crate) fn start(
        plan: &Arc<Plan>,
        services: &Services,
        threads: Weak<dyn Restore>,
        number: u64,
        surroundings: Taking,
    ) -> Arc<Self> {
        let router = Router::new(Arc::clone(&services.ring), Arc::clone(&services.begun));
        let (commands, logins) = (Arc::<Commands>::default(), Arc::<Logins>::default());
        let requests = OpenRequests::new(
            Arc::clone(&services.dispatcher),
            Arc::clone(&router),
            services.runtime.clone(),
            !plan.endpoint.is_process(),
        );
        let inbox = Arc::new(SessionInbox {
            router: Arc::clone(&router),
            commands: Arc::clone(&commands),
            logins: Arc::clone(&logins),
            events: Arc::clone(&services.events),
            requests: Arc::clone(&requests),
        });
        let reconnects = plan.endpoint.reconnects(&plan.settings);
        let connection = Connection::new(inbox, plan.settings.in_flight(), plan.secrets.clone(), reconnects);
        requests.connected(&connection);
        let (ready_sender, ready) = watch::channel(None);
        let closing = CancellationToken::new();
        let session = Arc::new(Self {
            number,
            connection,
            router,
            commands,
            logins,
            ready,
            process: Arc::default(),
            given_up: CancellationToken::new(),
            _dropped: closing.clone().drop_guard(),
            closing,
            keeper: TaskTracker::new(),
            reason: Arc::default(),
        });
        services.events.emit(&ConnectionEvent::Connecting { attempt: 1 });
        let (starting, events) = (Arc::clone(&session), Arc::clone(&services.events));
        let plan = Arc::clone(plan);
        let connect = async move {
            let outcome = match starting.connect(&plan, surroundings).await {
                Ok((metadata, line, link)) => {
                    // It must not keep the session nor its process, whose ends are their own.
                    let keeper = Reconnector {
                        threads,
                        session: starting.number,
                        router: Arc::clone(&starting.router),
                        events: Arc::clone(&events),
                        plan,
                        link: Link { process: Arc::default(), ..link },
                        reason: Arc::clone(&starting.reason),
                    };
                    starting.keeper.spawn(keeper.keep(line).in_current_span());
                    events.emit(&ConnectionEvent::Connected);
                    starting.connection.open(Some(metadata.server_info.version.clone()));
                    Ok(metadata)
                }
                Err(error) => {
                    tracing::warn!(%error, "connecting to codex failed");
                    let _ = starting.reason.set(error.clone());
                    let process = lock(&starting.process).take();
                    if let Some(process) = process {
                        // It has not begun to work for anybody: there is nothing to put away.
                        process.kill().await;
                    }
                    starting.connection.end(&error);
                    Err(error)
                }
            };
            let _ = ready_sender.send(Some(outcome.map(Arc::new)));
        };
        services.runtime.spawn(connect.instrument(services.span.clone()));
        session
    }

    fn link(&self, surroundings: Surroundings) -> Link {
        Link {
            connection: Arc::clone(&self.connection),
            closing: self.closing.clone(),
            process: Arc::clone(&self.process),
            surroundings,
        }
    }

    /// Waits for the end of the handshake.
    pub(crate) async fn ready(&self) -> Result<Arc<Metadata>, Error> {
        let mut ready = self.ready.clone();
        match ready.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(Error::client_closed())),
            Err(_) => Err(Error::client_closed()),
        }
    }

    /// What the server said of itself, once it has.
    pub(crate) fn metadata(&self) -> Option<Arc<Metadata>> {
        self.ready.borrow().as_ref()?.as_ref().ok().cloned()
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        lock(&self.process).as_ref().map(Process::pid)
    }

    /// Ends the server, or the line to it: lets what is on the way arrive, then closes its stdin and what follows.
    pub(crate) async fn close(&self, threads: usize) {
        let _ = self.reason.set(Error::client_closed());
        self.given_up.cancel();
        let _ = self.ready().await;
        self.connection.finish(&Error::client_closed(), FINISH_GRACE).await;
        self.closing.cancel();
        let process = lock(&self.process).take();
        if let Some(process) = process {
            let grace = GRACE_PER_THREAD * u32::try_from(threads).unwrap_or(u32::MAX);
            process.end(grace).await;
        }
        self.keeper.close();
        self.keeper.wait().await;
        self.connection.end(&Error::client_closed());
    }

    async fn connect(&self, plan: &Plan, surroundings: Taking) -> Result<(Metadata, LineTask, Link), Error> {
        let connecting = async {
            let link = self.link(surroundings.await?);
            let (metadata, line) = plan.connect(&link).await?;
            Ok((metadata, line, link))
        };
        tokio::select! {
            connected = connecting => connected,
            () = self.given_up.cancelled() => Err(Error::client_closed()),
        }
    }
}

/// Hands what the server says to the router, and what it asks to who answers.
struct SessionInbox {
    router: Arc<Router>,
    commands: Arc<Commands>,
    logins: Arc<Logins>,
    events: Arc<Events>,
    requests: Arc<OpenRequests>,
}

impl Inbox for SessionInbox {
    fn notification(&self, notification: &Notification<'_>) {
        // Most of what comes is pieces of texts: they are looked at for nothing else.
        if is_delta(notification.method) {
            if notification.method != "command/exec/outputDelta" || !self.commands.take(notification.line) {
                self.router.notification(notification);
            }
            return;
        }
        if notification.method == "account/login/completed" {
            self.logins.take(notification.line);
        }
        self.router.notification(notification);
        self.requests.heard(notification);
    }

    fn request(&self, request: ServerRequest) {
        self.requests.request(request);
    }

    fn idle(&self) {
        self.router.wake();
    }

    fn lost(&self) {
        self.router.pause();
        self.requests.lost();
        self.logins.lose();
    }

    fn ended(&self, error: &Error) {
        // Before all who may open the next connection.
        let told = if matches!(error, Error::Closed(_)) { None } else { Some(error.clone()) };
        self.events.emit(&ConnectionEvent::Closed { error: told });
        self.router.end(error);
        self.logins.end(error);
        self.requests.connection_ended();
    }
}
