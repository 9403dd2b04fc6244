//! All that can go wrong, with its code and its words. How JavaScript sees it is in the binding.

use std::sync::Arc;
use std::time::Duration;

use crate::result::{Continuation, TurnResult};

/// Everything that can go wrong, one variant for each class that JavaScript sees.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// An option or argument is not what the call accepts. Nothing was sent.
    #[error("{0}")]
    InvalidArgument(String),
    /// No codex executable was found; `tried` lists every place.
    #[error("{message}")]
    BinaryNotFound {
        /// What was looked for and how to fix it.
        message: String,
        /// Every path and rule that was tried, in order.
        tried: Vec<String>,
    },
    /// Codex could not be started.
    #[error("{0}")]
    Spawn(String),
    /// The program that was found could not be started.
    #[error("{message}")]
    Start {
        /// Which, and why not.
        message: String,
        /// The program.
        path: String,
    },
    /// The server said what can't be read.
    #[error("{message}")]
    Protocol {
        /// What it is, and why it can't be read.
        message: String,
        /// The wire method that it answers.
        method: Option<String>,
    },
    /// A file that this library needs could not be read or written.
    #[error("{message}")]
    File {
        /// Which, what for, and why not.
        message: String,
        /// Its path, or that of the folder that it was to be made in.
        path: String,
    },
    /// There is no connection to a server that runs elsewhere.
    #[error("{message}")]
    Connect {
        /// Where to, and why not.
        message: String,
        /// HTTP status of the server's refusal, where it refused.
        status: Option<u16>,
        /// After how long it may be tried again; `None` where that comes to the same.
        retry: Option<Duration>,
    },
    /// The connection to a server that runs elsewhere was lost, and did not come back.
    #[error("{0}")]
    Lost(String),
    /// The codex process ended while it was needed.
    #[error("{message}")]
    ServerExited {
        /// How it ended, with the last of its stderr.
        message: String,
        /// Exit code, where it exited by itself.
        code: Option<i32>,
        /// Signal name, where one ended it.
        signal: Option<String>,
        /// The last lines of its stderr.
        stderr: String,
        /// The program.
        path: String,
        /// Whether it says that its configuration does not load.
        blames_config: bool,
    },
    /// There was no handshake yet.
    #[error("{0}")]
    NotConnected(&'static str),
    /// The client was closed.
    #[error("{0}")]
    Closed(String),
    /// A deadline passed.
    #[error("{message}")]
    Timeout {
        /// What was waited for.
        message: String,
        /// The wire method, where a request timed out.
        method: Option<String>,
        /// The deadline in milliseconds.
        timeout_ms: u64,
        /// The program, where it is a start that took too long.
        path: Option<String>,
    },
    /// A request may or may not have taken effect; it is never sent again by this crate.
    #[error("{message}")]
    Indeterminate {
        /// What is unknown.
        message: String,
        /// The wire method.
        method: String,
    },
    /// The server answered with a JSON-RPC error.
    #[error("{}", .0.message)]
    Rpc(Arc<RpcError>),
    /// The turn ended with status `failed`.
    #[error("{}", .0.message)]
    TurnFailed(Arc<TurnFailure>),
    /// A turn was silent for longer than its inactivity timeout; it goes on at the server.
    #[error("turn {} was silent for {idle_ms} ms; it goes on at the server", .continuation.turn_id)]
    TurnInactive {
        /// Where the reader stood.
        continuation: Continuation,
        /// How long the turn was silent, in milliseconds.
        idle_ms: u64,
    },
    /// The turn is over at the server, but how it ended could not be learnt.
    #[error("{message}")]
    TurnLost {
        /// What was tried.
        message: String,
        /// What was collected of the turn.
        result: Option<Arc<TurnResult>>,
    },
    /// A continuation is not of this client, thread or turn.
    #[error("{0}")]
    Continuation(String),
    /// The thread runs a turn, and what was asked for would break it off. Nothing was sent.
    #[error("thread {thread_id} runs a turn{}; wait for it or interrupt it first", .turn_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default())]
    ThreadBusy {
        /// The thread.
        thread_id: String,
        /// The turn, where it is known.
        turn_id: Option<String>,
    },
    /// A login ended without success.
    #[error("{message}")]
    LoginFailed {
        /// Which and why.
        message: String,
        /// The login.
        login_id: String,
    },
    /// The caller's abort signal fired.
    #[error("the operation was aborted")]
    Aborted {
        /// What was collected of the turn, where one had begun.
        result: Option<Arc<TurnResult>>,
    },
    /// Codex is older than `MINIMUM_CODEX_VERSION`.
    #[error("{message}")]
    UnsupportedVersion {
        /// Both versions, the path and the fix.
        message: String,
        /// The version that was found.
        found: String,
        /// The executable.
        path: String,
    },
}

/// Whether an error says that another process has the thread open: codex lets one write to it.
pub fn is_in_use(message: &str) -> bool {
    message.contains("already has an active writer")
}

/// What to do about that.
pub const IN_USE: &str = "another codex process has it open, and one may write to a thread. Close it there                                  (`thread.close()`, or the end of that process), or have both use one server                                  (`serve()`); it can be read and forked meanwhile";

/// What a JSON-RPC error means, told from its code and text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RpcErrorKind {
    /// Some other error.
    Other,
    /// The server refused the request.
    InvalidRequest,
    /// There is no such thread: never, not any more, or not where the method looks for it.
    ThreadNotFound,
    /// Another codex process has the thread open.
    ThreadInUse,
    /// The configuration could not be loaded.
    ConfigLoad,
    /// This codex does not know the method.
    MethodNotFound,
    /// The parameters are wrong.
    InvalidParams,
    /// The configuration could not be written.
    ConfigWrite,
    /// The server failed.
    Internal,
    /// The server is overloaded; the request was not carried out.
    ServerBusy,
}

impl RpcErrorKind {
    /// The code of what the server refuses.
    pub const INVALID_REQUEST: i64 = -32600;
}

/// A JSON-RPC error answer.
#[derive(Debug)]
pub struct RpcError {
    /// What it means.
    pub kind: RpcErrorKind,
    /// The server's text, trimmed where it lists every method there is.
    pub message: String,
    /// The JSON-RPC code on the wire.
    pub rpc_code: i64,
    /// The `data` of the error as JSON text.
    pub data: Option<String>,
    /// The method that was asked for.
    pub method: String,
    /// The version of the codex that answered, where known.
    pub codex_version: Option<String>,
}

impl RpcError {
    /// The thread that is not there or is in use, where the server names it: the last word of its message, else the first
    /// that is an id.
    pub fn thread_id(&self) -> Option<&str> {
        id_in(self.message.rsplit(' ').next()?).or_else(|| self.message.split(' ').find_map(id_in))
    }

    /// Why the configuration could not be written: `config_write_error_code` of the data.
    pub fn config_error_code(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Data {
            config_write_error_code: Option<String>,
        }
        serde_json::from_str::<Data>(self.data.as_deref()?).ok()?.config_write_error_code
    }
}

/// A word that is the id of a thread.
fn id_in(word: &str) -> Option<&str> {
    let is_id = word.len() == 36 && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id.then_some(word)
}

/// How a turn failed.
#[derive(Debug)]
pub struct TurnFailure {
    /// The server's message.
    pub message: String,
    /// `codexErrorInfo` as JSON text.
    pub codex_error_info: Option<String>,
    /// `additionalDetails` of the error.
    pub additional_details: Option<String>,
    /// HTTP status of the model provider, where there was one.
    pub http_status: Option<u16>,
    /// Whether the failure is of a kind that passes: the turn may be gone on with later.
    pub transient: bool,
    /// Whether the same input may succeed later, and nothing of the turn has had an effect.
    pub retryable: bool,
    /// After how long the provider wants to be asked again, where it says so.
    pub retry_after: Option<Duration>,
    /// What was collected of the turn.
    pub result: Arc<TurnResult>,
}

impl Error {
    /// An answer that can't be read.
    pub fn unreadable(method: &str, message: String) -> Self {
        Self::Protocol { message, method: Some(method.to_owned()) }
    }

    /// A file that could not be read or written.
    pub fn file(path: &std::path::Path, message: String) -> Self {
        Self::File { message, path: path.display().to_string() }
    }

    /// The refusal to load an ephemeral thread, saying why it is gone.
    pub fn of_lost_thread(self, id: &str) -> Self {
        let Self::Rpc(refusal) = self else { return self };
        // The id comes last, as in the server's words.
        let message = format!(
            "{}: an ephemeral thread is lost with the codex that has it, or with the line to that: {id}",
            refusal.method
        );
        let (rpc_code, method) = (refusal.rpc_code, refusal.method.clone());
        let (data, codex_version) = (refusal.data.clone(), refusal.codex_version.clone());
        let kind = RpcErrorKind::ThreadNotFound;
        Self::Rpc(Arc::new(RpcError { kind, message, rpc_code, data, method, codex_version }))
    }

    /// The error of every call by a handle of a thread that was closed.
    pub fn thread_closed() -> Self {
        Self::Closed("this Thread was closed; codex.resumeThread(id) gives another handle".to_owned())
    }

    /// The error of every call after `close()`.
    pub fn client_closed() -> Self {
        Self::Closed("this Codex client was closed; make a new one".to_owned())
    }

    /// A short stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArgument(_) => "INVALID_ARGUMENT",
            Self::BinaryNotFound { .. } => "BINARY_NOT_FOUND",
            Self::Spawn(_) | Self::Start { .. } => "SPAWN_FAILED",
            Self::Protocol { .. } => "PROTOCOL_ERROR",
            Self::File { .. } => "FILE_ERROR",
            Self::Connect { .. } => "CONNECT_FAILED",
            Self::Lost(_) => "CONNECTION_LOST",
            Self::ServerExited { blames_config: true, .. } => "CONFIG_LOAD",
            Self::ServerExited { .. } => "SERVER_EXITED",
            Self::NotConnected(_) => "NOT_CONNECTED",
            Self::Closed(_) => "CLOSED",
            Self::Timeout { .. } => "TIMEOUT",
            Self::Indeterminate { .. } => "INDETERMINATE",
            Self::Rpc(error) => match error.kind {
                RpcErrorKind::Other => "JSON_RPC_ERROR",
                RpcErrorKind::InvalidRequest => "INVALID_REQUEST",
                RpcErrorKind::ThreadNotFound => "THREAD_NOT_FOUND",
                RpcErrorKind::ThreadInUse => "THREAD_IN_USE",
                RpcErrorKind::ConfigLoad => "CONFIG_LOAD",
                RpcErrorKind::MethodNotFound => "METHOD_NOT_FOUND",
                RpcErrorKind::InvalidParams => "INVALID_PARAMS",
                RpcErrorKind::ConfigWrite => "CONFIG_WRITE",
                RpcErrorKind::Internal => "INTERNAL_RPC_ERROR",
                RpcErrorKind::ServerBusy => "SERVER_BUSY",
            },
            Self::TurnFailed(_) => "TURN_FAILED",
            Self::TurnInactive { .. } => "TURN_INACTIVE",
            Self::TurnLost { .. } => "TURN_LOST",
            Self::Continuation(_) => "CONTINUATION_INVALID",
            Self::ThreadBusy { .. } => "THREAD_BUSY",
            Self::LoginFailed { .. } => "LOGIN_FAILED",
            Self::Aborted { .. } => "ABORT_ERR",
            Self::UnsupportedVersion { .. } => "UNSUPPORTED_VERSION",
        }
    }

    /// After how long the same may be tried again, in the server's own word.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TurnFailed(failure) => failure.retry_after,
            Self::Connect { retry, .. } => retry.filter(|after| !after.is_zero()),
            _ => None,
        }
    }

    /// Whether the server refused the call because it has too much to do.
    pub fn is_overload(&self) -> bool {
        matches!(self, Self::Rpc(error) if error.kind == RpcErrorKind::ServerBusy)
    }

    /// Whether the same call may succeed when it is made again, without having taken effect twice.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Rpc(error) => {
                matches!(error.kind, RpcErrorKind::ServerBusy | RpcErrorKind::ThreadInUse)
            }
            Self::TurnFailed(failure) => failure.retryable,
            // It was not even asked.
            Self::Connect { retry, .. } => retry.is_some(),
            _ => false,
        }
    }
}
