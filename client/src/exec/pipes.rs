//! What codex is given and what it writes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout};
use tokio_util::sync::CancellationToken;

use super::events::Line;
use super::json::Fields;
use super::state::RunState;
use crate::transport::{Answered, Inbound};

/// What codex writes, read as far as there is room for it. It ends some time after codex has, but never while there is
/// something to read: reading may take longer than that.
pub(super) struct Output {
    pub(super) stdout: ChildStdout,
    pub(super) given_up: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(super) state: Arc<RunState>,
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.state.poll_room(context).is_pending() {
            return Poll::Pending;
        }
        match Pin::new(&mut self.stdout).poll_read(context, buffer) {
            Poll::Pending => self.given_up.as_mut().poll(context).map(Ok),
            ready => ready,
        }
    }
}

/// The JSONL of one turn on its way from codex.
pub(super) struct Lines(pub(super) Arc<RunState>, pub(super) Answered);

impl Inbound for Lines {
    fn message(&mut self, text: &str) {
        let Some(fields) = Fields::read(text) else { return self.garbage(text.as_bytes()) };
        let line = Line::read(&fields);
        if !matches!(line, Line::Other) {
            self.1.set();
        }
        let shown = self.0.secrets.redact_json(text);
        if *shown == *text {
            return self.0.take(text, &line);
        }
        // What an event is, and of which thread, is never redacted.
        match (&line, Fields::read(&shown)) {
            (Line::ItemCompleted { .. } | Line::TurnFailed { .. }, Some(fields)) => {
                self.0.take(&shown, &Line::read(&fields));
            }
            _ => self.0.take(&shown, &line),
        }
    }

    fn garbage(&mut self, bytes: &[u8]) {
        tracing::debug!(bytes = bytes.len(), "codex exec wrote a line that is no event; it is skipped");
    }

    fn idle(&mut self) {
        self.0.wake();
    }
}

/// Gives the prompt. A codex that does not read it, or is gone, says why by its exit.
pub(super) async fn write(mut stdin: ChildStdin, prompt: String, ending: CancellationToken) {
    let writing = async {
        stdin.write_all(prompt.as_bytes()).await?;
        stdin.shutdown().await
    };
    tokio::select! {
        written = writing => {
            if let Err(error) = written {
                tracing::debug!(%error, "writing the prompt failed");
            }
        }
        () = ending.cancelled() => {}
    }
}
