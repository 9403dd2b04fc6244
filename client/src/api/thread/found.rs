//! What the server says of a thread when it is asked for it.

use serde::Deserialize;

/// The answer to `thread/read`, without turns.
#[derive(Deserialize, Default)]
pub(crate) struct Found {
    thread: Stored,
}

#[derive(Deserialize, Default)]
struct Stored {
    status: Option<Status>,
    #[serde(default)]
    ephemeral: bool,
    preview: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    r#type: String,
}

impl Found {
    /// Whether it works on a turn.
    pub(crate) fn is_active(&self) -> bool {
        self.thread.status.as_ref().is_some_and(|status| status.r#type == "active")
    }

    /// Whether nobody has said anything in it yet.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.thread.ephemeral && self.thread.preview.as_ref().is_none_or(String::is_empty)
    }

    pub(crate) fn is_ephemeral(&self) -> bool {
        self.thread.ephemeral
    }
}
