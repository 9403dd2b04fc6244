//! The last of what a child wrote to stderr, for messages and the log.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{Secrets, lock};

/// How much of stderr is kept for error messages.
const TAIL_BYTES: usize = 16 * 1024;
/// How much of the tail goes into an error message.
const MESSAGE_LINES: usize = 20;

/// Whether a codex that has ended says that its configuration does not load.
pub(super) fn blames_config(stderr: &str) -> bool {
    let lines: Vec<&str> = stderr.lines().collect();
    lines.iter().enumerate().any(|(at, line)| {
        let Some(why) = line.strip_prefix("Error") else { return false };
        // A value that is wrong is shown with where it stands.
        let is_located = lines.get(at + 1).is_some_and(|next| next.starts_with("in `"));
        why.starts_with(" loading config")
            || why.ends_with("is no longer supported; remove this setting")
            || (why.starts_with(": Model provider `") && why.ends_with("` not found"))
            || (why.starts_with(": ") && is_located)
    })
}

/// The last of what a child wrote to stderr.
#[derive(Default)]
pub(super) struct StderrTail {
    window: Mutex<Window>,
    secrets: Secrets,
}

#[derive(Default)]
struct Window {
    /// Whole lines, their secrets redacted before any is cut: no part of one stays at the beginning.
    bytes: VecDeque<u8>,
    /// A line whose end has not come.
    line: Vec<u8>,
}

impl StderrTail {
    /// A tail that shows none of `secrets`.
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { window: Mutex::default(), secrets }
    }

    /// Reads until the end: a child whose stderr is not read stops working.
    pub(super) async fn drain(&self, mut stderr: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count) = stderr.read(&mut buffer).await {
            if count == 0 {
                break;
            }
            log(&self.take(&buffer[..count]));
        }
        // Last words often have no end of their line.
        let last = String::from_utf8_lossy(&lock(&self.window).line).into_owned();
        log(&self.secrets.redact(last));
    }

    /// Takes what was read, and gives what became whole of it without secrets.
    pub(super) fn take(&self, chunk: &[u8]) -> String {
        lock(&self.window).take(chunk, &self.secrets)
    }

    /// The last lines as text.
    pub(super) fn text(&self) -> String {
        let window = lock(&self.window);
        let (first, second) = window.bytes.as_slices();
        let bytes = [first, second].concat();
        let line = self.secrets.redact(String::from_utf8_lossy(&window.line).into_owned());
        drop(window);
        let text = String::from_utf8_lossy(&bytes) + line.as_str();
        // Each of the two may be as long as all that is kept.
        let mut cut = text.len().saturating_sub(TAIL_BYTES);
        while !text.is_char_boundary(cut) {
            cut += 1;
        }
        let text = text[cut..].trim();
        let start = text.rmatch_indices('\n').nth(MESSAGE_LINES - 1).map_or(0, |(at, _)| at + 1);
        text[start..].to_owned()
    }
}

impl Window {
    /// Takes what was read, and gives what became whole of it without secrets.
    fn take(&mut self, chunk: &[u8], secrets: &Secrets) -> String {
        self.line.extend(chunk);
        let whole = self.line.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut redacted = String::new();
        if whole > 0 {
            let lines: Vec<u8> = self.line.drain(..whole).collect();
            redacted = secrets.redact(String::from_utf8_lossy(&lines).into_owned());
        }
        if self.line.len() > TAIL_BYTES + secrets.longest() {
            let line = secrets.redact(String::from_utf8_lossy(&self.line).into_owned());
            // A secret may have begun whose end has not come.
            let mut end = line.len().saturating_sub(secrets.longest());
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            redacted.push_str(&line[..end]);
            self.line = line[end..].into();
        }
        self.bytes.extend(redacted.as_bytes());
        let excess = self.bytes.len().saturating_sub(TAIL_BYTES);
        self.bytes.drain(..excess);
        redacted
    }
}

fn log(text: &str) {
    if tracing::enabled!(target: "codex::stderr", tracing::Level::DEBUG) {
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            tracing::debug!(target: "codex::stderr", "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_does_not_load_is_known_by_what_codex_says() {
        for stderr in [
            "WARNING: x\nError loading config.toml:\n/home/config.toml:1:16: unclosed array, expected `]`",
            "Error: approval_policy = \"untrusted\" is no longer supported; remove this setting\n\nStack backtrace:",
            "Error: unknown variant `wrong`, expected one of `read-only`\nin `sandbox_mode`\n\n",
            "Error: Model provider `nope` not found\n",
        ] {
            assert!(blames_config(stderr), "{stderr}");
        }
        for stderr in
            ["", "Error: no rollout found for thread id x", "Error: boom\nin a panic", "config.toml"]
        {
            assert!(!blames_config(stderr), "{stderr}");
        }
    }

    const SECRET: &str = "k33p-this-to-yourself";

    /// What is kept of a text that comes in pieces.
    fn kept(text: &str, step: usize) -> String {
        let tail = StderrTail::new(Secrets::new([SECRET.to_owned()]));
        for chunk in text.as_bytes().chunks(step) {
            tail.take(chunk);
        }
        let kept = tail.text();
        assert!(lock(&tail.window).bytes.len() <= TAIL_BYTES && kept.len() <= TAIL_BYTES);
        kept
    }

    #[test]
    fn no_part_of_a_secret_is_kept_wherever_the_window_begins() {
        for shift in 0..2 * SECRET.len() {
            let text = format!("{SECRET}{}\n", "x".repeat(TAIL_BYTES - shift));
            let kept = kept(&text, 4096);
            assert!(!kept.contains("yourself") && !kept.contains("lf"), "{shift}: {}", &kept[..40]);
        }
    }

    #[test]
    fn a_secret_in_a_line_without_end_is_struck_wherever_it_is_cut() {
        for step in [1000, 4096, 7001] {
            let text = format!("{} {SECRET} ", "y".repeat(500)).repeat(200);
            let kept = kept(&text, step);
            assert!(kept.contains("[secret]") && !kept.contains("k33p") && !kept.contains("self"), "{kept}");
        }
    }
}
