use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::metadata::Metadata;
use crate::options::ClientSettings;
use crate::rpc::{CallOptions, Connection};
use crate::transport::{Dial, run_carried_lines, run_websocket};
use crate::{Error, Secrets};

/// Bytes to and from a server, made by whoever uses this crate.
pub trait ByteTransport: Send + Sync {
    /// What is read and what is written. Opened once; a second time is an error.
    fn open(&self) -> Result<(ByteReader, ByteWriter), Error>;
}

/// What is read of a [`ByteTransport`].
pub type ByteReader = Box<dyn AsyncRead + Send + Unpin>;
/// What is written to a [`ByteTransport`].
pub type ByteWriter = Box<dyn AsyncWrite + Send + Unpin>;

/// How a client comes to its server.
#[derive(Clone)]
pub(super) enum Way {
    /// It starts one.
    Process,
    /// By websocket.
    Dial(Dial),
    /// Over bytes that somebody else carries.
    Bytes(Arc<dyn ByteTransport>),
}

/// Carries messages over one line, and gives why it dropped.
pub(super) type LineTask = AbortOnDropHandle<String>;

/// What a session is started with.
pub(super) struct Plan {
    pub(super) way: Way,
    pub(super) settings: ClientSettings,
    pub(super) config: Vec<String>,
    pub(super) secrets: Secrets,
    pub(super) search_from: Vec<PathBuf>,
    pub(super) initialize: String,
}

impl Way {
    /// What must not show in logs and errors.
    pub(super) fn secrets(&self) -> Vec<String> {
        match self {
            Self::Dial(dial) => dial.secrets(),
            Self::Process | Self::Bytes(_) => Vec::new(),
        }
    }

    /// Whether a line that is lost is opened again.
    pub(super) fn reconnects(&self, settings: &ClientSettings) -> bool {
        matches!(self, Self::Dial(_)) && !settings.reconnect_timeout().is_zero()
    }

    fn name(&self) -> String {
        match self {
            Self::Process => "codex".to_owned(),
            Self::Dial(dial) => dial.address.to_string(),
            Self::Bytes(_) => "the server behind options.transport".to_owned(),
        }
    }
}

impl Plan {
    /// Where the server is, for messages.
    pub(super) fn name(&self) -> String {
        self.way.name()
    }

    /// Opens a line and shakes hands over it, within the deadline.
    pub(super) async fn connect(
        &self,
        connection: &Arc<Connection>,
        closing: &CancellationToken,
    ) -> Result<(Metadata, LineTask), Error> {
        let timeout = self.settings.connect_timeout();
        let connecting = async {
            let mut line = self.open(connection, closing).await?;
            let name = self.name();
            let metadata = tokio::select! {
                shaken = self.shake_hands(connection, &name) => shaken?,
                why = &mut line => return Err(self.dropped(why.unwrap_or_else(|error| error.to_string()))),
            };
            Ok((metadata, line))
        };
        tokio::time::timeout(timeout, connecting).await.unwrap_or_else(|_| Err(self.too_late(timeout)))
    }

    async fn open(
        &self,
        connection: &Arc<Connection>,
        closing: &CancellationToken,
    ) -> Result<LineTask, Error> {
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let (inbound, closing) = (Arc::clone(connection), closing.clone());
        let line = match &self.way {
            Way::Dial(dial) => {
                let socket = dial.open().await?;
                let keep_alive = self.settings.keep_alive();
                tokio::spawn(run_websocket(socket, to_send, closing, keep_alive, inbound).in_current_span())
            }
            Way::Bytes(transport) => {
                let (reader, writer) = transport.open()?;
                let run = async move {
                    match run_carried_lines(writer, reader, to_send, closing, inbound).await {
                        Ok(()) => "the transport has ended".to_owned(),
                        Err(error) => error.to_string(),
                    }
                };
                tokio::spawn(run.in_current_span())
            }
            Way::Process => return Err(Error::Spawn("a process has no line".to_owned())),
        };
        connection.attach(outgoing);
        Ok(AbortOnDropHandle::new(line))
    }

    /// Wire: `initialize`, `initialized`, with an API key `account/login/start`.
    pub(super) async fn shake_hands(
        &self,
        connection: &Arc<Connection>,
        name: &str,
    ) -> Result<Metadata, Error> {
        // The deadline of the whole stands around this.
        let options =
            CallOptions { timeout: self.settings.connect_timeout() * 2, indeterminate: false, long: false };
        let call = connection.handshake("initialize", Some(&self.initialize), options);
        let metadata = Metadata::read(call.answer().await?.get(), name)?;
        connection.notify_handshake("initialized", None);
        if let Some(key) = &self.settings.api_key {
            let login = json!({ "type": "apiKey", "apiKey": key }).to_string();
            connection.handshake("account/login/start", Some(&login), options).answer().await?;
        }
        Ok(metadata)
    }

    fn dropped(&self, why: String) -> Error {
        let why = self.secrets.strike(why);
        Error::Connect { message: format!("{} ended before the handshake: {why}", self.name()), status: None }
    }

    fn too_late(&self, timeout: Duration) -> Error {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        Error::Timeout {
            message: format!("{} did not finish the handshake within {timeout_ms} ms", self.name()),
            method: Some("initialize".to_owned()),
            timeout_ms,
        }
    }
}
