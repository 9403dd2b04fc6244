//! How a client ends well: the turns that run have time to end, or are interrupted, before their codex goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::Error;
use crate::api::codex::Codex;
use crate::api::core::Core;
use crate::api::thread::Thread;
use crate::api::turn::Turn;
use crate::options::CloseSettings;

impl Codex {
    /// The turns of this client that run, over all its threads.
    pub fn turns(&self) -> Vec<Turn> {
        self.core.running_threads().iter().filter_map(Thread::current_turn).collect()
    }

    /// The same as [`Self::close`], after the turns that run have ended, or have been interrupted. None begins any more.
    pub async fn close_well(&self, settings: &CloseSettings) {
        let grace = Duration::from_millis(settings.grace_ms.unwrap_or(0));
        self.core.ending.store(true, Ordering::Relaxed);
        if !grace.is_zero() {
            let ended = async { join_all(self.turns().iter().map(Turn::ended)).await };
            drop(timeout(grace, ended).await);
        }
        if settings.interrupt == Some(true) {
            let turns = self.turns();
            let ends = turns.iter().map(|turn| turn.interrupt(false));
            for error in join_all(ends).await.into_iter().filter_map(Result::err) {
                tracing::warn!(%error, "a turn could not be interrupted before the client was closed");
            }
        }
        self.core.close().await;
    }
}

impl Thread {
    /// The turn of this client that runs in the thread.
    pub fn current_turn(&self) -> Option<Turn> {
        let state = self.shared.running()?;
        let session = self.core.current()?;
        Some(Turn::new(self.clone(), Arc::clone(&session.connection), state))
    }

    /// The turn that the server was last heard to work on, whoever began it.
    pub fn active_turn(&self) -> Option<String> {
        let session = self.core.current()?;
        session.router.active(self.id()).borrow().clone()
    }
}

impl Core {
    fn running_threads(&self) -> Vec<Thread> {
        let Some(core) = self.weak().upgrade() else { return Vec::new() };
        let threads = self.all_threads().into_iter().filter(|shared| shared.running().is_some());
        threads.map(|shared| Thread::new(Arc::clone(&core), shared)).collect()
    }

    /// Refuses what begins a turn once the client is ending.
    pub(crate) fn may_begin(&self) -> Result<(), Error> {
        match self.ending.load(Ordering::Relaxed) {
            true => {
                Err(Error::Closed("this Codex client is being closed; it begins no more turns".to_owned()))
            }
            false => Ok(()),
        }
    }
}
