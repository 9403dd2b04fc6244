//! What the reading thread and the lists share. How a line of the client finds its list is in `receive.rs`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::complaint::{BAD_SCRIPT, complain};
use crate::json::Json;
use crate::log::Log;
use crate::output::Output;
use crate::polite::Polite;
use crate::script::{Ending, Script};
use crate::state::State;

pub(crate) struct Server {
    pub(crate) script: Script,
    pub(crate) polite: Polite,
    pub(crate) log: Log,
    pub(crate) output: Output,
    pub(crate) ignore_eof: AtomicBool,
    pub(crate) ignore_sigterm: AtomicBool,
    pub(crate) requests_made: AtomicU64,
    pub(crate) initialized: AtomicBool,
    state: Mutex<State>,
    pub(crate) inbox: Mutex<Inbox>,
    pub(crate) arrived: Condvar,
    calls: Mutex<HashMap<String, usize>>,
}

/// All that came from the client, for lists that wait.
#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) methods: Vec<String>,
    /// Answers to requests of ours, by the JSON text of the id.
    pub(crate) answers: HashMap<String, Json>,
}

impl Server {
    pub(crate) fn new(script: Script, polite: Polite, log: Log) -> Self {
        Self {
            ignore_eof: AtomicBool::new(script.on_eof == Ending::Ignore),
            ignore_sigterm: AtomicBool::new(script.on_sigterm == Ending::Ignore),
            state: Mutex::new(State::new(script.unique_ids)),
            script,
            polite,
            log,
            output: Output::default(),
            requests_made: AtomicU64::new(0),
            initialized: AtomicBool::new(false),
            inbox: Mutex::default(),
            arrived: Condvar::new(),
            calls: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has come, in place of the one before it.
    pub(crate) fn greet(&self) {
        self.initialized.store(false, Ordering::SeqCst);
    }

    pub(crate) fn count_call(&self, key: &str) -> usize {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry(key.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    /// A list that waits for nothing is played by the reading thread: a thread per call would cost more than the call.
    pub(crate) fn is_instant(&self, actions: &[Action]) -> bool {
        actions.iter().all(|action| match action {
            // What is named by the message may be anything.
            Action::Play { name, .. } => self.fragment(name).is_some_and(|actions| self.is_instant(actions)),
            action => action.is_instant(),
        })
    }

    pub(crate) fn fragment(&self, name: &str) -> Option<&[Action]> {
        let own = self.script.fragments.get(name);
        own.or_else(|| self.polite.script.fragments.get(name)).map(Vec::as_slice)
    }

    /// Waits until `ready` gives something. `None` if the list is cancelled or `limit` has passed.
    pub(crate) fn wait<T>(
        &self,
        cancelled: Option<&AtomicBool>,
        limit: Option<Duration>,
        mut ready: impl FnMut(&Inbox) -> Option<T>,
    ) -> Option<T> {
        // Cancelling wakes the waiters, too; the tick only covers a wake-up that comes between check and wait.
        const TICK: Duration = Duration::from_millis(50);
        let deadline = limit.map(|limit| Instant::now() + limit);
        let mut inbox = self.inbox();
        loop {
            if cancelled.is_some_and(|flag| flag.load(Ordering::SeqCst)) {
                return None;
            }
            if let Some(value) = ready(&inbox) {
                return Some(value);
            }
            let left = deadline.map_or(TICK, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            inbox =
                self.arrived.wait_timeout(inbox, left.min(TICK)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn wake(&self) {
        self.arrived.notify_all();
    }

    /// Exits when all output is written, or `limit` has passed.
    pub(crate) fn exit(&self, code: i32, limit: Duration) -> ! {
        self.output.flush(limit);
        self.log.entry([("exit", Json::Number(code.into()))]);
        std::process::exit(code)
    }

    /// A script that asks for what cannot be done.
    pub(crate) fn fail(&self, reason: &str) -> ! {
        complain(reason);
        self.exit(BAD_SCRIPT, Duration::from_secs(1))
    }
}
