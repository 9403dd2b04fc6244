//! How a turn stands or ended, in the words of the wire. What follows from each is decided in `turn/`.

/// How a turn ended. Only [`TurnStatus::Completed`] is success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnStatus {
    /// By itself.
    Completed,
    /// On request.
    Interrupted,
    /// With an error.
    Failed,
    /// It has not, as far as is known.
    InProgress,
    /// In a way that this version does not know: the server's word for it.
    Other(String),
}

impl TurnStatus {
    /// What the server calls by this word.
    pub fn of(word: &str) -> Self {
        match word {
            "completed" => Self::Completed,
            "interrupted" => Self::Interrupted,
            "failed" => Self::Failed,
            "inProgress" => Self::InProgress,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word of the wire.
    pub fn word(&self) -> &str {
        match self {
            Self::Completed => "completed",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::InProgress => "inProgress",
            Self::Other(word) => word,
        }
    }
}
