//! What is known of one turn, and its events until they are read.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use super::error::ExecError;
use super::events::Line;
use super::files::RunFile;
use super::thread_id;
use super::thread_state::ThreadState;
use super::usage::Usage;
use crate::memory::Share;
use crate::source::{Next, Waker, Wakers};
use crate::text::range_of;
use crate::{Error, Memory, Secrets, lock};

/// A field that codex of old leaves out, and that programs count on.
const CACHE_WRITE: &str = "cache_write_input_tokens";
/// Events of up to this size cross in one text.
const SMALL_BYTES: usize = 4 * 1024;
/// How much waits for a reader before no more is taken from codex.
const MOST_WAITING: usize = 1024 * 1024;

/// What is known of one turn while it runs and afterwards.
pub(super) struct RunState {
    inner: Mutex<Inner>,
    thread: Arc<ThreadState>,
    /// What nothing that is passed on may show.
    pub(super) secrets: Secrets,
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
    /// How long they are together.
    waiting: usize,
    /// Who goes on reading from codex when there is room again.
    room: Option<std::task::Waker>,
    /// Whether reading was held up since this was asked last.
    was_full: bool,
    asked: Option<RequestedThread>,
    wakers: Wakers,
    secret_file: Option<RunFile>,
    has_begun: bool,
    items: Vec<String>,
    /// How many bytes they are.
    items_bytes: usize,
    /// What the lines and the items hold.
    share: Option<Share>,
    final_response: Option<String>,
    usage: Option<String>,
    turn_usage: Option<Usage>,
    failure: Option<String>,
    outcome: Option<Result<(), ExecError>>,
}

/// The thread that is to go on.
struct RequestedThread {
    id: String,
    /// When it was asked for.
    at: SystemTime,
    /// The thread that was given instead.
    instead: Option<String>,
}

impl RunState {
    pub(super) fn new(
        thread: Arc<ThreadState>,
        secrets: Secrets,
        memory: &Memory,
        streams: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner { share: Some(memory.share()), ..Inner::default() }),
            thread,
            secrets,
            streams,
            turn_over: CancellationToken::new(),
            done: CancellationToken::new(),
        })
    }

    /// codex is about to be started, to go on with a thread.
    pub(super) fn asks(&self, thread_id: Option<String>) {
        let asked = thread_id.map(|id| RequestedThread { id, at: SystemTime::now(), instead: None });
        lock(&self.inner).asked = asked;
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
                if let (Some(id), Some(asked)) = (thread_id, &mut inner.asked)
                    && thread_id::is_new(&asked.id, id, asked.at)
                {
                    asked.instead = Some(id.clone());
                    drop(inner);
                    self.turn_over.cancel();
                    return;
                }
                if let Some(id) = thread_id {
                    self.thread.set_id(id);
                }
                // The configuration was read: whatever the agent starts from now on must not find it.
                inner.secret_file = None;
            }
            Line::ItemCompleted { item, message } => {
                inner.items_bytes += item.len();
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
                inner.failure = Some(self.secrets.redact(message.clone()));
            }
            Line::Other => {}
        }
        if self.streams {
            let line = passed.unwrap_or_else(|| text.to_owned());
            inner.waiting += line.len();
            inner.lines.push(line);
        }
        inner.account();
        drop(inner);
        if is_over {
            self.turn_over.cancel();
        }
    }

    /// The error for a thread that is not there, and the id of the other that codex began, which nobody asked for.
    pub(super) fn not_found(&self) -> Option<(ExecError, String)> {
        let inner = lock(&self.inner);
        let asked = inner.asked.as_ref()?;
        asked.instead.as_ref().map(|instead| {
            let id = &asked.id;
            let message = format!(
                "there is no thread {id}; codex began the new one {instead} instead, and was ended at once"
            );
            (ExecError::ThreadNotFound { message, thread_id: id.clone() }, instead.clone())
        })
    }

    /// Waits until the reader has room for more of what codex writes.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = lock(&self.inner);
        if inner.waiting < MOST_WAITING || self.turn_over.is_cancelled() {
            return Poll::Ready(());
        }
        inner.was_full = true;
        inner.room = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether reading was held up by the reader since this was asked last, or is.
    pub(super) fn was_full(&self) -> bool {
        let mut inner = lock(&self.inner);
        std::mem::take(&mut inner.was_full) || inner.room.is_some()
    }

    /// Nobody waits for the next event any more.
    pub(super) fn forget_wakers(&self) {
        let wakers = lock(&self.inner).wakers.take();
        drop(wakers);
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
            Some(Ok(())) => Ok(inner.result()),
            Some(Err(error)) => Err(error.clone()),
            None => Err(Error::Closed("the turn was dropped".to_owned()).into()),
        }
    }

    pub(super) fn poll(&self, waker: Option<Waker>) -> Next<Vec<String>, ExecError> {
        let mut inner = lock(&self.inner);
        if !inner.lines.is_empty() {
            let lines = std::mem::take(&mut inner.lines);
            inner.waiting = 0;
            inner.account();
            let room = inner.room.take();
            drop(inner);
            room.into_iter().for_each(std::task::Waker::wake);
            return Next::Batch(join(lines));
        }
        match &inner.outcome {
            Some(Ok(())) => Next::End,
            Some(Err(error)) => Next::Failed(error.clone()),
            None => inner.wakers.pending(waker),
        }
    }
}

impl Inner {
    fn account(&mut self) {
        if let Some(share) = &mut self.share {
            share.set(self.waiting + self.items_bytes);
        }
    }

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
    let range = range_of(text, part)?;
    Some([&text[..range.start], by, &text[range.end..]].concat())
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
