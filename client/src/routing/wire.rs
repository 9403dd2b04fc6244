//! The few fields of notifications that decide whose they are.

use serde::Deserialize;

#[derive(Deserialize)]
struct Message<T> {
    params: T,
}

fn params<'a, T: Deserialize<'a>>(line: &'a str) -> Option<T> {
    serde_json::from_str::<Message<T>>(line).ok().map(|message| message.params)
}

/// The turn at the root of one that starts: its own id, or that of the turn which it is part of or works for.
pub(super) fn root_turn(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Params {
        turn: Turn,
    }
    #[derive(Deserialize)]
    struct Turn {
        #[serde(rename = "rootTurnId")]
        root: Option<String>,
    }
    params::<Params>(line)?.turn.root
}

/// The status that a `thread/status/changed` tells.
pub(super) fn status(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Params {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        r#type: String,
    }
    params::<Params>(line).map(|params| params.status.r#type)
}

/// Whether a thread is at work. A status that can't be read is no sign of an end.
pub(super) fn is_active(line: &str) -> bool {
    status(line).is_none_or(|status| works(&status))
}

/// Whether a thread works on a turn, by the word that the server has for what it is at. One that is not known is no sign of
/// rest.
pub fn works(status: &str) -> bool {
    !matches!(status, "idle" | "systemError" | "notLoaded")
}

/// What an item says of a thread that works for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// It was made for it, and is about to begin.
    Spawned,
    /// It was given more to do, and may begin with that.
    Used,
    /// It is known there.
    Seen,
    /// It does nothing any more.
    Over,
}

/// The threads that an item says to work for its turn.
pub(super) fn bonds(line: &str) -> Vec<(String, Bond)> {
    #[derive(Deserialize)]
    struct Params {
        item: Item,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Item {
        r#type: String,
        tool: Option<String>,
        status: Option<String>,
        kind: Option<String>,
        agent_thread_id: Option<String>,
        #[serde(default)]
        receiver_thread_ids: Vec<String>,
    }
    // Most items are of other kinds, and long.
    if !line.contains("\"collabAgentToolCall\"") && !line.contains("\"subAgentActivity\"") {
        return Vec::new();
    }
    let Some(Params { item }) = params(line) else { return Vec::new() };
    match item.r#type.as_str() {
        "collabAgentToolCall" => {
            let failed = item.status.as_deref() == Some("failed");
            let bond = || match item.tool.as_deref() {
                _ if failed => Bond::Over,
                Some("sendInput" | "resumeAgent") => Bond::Used,
                Some("wait" | "closeAgent") => Bond::Seen,
                _ => Bond::Spawned,
            };
            item.receiver_thread_ids.into_iter().map(|thread| (thread, bond())).collect()
        }
        "subAgentActivity" => {
            let bond = match item.kind.as_deref() {
                Some("started") => Bond::Spawned,
                Some("completed" | "interrupted") => Bond::Over,
                _ => Bond::Used,
            };
            item.agent_thread_id.into_iter().map(|thread| (thread, bond)).collect()
        }
        _ => Vec::new(),
    }
}
