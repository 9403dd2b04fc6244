//! How a thread comes back whose events were missed, and its running turns with it.

use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;

use super::resumed::{AGAIN, LAST_TURNS, Resumed, is_unwritten};
use super::thread::Thread;
use crate::Error;
use crate::api::core::Core;
use crate::routing::Router;
use crate::rpc::{Call, CallOptions, Connection};
use crate::session::Restore;

/// How often, for a turn that waits: an ephemeral thread is never written.
const MOST_TRIES: u32 = 40;

impl Restore for Core {
    fn restore<'a>(
        &'a self,
        session: u64,
        connection: &'a Arc<Connection>,
        router: &'a Router,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>> {
        Box::pin(self.restore_threads(session, connection, router))
    }
}

impl Core {
    /// Resumes the threads in use. Those with a turn that runs come first.
    async fn restore_threads(
        &self,
        session: u64,
        connection: &Arc<Connection>,
        router: &Router,
    ) -> Result<(), Error> {
        let Some(core) = self.weak().upgrade() else { return Ok(()) };
        let mut threads = core.threads_of(session);
        threads.sort_by_cached_key(|shared| router.paused(&shared.id).is_empty());
        for shared in threads {
            Thread::new(Arc::clone(&core), shared).restore(connection, router).await?;
        }
        for (agent, heard) in router.agents() {
            if !self.follow(&agent, connection).await? {
                router.found_agent_idle(&agent, heard);
            }
        }
        Ok(())
    }

    /// Follows the thread of a sub-agent again: what it asks for would find nobody. False if it does not work any more.
    async fn follow(&self, thread: &str, connection: &Arc<Connection>) -> Result<bool, Error> {
        let params = json!({ "threadId": thread, "excludeTurns": true }).to_string();
        let options = CallOptions::within(self.settings.request_timeout());
        match connection.handshake("thread/resume", Some(&params), options).answer().await {
            Ok(answer) => Ok(!Resumed::read(&answer)?.is_idle()),
            Err(error @ Error::Rpc(_)) => {
                tracing::warn!(thread, %error, "a sub-agent could not be followed again");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl Thread {
    /// Follows the thread again, over a new line that is not open to others yet, and gives its turns what they missed.
    ///
    /// Wire: `thread/resume`, `thread/read`.
    pub(crate) async fn restore(&self, connection: &Arc<Connection>, router: &Router) -> Result<(), Error> {
        let paused = router.paused(self.id());
        let expects = router.expects(self.id());
        let active = router.active(self.id()).borrow().clone();
        let ask = |method, params: String| connection.handshake(method, Some(&params), self.call_options());
        let mut tries = 0;
        let heard = self.follow(router);
        let resumed = loop {
            match ask("thread/resume", self.resume_params(!paused.is_empty() || expects)).answer().await {
                // Its first turn may have begun a moment ago.
                Err(error) if !paused.is_empty() && tries < MOST_TRIES && is_unwritten(&error) => {
                    tries += 1;
                    tokio::time::sleep(AGAIN).await;
                }
                resumed => break resumed,
            }
        };
        let resumed = match resumed {
            Ok(answer) => {
                self.shared.restored(self.shared.session(), &answer, heard);
                self.tell_owed(ask).await?;
                self.identified(Resumed::read(&answer)?, ask).await?
            }
            Err(error @ Error::Rpc(_)) => {
                tracing::warn!(thread = self.id(), %error, "a thread could not be resumed");
                router.found_idle(self.id(), &active);
                self.shared.unloaded();
                self.lose_turns(router, paused, &error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if resumed.is_idle() {
            router.found_idle(self.id(), &active);
        }
        // Not every answer names the turn that it begins, and the event that does may have been missed.
        if expects && let Some((turn, _)) = resumed.running() {
            router.found_started(self.id(), &turn);
        }
        if paused.is_empty() {
            return Ok(());
        }
        self.hear_usage(ask("thread/read", json!({ "threadId": self.id() }).to_string())).await?;
        for turn in paused {
            // One that is about to begin is stored as interrupted: which of both it is turns out later.
            let is_clear = resumed.is_idle() || !resumed.is_interrupted(&turn);
            router.resume(self.id(), &turn, resumed.turn(&turn).filter(|_| is_clear));
        }
        Ok(())
    }

    /// What was resumed, with ids for items that have none.
    ///
    /// Wire: `thread/turns/list`, with codex before 0.166.
    pub(crate) async fn identified(
        &self,
        mut resumed: Resumed,
        ask: impl Fn(&'static str, String) -> Call,
    ) -> Result<Resumed, Error> {
        if !resumed.is_numbered() {
            return Ok(resumed);
        }
        let last = json!({
            "threadId": self.id(), "itemsView": "full", "sortDirection": "desc", "limit": LAST_TURNS,
        });
        match ask("thread/turns/list", last.to_string()).answer().await {
            Ok(listed) => resumed.identify(&listed),
            Err(error @ Error::Rpc(_)) => {
                tracing::warn!(thread = self.id(), %error, "items of a turn that runs have no ids");
            }
            Err(error) => return Err(error),
        }
        Ok(resumed)
    }

    /// The token usage follows the answer to `thread/resume`: once the answer to `next` is here, it is as well.
    pub(crate) async fn hear_usage(&self, next: Call) -> Result<(), Error> {
        match next.answer().await {
            Ok(_) | Err(Error::Rpc(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn lose_turns(&self, router: &Router, turns: Vec<String>, error: &Error) {
        for turn in turns {
            if let Some(sink) = router.lose(self.id(), &turn) {
                sink.connection_ended(&Error::TurnLost {
                    message: format!(
                        "the connection was lost, and the thread of turn {turn} could not be resumed: {error}"
                    ),
                    result: None,
                });
            }
        }
    }
}
