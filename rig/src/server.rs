//! What the reading thread and the lists share, and how a line of the client finds its list.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::json::Json;
use crate::log::Log;
use crate::output::Output;
use crate::player::Player;
use crate::polite::Polite;
use crate::script::{Ending, Script};
use crate::state::State;

const DEFAULT: &[Action] = &[Action::Default];

pub(crate) struct Server {
    pub(crate) script: Script,
    pub(crate) polite: Polite,
    pub(crate) log: Log,
    pub(crate) output: Output,
    pub(crate) ignore_eof: AtomicBool,
    pub(crate) ignore_sigterm: AtomicBool,
    pub(crate) requests_made: AtomicU64,
    initialized: AtomicBool,
    state: Mutex<State>,
    inbox: Mutex<Inbox>,
    arrived: Condvar,
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
            script,
            polite,
            log,
            output: Output::default(),
            requests_made: AtomicU64::new(0),
            initialized: AtomicBool::new(false),
            state: Mutex::default(),
            inbox: Mutex::default(),
            arrived: Condvar::new(),
            calls: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has come, in place of the one before it.
    pub(crate) fn greet(&self) {
        self.initialized.store(false, Ordering::SeqCst);
    }

    /// Handles one line. False if it makes codex exit.
    pub(crate) fn receive(&'static self, line: &[u8]) -> bool {
        let line = line.trim_ascii();
        if line.is_empty() {
            return true;
        }
        let message = match Json::parse(line) {
            Ok(message @ Json::Object(_)) => message,
            // Like codex: not a word on stdout about what it cannot read, and the end at a byte that is not UTF-8.
            _ => {
                self.log.incoming(line, false);
                return str::from_utf8(line).is_ok();
            }
        };
        self.log.incoming(line, true);
        let method = message.get("method").and_then(Json::as_str);
        match (method, message.get("id")) {
            (Some(method), None) => self.dispatch(method.to_owned(), None, &message),
            (Some(method), Some(id)) if is_id(id) => {
                self.dispatch(method.to_owned(), Some(id.clone()), &message)
            }
            (None, Some(id)) => {
                self.inbox().answers.insert(id.to_string(), message);
                self.arrived.notify_all();
            }
            _ => {}
        }
        true
    }

    fn dispatch(&'static self, method: String, id: Option<Json>, message: &Json) {
        let since = {
            let mut inbox = self.inbox();
            inbox.methods.push(method.clone());
            inbox.methods.len()
        };
        self.arrived.notify_all();
        let key = match self.script.key(&method) {
            // The star is for calls; a server that fails the handshake or reacts to notifications says so by name.
            Some("*") if id.is_none() || method == "initialize" => None,
            key => key,
        };
        if key.is_none() && id.is_none() {
            return;
        }
        let actions = key.and_then(|key| self.script.list(key, self.count_call(key))).unwrap_or(DEFAULT);

        let scripted = key.is_some();
        let was_initialized = self.initialized.load(Ordering::SeqCst);
        if method == "initialize" {
            self.initialized.store(true, Ordering::SeqCst);
        }
        let params = message.get("params").cloned().unwrap_or(Json::Null);
        let mut player = Player::new(self, since).for_message(method, id, params, was_initialized, scripted);
        if self.is_instant(actions) {
            player.play_inline(actions);
        } else {
            thread::spawn(move || player.play(actions));
        }
    }

    fn count_call(&self, key: &str) -> usize {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry(key.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    /// A list that waits for nothing is played by the reading thread: a thread per call would cost more than the call.
    fn is_instant(&self, actions: &[Action]) -> bool {
        actions.iter().all(|action| match action {
            Action::Play { name, .. } => self.is_instant(self.fragment(name)),
            action => action.is_instant(),
        })
    }

    pub(crate) fn fragment(&self, name: &str) -> &[Action] {
        let own = self.script.fragments.get(name);
        own.or_else(|| self.polite.script.fragments.get(name)).map_or(&[], Vec::as_slice)
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

    /// The end of stdin, or SIGTERM.
    pub(crate) fn end(&'static self, ending: &'static Ending, ignore: &AtomicBool) {
        if let Ending::Play(actions) = ending {
            Player::new(self, 0).play(actions);
        }
        if !ignore.load(Ordering::SeqCst) {
            self.exit(0, Duration::from_secs(1));
        }
    }

    /// Exits when all output is written, or `limit` has passed.
    pub(crate) fn exit(&self, code: i32, limit: Duration) -> ! {
        self.output.flush(limit);
        self.log.entry([("exit", Json::Number(code.into()))]);
        std::process::exit(code)
    }

    /// A script that asks for what cannot be done.
    pub(crate) fn fail(&self, reason: &str) -> ! {
        crate::complain(reason);
        self.exit(crate::BAD_SCRIPT, Duration::from_secs(1))
    }
}

fn is_id(id: &Json) -> bool {
    match id {
        Json::String(_) => true,
        Json::Number(number) => number.is_i64(),
        _ => false,
    }
}
