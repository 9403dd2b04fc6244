//! How a turn is seen to its end: aborted when asked to, looked up where the server forgets to say what became of it.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Error;
use crate::api::core::Core;
use crate::api::thread::Thread;
use crate::api::thread::found::{Status, is_missing, look};
use crate::api::thread::resumed::is_unwritten;
use crate::api::turn::interrupt::abort;
use crate::routing::Router;
use crate::rpc::{Connection, read_answer};
use crate::turn::{Proof, TurnState, TurnStatus, proof};

/// How long a turn that seems over may go without its `turn/completed`.
const GRACE: Duration = Duration::from_secs(1);
/// For how long what the server has stored may be behind what has happened, and the pauses before it is read again.
const PATIENCE: Duration = Duration::from_secs(4);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// After so long without a word of a sub-agent the server is asked for it.
const SILENCE: Duration = Duration::from_secs(5);

/// What watches over a turn needs.
#[derive(Clone)]
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
    let (mut aborted, mut has_agents) = (false, false);
    loop {
        let now = *phase.borrow_and_update();
        if now.agents && !has_agents {
            has_agents = true;
            tokio::spawn(watch_agents(watch.clone()).in_current_span());
        }
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
    // Of a turn that is lost the server may go on, and ask.
    match state.end() {
        Some(end) if matches!(end.outcome, Err(Error::TurnLost { .. })) => {
            drop(watch.router.lose(&state.thread_id, &state.turn_id));
        }
        _ => watch.router.forget(&state.thread_id, &state.turn_id),
    }
}

/// Asks for the sub-agents of a turn that are said to work and say nothing: their end may go untold, and they may never
/// have begun. Wire: `thread/read`.
async fn watch_agents(watch: Watch) {
    let Watch { thread, connection, router, state, .. } = watch;
    let options = thread.call_options();
    let ask = |method, params: String| connection.request(method, Some(&params), options);
    let mut phase = state.phase();
    loop {
        match phase.wait_for(|phase| phase.agents || phase.ended).await {
            Ok(now) if now.agents => {}
            _ => return,
        }
        let before = router.agents();
        tokio::select! {
            _ = phase.wait_for(|phase| !phase.agents) => continue,
            () = sleep(SILENCE) => {}
        }
        for (agent, heard) in router.agents().into_iter().filter(|agent| before.contains(agent)) {
            match look(&agent, options.timeout, ask).await {
                Ok(Some(found)) if found.is_active() => {}
                Ok(_) => router.found_agent_idle(&agent, heard),
                Err(error) => tracing::debug!(thread = agent, %error, "what a sub-agent is at is not known"),
            }
        }
    }
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
    /// Ends a turn that seems over: with the error that the server announced, or as the server has it stored. What is
    /// stored may be behind, so it is read again while it proves nothing.
    async fn settle(&self) {
        let state = &self.state;
        if let Some(error) = state.announced_failure() {
            state.finish(Err(error));
            return;
        }
        let lost = |why: &str| {
            let turn = &state.turn_id;
            state.finish(Err(Error::TurnLost {
                message: format!("turn {turn} is over at the server, but how it ended is not known: {why}"),
                result: Some(state.partial_in_error(TurnStatus::InProgress)),
            }));
        };
        let deadline = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let doubts = state.phase().borrow().doubts;
            let is_late = Instant::now() >= deadline;
            match self.read().await {
                Err(error) if is_late || !may_pass(&error) => return lost(&error.to_string()),
                Err(_) => {}
                Ok(Found::Works) if !state.is_said_over() => return state.no_doubt(doubts),
                Ok(Found::Over(turn)) if state.settle(&turn) => return,
                // For so long it would not have been behind.
                Ok(Found::Nothing(turn)) if is_late && state.settle(&turn) => return,
                Ok(Found::Over(_) | Found::Nothing(_)) if is_late => {
                    return lost("what is stored can't be read");
                }
                Ok(Found::Works | Found::Running) if is_late => {
                    return lost("the server still has it as running");
                }
                Ok(Found::Missing) if is_late => return lost("the server does not have it"),
                Ok(_) => {}
            }
            sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Asks the server for the turn. Wire: `thread/read`.
    async fn read(&self) -> Result<Found, Error> {
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
        struct Identified {
            id: String,
        }
        let params = json!({ "threadId": self.state.thread_id, "includeTurns": true }).to_string();
        let call = self.connection.request("thread/read", Some(&params), self.thread.call_options());
        let answer = call.answer().await?;
        let Answer { thread } = read_answer("thread/read", &answer)?;
        let is_it = |turn: &&RawValue| {
            serde_json::from_str::<Identified>(turn.get()).is_ok_and(|turn| turn.id == self.state.turn_id)
        };
        let at = thread.turns.iter().position(is_it);
        let turn = at.and_then(|at| thread.turns.get(at));
        // What works in the thread after a later turn was begun is not this one.
        let is_last = at.is_none_or(|at| at + 1 == thread.turns.len());
        let works = is_last && thread.status.is_some_and(|status| status.is_active());
        Ok(match turn.map(|turn| (turn, proof(turn))) {
            Some((turn, Proof::Over)) => Found::Over((*turn).to_owned()),
            _ if works => Found::Works,
            Some((turn, Proof::Nothing)) => Found::Nothing((*turn).to_owned()),
            Some((_, Proof::Running)) => Found::Running,
            None => Found::Missing,
        })
    }
}

/// What the server has of a turn that seems over.
enum Found {
    /// Its thread is at work.
    Works,
    /// It is stored as running, though its thread does nothing.
    Running,
    /// It is stored, and that proves nothing.
    Nothing(Box<RawValue>),
    /// It is stored as over.
    Over(Box<RawValue>),
    Missing,
}

/// Whether reading again may give another answer.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Rpc(_) => !is_missing(error) || is_unwritten(error),
        Error::Protocol { .. } => true,
        _ => false,
    }
}
