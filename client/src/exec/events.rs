//! Reads a line of JSONL. Only what makes up the result is read; every line passes on as it is.

use super::json::Fields;

/// What a line says that counts here.
pub(super) enum Line<'a> {
    ThreadStarted {
        thread_id: Option<String>,
    },
    ItemCompleted {
        item: &'a str,
        /// Of an agent message, its text as JSON.
        message: Option<&'a str>,
    },
    TurnCompleted {
        usage: Option<&'a str>,
    },
    TurnFailed {
        message: String,
    },
    Other,
}

impl<'a> Line<'a> {
    /// Of a JSON object.
    pub(super) fn read(fields: &Fields<'a>) -> Self {
        match fields.text("type").as_deref() {
            Some("thread.started") => Self::ThreadStarted { thread_id: fields.text("thread_id") },
            Some("item.completed") => match fields.get("item") {
                Some(item) => Self::ItemCompleted { item, message: message(item) },
                None => Self::Other,
            },
            Some("turn.completed") => Self::TurnCompleted { usage: fields.get("usage") },
            Some("turn.failed") => {
                let error = fields.get("error").and_then(Fields::read);
                let message = error.and_then(|error| error.text("message"));
                Self::TurnFailed { message: message.unwrap_or_else(|| "the turn failed".to_owned()) }
            }
            _ => Self::Other,
        }
    }
}

fn message(item: &str) -> Option<&str> {
    let fields = Fields::read(item)?;
    let is_message = fields.text("type").as_deref() == Some("agent_message");
    fields.get("text").filter(|text| is_message && text.starts_with('"'))
}
