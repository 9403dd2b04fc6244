//! What all handles of one thread share. Nothing is asked or sent here.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use serde_json::{Map, Value, value::RawValue};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, Semaphore};

use super::found::Found;
use super::in_force::{InForce, Opened};
use super::under_way::UnderWay;
use crate::options::{OpenKind, ThreadSettings};
use crate::routing::ThreadSink;
use crate::rpc::read_answer;
use crate::server_requests::Handlers;
use crate::turn::{TurnState, TurnStatus};
use crate::{Error, lock};

/// What all handles of one thread share.
pub(crate) struct ThreadState {
    name: Name,
    /// Turns run one after the other: the server would merge a second into the running one.
    pub(crate) turns: Arc<Semaphore>,
    facts: Arc<Facts>,
    /// The last token usage that was asked for: it outlives the server.
    pub(super) usage: Mutex<Option<String>>,
    /// Which of this client's turns took the inputs that have a name: the server writes them down a moment later.
    inputs: Mutex<Vec<(String, Weak<TurnState>)>>,
    /// Those that no turn has yet.
    pub(crate) under_way: Arc<UnderWay>,
    /// The turn of this client that was started last.
    last: Mutex<(String, Weak<TurnState>)>,
    /// Told of each that is.
    began: Notify,
    /// Held while it is loaded: it is loaded once.
    pub(super) loading: tokio::sync::Mutex<()>,
    /// What all who use the thread hold: a `Lease`.
    pub(super) lease: Mutex<Option<Weak<dyn Any + Send + Sync>>>,
    /// Kept here for as long as the thread is: the dispatcher does not keep them.
    handlers: Mutex<Option<Arc<dyn Handlers>>>,
}

/// What is known of a thread. The server's word comes here: the router may let go of it under its lock, so that nothing
/// is in it whose end does anything.
#[derive(Default)]
pub(crate) struct Facts(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The session that has the thread loaded.
    session: u64,
    /// The session that was asked to load it, and whose answer nobody has heard.
    asked: u64,
    /// What it was opened with.
    options: ThreadSettings,
    in_force: InForce,
    is_ephemeral: bool,
    /// Whether the server has something on disk of it: before its first turn it has nothing.
    is_written: bool,
}

/// An id, and the one that came in its place. Who has borrowed one keeps it.
struct Name {
    id: String,
    later: OnceLock<Box<Name>>,
}

impl Name {
    fn last(&self) -> &Self {
        self.later.get().map_or(self, |later| later.last())
    }
}

/// What a thread is opened with.
pub(crate) struct Opener {
    pub(crate) options: ThreadSettings,
    /// What was in force of the thread that it goes on from.
    pub(crate) from: Option<InForce>,
}

impl ThreadState {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            name: Name { id: id.to_owned(), later: OnceLock::new() },
            turns: Arc::new(Semaphore::new(1)),
            facts: Arc::default(),
            usage: Mutex::default(),
            inputs: Mutex::default(),
            under_way: Arc::default(),
            last: Mutex::default(),
            began: Notify::new(),
            loading: tokio::sync::Mutex::default(),
            lease: Mutex::default(),
            handlers: Mutex::default(),
        }
    }

    /// Its id: that of the thread on the server.
    pub(crate) fn id(&self) -> &str {
        &self.name.last().id
    }

    /// The server has it by another id from now on, as it had to be started anew.
    pub(crate) fn rename(&self, id: &str) {
        let _ = self.name.last().later.set(Box::new(Name { id: id.to_owned(), later: OnceLock::new() }));
    }

    /// Learns from the answer that opened the thread in a session; `heard` is [`Self::heard`] of before it was asked for.
    pub(crate) fn opened(
        &self,
        session: u64,
        opening: OpenKind,
        opener: Opener,
        answer: &RawValue,
        heard: u64,
    ) {
        let mut known = self.facts.known();
        let facts: Found = read_answer("thread", answer).unwrap_or_default();
        let answer = InForce::in_answer(answer);
        // The server takes settings when it loads a thread; of one that it has loaded it ignores them.
        let is_followed = opening == OpenKind::Resume && known.session == session;
        let Opener { options, from } = opener;
        match from {
            Some(from) if !is_followed => {
                known.in_force.inherit(from);
                if opening == OpenKind::Fork {
                    known.in_force.unsaid("personality");
                }
                known.in_force.reloaded();
                known.in_force.restored(&answer, heard);
            }
            _ => {
                let opened = match opening {
                    OpenKind::Resume if is_followed => Opened::Followed,
                    OpenKind::Resume => Opened::There,
                    OpenKind::Start | OpenKind::Fork => Opened::New,
                };
                known.in_force.opened(opened, &options.lasting(), &answer, heard);
            }
        }
        known.session = session;
        if !is_followed {
            known.is_ephemeral = facts.is_ephemeral();
            known.is_written |= opening != OpenKind::Start;
            known.options = options.of_opening();
        }
    }

    /// Learns from the answer that loaded the thread in a session, or followed it again in that.
    pub(crate) fn restored(&self, session: u64, answer: &RawValue, heard: u64) {
        let mut known = self.facts.known();
        if known.session != session {
            known.in_force.reloaded();
        }
        known.session = session;
        known.is_written = true;
        known.in_force.restored(&InForce::in_answer(answer), heard);
    }

    /// The session that has the thread loaded.
    pub(crate) fn session(&self) -> u64 {
        self.facts.known().session
    }

    /// A session is asked to load the thread: it may have it, even if nobody hears of it.
    pub(crate) fn is_asked_for(&self, session: u64) {
        self.facts.known().asked = session;
    }

    /// Learns how that failed. What no answer came to stays in doubt.
    pub(crate) fn not_loaded(&self, error: &Error) {
        if matches!(error, Error::Rpc(_)) {
            self.facts.known().asked = 0;
        }
    }

    /// Whether a session has the thread loaded, or may have.
    pub(super) fn may_be_loaded(&self, session: u64) -> bool {
        let known = self.facts.known();
        known.session == session || known.asked == session
    }

    /// The server does not have the thread loaded any more.
    pub(crate) fn unloaded(&self) {
        self.facts.unloaded();
    }

    /// The server was told to say no more of the thread: a turn that runs would wait for ever, and the next is to follow the
    /// thread again.
    pub(crate) fn left(&self) {
        self.unloaded();
        if let Some(state) = self.running() {
            let result = Some(state.partial(TurnStatus::InProgress));
            let message = format!("turn {} goes on, but its thread was unsubscribed", state.turn_id);
            state.finish(Err(Error::TurnLost { message, result }));
        }
    }

    /// The server has stored something of it.
    pub(crate) fn written(&self) {
        self.facts.known().is_written = true;
    }

    /// Whether it lives with its server alone.
    pub(super) fn is_ephemeral(&self) -> bool {
        self.facts.known().is_ephemeral
    }

    /// The parameters that start it anew, if it can be: nothing was ever stored of it.
    pub(super) fn anew(
        &self,
        secrets: &Map<String, Value>,
        profiles: bool,
    ) -> Option<(Map<String, Value>, Opener)> {
        let known = self.facts.known();
        if known.is_written || known.is_ephemeral {
            return None;
        }
        let (options, mut in_force) = (known.options.clone(), known.in_force.clone());
        drop(known);
        let mut params = options.wire(OpenKind::Start, secrets);
        let config = Map::new();
        in_force.load(OpenKind::Start, &mut params, &config, profiles);
        Some((params, Opener { options, from: Some(in_force) }))
    }

    /// What the thread was opened with: it tells what the options of a turn leave open.
    pub(crate) fn options(&self) -> ThreadSettings {
        self.facts.known().options.clone()
    }

    /// The thread takes its options otherwise from now on.
    pub(crate) fn change_options(&self, change: impl FnOnce(&mut ThreadSettings)) {
        change(&mut self.facts.known().options);
    }

    /// Who hears for the thread what the server says of it, for as long as the thread is known here.
    pub(super) fn ears(&self) -> Weak<Facts> {
        Arc::downgrade(&self.facts)
    }

    /// Looks at the settings in force, or teaches them.
    pub(crate) fn in_force<T>(&self, then: impl FnOnce(&mut InForce) -> T) -> T {
        then(&mut self.facts.known().in_force)
    }

    /// How many times the server has told the settings.
    pub(crate) fn heard(&self) -> u64 {
        self.facts.known().in_force.heard()
    }

    /// The parameters that load the thread, or one that inherits from it, and what opens it then. The `given` options go
    /// before what is in force.
    pub(crate) fn load(
        &self,
        opening: OpenKind,
        given: ThreadSettings,
        secrets: &Map<String, Value>,
        profiles: bool,
    ) -> (Map<String, Value>, Opener) {
        let known = self.facts.known();
        let (mut in_force, opened) = (known.in_force.clone(), known.options.clone());
        drop(known);
        in_force.leave_to(&given);
        let config = given.config.clone().flatten().unwrap_or_default();
        let options = ThreadSettings { service_name: None, ephemeral: given.ephemeral, ..given.over(opened) };
        let mut params = options.wire(opening, secrets);
        in_force.load(opening, &mut params, &config, profiles);
        (params, Opener { options, from: Some(in_force) })
    }

    pub(crate) fn runs(&self, state: &Arc<TurnState>) {
        *lock(&self.last) = (state.turn_id.clone(), Arc::downgrade(state));
        self.began.notify_waiters();
    }

    /// The next start of a turn of this client.
    pub(crate) fn began(&self) -> Notified<'_> {
        self.began.notified()
    }

    /// A turn has taken the input of this name.
    pub(crate) fn takes_input(&self, name: &str, state: &Arc<TurnState>) {
        let mut inputs = lock(&self.inputs);
        inputs.retain(|(_, turn)| turn.upgrade().is_some_and(|turn| turn.end().is_none()));
        inputs.push((name.to_owned(), Arc::downgrade(state)));
    }

    /// The running turn of this client that took the input of this name.
    pub(super) fn turn_of_input(&self, name: &str) -> Option<Arc<TurnState>> {
        let inputs = lock(&self.inputs);
        let turn = inputs.iter().find(|(input, _)| input == name)?.1.upgrade()?;
        turn.end().is_none().then_some(turn)
    }

    /// The turn of this client that runs.
    pub(crate) fn running(&self) -> Option<Arc<TurnState>> {
        lock(&self.last).1.upgrade().filter(|state| state.end().is_none())
    }

    /// Whether a turn is of this client and has ended here, whatever the server makes of it.
    pub(crate) fn gave_up(&self, turn: &str) -> bool {
        let last = lock(&self.last);
        // Of a turn without a name is only known that it runs: it is another client's.
        !turn.is_empty() && last.0 == turn && last.1.upgrade().is_none_or(|state| state.end().is_some())
    }

    pub(crate) fn set_handlers(&self, handlers: Arc<dyn Handlers>) {
        *lock(&self.handlers) = Some(handlers);
    }

    pub(crate) fn handlers(&self) -> Option<Arc<dyn Handlers>> {
        lock(&self.handlers).clone()
    }
}

impl Facts {
    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.0)
    }
}

impl ThreadSink for Facts {
    fn settings_updated(&self, line: &str) {
        self.known().in_force.updated(line);
    }

    fn unloaded(&self) {
        let mut known = self.known();
        (known.session, known.asked) = (0, 0);
    }
}
