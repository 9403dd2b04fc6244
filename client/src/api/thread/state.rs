//! What all handles of one thread share. Nothing is asked or sent here.

use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Semaphore;

use super::defaults::Defaults;
use crate::lock;
use crate::options::ThreadSettings;
use crate::requests::Handlers;
use crate::turn::TurnState;

/// What all handles of one thread share.
pub(crate) struct ThreadState {
    pub(crate) id: String,
    /// Turns run one after the other: the server would merge a second into the running one.
    pub(crate) turns: Arc<Semaphore>,
    opened: Mutex<Opened>,
    /// The last token usage that was asked for: it outlives the server.
    pub(super) usage: Mutex<Option<String>>,
    /// The turn of this client that was started last.
    running: Mutex<Weak<TurnState>>,
    /// The settings for later turns.
    pub(crate) defaults: Mutex<Defaults>,
    /// Kept here for as long as the thread is: the dispatcher does not keep them.
    handlers: Mutex<Option<Arc<dyn Handlers>>>,
}

#[derive(Default, Clone)]
struct Opened {
    /// The session that has the thread loaded.
    session: u64,
    settings: ThreadSettings,
}

impl ThreadState {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            turns: Arc::new(Semaphore::new(1)),
            opened: Mutex::default(),
            usage: Mutex::default(),
            running: Mutex::default(),
            defaults: Mutex::default(),
            handlers: Mutex::default(),
        }
    }

    pub(crate) fn opened(&self, session: u64, settings: ThreadSettings) {
        // Where the thread was cut off when it was forked says nothing about how it is loaded again.
        let settings = ThreadSettings { last_turn_id: None, ..settings };
        let mut opened = lock(&self.opened);
        // The server takes settings when it loads a thread; of one that it has loaded it ignores them.
        if opened.session != session {
            *opened = Opened { session, settings };
        }
    }

    /// The session that has the thread loaded.
    pub(crate) fn session(&self) -> u64 {
        lock(&self.opened).session
    }

    /// A session has the thread loaded.
    pub(crate) fn loaded(&self, session: u64) {
        lock(&self.opened).session = session;
    }

    /// The server does not have the thread loaded any more.
    pub(crate) fn unloaded(&self) {
        lock(&self.opened).session = 0;
    }

    /// The thread has other settings now, with which it is to be loaded again.
    pub(crate) fn change_settings(&self, change: impl FnOnce(&mut ThreadSettings)) {
        change(&mut lock(&self.opened).settings);
    }

    pub(crate) fn runs(&self, state: &Arc<TurnState>) {
        *lock(&self.running) = Arc::downgrade(state);
    }

    /// The turn of this client that runs.
    pub(crate) fn running(&self) -> Option<Arc<TurnState>> {
        lock(&self.running).upgrade().filter(|state| state.end().is_none())
    }

    pub(crate) fn set_handlers(&self, handlers: Arc<dyn Handlers>) {
        *lock(&self.handlers) = Some(handlers);
    }

    pub(crate) fn handlers(&self) -> Option<Arc<dyn Handlers>> {
        lock(&self.handlers).clone()
    }

    pub(crate) fn settings(&self) -> ThreadSettings {
        lock(&self.opened).settings.clone()
    }
}
