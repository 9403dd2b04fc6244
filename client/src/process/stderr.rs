use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Notify;

use crate::{Secrets, lock};

/// How much of stderr is kept for error messages.
const TAIL_BYTES: usize = 16 * 1024;
/// How much of the tail goes into an error message.
const MESSAGE_LINES: usize = 20;

/// The last of what a child wrote to stderr.
#[derive(Default)]
pub(super) struct StderrTail {
    bytes: Mutex<VecDeque<u8>>,
    secrets: Secrets,
    grown: Notify,
}

impl StderrTail {
    /// A tail that shows none of `secrets`.
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { bytes: Mutex::default(), secrets, grown: Notify::new() }
    }

    /// Reads until the end: a child whose stderr is not read stops working.
    pub(super) async fn drain(&self, mut stderr: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 16 * 1024];
        let mut line = Vec::new();
        while let Ok(count) = stderr.read(&mut buffer).await {
            if count == 0 {
                break;
            }
            let chunk = &buffer[..count];
            if tracing::enabled!(target: "codex::stderr", tracing::Level::DEBUG) {
                // By whole lines: a secret may be cut in two by the end of a read.
                for part in chunk.split_inclusive(|byte| *byte == b'\n') {
                    line.extend_from_slice(part);
                    if part.ends_with(b"\n") || line.len() > TAIL_BYTES {
                        self.log(&line);
                        line.clear();
                    }
                }
            }
            let mut bytes = lock(&self.bytes);
            bytes.extend(chunk);
            let excess = bytes.len().saturating_sub(TAIL_BYTES);
            bytes.drain(..excess);
            drop(bytes);
            self.grown.notify_waiters();
        }
        // Last words often have no end of their line.
        if !line.is_empty() {
            self.log(&line);
        }
    }

    fn log(&self, line: &[u8]) {
        let text = self.secrets.strike(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        tracing::debug!(target: "codex::stderr", "{text}");
    }

    /// Waits until `find` finds something in the last lines.
    pub(super) async fn find<T>(&self, find: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let grown = self.grown.notified();
            tokio::pin!(grown);
            grown.as_mut().enable();
            let mut text = self.text();
            // Only the end of the text tells whether its last line is whole.
            if lock(&self.bytes).back() == Some(&b'\n') {
                text.push('\n');
            }
            if let Some(found) = find(&text) {
                return found;
            }
            grown.await;
        }
    }

    /// The last lines as text.
    pub(super) fn text(&self) -> String {
        let mut bytes = lock(&self.bytes);
        let text = String::from_utf8_lossy(bytes.make_contiguous()).into_owned();
        let text = text.trim();
        let start = text.rmatch_indices('\n').nth(MESSAGE_LINES - 1).map_or(0, |(at, _)| at + 1);
        self.secrets.strike(text[start..].to_owned())
    }
}
