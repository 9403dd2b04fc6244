use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::core::{Core, closed};
use super::events::{ConnectionEvent, Events};
use super::launch::{arguments, exited, locate, with_stderr};
use super::line::Keeper;
use super::metadata::Metadata;
use super::way::{LineTask, Plan, Way};
use crate::process::{Environment, Executable, Process, SpawnOptions, Spawned};
use crate::requests::Dispatcher;
use crate::routing::{Commands, Logins, Router};
use crate::rpc::{Connection, Inbox, Notification, ServerRequest};
use crate::transport::run_lines;
use crate::{Error, lock};

/// How long answers that are on the way are waited for when the client closes.
const FINISH_GRACE: Duration = Duration::from_millis(500);
/// How long what a dead server had written is read.
const DRAIN_GRACE: Duration = Duration::from_millis(500);
/// What each open thread adds to the time that the server is given to put things away.
const GRACE_PER_THREAD: Duration = Duration::from_millis(50);

/// One server, from its start or the first line to it, until its end or the loss of the last line.
pub(super) struct Session {
    /// Counts the sessions of a client: threads are loaded in one of them.
    pub(super) number: u64,
    pub(super) connection: Arc<Connection>,
    pub(super) router: Arc<Router>,
    pub(super) commands: Arc<Commands>,
    pub(super) logins: Arc<Logins>,
    ready: watch::Receiver<Option<Result<Arc<Metadata>, Error>>>,
    process: Mutex<Option<Process>>,
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
    /// Begins to start codex; requests queue up until it is ready.
    pub(super) fn start(core: &Core, number: u64) -> Arc<Self> {
        let (requests, asked) = mpsc::unbounded_channel();
        let router = Router::new(Arc::clone(&core.ring));
        let (commands, logins) = (Arc::<Commands>::default(), Arc::<Logins>::default());
        let inbox = Arc::new(SessionInbox {
            router: Arc::clone(&router),
            commands: Arc::clone(&commands),
            logins: Arc::clone(&logins),
            dispatcher: Arc::clone(&core.dispatcher),
            events: Arc::clone(&core.events),
            requests,
        });
        let reconnects = core.way.reconnects(&core.settings);
        let connection = Connection::new(inbox, core.settings.in_flight(), core.secrets.clone(), reconnects);
        let (ready_sender, ready) = watch::channel(None);
        let closing = CancellationToken::new();
        let session = Arc::new(Self {
            number,
            connection,
            router,
            commands,
            logins,
            ready,
            process: Mutex::new(None),
            given_up: CancellationToken::new(),
            _dropped: closing.clone().drop_guard(),
            closing,
            keeper: TaskTracker::new(),
            reason: Arc::default(),
        });
        let plan = Plan {
            way: core.way.clone(),
            settings: core.settings.clone(),
            config: core.config.arguments.clone(),
            secrets: core.secrets.clone(),
            search_from: core.host.search_from.clone(),
            initialize: initialize(core),
        };
        core.events.emit(&ConnectionEvent::Connecting { attempt: 1 });
        let (starting, events, weak_core) = (Arc::clone(&session), Arc::clone(&core.events), core.weak());
        let connect = async move {
            let outcome = starting.connect(&plan).await;
            let outcome = match outcome {
                Ok((metadata, line)) => {
                    if let Some(line) = line {
                        // It must not keep the session, whose end is its own.
                        let keeper = Keeper {
                            core: weak_core,
                            session: starting.number,
                            connection: Arc::clone(&starting.connection),
                            router: Arc::clone(&starting.router),
                            events: Arc::clone(&events),
                            plan,
                            closing: starting.closing.clone(),
                        };
                        starting.keeper.spawn(keeper.keep(line).in_current_span());
                    }
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
        let answer =
            answer_requests(Arc::downgrade(&session.connection), Arc::clone(&core.dispatcher), asked);
        core.host.runtime.spawn(connect.instrument(core.span.clone()));
        core.host.runtime.spawn(answer.instrument(core.span.clone()));
        session
    }

    /// Waits for the end of the handshake.
    pub(super) async fn ready(&self) -> Result<Arc<Metadata>, Error> {
        let mut ready = self.ready.clone();
        match ready.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(closed())),
            Err(_) => Err(closed()),
        }
    }

    /// What the server said of itself, once it has.
    pub(super) fn metadata(&self) -> Option<Arc<Metadata>> {
        self.ready.borrow().as_ref()?.as_ref().ok().cloned()
    }

    pub(super) fn pid(&self) -> Option<u32> {
        lock(&self.process).as_ref().map(Process::pid)
    }

    /// Ends the server, or the line to it: lets what is on the way arrive, then closes its stdin and what follows.
    pub(super) async fn close(&self, threads: usize) {
        let _ = self.reason.set(closed());
        self.given_up.cancel();
        let _ = self.ready().await;
        self.connection.finish(&closed(), FINISH_GRACE).await;
        self.closing.cancel();
        let process = lock(&self.process).take();
        if let Some(process) = process {
            let grace = GRACE_PER_THREAD * u32::try_from(threads).unwrap_or(u32::MAX);
            process.end(grace).await;
        }
        self.keeper.close();
        self.keeper.wait().await;
        self.connection.end(&closed());
    }

    /// Starts codex or opens the line to it, and shakes hands, within the deadline.
    async fn connect(&self, plan: &Plan) -> Result<(Metadata, Option<LineTask>), Error> {
        match plan.way {
            Way::Process => Ok((self.connect_process(plan).await?, None)),
            Way::Dial(_) | Way::Bytes(_) => {
                let connected = tokio::select! {
                    connected = plan.connect(&self.connection, &self.closing) => connected,
                    () = self.given_up.cancelled() => Err(closed()),
                };
                connected.map(|(metadata, line)| (metadata, Some(line)))
            }
        }
    }

    async fn connect_process(&self, plan: &Plan) -> Result<Metadata, Error> {
        let timeout = plan.settings.connect_timeout();
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let (executable, environment) = locate(&plan.settings, &plan.search_from)?;
        let path = executable.path.display().to_string();
        let process = self.spawn(plan, executable, environment)?;
        tokio::select! {
            shaken = plan.shake_hands(&self.connection, &path) => shaken,
            () = tokio::time::sleep(timeout) => Err(Error::Timeout {
                message: with_stderr(
                    format!("{path} was started but did not finish the handshake within {timeout_ms} ms"),
                    &process.stderr(),
                ),
                method: Some("initialize".to_owned()),
                timeout_ms,
            }),
            () = self.given_up.cancelled() => Err(closed()),
        }
    }

    /// Starts the process, its transport, and who watches for the end of both.
    fn spawn(&self, plan: &Plan, executable: Executable, environment: Environment) -> Result<Process, Error> {
        let path = executable.path.display().to_string();
        let arguments = arguments(plan);
        let cwd = plan.settings.cwd.as_ref().map(PathBuf::from);
        let secrets = plan.secrets.clone();
        let Spawned { process, stdin, stdout } =
            Process::spawn(SpawnOptions { executable, arguments, cwd, environment, secrets })?;
        *lock(&self.process) = Some(process.clone());

        let (outgoing, to_send) = mpsc::unbounded_channel();
        self.connection.attach(outgoing);
        let inbound = Arc::clone(&self.connection);
        let transport =
            tokio::spawn(run_lines(stdin, stdout, to_send, process.ending(), inbound).in_current_span());
        let connection = Arc::clone(&self.connection);
        let reason = Arc::clone(&self.reason);
        let exit = process.exit_watch();
        let ending = process.ending();
        let watch = async move {
            tokio::pin!(transport);
            let exit = tokio::select! {
                exit = exit.exited() => {
                    let _ = tokio::time::timeout(DRAIN_GRACE, &mut transport).await;
                    transport.abort();
                    exit
                }
                // A server that has closed its stdout is of no use any more.
                _ = &mut transport => {
                    if tokio::time::timeout(DRAIN_GRACE, exit.exited()).await.is_err() {
                        ending.cancel();
                    }
                    exit.exited().await
                }
            };
            let error = reason.get().cloned().unwrap_or_else(|| exited(&path, exit));
            connection.end(&error);
        };
        tokio::spawn(watch.in_current_span());
        Ok(process)
    }
}

/// Hands what the server says to the router, and what it asks to the task that answers.
struct SessionInbox {
    router: Arc<Router>,
    commands: Arc<Commands>,
    logins: Arc<Logins>,
    dispatcher: Arc<Dispatcher>,
    events: Arc<Events>,
    requests: mpsc::UnboundedSender<ServerRequest>,
}

impl Inbox for SessionInbox {
    fn notification(&self, notification: &Notification<'_>) {
        match notification.method {
            "serverRequest/resolved" => self.dispatcher.resolved(notification.line),
            "account/login/completed" => self.logins.take(notification.line),
            "command/exec/outputDelta" if self.commands.take(notification.line) => return,
            _ => {}
        }
        self.router.notification(notification);
    }

    fn request(&self, request: ServerRequest) {
        let _ = self.requests.send(request);
    }

    fn idle(&self) {
        self.router.wake();
    }

    fn lost(&self) {
        self.router.pause();
        self.logins.lose();
    }

    fn ended(&self, error: &Error) {
        // Before all who may open the next connection.
        let told = if matches!(error, Error::Closed(_)) { None } else { Some(error.clone()) };
        self.events.emit(&ConnectionEvent::Closed { error: told });
        self.router.end(error);
        self.logins.end(error);
        self.dispatcher.connection_ended();
    }
}

/// Hands every request from the server to the dispatcher, off the reader's path.
///
/// It ends with the connection, which holds the other end of `asked`, so it must not hold the connection.
async fn answer_requests(
    connection: Weak<Connection>,
    dispatcher: Arc<Dispatcher>,
    mut asked: mpsc::UnboundedReceiver<ServerRequest>,
) {
    while let Some(request) = asked.recv().await {
        let Some(connection) = connection.upgrade() else { return };
        dispatcher.dispatch(&connection, request);
    }
}

fn initialize(core: &Core) -> String {
    let settings = &core.settings;
    let info = settings.client_info.as_ref().unwrap_or(&core.host.client_info);
    json!({
        "clientInfo": info,
        "capabilities": {
            "experimentalApi": settings.experimental_api.unwrap_or(true),
            "optOutNotificationMethods": settings.opt_out_notification_methods.clone().unwrap_or_default(),
        },
    })
    .to_string()
}
