//! A handle of a thread, and what is asked of the server for it.

use std::sync::{Arc, Weak};

use serde_json::{Map, Value, json};

use super::in_force::InForce;
use super::resumed::is_unwritten;
use super::state::{Opener, ThreadState};
use crate::api::core::Core;
use crate::options::{Opening, ThreadSettings};
use crate::routing::{Router, ThreadSink};
use crate::rpc::{Call, CallOptions, RawAnswer};
use crate::session::Session;
use crate::{Error, lock};

/// One thread of a client.
#[derive(Clone)]
pub struct Thread {
    pub(crate) core: Arc<Core>,
    pub(crate) shared: Arc<ThreadState>,
}

impl Thread {
    pub(crate) fn new(core: Arc<Core>, shared: Arc<ThreadState>) -> Self {
        Self { core, shared }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.shared.id
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
        self.ask("thread/read", json!({ "threadId": self.id(), "includeTurns": include_turns })).await
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

    /// Tells the server that nobody here follows the thread any more; its answer is not waited for.
    pub(crate) fn unsubscribe(&self) {
        if let Some(session) = self.core.current() {
            let params = json!({ "threadId": self.id() }).to_string();
            drop(session.connection.request("thread/unsubscribe", Some(&params), self.call_options()));
        }
    }

    /// Loads the thread in a session that does not have it: the server was started anew since, or the line was lost.
    ///
    /// False where the server has nothing of it on disk. It may know it all the same: of a thread without a turn
    /// nothing is written yet.
    pub(crate) async fn ensure_loaded(&self, session: &Session) -> Result<bool, Error> {
        if self.shared.session() == session.number {
            return Ok(true);
        }
        let heard = self.follow(&session.router);
        let params = self.resume_params(false);
        let resumed = session.connection.request("thread/resume", Some(&params), self.call_options());
        match resumed.answer().await {
            Ok(answer) => {
                self.shared.restored(session.number, &answer, heard);
                self.tell_owed(|method, params| {
                    session.connection.request(method, Some(&params), self.call_options())
                })
                .await?;
                Ok(true)
            }
            Err(error) if session.connection.reconnects() && is_unwritten(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Has the router tell the thread what the server says of it, and gives how often it has heard of its settings.
    pub(crate) fn follow(&self, router: &Router) -> u64 {
        router.follow(self.id(), Arc::downgrade(&self.shared) as Weak<dyn ThreadSink>);
        self.shared.heard()
    }

    /// What loads the thread with the settings that are in force.
    pub(crate) fn resume_params(&self, include_turns: bool) -> String {
        let given = ThreadSettings { include_turns: Some(include_turns), ..ThreadSettings::default() };
        let (mut params, _) = self.load(Opening::Resume, given);
        params.insert("threadId".to_owned(), self.id().into());
        Value::Object(params).to_string()
    }

    /// The parameters that load the thread, or one that inherits from it, and its options then.
    pub(crate) fn load(&self, opening: Opening, given: ThreadSettings) -> (Map<String, Value>, Opener) {
        let profiles = self.core.settings.experimental_api != Some(false);
        self.shared.load(opening, given, &self.core.config.apart, profiles)
    }

    /// Tells the server what of the settings in force could not be said when it loaded the thread. Where it takes no
    /// such change, the next turn brings it. Wire: `thread/settings/update`.
    pub(crate) async fn tell_owed(&self, ask: impl Fn(&'static str, String) -> Call) -> Result<(), Error> {
        let owed = self.shared.in_force(InForce::owed);
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

    pub(crate) async fn ask(&self, method: &str, params: Value) -> RawAnswer {
        self.core.request(method, Some(params.to_string()), None)?.await
    }
}
