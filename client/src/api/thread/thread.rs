//! A handle of a thread, and what is asked of the server for it.

use std::sync::{Arc, Weak};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::in_force::InForce;
use super::lease::{Hold, Lease};
use super::narrow::ROOTS;
use super::resumed::{Resumed, is_unwritten};
use super::state::{Opener, ThreadState};
use crate::api::core::Core;
use crate::options::{OpenKind, ThreadSettings};
use crate::routing::{Router, ThreadSink};
use crate::rpc::{Call, CallOptions, RawAnswer, read_answer};
use crate::session::Session;
use crate::{Error, Secrets, lock};

/// The answer to `thread/start`.
#[derive(Deserialize)]
struct Started {
    thread: Identified,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
}

/// One thread of a client.
#[derive(Clone)]
pub struct Thread {
    pub(crate) core: Arc<Core>,
    pub(crate) shared: Arc<ThreadState>,
    /// What keeps the server telling of the thread; a guest has none.
    pub(super) hold: Option<Arc<Hold>>,
}

impl Thread {
    pub(crate) fn new(core: Arc<Core>, shared: Arc<ThreadState>) -> Self {
        Self { core, shared, hold: None }
    }

    /// A handle for a user: with the last of a thread the server is told that nobody follows it.
    pub(crate) fn held(core: Arc<Core>, shared: Arc<ThreadState>) -> Self {
        let hold = Hold::new(Lease::of(&core, &shared));
        Self { core, shared, hold: Some(hold) }
    }

    /// Its id. Of a thread that had no turn when its server was lost it is another after the next call.
    pub fn id(&self) -> &str {
        self.shared.id()
    }

    /// What nothing that is passed on may show.
    pub fn secrets(&self) -> &Secrets {
        &self.core.secrets
    }

    /// The last token usage of the thread that was seen here, as JSON: total, last, modelContextWindow.
    pub fn usage(&self) -> Option<String> {
        let mut known = lock(&self.shared.usage);
        if let Some(usage) = self.core.current().and_then(|session| session.router.usage(self.id())) {
            *known = Some(usage);
        }
        known.clone()
    }

    /// The thread as the server has stored it, as JSON. Wire: `thread/read`.
    pub async fn read(&self, include_turns: bool) -> RawAnswer {
        self.codex().read_thread(self.id(), include_turns).await
    }

    /// Gives the thread a name. Wire: `thread/name/set`.
    pub async fn set_name(&self, name: &str) -> Result<(), Error> {
        if name.trim().is_empty() {
            return Err(Error::InvalidArgument(
                "name is empty; a thread needs something to be found by".to_owned(),
            ));
        }
        self.ask("thread/name/set", json!({ "threadId": self.id(), "name": name })).await.map(drop)
    }

    /// Loads the thread in a session that does not have it: the server was started anew since, or the line was lost.
    ///
    /// False where the server has nothing of it on disk. It may know it all the same: of a thread without a turn
    /// nothing is written yet.
    pub(crate) async fn ensure_loaded(&self, session: &Session) -> Result<bool, Error> {
        let _held = self.pinned()?;
        let _alone = self.shared.loading.lock().await;
        if self.shared.session() == session.number {
            return Ok(true);
        }
        let ask = self.asks(session);
        let heard = self.follow(&session.router);
        let said = session.router.said(self.id());
        self.shared.is_asked_for(session.number);
        let answer = ask("thread/resume", self.resume_params(false)).answer().await;
        match answer.inspect_err(|error| self.shared.not_loaded(error)) {
            Ok(answer) => {
                let resumed = Resumed::read(&answer)?;
                self.shared.restored(session.number, &answer, heard);
                if resumed.is_active() {
                    session.router.found_busy(self.id(), None, said);
                }
                self.tell_owed(ask).await?;
                Ok(true)
            }
            Err(error) if is_unwritten(&error) => self.not_stored(session, error, said).await,
            Err(error) => Err(error),
        }
    }

    /// What is to be done with a thread of which the server has nothing on disk.
    async fn not_stored(&self, session: &Session, error: Error, said: u64) -> Result<bool, Error> {
        let ask = self.asks(session);
        // A server that was started for this client has ended with its line; another may go on, whether or not the
        // client connects to it again by itself.
        let is_there = !self.core.has_process()
            && match self.look(ask).await? {
                Some(found) => {
                    if found.is_active() {
                        // Its first turn runs, and is not written down yet.
                        session.router.found_busy(self.id(), None, said);
                    }
                    true
                }
                None => false,
            };
        if self.shared.is_ephemeral() {
            return Err(error.of_lost_thread(self.id()));
        }
        if is_there {
            return Ok(false);
        }
        let profiles = self.core.settings.experimental_api != Some(false);
        let Some((params, opener)) = self.shared.anew(&self.core.config.apart, profiles) else {
            return Err(error);
        };
        let answer = ask("thread/start", Value::Object(params).to_string()).answer().await?;
        let id = read_answer::<Started>("thread/start", &answer)?.thread.id;
        tracing::info!(thread = self.id(), id, "a thread that had no turn is started anew");
        self.core.rename(&self.shared, &id);
        session.router.made(&id);
        if let Some(handlers) = self.shared.handlers() {
            self.core.services.dispatcher.set_thread(&id, &handlers);
        }
        let heard = self.follow(&session.router);
        self.shared.opened(session.number, OpenKind::Start, opener, &answer, heard);
        self.tell_owed(ask).await?;
        Ok(true)
    }

    /// Has the router tell the thread what the server says of it, and gives how often it has heard of its settings.
    pub(crate) fn follow(&self, router: &Router) -> u64 {
        router.follow(self.id(), self.shared.ears() as Weak<dyn ThreadSink>);
        self.shared.heard()
    }

    /// What loads the thread with the settings that are in force.
    pub(crate) fn resume_params(&self, include_turns: bool) -> String {
        let given = ThreadSettings { include_turns: Some(include_turns), ..ThreadSettings::default() };
        let (mut params, _) = self.load(OpenKind::Resume, given);
        params.insert("threadId".to_owned(), self.id().into());
        Value::Object(params).to_string()
    }

    /// The parameters that load the thread, or one that inherits from it, and its options then.
    pub(crate) fn load(&self, opening: OpenKind, given: ThreadSettings) -> (Map<String, Value>, Opener) {
        let profiles = self.core.settings.experimental_api != Some(false);
        self.shared.load(opening, given, &self.core.config.apart, profiles)
    }

    /// Tells the server what of the settings in force could not be said when it loaded the thread. Where it takes no
    /// such change, the next turn brings it. Wire: `thread/settings/update`.
    pub(crate) async fn tell_owed(&self, ask: impl Fn(&'static str, String) -> Call) -> Result<(), Error> {
        let mut owed = self.shared.in_force(InForce::owed);
        // It has no such field: they go with the next turn alone.
        owed.remove(ROOTS);
        if owed.is_empty() {
            return Ok(());
        }
        let heard = self.shared.heard();
        let mut params = owed.clone();
        params.insert("threadId".to_owned(), self.id().into());
        match ask("thread/settings/update", Value::Object(params).to_string()).answer().await {
            Ok(_) => self.shared.in_force(|in_force| in_force.accepted(&owed, heard)),
            Err(error @ Error::Rpc(_)) => {
                tracing::info!(thread = self.id(), %error, "the next turn brings settings of the thread");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(crate) fn call_options(&self) -> CallOptions {
        CallOptions::within(self.core.settings.request_timeout())
    }

    /// Makes requests over the connection of a session, each with the deadline of this client.
    pub(crate) fn asks<'a>(
        &'a self,
        session: &'a Session,
    ) -> impl Fn(&'static str, String) -> Call + Copy + 'a {
        |method, params| session.connection.request(method, Some(&params), self.call_options())
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> RawAnswer {
        self.core.request(method, Some(params.to_string()), None)?.await
    }

    /// Lets go of the thread: it takes no more calls by this handle. With the last handle, and the last turn that runs, the
    /// server is told that nobody here follows it. Idempotent. Wire: `thread/unsubscribe`.
    pub async fn close(&self) {
        let lease = self.hold.as_ref().and_then(|hold| hold.end());
        if lease.is_some() {
            self.core.unattended(&self.shared);
        }
        let Some(lease) = lease.and_then(Arc::into_inner) else { return };
        if let Some(leaving) = lease.let_go() {
            // A server that does not answer keeps nobody from going.
            leaving.left().await;
        }
    }

    /// Holds the thread until it is taken up again, or the client is closed.
    pub(crate) fn keep(&self) {
        if let Some(lease) = self.hold.as_ref().and_then(|hold| hold.lease()) {
            self.core.keep_thread(self.id(), lease);
        }
    }

    /// A user has this handle no more, and has not closed it. Who answers for the thread, or hears what codex says of it, may
    /// count on it all the same: it is held then until another handle of it is closed.
    pub fn abandon(&self) {
        let Some(lease) = self.hold.as_ref().and_then(|hold| hold.lease()) else { return };
        if self.shared.handlers().is_some() || self.core.has_observers() {
            self.core.attend(&self.shared, lease);
        }
    }

    /// A handle that holds the thread for as long as it is used, also when this one is closed meanwhile.
    pub(crate) fn pinned(&self) -> Result<Self, Error> {
        let hold = match &self.hold {
            Some(hold) => Some(Hold::new(hold.lease().ok_or_else(Error::thread_closed)?)),
            None => None,
        };
        Ok(Self { core: Arc::clone(&self.core), shared: Arc::clone(&self.shared), hold })
    }

    /// A handle that keeps nobody from letting go of the thread.
    pub(crate) fn guest(&self) -> Self {
        Self::new(Arc::clone(&self.core), Arc::clone(&self.shared))
    }
}
