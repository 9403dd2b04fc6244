use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::core::{Core, closed};
use super::metadata::Metadata;
use crate::options::ClientSettings;
use crate::process::{
    Environment, Executable, Exit, FindOptions, Process, SpawnOptions, Spawned, find_codex,
};
use crate::requests::Dispatcher;
use crate::routing::{Commands, Logins, Router};
use crate::rpc::{CallOptions, Connection, Inbox, Notification, ServerRequest};
use crate::transport::run_stdio;
use crate::{Error, Secrets, lock};

/// How long answers that are on the way are waited for when the client closes.
const FINISH_GRACE: Duration = Duration::from_millis(500);
/// How long what a dead server had written is read.
const DRAIN_GRACE: Duration = Duration::from_millis(500);
/// What each open thread adds to the time that the server is given to put things away.
const GRACE_PER_THREAD: Duration = Duration::from_millis(50);

/// One codex process from its start to its end.
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
    /// Why the server is ended from here, where it is: its exit is no news then.
    reason: Arc<OnceLock<Error>>,
}

/// What a session is started with.
struct Plan {
    settings: ClientSettings,
    config: Vec<String>,
    secrets: Secrets,
    search_from: Vec<PathBuf>,
    initialize: String,
}

impl Session {
    /// Begins to start codex; requests queue up until it is ready.
    pub(super) fn start(core: &Core, number: u64) -> Arc<Self> {
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let (requests, asked) = mpsc::unbounded_channel();
        let router = Router::new(Arc::clone(&core.ring));
        let (commands, logins) = (Arc::<Commands>::default(), Arc::<Logins>::default());
        let inbox = Arc::new(SessionInbox {
            router: Arc::clone(&router),
            commands: Arc::clone(&commands),
            logins: Arc::clone(&logins),
            dispatcher: Arc::clone(&core.dispatcher),
            requests,
        });
        let connection = Connection::new(outgoing, inbox, core.settings.in_flight(), core.secrets.clone());
        let (ready_sender, ready) = watch::channel(None);
        let session = Arc::new(Self {
            number,
            connection,
            router,
            commands,
            logins,
            ready,
            process: Mutex::new(None),
            given_up: CancellationToken::new(),
            reason: Arc::default(),
        });
        let plan = Plan {
            settings: core.settings.clone(),
            config: core.config.arguments.clone(),
            secrets: core.secrets.clone(),
            search_from: core.host.search_from.clone(),
            initialize: initialize(core),
        };
        let starting = Arc::clone(&session);
        let connect = async move {
            let outcome = starting.connect(plan, to_send).await;
            if let Err(error) = &outcome {
                tracing::warn!(%error, "connecting to codex failed");
                let _ = starting.reason.set(error.clone());
                let process = lock(&starting.process).take();
                if let Some(process) = process {
                    process.end(Duration::ZERO).await;
                }
                starting.connection.end(error);
            }
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

    /// Ends the server: lets what is on the way arrive, then closes its stdin and what follows.
    pub(super) async fn close(&self, threads: usize) {
        let _ = self.reason.set(closed());
        self.given_up.cancel();
        let _ = self.ready().await;
        self.connection.finish(&closed(), FINISH_GRACE).await;
        let process = lock(&self.process).take();
        if let Some(process) = process {
            let grace = GRACE_PER_THREAD * u32::try_from(threads).unwrap_or(u32::MAX);
            process.end(grace).await;
        }
        self.connection.end(&closed());
    }

    /// Starts codex and shakes hands, within the deadline.
    async fn connect(&self, plan: Plan, to_send: mpsc::UnboundedReceiver<String>) -> Result<Metadata, Error> {
        let timeout = plan.settings.connect_timeout();
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let (executable, environment) = find(&plan)?;
        let path = executable.path.display().to_string();
        let process = self.spawn(&plan, executable, environment, to_send)?;
        let shaken = tokio::select! {
            shaken = self.shake_hands(&plan, &path) => shaken,
            () = tokio::time::sleep(timeout) => Err(Error::Timeout {
                message: with_stderr(
                    format!("{path} was started but did not finish the handshake within {timeout_ms} ms"),
                    &process.stderr(),
                ),
                method: Some("initialize".to_owned()),
                timeout_ms,
            }),
            () = self.given_up.cancelled() => Err(closed()),
        };
        let metadata = shaken?;
        self.connection.open(Some(metadata.server_info.version.clone()));
        Ok(metadata)
    }

    /// Starts the process, its transport, and who watches for the end of both.
    fn spawn(
        &self,
        plan: &Plan,
        executable: Executable,
        environment: Environment,
        to_send: mpsc::UnboundedReceiver<String>,
    ) -> Result<Process, Error> {
        let path = executable.path.display().to_string();
        let arguments = arguments(plan);
        let cwd = plan.settings.cwd.as_ref().map(PathBuf::from);
        let secrets = plan.secrets.clone();
        let Spawned { process, stdin, stdout } =
            Process::spawn(SpawnOptions { executable, arguments, cwd, environment, secrets })?;
        *lock(&self.process) = Some(process.clone());

        let inbound = Arc::clone(&self.connection);
        let transport =
            tokio::spawn(run_stdio(stdin, stdout, to_send, process.ending(), inbound).in_current_span());
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

    async fn shake_hands(&self, plan: &Plan, path: &str) -> Result<Metadata, Error> {
        // The deadline of the whole stands around this.
        let options =
            CallOptions { timeout: plan.settings.connect_timeout() * 2, indeterminate: false, long: false };
        let call = self.connection.handshake("initialize", Some(&plan.initialize), options);
        let metadata = Metadata::read(call.answer().await?.get(), path)?;
        self.connection.notify_handshake("initialized", None);
        if let Some(key) = &plan.settings.api_key {
            let login = json!({ "type": "apiKey", "apiKey": key }).to_string();
            self.connection.handshake("account/login/start", Some(&login), options).answer().await?;
        }
        Ok(metadata)
    }
}

/// Hands what the server says to the router, and what it asks to the task that answers.
struct SessionInbox {
    router: Arc<Router>,
    commands: Arc<Commands>,
    logins: Arc<Logins>,
    dispatcher: Arc<Dispatcher>,
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

    fn ended(&self, error: &Error) {
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

/// Finds codex and checks where it is to run: the server itself would only exit.
fn find(plan: &Plan) -> Result<(Executable, Environment), Error> {
    let settings = &plan.settings;
    let own = settings.env.clone().unwrap_or_default();
    let environment = Environment::new(&own, settings.inherit_env.unwrap_or(true));
    if let Some(cwd) = &settings.cwd
        && !Path::new(cwd).is_dir()
    {
        return Err(Error::Spawn(format!("options.cwd: {cwd} is not a folder; create it or name another")));
    }
    if let Some(home) = environment.get("CODEX_HOME")
        && !home.is_empty()
        && !settings.cwd.as_ref().map_or(PathBuf::new(), PathBuf::from).join(home).is_dir()
    {
        return Err(Error::Spawn(format!(
            "CODEX_HOME is set to {}, which is not a folder; create it, or unset CODEX_HOME",
            home.to_string_lossy()
        )));
    }
    let executable = find_codex(&FindOptions {
        codex_path: settings.codex_path.as_deref().map(|path| ("codexPath", Path::new(path))),
        environment: &environment,
        search_from: &plan.search_from,
    })?;
    Ok((executable, environment))
}

fn arguments(plan: &Plan) -> Vec<OsString> {
    if let Some(arguments) = &plan.settings.launch_args {
        return arguments.iter().map(OsString::from).collect();
    }
    let base_url = plan.settings.base_url.as_ref().map(|url| format!("openai_base_url={}", json!(url)));
    let overrides = plan.settings.config_overrides.iter().flatten().cloned();
    let config = plan.config.iter().cloned().chain(base_url).chain(overrides);
    let config = config.flat_map(|value| ["--config".to_owned(), value]);
    ["app-server".to_owned()].into_iter().chain(config).map(OsString::from).collect()
}

fn exited(path: &str, exit: Exit) -> Error {
    let Exit { code, signal, stderr } = exit;
    let how = match (code, &signal) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was ended by {signal}"),
        (None, None) => "ended".to_owned(),
    };
    let message = with_stderr(format!("codex at {path} {how}"), &stderr);
    Error::ServerExited { message, code, signal, stderr }
}

fn with_stderr(message: String, stderr: &str) -> String {
    if stderr.is_empty() { message } else { format!("{message}; the last it wrote to stderr:\n{stderr}") }
}
