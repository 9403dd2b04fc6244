use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::lock;

/// How much of stderr is kept for error messages.
const TAIL_BYTES: usize = 16 * 1024;
/// How much of the tail goes into an error message.
const MESSAGE_LINES: usize = 20;

/// The last of what a child wrote to stderr.
#[derive(Default)]
pub(super) struct StderrTail {
    bytes: Mutex<VecDeque<u8>>,
    secrets: Vec<String>,
}

impl StderrTail {
    /// A tail that shows none of `secrets`.
    pub(super) fn new(secrets: Vec<String>) -> Self {
        Self { bytes: Mutex::default(), secrets }
    }

    /// Reads until the end: a child whose stderr is not read stops working.
    pub(super) async fn drain(&self, mut stderr: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count) = stderr.read(&mut buffer).await {
            if count == 0 {
                return;
            }
            let chunk = &buffer[..count];
            if tracing::enabled!(target: "codex::stderr", tracing::Level::DEBUG) {
                for line in self.without_secrets(String::from_utf8_lossy(chunk).into_owned()).lines() {
                    tracing::debug!(target: "codex::stderr", "{line}");
                }
            }
            let mut bytes = lock(&self.bytes);
            bytes.extend(chunk);
            let excess = bytes.len().saturating_sub(TAIL_BYTES);
            bytes.drain(..excess);
        }
    }

    /// The last lines as text.
    pub(super) fn text(&self) -> String {
        let mut bytes = lock(&self.bytes);
        let text = String::from_utf8_lossy(bytes.make_contiguous()).into_owned();
        let text = text.trim();
        let start = text.rmatch_indices('\n').nth(MESSAGE_LINES - 1).map_or(0, |(at, _)| at + 1);
        self.without_secrets(text[start..].to_owned())
    }

    fn without_secrets(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if text.contains(secret) {
                text = text.replace(secret, "[secret]");
            }
        }
        text
    }
}
