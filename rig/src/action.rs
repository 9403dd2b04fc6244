//! What a script can make the rig do.

use crate::json::Json;

/// One step of a list. README.md documents each under its JSON name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Default,
    /// `None` is the default reply of the method.
    Reply(Option<Json>),
    Error(Json),
    Notify(Json),
    Line(Json),
    Request {
        message: Json,
        wait: bool,
    },
    Raw(String),
    RawBytes(Vec<u8>),
    Deltas {
        text: Json,
        pieces: usize,
    },
    Fill {
        bytes: usize,
        text: String,
    },
    BigLine {
        bytes: usize,
        text: String,
        message: Json,
    },
    Flood(Flood),
    Chunked {
        bytes: usize,
        pause_us: u64,
        actions: Vec<Action>,
    },
    Repeat {
        times: u64,
        actions: Vec<Action>,
    },
    Play {
        name: String,
        with: Vec<(String, Json)>,
    },
    Set(Vec<(String, Json)>),
    Settle(String),
    Stderr(String),
    StderrBytes(usize),
    SleepMs(u64),
    WaitFor(String),
    WaitForReply(Json),
    WaitForFile(String),
    WriteFile(String),
    Exit(i32),
    Kill(String),
    CloseStdout,
    IgnoreEof(bool),
    IgnoreSigterm(bool),
    Spawn {
        argv: Vec<String>,
        own_group: bool,
        hold_stdout: bool,
    },
    Never,
}

/// Many notifications of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flood {
    pub(crate) count: u64,
    pub(crate) bytes: usize,
    pub(crate) text: String,
    /// Each text begins with its index, eight digits and a space.
    pub(crate) numbered: bool,
    pub(crate) per_second: Option<u64>,
    pub(crate) message: Json,
}

impl Action {
    /// Whether it ends without waiting for anything, so that the reading thread may play it itself.
    pub(crate) fn is_instant(&self) -> bool {
        matches!(
            self,
            Self::Default
                | Self::Reply(_)
                | Self::Error(_)
                | Self::Notify(_)
                | Self::Line(_)
                | Self::Raw(_)
                | Self::RawBytes(_)
                | Self::Deltas { .. }
                | Self::Set(_)
                | Self::Settle(_)
                | Self::IgnoreEof(_)
                | Self::IgnoreSigterm(_)
                | Self::Never
        )
    }
}
