//! What the server works on in a thread, and the way out for who waits for its end: the server's word may never come.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch::Receiver;
use tokio::sync::{AcquireError, OwnedSemaphorePermit};

use super::found::{Found, look};
use super::thread::Thread;
use crate::Error;
use crate::routing::TurnSink;
use crate::rpc::{Call, read_answer};
use crate::session::Session;

/// A place in the queue of a thread's turns.
pub(crate) type QueueSlot = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// How long the end of a turn may go untold before the server is asked, and then again.
const LOOK: Duration = Duration::from_secs(5);
/// How long a turn that was given up here may go on before those behind it give up, too.
const GRACE: Duration = Duration::from_secs(1);

impl Thread {
    /// Waits until the server works on no turn of the thread. Where it never says so it is asked. Behind a turn that was
    /// given up here and goes on all the same nobody waits for ever.
    ///
    /// Wire: `thread/read`.
    pub(crate) async fn idle(&self, session: &Session) -> Result<(), Error> {
        let mut active = session.router.active(self.id());
        loop {
            let said = session.router.said(self.id());
            let Some(turn) = active.borrow_and_update().clone() else {
                if !self.doubt_settles(session, &mut active).await {
                    return Ok(());
                }
                continue;
            };
            let given_up = self.shared.gave_up(&turn);
            if !given_up && changes(&mut active, LOOK).await {
                continue;
            }
            if !self.is_active(session, &turn).await? || (given_up && changes(&mut active, GRACE).await) {
                continue;
            }
            if given_up && self.is_active(session, &turn).await? {
                return Err(self.busy(session, Some(turn)).await);
            }
            if turn.is_empty() {
                // It may turn out to be one that was given up here, over another line.
                let ask = self.asks(session);
                let found = tokio::select! {
                    _ = active.changed() => continue,
                    found = self.stored_running(ask) => found.unwrap_or_default(),
                };
                if found.is_some() {
                    session.router.found_busy(self.id(), found, said);
                }
            }
        }
    }

    /// A start that was not answered may be heard of a moment later. False where there is none.
    async fn doubt_settles(&self, session: &Session, active: &mut Receiver<Option<String>>) -> bool {
        let is_in_doubt = session.router.is_in_doubt(self.id());
        if is_in_doubt {
            changes(active, GRACE).await;
            session.router.no_doubt(self.id());
        }
        is_in_doubt
    }

    /// Queues up for the place of a running turn, with the first step of what this gives.
    pub(crate) fn queue(&self) -> QueueSlot {
        Box::pin(Arc::clone(&self.shared.turns).acquire_owned())
    }

    /// Waits for a place. While the turn that has it says nothing, the server is asked now and then whether it works on
    /// it: its end may have gone untold. Wire: `thread/read`.
    pub(crate) async fn placed(&self, mut place: QueueSlot) -> Result<OwnedSemaphorePermit, Error> {
        loop {
            match tokio::time::timeout(LOOK, &mut place).await {
                Ok(permit) => return permit.map_err(|_| Error::client_closed()),
                Err(_) => self.doubt_silent().await?,
            }
        }
    }

    /// Has the turn of this client that runs look whether it still does, if it is silent and its thread does nothing.
    ///
    /// A server that does not even answer that in time keeps nobody waiting.
    async fn doubt_silent(&self) -> Result<(), Error> {
        let silent = self.shared.running().filter(|state| state.last_event().elapsed() >= LOOK);
        let (Some(state), Some(session)) = (silent, self.core.current()) else { return Ok(()) };
        let ask = self.asks(&session);
        match self.look(ask).await {
            Ok(Some(found)) if found.is_active() => {}
            // What it has stored is asked for by who watches the turn.
            Ok(_) => state.thread_idle(),
            Err(error @ Error::Timeout { .. }) => return Err(error),
            Err(error) => {
                tracing::debug!(thread = self.id(), %error, "what a silent thread is at is not known");
            }
        }
        Ok(())
    }

    /// The place of a running turn, so that none can run. Refused while one does: the server would break it off.
    pub(super) async fn idle_place(&self) -> Result<OwnedSemaphorePermit, Error> {
        let session = self.core.session()?;
        let Ok(place) = Arc::clone(&self.shared.turns).try_acquire_owned() else {
            let running = session.router.active(self.id()).borrow().clone();
            return Err(self.busy(&session, running).await);
        };
        // Of a thread that is not followed nobody says what it is at.
        self.ensure_loaded(&session).await?;
        let mut active = session.router.active(self.id());
        if active.borrow_and_update().is_none() {
            self.doubt_settles(&session, &mut active).await;
        }
        let running = active.borrow().clone();
        match running {
            // Its end may have gone untold.
            Some(turn) if self.is_active(&session, &turn).await? => {
                Err(self.busy(&session, Some(turn)).await)
            }
            _ => Ok(place),
        }
    }

    /// Asks the server whether it works on the thread. Where it does not, what was known of a turn is no more; where it
    /// can't say, it holds.
    async fn is_active(&self, session: &Session, turn: &str) -> Result<bool, Error> {
        let ask = self.asks(session);
        let active = match self.look(ask).await {
            // It may not even have it loaded.
            Ok(found) => found.is_some_and(|found| found.is_active()),
            Err(error @ Error::Rpc(_)) => {
                tracing::warn!(thread = self.id(), %error, "what a thread is at is not known");
                true
            }
            Err(error) => return Err(error),
        };
        if !active {
            session.router.found_idle(self.id(), &Some(turn.to_owned()));
        }
        Ok(active)
    }

    /// What the server says of the thread, without its turns; nothing if it does not have it. Wire: `thread/read`.
    pub(crate) async fn look(
        &self,
        ask: impl Fn(&'static str, String) -> Call,
    ) -> Result<Option<Found>, Error> {
        look(self.id(), self.call_options().timeout, ask).await
    }

    /// The turn that the server works on, by what it has stored: the last one, if that runs. Wire: `thread/turns/list`.
    pub(crate) async fn stored_running(
        &self,
        ask: impl Fn(&'static str, String) -> Call,
    ) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Listed {
            data: Vec<Turn>,
        }
        #[derive(Deserialize)]
        struct Turn {
            id: String,
            #[serde(rename = "rootTurnId")]
            root: Option<String>,
            status: String,
        }
        let last = json!({
            "threadId": self.id(), "limit": 1, "sortDirection": "desc", "itemsView": "notLoaded",
        });
        match ask("thread/turns/list", last.to_string()).answer().await {
            Ok(answer) => {
                let listed: Listed = read_answer("thread/turns/list", &answer)?;
                let running = listed.data.into_iter().next().filter(|turn| turn.status == "inProgress");
                Ok(running.map(|turn| turn.root.unwrap_or(turn.id)))
            }
            Err(Error::Rpc(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn busy(&self, session: &Session, turn: Option<String>) -> Error {
        let ask = self.asks(session);
        let turn_id = match turn.filter(|turn| !turn.is_empty()) {
            Some(turn) => Some(turn),
            None => self.stored_running(ask).await.unwrap_or_default(),
        };
        Error::ThreadBusy { thread_id: self.id().to_owned(), turn_id }
    }
}

/// Whether something changes within a time.
async fn changes(active: &mut Receiver<Option<String>>, within: Duration) -> bool {
    matches!(tokio::time::timeout(within, active.changed()).await, Ok(Ok(())))
}
