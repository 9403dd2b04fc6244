//! How turns go wrong.

use crate::Error;

/// How a turn of `codex exec` goes wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecError {
    /// In a way that is not of this interface alone.
    #[error(transparent)]
    Common(#[from] Error),
    /// codex said `turn.failed`.
    #[error("{message}")]
    TurnFailed {
        /// codex's message.
        message: String,
        /// The thread, where it had begun.
        thread_id: Option<String>,
        /// What was collected of the turn, as JSON text.
        result: String,
    },
    /// The caller's abort signal fired.
    #[error("the operation was aborted")]
    Aborted {
        /// What was collected of the turn, as JSON text, where it had begun.
        result: Option<String>,
    },
    /// There is no such thread to go on with.
    #[error("{message}")]
    ThreadNotFound {
        /// What was asked for, and what was given.
        message: String,
        /// The id that was asked for.
        thread_id: String,
    },
    /// Another codex process has the thread open.
    #[error("{message}")]
    ThreadInUse {
        /// Which, and what to do.
        message: String,
        /// The id that was asked for.
        thread_id: String,
    },
    /// The result was asked for, but the events were not read to their end.
    #[error("{0}")]
    Unread(&'static str),
}

impl ExecError {
    /// A short stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Common(error) => error.code(),
            Self::TurnFailed { .. } => "TURN_FAILED",
            Self::Aborted { .. } => "ABORT_ERR",
            Self::ThreadNotFound { .. } => "THREAD_NOT_FOUND",
            Self::ThreadInUse { .. } => "THREAD_IN_USE",
            Self::Unread(_) => "EVENTS_NOT_READ",
        }
    }
}

impl From<tokio::task::JoinError> for ExecError {
    fn from(error: tokio::task::JoinError) -> Self {
        Error::Closed(format!("codex-node failed inside, please report it: {error}")).into()
    }
}
