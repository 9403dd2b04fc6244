//! What a reader of a turn got, and the reader that takes over from it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_client::api::TurnReader;
use codex_client::turn::{Batch, Piece, ReaderKind};
use codex_client::{Codex, Error, Source, Turn};
use serde_json::Value;
use tokio::time::sleep;

use crate::plan::{ReadKind, Reading};
use crate::runs::continued;

/// What was read.
#[derive(Default)]
pub struct Got {
    pub thread: String,
    pub events: Vec<Value>,
    pub text: String,
    pub end: Option<Result<(), Error>>,
}

pub type SharedGot = Arc<Mutex<Got>>;

pub fn lock(got: &SharedGot) -> std::sync::MutexGuard<'_, Got> {
    got.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kind_of(kind: ReadKind) -> ReaderKind {
    match kind {
        ReadKind::Joined | ReadKind::Agents => ReaderKind::JoinedEvents,
        ReadKind::Every => ReaderKind::EveryEvent,
        ReadKind::Text => ReaderKind::Text,
        ReadKind::Steps => ReaderKind::Steps,
    }
}

/// Reads a turn to its end.
pub async fn read(codex: Codex, turn: Arc<Turn>, reading: Reading, got: SharedGot) {
    lock(&got).thread = turn.thread_id().to_owned();
    if reading.kind == ReadKind::Agents {
        let end = read_agents(&turn, &got).await;
        lock(&got).end = Some(end);
        return;
    }
    let mut reader = turn.reader(kind_of(reading.kind));
    drop(turn);
    let mut batches = 0;
    let end = loop {
        let batch = match reader.next().await {
            Ok(Some(batch)) => batch,
            Ok(None) => break Ok(()),
            // It goes on.
            Err(Error::TurnInactive { continuation, .. }) => match continued(&codex, &continuation) {
                Ok(turn) => {
                    reader = turn.reader(kind_of(reading.kind));
                    continue;
                }
                Err(error) => break Err(error),
            },
            Err(error) => break Err(error),
        };
        if reading.hand_over_after == Some(batches) {
            match hand_over(&codex, &reader, reading.kind, &batch, &got) {
                Ok(next) => reader = next,
                Err(error) => break Err(error),
            }
        } else {
            let (events, text) = parts(&batch);
            let mut got = lock(&got);
            got.events.extend(events);
            got.text.push_str(&text);
        }
        batches += 1;
        sleep(Duration::from_millis(reading.pause_ms.into())).await;
    };
    lock(&got).end = Some(end);
}

async fn read_agents(turn: &Turn, got: &SharedGot) -> Result<(), Error> {
    let reader = turn.agents_reader();
    while let Some(batch) = reader.next().await? {
        lock(got).events.extend(parts(&batch).0);
    }
    Ok(())
}

/// Handles a part of a batch; another reader goes on behind that.
fn hand_over(
    codex: &Codex,
    reader: &TurnReader,
    kind: ReadKind,
    batch: &Batch,
    got: &SharedGot,
) -> Result<TurnReader, Error> {
    let (events, text) = parts(batch);
    let taken = if kind == ReadKind::Text { 1 } else { events.len().div_ceil(2) };
    let continuation = reader.continuation(taken);
    let mut got = lock(got);
    got.events.extend(events.into_iter().take(taken));
    got.text.push_str(&text);
    drop(got);
    Ok(continued(codex, &continuation)?.reader(kind_of(kind)))
}

/// The events of a batch one by one, and its text.
fn parts(batch: &Batch) -> (Vec<Value>, String) {
    let (mut events, mut joined) = (Vec::new(), String::new());
    for piece in batch {
        match piece {
            Piece::Json(text) => match serde_json::from_str(text) {
                Ok(Value::Array(several)) => events.extend(several),
                Ok(one) => events.push(one),
                Err(error) => events.push(Value::String(format!("{error}: {text}"))),
            },
            Piece::Text(text) => joined.push_str(text),
            Piece::Deltas { template, text, ends, .. } => {
                let units: Vec<u16> = text.encode_utf16().collect();
                let mut from = 0;
                for end in ends.iter().map(|end| *end as usize) {
                    let mut event: Value = serde_json::from_str(template).unwrap_or_default();
                    event["params"]["delta"] = String::from_utf16_lossy(&units[from..end]).into();
                    events.push(event);
                    from = end;
                }
            }
        }
    }
    (events, joined)
}
