//! What came of a turn, and where a reader of it stood: plain data. How it is collected is in `turn/`.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::secrets::Secrets;
use crate::text::range_of;
use crate::turn_status::TurnStatus;

/// Part of a message that is kept whole.
#[derive(Debug, Clone)]
pub struct Slice {
    line: Arc<str>,
    range: Range<usize>,
}

impl Slice {
    /// The message that it is part of.
    pub(super) fn line(&self) -> &Arc<str> {
        &self.line
    }

    /// `part`, which was borrowed from `line`.
    pub fn new(line: &Arc<str>, part: &str) -> Option<Self> {
        Some(Self { range: range_of(line, part)?, line: Arc::clone(line) })
    }

    /// The JSON text.
    pub fn json(&self) -> &str {
        &self.line[self.range.clone()]
    }
}

/// What came of a turn.
#[derive(Debug, Clone)]
pub struct TurnResult {
    /// The thread.
    pub thread_id: String,
    /// The turn.
    pub turn_id: String,
    /// How it ended.
    pub status: TurnStatus,
    /// The assistant's last word as a JSON string.
    pub final_response: Option<Slice>,
    /// The completed items in order, as JSON.
    pub items: Vec<Slice>,
    /// The plan that the agent proposed last, as a JSON string.
    pub plan: Option<Slice>,
    /// The last token usage of the turn, as JSON.
    pub usage: Option<Slice>,
    /// When it started, in seconds since 1970, as JSON.
    pub started_at: Option<String>,
    /// When it ended, in seconds since 1970, as JSON.
    pub completed_at: Option<String>,
    /// How long it took in milliseconds, as JSON.
    pub duration_ms: Option<String>,
}

impl TurnResult {
    /// The same with secrets redacted, for errors, which end in logs.
    pub fn hiding(mut self, secrets: &Secrets) -> Self {
        for slice in self.items.iter_mut().chain(&mut self.final_response).chain(&mut self.plan) {
            if let Cow::Owned(redacted) = secrets.redact_json(slice.json()) {
                *slice = Slice { range: 0..redacted.len(), line: redacted.into() };
            }
        }
        self
    }

    /// The assistant's last word.
    pub fn final_response(&self) -> Option<String> {
        serde_json::from_str(self.final_response.as_ref()?.json()).ok()
    }

    /// The result as one JSON object.
    pub fn to_json(&self) -> String {
        let text = |slice: &Option<Slice>| slice.as_ref().map_or("null", Slice::json).to_owned();
        let number = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
        let items: Vec<&str> = self.items.iter().map(Slice::json).collect();
        format!(
            concat!(
                r#"{{"threadId":{},"turnId":{},"status":{},"finalResponse":{},{}"items":[{}],"usage":{},"#,
                r#""startedAt":{},"completedAt":{},"durationMs":{}}}"#
            ),
            serde_json::Value::from(self.thread_id.as_str()),
            serde_json::Value::from(self.turn_id.as_str()),
            serde_json::Value::from(self.status.word()),
            text(&self.final_response),
            self.plan.as_ref().map_or_else(String::new, |plan| format!(r#""plan":{},"#, plan.json())),
            items.join(","),
            text(&self.usage),
            number(&self.started_at),
            number(&self.completed_at),
            number(&self.duration_ms),
        )
    }
}

/// Where a reader of a turn stood: plain data that outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Continuation {
    /// The thread.
    pub thread_id: String,
    /// The turn.
    pub turn_id: String,
    /// Where it stands: how many events were read, and above that which log of the turn they are counted in.
    pub cursor: u64,
    /// What was read: `stream`, `text`, `steps` or `run`.
    pub mode: String,
}
