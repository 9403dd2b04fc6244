//! What comes from the server over one line, read and handed on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::alike::Alike;
use super::connection::{Connection, ServerRequest};
use super::envelope::Notification;
use crate::transport::Inbound;
use crate::{Secrets, lock};

/// Takes the messages of one line for a connection.
pub struct Incoming {
    connection: Arc<Connection>,
    alike: Alike,
}

impl Incoming {
    /// For a line that is opened.
    pub fn new(connection: &Arc<Connection>) -> Self {
        Self { connection: Arc::clone(connection), alike: Alike::default() }
    }
}

impl Inbound for Incoming {
    fn message(&mut self, line: &str) {
        let envelope = match self.alike.read(line) {
            Ok(envelope) => envelope,
            Err(_) => return self.garbage(line.as_bytes()),
        };
        match (&envelope.method, envelope.id) {
            (Some(method), Some(id)) => {
                // Not locked while it is taken in: it may be answered at once.
                let leg = lock(&self.connection.outgoing).leg;
                let (method, line) = (method.to_string(), line.into());
                self.connection.inbox.request(ServerRequest { id: id.to_owned(), method, line, leg });
            }
            (Some(method), None) => self.connection.inbox.notification(&Notification {
                method,
                ids: &envelope.ids,
                emitted_at_ms: envelope.emitted_at_ms,
                line,
            }),
            (None, Some(_)) => self.connection.settle(&envelope),
            (None, None) => self.garbage(line.as_bytes()),
        }
    }

    fn garbage(&mut self, bytes: &[u8]) {
        // Who prints without end costs no more than that.
        if self.connection.met_garbage.load(Ordering::Relaxed)
            && !bytes.starts_with(b"{")
            && !tracing::enabled!(tracing::Level::DEBUG)
        {
            return;
        }
        let start = shown(bytes, &self.connection.secrets);
        let bytes = bytes.len();
        if start.starts_with('{') {
            tracing::warn!(bytes, %start, "codex wrote a message that can't be read; skipped");
        } else if self.connection.met_garbage.swap(true, Ordering::Relaxed) {
            tracing::debug!(bytes, %start, "codex wrote something that is no message; skipped");
        } else {
            // Once: who prints a banner may print much.
            tracing::warn!(bytes, %start, "codex wrote something that is no message; skipped, as is all of its kind");
        }
    }

    fn idle(&mut self) {
        self.connection.inbox.idle();
    }
}

/// The beginning of what is no message, without secrets and without a part of one at the end.
fn shown(bytes: &[u8], secrets: &Secrets) -> String {
    const MOST_CHARS: usize = 200;
    let longest = secrets.longest();
    let cut = &bytes[..bytes.len().min(8 * MOST_CHARS + longest)];
    let mut start = secrets.redact(String::from_utf8_lossy(cut).into_owned());
    if cut.len() < bytes.len() {
        // A secret may have begun whose end is not looked at.
        let end = start.floor_char_boundary(start.len().saturating_sub(longest));
        start.truncate(end);
    }
    start.chars().take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_long_line_holds_no_part_of_a_secret() {
        let long = "k33p-this-to-yourself".repeat(400);
        let secrets = Secrets::new([long.clone()]);
        for line in [long.clone(), format!("x{long}"), long.repeat(10), long.repeat(100)] {
            let shown = shown(line.as_bytes(), &secrets);
            assert!(!shown.contains("k33p") && !shown.contains("self"), "{shown}");
        }
        let plain = "plain ".repeat(10_000);
        assert_eq!(shown(plain.as_bytes(), &Secrets::default()), plain[..200]);
        assert!(shown(plain.as_bytes(), &Secrets::new(["a-secret".to_owned()])).starts_with("plain plain"));
    }
}
