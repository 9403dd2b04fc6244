//! What is known of one turn, and its events until they are read.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::error::ExecError;
use super::events::Line;
use super::files::RunFile;
use super::thread::ThreadState;
use super::usage::Usage;
use crate::source::{Next, Source, Waker, Wakers};
use crate::{Error, Secrets, lock};

/// A field that codex of old leaves out, and that programs count on.
const CACHE_WRITE: &str = "cache_write_input_tokens";
/// Events of up to this size cross in one text.
const SMALL_BYTES: usize = 4 * 1024;

/// What is known of one turn while it runs and afterwards.
pub(super) struct RunState {
    inner: Mutex<Inner>,
    thread: Arc<ThreadState>,
    secrets: Secrets,
    /// Whether somebody reads the events.
    streams: bool,
    /// Cancelled when codex has said how the turn ended.
    pub(super) turn_over: CancellationToken,
    /// Cancelled when there is nothing more to come.
    pub(super) done: CancellationToken,
}

#[derive(Default)]
struct Inner {
    /// Lines that were not read yet.
    lines: Vec<String>,
    wakers: Wakers,
    secret_file: Option<RunFile>,
    has_begun: bool,
    items: Vec<String>,
    final_response: Option<String>,
    usage: Option<String>,
    turn_usage: Option<Usage>,
    failure: Option<String>,
    outcome: Option<Result<(), ExecError>>,
}

impl RunState {
    pub(super) fn new(thread: Arc<ThreadState>, secrets: Secrets, streams: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::default(),
            thread,
            secrets,
            streams,
            turn_over: CancellationToken::new(),
            done: CancellationToken::new(),
        })
    }

    /// codex was started. The file goes when codex has read it.
    pub(super) fn begun(&self, secret_file: Option<RunFile>) {
        let mut inner = lock(&self.inner);
        inner.has_begun = true;
        inner.secret_file = secret_file;
    }

    /// Takes one event.
    pub(super) fn take(&self, text: &str, line: &Line<'_>) {
        if self.turn_over.is_cancelled() {
            return;
        }
        let mut inner = lock(&self.inner);
        let mut passed = None;
        let mut is_over = false;
        match line {
            Line::ThreadStarted { thread_id } => {
                if let Some(id) = thread_id {
                    self.thread.set_id(id);
                }
                // The configuration was read: whatever the agent starts from now on must not find it.
                inner.secret_file = None;
            }
            Line::ItemCompleted { item, message } => {
                inner.items.push((*item).to_owned());
                if let Some(message) = message {
                    inner.final_response = Some((*message).to_owned());
                }
            }
            Line::TurnCompleted { usage } => {
                is_over = true;
                if let Some(usage) = usage.filter(|usage| usage.starts_with('{')) {
                    let complete = with_cache_write(usage);
                    inner.turn_usage = Usage::read(&complete).and_then(|total| self.thread.add_usage(total));
                    passed = replaced(text, usage, &complete);
                    inner.usage = Some(complete);
                } else {
                    self.thread.lose_usage();
                }
            }
            Line::TurnFailed { message } => {
                is_over = true;
                self.thread.lose_usage();
                inner.failure = Some(self.secrets.strike(message.clone()));
            }
            Line::Other => {}
        }
        if self.streams {
            inner.lines.push(passed.unwrap_or_else(|| text.to_owned()));
        }
        drop(inner);
        if is_over {
            self.turn_over.cancel();
        }
    }

    /// Wakes the reader, where there is something for it.
    pub(super) fn wake(&self) {
        let mut inner = lock(&self.inner);
        if inner.lines.is_empty() && inner.outcome.is_none() {
            return;
        }
        let wakers = inner.wakers.take();
        drop(inner);
        wakers.wake();
    }

    /// There is nothing more to come.
    pub(super) fn finish(&self, outcome: Result<(), ExecError>) {
        let mut inner = lock(&self.inner);
        inner.secret_file = None;
        if inner.has_begun && !self.turn_over.is_cancelled() {
            self.thread.lose_usage();
        }
        inner.outcome = Some(match outcome {
            Ok(()) => match inner.failure.clone() {
                Some(message) => Err(ExecError::TurnFailed {
                    message,
                    thread_id: self.thread.id(),
                    result: inner.result(),
                }),
                None => Ok(()),
            },
            Err(ExecError::Aborted { .. }) => {
                Err(ExecError::Aborted { result: inner.has_begun.then(|| inner.result()) })
            }
            Err(error) => Err(error),
        });
        drop(inner);
        self.wake();
        self.done.cancel();
    }

    /// Waits for the end, and gives the result as JSON text.
    pub(super) async fn result(&self) -> Result<String, ExecError> {
        self.done.cancelled().await;
        let inner = lock(&self.inner);
        match &inner.outcome {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(inner.result()),
        }
    }

    fn poll(&self, waker: Option<Waker>) -> Next<Vec<String>, ExecError> {
        let mut inner = lock(&self.inner);
        if !inner.lines.is_empty() {
            return Next::Batch(join(std::mem::take(&mut inner.lines)));
        }
        match &inner.outcome {
            Some(Ok(())) => Next::End,
            Some(Err(error)) => Next::Failed(error.clone()),
            None => inner.wakers.pending(waker),
        }
    }
}

impl Inner {
    /// What was collected, as JSON text.
    fn result(&self) -> String {
        let turn_usage = self.turn_usage.and_then(|usage| serde_json::to_string(&usage).ok());
        format!(
            r#"{{"items":[{}],"finalResponse":{},"usage":{},"turnUsage":{}}}"#,
            self.items.join(","),
            self.final_response.as_deref().unwrap_or("\"\""),
            self.usage.as_deref().unwrap_or("null"),
            turn_usage.as_deref().unwrap_or("null"),
        )
    }
}

/// The events of one turn, read once. The turn begins with the first look.
pub struct RunReader {
    state: Arc<RunState>,
    cancel: CancellationToken,
    start: Mutex<Option<Waker>>,
    is_read: Mutex<bool>,
}

impl RunReader {
    pub(super) fn new(state: Arc<RunState>, cancel: CancellationToken, start: Waker) -> Self {
        Self { state, cancel, start: Mutex::new(Some(start)), is_read: Mutex::new(false) }
    }

    /// Leaves: a turn that still runs is ended, with everything below it.
    pub async fn leave(&self) {
        if lock(&self.start).take().is_some() {
            return;
        }
        self.cancel.cancel();
        // Nobody waits for the next event any more.
        let wakers = lock(&self.state.inner).wakers.take();
        drop(wakers);
        self.state.done.cancelled().await;
    }

    /// The result as JSON text, once all events were read.
    pub async fn result(&self) -> Result<String, ExecError> {
        if !*lock(&self.is_read) {
            return Err(ExecError::Unread(
                "the result is there once `events` has been read to its end; it was not, or the loop was left early",
            ));
        }
        self.state.result().await
    }
}

impl Source for RunReader {
    /// Texts of JSON, each one event or an array of several.
    type Batch = Vec<String>;
    type Error = ExecError;

    fn poll(&self, waker: Option<Waker>) -> Next<Self::Batch, ExecError> {
        let start = lock(&self.start).take();
        if let Some(start) = start {
            start();
        }
        let next = self.state.poll(waker);
        if matches!(next, Next::End | Next::Failed(_)) {
            *lock(&self.is_read) = true;
        }
        next
    }
}

impl Drop for RunReader {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl From<tokio::task::JoinError> for ExecError {
    fn from(error: tokio::task::JoinError) -> Self {
        Error::Closed(format!("codex-node failed inside, please report it: {error}")).into()
    }
}

/// Small events in one array text, others by themselves.
fn join(lines: Vec<String>) -> Vec<String> {
    let mut texts = Vec::new();
    let mut small: Vec<String> = Vec::new();
    for line in lines {
        if line.len() <= SMALL_BYTES {
            small.push(line);
            continue;
        }
        if !small.is_empty() {
            texts.push(format!("[{}]", std::mem::take(&mut small).join(",")));
        }
        texts.push(line);
    }
    if !small.is_empty() {
        texts.push(format!("[{}]", small.join(",")));
    }
    texts
}

/// A text with another in the place of a part of it.
fn replaced(text: &str, part: &str, by: &str) -> Option<String> {
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    Some([text.get(..start)?, by, text.get(start + part.len()..)?].concat())
}

/// The text of a usage with the field that older codex does not have.
fn with_cache_write(usage: &str) -> String {
    let has = super::json::Fields::read(usage)
        .is_some_and(|fields| fields.get(CACHE_WRITE).is_some_and(|value| value != "null"));
    let open = usage.strip_suffix('}').unwrap_or(usage).trim_end();
    match open {
        _ if has => usage.to_owned(),
        "{" => format!("{{\"{CACHE_WRITE}\":0}}"),
        open => format!("{open},\"{CACHE_WRITE}\":0}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_without_the_newer_field_gets_it() {
        let completed = |usage: &str| with_cache_write(usage);
        assert_eq!(completed("{}"), r#"{"cache_write_input_tokens":0}"#);
        assert_eq!(completed(r#"{"a":{"b":{}}}"#), r#"{"a":{"b":{}},"cache_write_input_tokens":0}"#);
        assert_eq!(completed(r#"{"cache_write_input_tokens":7}"#), r#"{"cache_write_input_tokens":7}"#);
    }

    #[test]
    fn a_part_is_replaced_where_it_stands() {
        let text = r#"{"first":{},"usage":{}}"#;
        let part = &text[20..22];
        assert_eq!(replaced(text, part, "[]").as_deref(), Some(r#"{"first":{},"usage":[]}"#));
    }
}
