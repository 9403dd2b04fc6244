//! What a reader takes at once, and how it is made: small events joined, large ones on their own.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use super::deltas::{Deltas, LogText};

/// From this size on an event travels as a text of its own.
pub(super) const OWN_TEXT_BYTES: usize = 4 * 1024;

/// What a reader takes at once.
pub type Batch = Vec<Piece>;

/// Part of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// One event as JSON, or several as a JSON array.
    Json(String),
    /// Deltas of one item.
    Deltas {
        /// The event as JSON, with an empty `delta`.
        template: String,
        /// The text of all of them.
        text: LogText,
        /// Where each ends in `text`, in UTF-16 units.
        ends: Vec<u32>,
        /// `emittedAtMs` of each; empty where the server sends none.
        emitted_at_ms: Vec<f64>,
        /// The number of the first; each has the next.
        seq: u64,
    },
    /// Assistant text alone.
    Text(LogText),
}

/// Adds an event as it is.
pub(super) fn add_event(batch: &mut Batch, small: &mut String, event: &str) {
    if event.len() >= OWN_TEXT_BYTES {
        flush(batch, small);
        batch.push(Piece::Json(event.to_owned()));
        return;
    }
    small.push(if small.is_empty() { '[' } else { ',' });
    small.push_str(event);
}

/// The same for an event that gets a number, as its last field: whatever the server calls by that name, it is ours.
pub(super) fn add_numbered(batch: &mut Batch, small: &mut String, event: &str, seq: u64) {
    let fields = event.trim_ascii_end().strip_suffix('}').unwrap_or(event);
    let text = if event.len() >= OWN_TEXT_BYTES {
        flush(batch, small);
        &mut String::with_capacity(event.len() + 32)
    } else {
        small.push(if small.is_empty() { '[' } else { ',' });
        &mut *small
    };
    text.push_str(fields);
    // Writing to a string does not fail.
    let _ = write!(text, r#","seq":{seq}}}"#);
    if event.len() >= OWN_TEXT_BYTES {
        batch.push(Piece::Json(std::mem::take(text)));
    }
}

/// Adds deltas, joined to one event or one by one; the first has the number.
pub(super) fn add_deltas(
    batch: &mut Batch,
    small: &mut String,
    run: &Arc<Deltas>,
    taken: Range<usize>,
    joined: bool,
    seq: u64,
) {
    let one = joined || taken.len() == 1;
    if one && run.bytes(taken.clone()) < OWN_TEXT_BYTES {
        add_numbered(batch, small, &run.event(taken), seq);
        return;
    }
    flush(batch, small);
    let (template, text) = (run.template(), run.text(taken.clone()));
    let (ends, timed) = match joined {
        true => (vec![text.utf16_len()], taken.end - 1..taken.end),
        false => (run.ends(taken.clone()), taken),
    };
    let emitted_at_ms = run.times(timed);
    batch.push(Piece::Deltas { template, text, ends, emitted_at_ms, seq });
}

/// Ends what small events were joined to.
pub(super) fn flush(batch: &mut Batch, small: &mut String) {
    if !small.is_empty() {
        small.push(']');
        batch.push(Piece::Json(std::mem::take(small)));
    }
}
