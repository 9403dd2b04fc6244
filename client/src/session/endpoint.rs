//! Where a server is and how a client comes to it: a process that it starts, a websocket, bytes that somebody else
//! carries. Whether and when a line is opened again is decided in `reconnect.rs`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::launch::{arguments, exited, locate, with_stderr};
use super::metadata::Metadata;
use crate::dial::{Dial, TokenSource};
use crate::options::{ClientInfo, ClientSettings};
use crate::process::{ExitWatch, Lifeline, Process, SpawnOptions, Spawned, Surroundings};
use crate::rpc::{CallOptions, Connection, Incoming};
use crate::transport::{Answered, Bounds, TooMuch, run_carried_lines, run_lines, run_websocket};
use crate::{Error, SecretSources, Secrets, lock};

/// How long what a dead server had written is read.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// Bytes to and from a server, made by whoever uses this crate.
pub trait ByteTransport: Send + Sync {
    /// What is read and what is written. Opened for each connection; one that can be opened once only gives an error
    /// then.
    fn open(&self) -> Result<(ByteReader, ByteWriter), Error>;

    /// Whether bytes that have ended are opened again, to the same server.
    fn reconnects(&self) -> bool {
        false
    }
}

/// What is read of a [`ByteTransport`].
pub type ByteReader = Box<dyn AsyncRead + Send + Unpin>;
/// What is written to a [`ByteTransport`].
pub type ByteWriter = Box<dyn AsyncWrite + Send + Unpin>;

/// How a client comes to its server.
#[derive(Clone)]
pub(crate) enum Endpoint {
    /// It starts one.
    Process,
    /// By websocket.
    Dial(Remote),
    /// Over bytes that somebody else carries.
    Bytes(Arc<dyn ByteTransport>),
}

/// A server that is dialled. What the environment says of the way counts as it is at the call that connects.
#[derive(Clone)]
pub(crate) struct Remote {
    /// The way at the time when the client was made, when what can't work was refused.
    first: Box<Dial>,
    /// What gives a token, in the place of one.
    token: Option<Arc<dyn TokenSource>>,
}

impl Remote {
    pub(crate) fn new(first: Dial, token: Option<Arc<dyn TokenSource>>) -> Self {
        Self { first: Box::new(first), token }
    }

    /// The way now.
    fn dial(&self, plan: &Plan, surroundings: &Surroundings) -> Result<Dial, Error> {
        let dial = plan.settings.dial(|| Ok(surroundings.clone()), self.token.clone())?;
        let dial = dial.unwrap_or_else(|| Dial::clone(&self.first));
        plan.secrets.learn(dial.credentials().map(str::to_owned));
        Ok(dial)
    }
}

/// Carries messages over one line, and gives why it ended.
pub(crate) type LineTask = AbortOnDropHandle<Error>;

/// What a line belongs to.
pub(crate) struct Link {
    pub(crate) connection: Arc<Connection>,
    /// Ends the line.
    pub(crate) closing: CancellationToken,
    /// The server, where it was started here.
    pub(crate) process: Arc<Mutex<Option<Process>>>,
    /// The program at the call that the session was started for.
    pub(crate) surroundings: Surroundings,
}

/// What a session is started with.
pub(crate) struct Plan {
    pub(crate) endpoint: Endpoint,
    pub(crate) settings: ClientSettings,
    pub(crate) config: Vec<String>,
    pub(crate) secrets: Secrets,
    pub(crate) search_from: Vec<PathBuf>,
    pub(crate) initialize: String,
}

impl Endpoint {
    /// What must not show in logs and errors.
    pub(crate) fn secret_sources(&self) -> SecretSources<'_> {
        match self {
            Self::Dial(remote) => remote.first.secret_sources(),
            Self::Process | Self::Bytes(_) => SecretSources::default(),
        }
    }

    /// Whether a line that is lost is opened again.
    pub(crate) fn reconnects(&self, settings: &ClientSettings) -> bool {
        let can = match self {
            Self::Process => false,
            Self::Dial(_) => true,
            Self::Bytes(transport) => transport.reconnects(),
        };
        can && !settings.reconnect_timeout().is_zero()
    }

    /// Whether the server ends with its line, and has no other client.
    pub(crate) fn is_process(&self) -> bool {
        matches!(self, Self::Process)
    }

    fn name(&self) -> String {
        match self {
            Self::Process => "codex".to_owned(),
            Self::Dial(remote) => remote.first.address.to_string(),
            Self::Bytes(_) => "the server behind options.transport".to_owned(),
        }
    }
}

impl Plan {
    /// What starts with these settings, at this endpoint.
    pub(crate) fn new(
        endpoint: Endpoint,
        settings: &ClientSettings,
        client_info: &ClientInfo,
        config: Vec<String>,
        secrets: Secrets,
        search_from: Vec<PathBuf>,
    ) -> Self {
        let mut initialize = Map::new();
        initialize
            .insert("clientInfo".to_owned(), json!(settings.client_info.as_ref().unwrap_or(client_info)));
        initialize.insert("capabilities".to_owned(), settings.capabilities().into());
        settings.handed_on.put(&mut initialize, &[]);
        let initialize = Value::Object(initialize).to_string();
        Self { endpoint, settings: settings.clone(), config, secrets, search_from, initialize }
    }

    /// Where the server is, for messages.
    pub(crate) fn name(&self) -> String {
        self.endpoint.name()
    }

    /// Starts the server or opens a line to it, and shakes hands, within the deadline.
    pub(crate) async fn connect(&self, link: &Link) -> Result<(Metadata, LineTask), Error> {
        let timeout = self.settings.connect_timeout();
        let deadline = Instant::now() + timeout;
        let way = match &self.endpoint {
            Endpoint::Dial(remote) => {
                let dial = remote.dial(self, &link.surroundings)?;
                let token = tokio::time::timeout_at(deadline, dial.token(&self.secrets)).await;
                Way::Socket(Box::new(dial), token.unwrap_or_else(|_| Err(no_token(timeout)))?)
            }
            Endpoint::Process => Way::Process,
            Endpoint::Bytes(transport) => Way::Bytes(transport),
        };
        let connecting = async {
            let (mut line, name) = self.open(link, way).await?;
            let metadata = tokio::select! {
                shaken = self.shake_hands(&link.connection, &name) => shaken?,
                why = &mut line => return Err(self.dropped(ended(why))),
            };
            Ok((metadata, line))
        };
        let connected = tokio::time::timeout_at(deadline, connecting).await;
        connected.unwrap_or_else(|_| Err(self.too_late(timeout, link)))
    }

    /// Gives the line, and what the server is called in messages.
    async fn open(&self, link: &Link, way: Way<'_>) -> Result<(LineTask, String), Error> {
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let answered = Answered::default();
        let most_message_bytes = self.settings.most_message_bytes();
        let bounds = Bounds { most_message_bytes, answered: answered.clone() };
        let (inbound, closing) = (Box::new(Incoming::new(&link.connection)), link.closing.clone());
        let mut name = self.name();
        let line = match way {
            Way::Process => {
                let (executable, environment) =
                    locate(&self.settings, &link.surroundings, &self.search_from)?;
                name = executable.path.display().to_string();
                let Spawned { process, stdin, stdout } = Process::spawn(SpawnOptions {
                    executable,
                    arguments: arguments(&self.settings, &self.config),
                    cwd: link.surroundings.folder_of(self.settings.cwd.as_deref()),
                    environment,
                    secrets: self.secrets.clone(),
                })?;
                Lifeline::watch(&process);
                let (exit, ending) = (process.exit_watch(), process.ending());
                *lock(&link.process) = Some(process);
                let lines =
                    run_lines(Box::new(stdin), Box::new(stdout), to_send, ending.clone(), bounds, inbound);
                tokio::spawn(until_exit(exit, ending, lines, name.clone()).in_current_span())
            }
            Way::Socket(dial, token) => {
                let socket = dial.open(token, &answered, &self.secrets).await?;
                let frames = run_websocket(socket, to_send, closing, self.settings.keep_alive(), inbound);
                tokio::spawn(async move { Error::Lost(frames.await) }.in_current_span())
            }
            Way::Bytes(transport) => {
                let (reader, writer) = transport.open()?;
                let run = async move {
                    Error::Lost(
                        match run_carried_lines(writer, reader, to_send, closing, bounds, inbound).await {
                            Ok(()) => "the transport has ended".to_owned(),
                            Err(error) => error.to_string(),
                        },
                    )
                };
                tokio::spawn(run.in_current_span())
            }
        };
        link.connection.attach(outgoing, answered);
        Ok((AbortOnDropHandle::new(line), name))
    }

    /// Wire: `initialize`, `initialized`, with an API key `account/login/start`.
    async fn shake_hands(&self, connection: &Arc<Connection>, name: &str) -> Result<Metadata, Error> {
        // The deadline of the whole stands around this.
        let options = CallOptions::within(self.settings.connect_timeout() * 2);
        let call = connection.handshake("initialize", Some(&self.initialize), options);
        let metadata = Metadata::read(call.answer().await?.get(), name)?;
        connection.notify_handshake("initialized", None);
        connection.shaken();
        if let Some(key) = &self.settings.api_key {
            // What was read from a file ends in a newline.
            let login = json!({ "type": "apiKey", "apiKey": key.trim() }).to_string();
            connection.handshake("account/login/start", Some(&login), options).answer().await?;
        }
        Ok(metadata)
    }

    fn dropped(&self, why: Error) -> Error {
        let Error::Lost(why) = why else { return why };
        let why = self.secrets.redact(why);
        let message = format!("{} ended before the handshake: {why}", self.name());
        Error::Connect { message, status: None, retry: Some(Duration::ZERO) }
    }

    fn too_late(&self, timeout: Duration, link: &Link) -> Error {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let (message, path) = match &*lock(&link.process) {
            Some(process) => {
                let path = process.path().display().to_string();
                let late =
                    format!("{path} was started but did not finish the handshake within {timeout_ms} ms");
                (with_stderr(late, &process.stderr()), Some(path))
            }
            None => (format!("{} did not finish the handshake within {timeout_ms} ms", self.name()), None),
        };
        Error::Timeout { message, method: Some("initialize".to_owned()), timeout_ms, path }
    }
}

/// One way to the server.
enum Way<'a> {
    Process,
    Socket(Box<Dial>, Option<HeaderValue>),
    Bytes(&'a Arc<dyn ByteTransport>),
}

/// What is said of a token source that has given nothing in time.
fn no_token(timeout: Duration) -> Error {
    let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let message = format!("options.token: the function gave no token within {timeout_ms} ms");
    Error::Timeout { message, method: None, timeout_ms, path: None }
}

/// Why a line ended.
pub(crate) fn ended(line: Result<Error, tokio::task::JoinError>) -> Error {
    line.unwrap_or_else(|error| Error::Lost(error.to_string()))
}

/// Carries the lines of a process until it has exited, and says how.
async fn until_exit(
    exit: ExitWatch,
    ending: CancellationToken,
    lines: impl Future<Output = std::io::Result<()>> + Send + 'static,
    path: String,
) -> Error {
    let mut lines = AbortOnDropHandle::new(tokio::spawn(lines.in_current_span()));
    let (ended, read) = tokio::select! {
        ended = exit.exited() => {
            (Some(ended), tokio::time::timeout(DRAIN_GRACE, &mut lines).await.ok())
        }
        read = &mut lines => (None, Some(read)),
    };
    // Its end may be that nobody read on.
    if let Some(Ok(Err(error))) = &read
        && let Some(too_much) = TooMuch::of(error)
    {
        ending.cancel();
        if let TooMuch::BeforeAnswer(_) = too_much {
            return Error::Start { message: format!("{path} was started, but {too_much}"), path };
        }
        // Another may be started for the same threads as soon as this is told.
        exit.exited().await;
        return Error::Lost(too_much.to_string());
    }
    let ended = match ended {
        Some(ended) => ended,
        None => {
            // A server that has closed its stdout is of no use any more.
            if tokio::time::timeout(DRAIN_GRACE, exit.exited()).await.is_err() {
                ending.cancel();
            }
            exit.exited().await
        }
    };
    exited(ended)
}
