use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Error;
use crate::api::core::Core;
use crate::api::thread::Thread;
use crate::api::turn::interrupt::abort;
use crate::routing::Router;
use crate::rpc::{Connection, read_answer};
use crate::turn::{TurnState, TurnStatus};

/// How long a turn that seems over may go without its `turn/completed`.
const GRACE: Duration = Duration::from_secs(1);

/// What watches over a turn needs.
pub(crate) struct Watch {
    pub(crate) thread: Thread,
    pub(crate) connection: Arc<Connection>,
    pub(crate) router: Arc<Router>,
    pub(crate) state: Arc<TurnState>,
    pub(crate) cancel: CancellationToken,
}

/// Sees a turn to its end: aborts it when asked to, and finds out what became of it when the server forgets to
/// say.
pub(crate) async fn watch_turn(watch: Watch) {
    let state = &watch.state;
    let mut phase = state.phase();
    let mut doubtful_since = None;
    let mut aborted = false;
    loop {
        let now = *phase.borrow_and_update();
        if now.ended {
            break;
        }
        if now.doubtful && doubtful_since.is_none() {
            doubtful_since = Some(Instant::now());
        }
        tokio::select! {
            _ = phase.changed() => {}
            () = watch.cancel.cancelled(), if !aborted => {
                aborted = true;
                tokio::spawn(abort(Arc::clone(&watch.connection), Arc::clone(state)).in_current_span());
            }
            () = sleep_until(doubtful_since.unwrap_or_else(Instant::now) + GRACE), if doubtful_since.is_some() => {
                doubtful_since = None;
                // Neither an abort nor an end waits for a server that says nothing.
                tokio::select! {
                    () = watch.settle() => {}
                    () = watch.cancel.cancelled(), if !aborted => {}
                    _ = phase.wait_for(|phase| phase.ended) => {}
                }
            }
        }
    }
    watch.router.forget(&state.thread_id, &state.turn_id);
}

/// Gives a turn up to a view of it when it is silent for too long. It goes on, and can be continued.
pub(crate) async fn watch_silence(
    core: Weak<Core>,
    state: Arc<TurnState>,
    stalled: Arc<OnceLock<Error>>,
    limit: Duration,
) {
    let mut phase = state.phase();
    // A view that begins now has not waited yet.
    let begun = Instant::now();
    loop {
        let silent_since = state.last_event().max(begun);
        tokio::select! {
            _ = phase.wait_for(|phase| phase.ended) => return,
            () = sleep_until(silent_since + limit) => {}
        }
        // While a handler of this program runs, or a sub-agent works, the turn has nothing to say.
        let _ = phase.wait_for(|phase| phase.ended || !phase.is_waiting()).await;
        if state.end().is_some() {
            return;
        }
        let silent = state.last_event().max(begun).elapsed();
        if silent >= limit {
            if let Some(core) = core.upgrade() {
                core.keep(&state);
            }
            state.stall(&stalled, u64::try_from(silent.as_millis()).unwrap_or(u64::MAX));
            return;
        }
    }
}

impl Watch {
    /// Ends a turn that seems over: with the error that the server announced, or as the server has it stored.
    async fn settle(&self) {
        let state = &self.state;
        if let Some(error) = state.announced_failure() {
            state.finish(Err(error));
            return;
        }
        let lost = |why: String| Error::TurnLost {
            message: format!(
                "turn {} is over at the server, but how it ended is not known: {why}",
                state.turn_id
            ),
            result: Some(state.partial_in_error(TurnStatus::InProgress)),
        };
        match self.read().await {
            Ok(Some(true)) => state.no_doubt(),
            Ok(Some(false)) => state.finish(Err(lost("the server still has it as running".to_owned()))),
            Ok(None) => {}
            Err(error) => state.finish(Err(lost(error.to_string()))),
        }
    }

    /// Asks the server for the turn. `None`: it has ended by that; else whether its thread is at work.
    async fn read(&self) -> Result<Option<bool>, Error> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            thread: Stored<'a>,
        }
        #[derive(Deserialize)]
        struct Stored<'a> {
            status: Option<Status>,
            #[serde(borrow, default)]
            turns: Vec<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Status {
            r#type: String,
        }
        #[derive(Deserialize)]
        struct Identified {
            id: String,
        }
        let params = json!({ "threadId": self.state.thread_id, "includeTurns": true }).to_string();
        let call = self.connection.request("thread/read", Some(&params), self.thread.call_options());
        let answer = call.answer().await?;
        let answer: Answer<'_> = read_answer("thread/read", &answer)?;
        let is_it = |turn: &&&RawValue| {
            serde_json::from_str::<Identified>(turn.get()).is_ok_and(|turn| turn.id == self.state.turn_id)
        };
        if let Some(turn) = answer.thread.turns.iter().find(is_it)
            && self.state.finish_as_read(turn)
        {
            return Ok(None);
        }
        Ok(Some(answer.thread.status.is_some_and(|status| status.r#type == "active")))
    }
}
