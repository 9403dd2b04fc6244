//! Turns of an earlier process: gone on with, or cancelled, by what was kept of them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Error;
use crate::api::codex::Codex;
use crate::api::thread::Thread;
use crate::api::thread::state::ThreadState;
use crate::api::turn::Turn;
use crate::options::ContinueSettings;
use crate::server_requests::CallContext;
use crate::source::Source;
use crate::turn::{Batch, Continuation, Piece, ReaderKind, TurnStatus, place_of};

/// What was left of a turn that was cancelled.
#[derive(Debug)]
pub struct Cancelled {
    /// The steps that were not read, as JSON.
    pub steps: Vec<String>,
    /// The events that were not read, as JSON.
    pub events: Vec<String>,
    /// Whether the turn had ended by itself.
    pub was_completed: bool,
    /// Whether it was interrupted.
    pub was_interrupted: bool,
}

impl Cancelled {
    /// All of it as one JSON object.
    pub fn to_json(&self) -> String {
        format!(
            r#"{{"steps":[{}],"events":[{}],"wasCompleted":{},"wasInterrupted":{}}}"#,
            joined(&self.steps),
            joined(&self.events),
            self.was_completed,
            self.was_interrupted
        )
    }
}

/// The elements of JSON arrays and single objects, one after the other.
fn joined(texts: &[String]) -> String {
    let inner = |text: &String| match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(elements) => elements.to_owned(),
        None => text.clone(),
    };
    texts.iter().map(inner).collect::<Vec<_>>().join(",")
}

impl Codex {
    /// The turn of a continuation; its readers begin where that one stood. Nothing is sent, unless `cancel` ends the
    /// turn. Wire: `turn/interrupt`.
    pub fn continue_turn(
        &self,
        continuation: &Continuation,
        settings: &ContinueSettings,
        context: Option<CallContext>,
        cancel: CancellationToken,
    ) -> Result<Turn, Error> {
        let silence = settings.inactivity_timeout()?;
        if cancel.is_cancelled() {
            return Err(Error::Aborted { result: None });
        }
        let turn = self.turn_of(continuation)?;
        if let Some(limit) = silence.or(self.core.settings.inactivity_timeout()) {
            turn.watch_silence(limit);
        }
        if let Some(session) = self.core.current() {
            session.router.continued(&continuation.turn_id, context);
        }
        self.core.services.runtime.spawn(turn.aborted_by(cancel).instrument(self.core.services.span.clone()));
        Ok(turn)
    }

    fn turn_of(&self, continuation: &Continuation) -> Result<Turn, Error> {
        let Continuation { thread_id, turn_id, cursor, mode } = continuation;
        let wrong = |why: String| Err(Error::Continuation(format!("continuation: {why}")));
        if !["stream", "text", "steps", "run"].contains(&mode.as_str()) {
            return wrong(format!("mode `{mode}` is not one of stream, text, steps, run"));
        }
        let (log, events) = place_of(*cursor);
        let Some(state) = self.core.kept(turn_id, log) else {
            return wrong(format!("this client has no turn {turn_id}; it is another client's, or too old"));
        };
        if state.thread_id != *thread_id {
            return wrong(format!("turn {turn_id} is not of thread {thread_id} but of {}", state.thread_id));
        }
        // With the server the turn has ended: that is no reason to start another.
        let session = self.core.current().map_or_else(|| self.core.session(), Ok)?;
        let shared = self.core.thread(thread_id, || ThreadState::new(thread_id));
        let thread = Thread::new(Arc::clone(&self.core), shared);
        let turn = Turn::after(thread, Arc::clone(&session.connection), state, events);
        turn.map_or_else(|| wrong(format!("turn {turn_id} has no event number {cursor} to go on from")), Ok)
    }

    /// Interrupts the turn of a continuation if it runs, and gives what was not read of it. Wire:
    /// `turn/interrupt`.
    pub async fn cancel_turn(&self, continuation: &Continuation) -> Result<Cancelled, Error> {
        let turn = self.turn_of(continuation)?;
        let was_completed = turn.state().end().is_some();
        if !was_completed {
            turn.interrupt(false).await?;
        }
        let result = match turn.state().end().map(|end| end.outcome) {
            // A signal may have come first.
            Some(Ok(result) | Err(Error::Aborted { result: Some(result) })) => Some(result),
            _ => None,
        };
        let was_interrupted =
            !was_completed && result.is_some_and(|result| result.status == TurnStatus::Interrupted);
        let events = texts(drain(&turn, ReaderKind::JoinedEvents).await);
        let steps = texts(drain(&turn, ReaderKind::Steps).await);
        Ok(Cancelled { steps, events, was_completed, was_interrupted })
    }
}

async fn drain(turn: &Turn, kind: ReaderKind) -> Batch {
    let reader = turn.reader(kind);
    let mut all = Batch::new();
    // The turn has ended: an error at its end says nothing about what came before.
    while let Ok(Some(batch)) = reader.next().await {
        all.extend(batch);
    }
    all
}

/// The events of a batch as JSON arrays or objects.
fn texts(batch: Batch) -> Vec<String> {
    let mut texts = Vec::new();
    for piece in batch {
        match piece {
            Piece::Json(text) => texts.push(text),
            Piece::Text(text) => texts.push(text.to_string()),
            Piece::Deltas { template, text, emitted_at_ms, seq, .. } => {
                let mut event: serde_json::Value = serde_json::from_str(&template).unwrap_or_default();
                event["params"]["delta"] = (*text).into();
                event["seq"] = seq.into();
                if let Some(at) = emitted_at_ms.last() {
                    event["emittedAtMs"] = serde_json::json!(*at as u64);
                }
                texts.push(event.to_string());
            }
        }
    }
    texts
}
