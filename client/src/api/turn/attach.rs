//! Turns whose beginning was missed: another client's, or those of a thread that was not followed.

use std::sync::Arc;

use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Error;
use crate::api::thread::Thread;
use crate::api::thread::resumed::{AGAIN, Resumed, is_unwritten};
use crate::api::turn::Turn;
use crate::api::turn::watch::{Watch, watch_turn};
use crate::routing::{Claim, Expected, TurnSink};
use crate::server_requests::{CallContext, ContextAlone, Handlers};
use crate::session::{Session, retry_overload};
use crate::turn::{Proof, TurnState, proof};

impl Thread {
    /// The turn that runs in the thread, whoever started it. What it has completed comes as events first, then what
    /// follows. Wire: `thread/resume`.
    pub async fn running_turn(&self, context: Option<CallContext>) -> Result<Option<Turn>, Error> {
        let thread = self.pinned()?;
        let session = self.core.session()?;
        session.ready().await?;
        // No turn of this client may begin meanwhile.
        let mut placed = Box::pin(self.placed(self.queue()));
        let permit = loop {
            let mut began = std::pin::pin!(self.shared.began());
            began.as_mut().enable();
            if let Some(state) = self.shared.running() {
                session.router.continued(&state.turn_id, context);
                // Nobody may have read it until now.
                state.keep_from_the_middle();
                let turn = Turn::new(self.clone(), Arc::clone(&session.connection), Arc::clone(&state));
                state.release();
                return Ok(Some(turn));
            }
            // One that is being started has the place, and is what runs next.
            tokio::select! {
                permit = &mut placed => break permit?,
                () = began => {}
            }
        };
        // Whoever began it answers what it asks, unless there is a handler here.
        let handlers = context.map(|context| Arc::new(ContextAlone(context)) as Arc<dyn Handlers>);
        let mut expected = session.router.expect(self.id(), Claim { handlers, ..Claim::default() });
        let mut found: Option<Arc<TurnState>> = None;
        let state = loop {
            expected.catches_up();
            let resumed = match self.resume_with_turns(&session).await {
                // Nothing is stored before the first turn.
                Err(error) if is_unwritten(&error) && found.is_none() => {
                    let ask = self.asks(&session);
                    match self.look(ask).await? {
                        Some(seen) if seen.is_active() => tokio::time::sleep(AGAIN).await,
                        // Where the server does not have it at all it is started anew with its first turn.
                        _ => return Ok(None),
                    }
                    continue;
                }
                resumed => resumed?,
            };
            let state = match &found {
                Some(state) => Arc::clone(state),
                None => {
                    let Some((turn_id, _)) = resumed.running() else { return Ok(None) };
                    self.core.turn_state(self.id(), &turn_id, true)
                }
            };
            let stored = resumed.turn(&state.turn_id);
            if let Some(stored) = stored {
                expected.caught_up(stored);
            }
            state.recover(stored);
            if resumed.running().is_some_and(|(turn, _)| turn == state.turn_id) {
                session.router.found_active(self.id(), &state.turn_id);
            }
            match expected.resolve(&state.turn_id, Arc::clone(&state) as Arc<dyn TurnSink>) {
                Ok(()) => {
                    if let Some(stored) = stored {
                        state.conclude(stored);
                    }
                    break state;
                }
                // A line was lost meanwhile.
                Err(again) => expected = again,
            }
            found = Some(state);
        };
        self.shared.runs(&state);
        state.hold(permit);
        let watch = Watch {
            thread,
            connection: Arc::clone(&session.connection),
            router: Arc::clone(&session.router),
            state: Arc::clone(&state),
            cancel: CancellationToken::new(),
        };
        let turn = Turn::new(self.clone(), Arc::clone(&session.connection), state);
        self.core.services.runtime.spawn(watch_turn(watch).instrument(self.core.services.span.clone()));
        Ok(Some(turn))
    }

    /// Follows a thread that was not while its turn began, or whose line was lost then, and gives the turn what it missed.
    pub(crate) async fn catch_up(
        &self,
        session: &Session,
        mut expected: Expected,
        state: &Arc<TurnState>,
    ) -> Result<(), Error> {
        loop {
            expected.catches_up();
            let said = session.router.said(self.id());
            let resumed = self.resume_with_turns(session).await?;
            let stored = resumed.turn(&state.turn_id);
            let may_run = stored.is_none_or(|turn| proof(turn) != Proof::Over);
            let running = resumed.running().map(|(turn, _)| turn);
            // What works in the thread is this one, unless that is over.
            let running = running.or_else(|| (resumed.is_active() && may_run).then(|| state.turn_id.clone()));
            if running.is_some() || resumed.is_active() {
                // Its start was not heard: who comes next must wait for its end all the same.
                session.router.found_busy(self.id(), running.clone(), said);
            }
            let read = json!({ "threadId": self.id() }).to_string();
            self.hear_usage(session.connection.request("thread/read", Some(&read), self.call_options()))
                .await?;
            if let Some(stored) = stored {
                expected.caught_up(stored);
            }
            state.recover(stored);
            match expected.resolve(&state.turn_id, Arc::clone(state) as Arc<dyn TurnSink>) {
                Ok(()) => {
                    match stored {
                        Some(stored) => state.conclude(stored),
                        // It was begun, and the server knows nothing of it.
                        None => state.thread_idle(),
                    }
                    if running.as_ref() == Some(&state.turn_id) && state.end().is_some() {
                        // Its end may have come before it was known to run.
                        session.router.found_idle(self.id(), &running);
                    }
                    return Ok(());
                }
                // A line was lost meanwhile.
                Err(again) => expected = again,
            }
        }
    }

    async fn resume_with_turns(&self, session: &Session) -> Result<Resumed, Error> {
        let options = self.call_options();
        let deadline = Instant::now() + options.timeout;
        let heard = self.follow(&session.router);
        self.shared.is_asked_for(session.number);
        let resume = async {
            loop {
                let resume = || {
                    let params = self.resume_params(true);
                    session.connection.request("thread/resume", Some(&params), options).answer()
                };
                match retry_overload(deadline, resume).await {
                    Err(error) if is_unwritten(&error) && self.shared.running().is_some() => {
                        tokio::time::sleep(AGAIN).await;
                    }
                    answer => return answer,
                }
            }
        };
        let answer = tokio::time::timeout(options.timeout, resume).await.unwrap_or_else(|_| {
            let timeout_ms = u64::try_from(options.timeout.as_millis()).unwrap_or(u64::MAX);
            let message =
                format!("thread {} has begun a turn but was not on disk within {timeout_ms} ms", self.id());
            Err(Error::Timeout { message, method: Some("thread/resume".to_owned()), timeout_ms, path: None })
        });
        let answer = answer.inspect_err(|error| self.shared.not_loaded(error))?;
        let resumed = Resumed::read(&answer)?;
        self.shared.restored(session.number, &answer, heard);
        let ask = self.asks(session);
        self.tell_owed(ask).await?;
        self.identified(resumed, ask).await
    }
}
