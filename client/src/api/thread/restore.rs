//! How a thread comes back whose events were missed, and its running turns with it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde_json::json;
use tokio::time::Instant;

use super::found::look;
use super::resumed::{AGAIN, LAST_TURNS, Resumed, is_unwritten};
use super::thread::Thread;
use crate::Error;
use crate::api::core::Core;
use crate::routing::Router;
use crate::rpc::{Call, CallOptions, Connection};
use crate::session::{Restore, retry_overload};
use crate::turn::{Proof, proof};

/// So many threads are resumed at once: the server drops answers when there are too many.
const MOST_AT_ONCE: usize = 16;
/// How often, for a turn that waits: an ephemeral thread is never written.
const MOST_TRIES: u32 = 40;

impl Restore for Core {
    fn restore<'a>(
        &'a self,
        session: u64,
        connection: &'a Arc<Connection>,
        router: &'a Router,
        again: bool,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>> {
        Box::pin(self.restore_threads(session, connection, router, again))
    }
}

impl Core {
    /// Resumes the threads in use, side by side: each has its own outcome, and what is asked of others waits for none.
    /// Those with a turn that runs come first.
    ///
    /// Where no thread at all was answered, it may be the line: that is an error, unless another was tried before.
    async fn restore_threads(
        &self,
        session: u64,
        connection: &Arc<Connection>,
        router: &Router,
        again: bool,
    ) -> Result<(), Error> {
        let Some(core) = self.weak().upgrade() else {
            connection.open(None);
            return Ok(());
        };
        let mut threads = core.threads_of(session);
        threads.sort_by_cached_key(|shared| router.paused(shared.id()).is_empty());
        connection.open_holding(threads.iter().map(|shared| shared.id().to_owned()));
        let threads = threads.into_iter().map(|shared| Thread::new(Arc::clone(&core), shared));
        let answered = AtomicBool::new(again);
        let restoring = stream::iter(threads).map(|thread| thread.restored(connection, router, &answered));
        let silent = restoring.buffer_unordered(MOST_AT_ONCE).filter_map(std::future::ready).collect();
        // What agents ask for does not wait until the last thread has settled.
        let (silent, ()): (Vec<Thread>, ()) = tokio::join!(silent, self.restore_agents(connection, router));
        if !silent.is_empty() && !answered.load(Ordering::Relaxed) {
            return Err(too_late(self.settings.request_timeout()));
        }
        for thread in silent {
            thread.give_up(connection, router, &too_late(self.settings.request_timeout()));
        }
        Ok(())
    }

    /// Follows again what agents work for turns of this client: what they ask for would find nobody.
    async fn restore_agents(&self, connection: &Arc<Connection>, router: &Router) {
        let agents = router.agents().into_iter().map(|(agent, heard)| async move {
            let works = self.follow(&agent, connection).await.unwrap_or_else(|error| {
                tracing::warn!(thread = agent, %error, "a sub-agent could not be followed again");
                false
            });
            if !works {
                router.found_agent_idle(&agent, heard);
            }
        });
        stream::iter(agents).buffer_unordered(MOST_AT_ONCE).collect::<()>().await;
    }

    /// Follows the thread of a sub-agent again: what it asks for would find nobody. False if it does not work any more.
    async fn follow(&self, thread: &str, connection: &Arc<Connection>) -> Result<bool, Error> {
        let options = CallOptions::within(self.settings.request_timeout());
        let ask = |method, params: String| connection.handshake(method, Some(&params), options);
        // One that is not loaded is at no work, and would be loaded with the sandbox of the configuration.
        if !look(thread, options.timeout, ask).await?.is_some_and(|found| found.is_active()) {
            return Ok(false);
        }
        let deadline = Instant::now() + options.timeout;
        let params = json!({ "threadId": thread, "excludeTurns": true }).to_string();
        let resume = || connection.handshake("thread/resume", Some(&params), options).answer();
        let answer = retry_overload(deadline, resume).await?;
        Ok(!Resumed::read(&answer)?.is_idle())
    }
}

impl Thread {
    /// Restores the thread, or gives it up. It comes back from here if it was not answered in time, and neither was
    /// any other by then.
    async fn restored(
        self,
        connection: &Arc<Connection>,
        router: &Router,
        answered: &AtomicBool,
    ) -> Option<Self> {
        let limit = self.call_options().timeout;
        let restored = tokio::time::timeout(limit, self.restore(connection, router)).await;
        match restored.unwrap_or_else(|_| Err(too_late(limit))) {
            Ok(()) => connection.release(self.id()),
            Err(Error::Timeout { .. }) if !answered.load(Ordering::Relaxed) => return Some(self),
            Err(error) => self.give_up(connection, router, &error),
        }
        answered.store(true, Ordering::Relaxed);
        None
    }

    /// Goes on without the thread: its turns are lost, and it is loaded anew when it is needed.
    fn give_up(&self, connection: &Arc<Connection>, router: &Router, error: &Error) {
        tracing::warn!(thread = self.id(), %error, "a thread could not be brought back");
        let active = router.active(self.id()).borrow().clone();
        router.presume_idle(self.id(), &active);
        self.shared.unloaded();
        // Before what waits for the thread is let go: that may resume it.
        let params = json!({ "threadId": self.id() }).to_string();
        let left = connection.handshake("thread/unsubscribe", Some(&params), self.call_options());
        self.core.disregard(left);
        self.lose_turns(router, router.paused(self.id()), error);
        connection.give_up(
            self.id(),
            &Error::Lost(format!(
                "the connection was lost, and thread {} could not be brought back: {error}; nothing was sent",
                self.id()
            )),
        );
    }

    /// Follows the thread again, over a new line that does not carry its requests yet, and gives its turns what they
    /// missed.
    ///
    /// Wire: `thread/resume`, `thread/read`.
    pub(crate) async fn restore(&self, connection: &Arc<Connection>, router: &Router) -> Result<(), Error> {
        let paused = router.paused(self.id());
        let expects = router.expects(self.id());
        let active = router.active(self.id()).borrow().clone();
        let said = router.said(self.id());
        let ask = |method, params: String| connection.handshake(method, Some(&params), self.call_options());
        let deadline = Instant::now() + self.call_options().timeout;
        let mut tries = 0;
        let heard = self.follow(router);
        let resumed = loop {
            let resume = || ask("thread/resume", self.resume_params(!paused.is_empty() || expects)).answer();
            // Who comes back is not alone where a server was restarted.
            match retry_overload(deadline, resume).await {
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
                let resumed = Resumed::read(&answer)?;
                self.shared.restored(self.shared.session(), &answer, heard);
                self.tell_owed(ask).await?;
                self.identified(resumed, ask).await?
            }
            Err(error @ Error::Rpc(_)) => {
                tracing::warn!(thread = self.id(), %error, "a thread could not be resumed");
                router.presume_idle(self.id(), &active);
                self.shared.unloaded();
                self.lose_turns(router, paused, &error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if resumed.is_idle() {
            router.found_idle_anew(self.id(), &active);
        }
        // Not every answer names the turn that it begins, and the event that does may have been missed, with all others of it.
        if expects && let Some((turn, _)) = resumed.running() {
            router.found_started(self.id(), &turn, true);
        } else if let Some(before) = router.expects_unnamed(self.id())
            && let Some(turn) = resumed.compacted_since(before.as_deref())
        {
            router.found_started(self.id(), &turn, false);
        }
        // Another client's may have begun meanwhile: a turn of ours must wait for its end. Which one it is, is asked for when
        // somebody wants to know.
        let may_be_ours = |turn: &String| resumed.turn(turn).is_none_or(|turn| proof(turn) != Proof::Over);
        let is_others = resumed.is_active() && !expects && !paused.iter().any(may_be_ours);
        if paused.is_empty() {
            if is_others {
                router.found_busy(self.id(), None, said);
            }
            return Ok(());
        }
        if resumed.is_active() {
            // Its start may have been missed: who comes next must wait for its end all the same.
            let running = resumed.running().map(|(turn, _)| turn).filter(|turn| paused.contains(turn));
            let ours = running.or_else(|| paused.iter().find(|turn| may_be_ours(turn)).cloned());
            if ours.is_some() {
                router.found_busy(self.id(), ours, said);
            }
        }
        self.hear_usage(ask("thread/read", json!({ "threadId": self.id() }).to_string())).await?;
        for turn in paused {
            router.resume(self.id(), &turn, resumed.turn(&turn));
        }
        if is_others {
            router.found_busy(self.id(), None, router.said(self.id()));
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

fn too_late(limit: Duration) -> Error {
    let timeout_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let message = format!("thread/resume was not answered within {timeout_ms} ms");
    Error::Timeout { message, method: Some("thread/resume".to_owned()), timeout_ms, path: None }
}
