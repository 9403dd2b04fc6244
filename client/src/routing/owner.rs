//! A turn as whoever asks for it is answered: whose it is, and the handlers that it was begun with.

use std::sync::{Arc, Mutex, Weak};

use tokio_util::sync::CancellationToken;

use super::TurnSink;
use crate::handlers::{CallContext, Handlers};
use crate::lock;

/// How a turn comes to this client.
#[derive(Clone, Default)]
pub struct Claim {
    /// The turn's own handlers.
    pub handlers: Option<Arc<dyn Handlers>>,
    /// Those of its thread, for what is asked when nobody has a handle of that any more.
    pub thread_handlers: Option<Arc<dyn Handlers>>,
    /// Whether it is begun here, and not joined: what it asks is answered by this client then, come what may.
    pub begun_here: bool,
}

/// A turn that messages and requests of its thread, and of its sub-agents, belong to.
pub struct Owner {
    thread: String,
    claim: Claim,
    /// Where the call was made that began the turn, or went on with it.
    context: Mutex<Option<CallContext>>,
    known: Mutex<Known>,
    /// Cancelled when the turn has ended here, or has never come to be.
    over: CancellationToken,
}

#[derive(Default)]
struct Known {
    /// None while the turn is being started.
    turn: Option<String>,
    /// Who follows it: more than one where it was joined again, the latest last.
    sinks: Vec<Weak<dyn TurnSink>>,
    /// How many handlers run for it.
    occupied: usize,
}

/// While it lives, this program works for a turn.
pub struct Occupied(Arc<Owner>);

impl Owner {
    /// A turn that is being started.
    pub(super) fn starting(thread: &str, claim: Claim) -> Arc<Self> {
        let context = claim.handlers.as_ref().and_then(|handlers| handlers.context());
        Arc::new(Self {
            thread: thread.to_owned(),
            claim,
            context: Mutex::new(context),
            known: Mutex::default(),
            over: CancellationToken::new(),
        })
    }

    /// Another client's turn, in a thread that is followed here.
    pub(super) fn foreign(thread: &str, turn: &str) -> Arc<Self> {
        let owner = Self::starting(thread, Claim::default());
        lock(&owner.known).turn = Some(turn.to_owned());
        owner
    }

    /// The same of which is not known whether it has begun: with its handlers, and nobody else's.
    pub(super) fn doubtful(&self) -> Arc<Self> {
        Self::starting(&self.thread, Claim { begun_here: false, ..self.claim.clone() })
    }

    /// The turn has an id, and nobody gets its events yet.
    pub(super) fn named(&self, turn: &str) {
        lock(&self.known).turn = Some(turn.to_owned());
    }

    /// The turn has an id.
    pub(super) fn is(&self, turn: &str, sink: &Arc<dyn TurnSink>) {
        let mut known = lock(&self.known);
        known.turn = Some(turn.to_owned());
        let sink_of = Arc::downgrade(sink);
        known.sinks.retain(|known| known.strong_count() > 0 && !known.ptr_eq(&sink_of));
        known.sinks.push(sink_of);
        if known.occupied > 0 {
            sink.occupied(true);
        }
    }

    /// The thread of the turn: not of its sub-agents.
    pub fn thread(&self) -> &str {
        &self.thread
    }

    /// The turn's own handlers.
    pub fn handlers(&self) -> Option<Arc<dyn Handlers>> {
        self.claim.handlers.clone()
    }

    /// Those of its thread, as it was begun.
    pub fn thread_handlers(&self) -> Option<Arc<dyn Handlers>> {
        self.claim.thread_handlers.clone()
    }

    /// Where the call was made that began the turn, or went on with it.
    pub fn context(&self) -> Option<CallContext> {
        lock(&self.context).clone()
    }

    /// The turn goes on by another call.
    pub(super) fn continued(&self, context: CallContext) {
        *lock(&self.context) = Some(context);
    }

    /// Whether the turn was begun here.
    pub fn begun_here(&self) -> bool {
        self.claim.begun_here
    }

    /// The turn's id, once it is known.
    pub fn turn(&self) -> Option<String> {
        lock(&self.known).turn.clone()
    }

    pub(super) fn is_turn(&self, turn: &str) -> bool {
        lock(&self.known).turn.as_deref() == Some(turn)
    }

    /// Where the turn's events go, while that is there.
    pub fn sink(&self) -> Option<Arc<dyn TurnSink>> {
        self.sinks().pop()
    }

    /// All who follow the turn, the latest last.
    pub(super) fn sinks(&self) -> Vec<Arc<dyn TurnSink>> {
        lock(&self.known).sinks.iter().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn ended(&self) {
        self.over.cancel();
    }

    /// Whether the turn has ended here, or has never come to be.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Waits until it has.
    pub async fn over(&self) {
        self.over.cancelled().await;
    }

    /// A handler of this program runs for the turn, until what this gives is dropped: the turn is not silent then.
    pub fn occupy(self: &Arc<Self>) -> Occupied {
        self.count(1);
        Occupied(Arc::clone(self))
    }

    fn count(&self, by: isize) {
        let mut known = lock(&self.known);
        let before = known.occupied;
        known.occupied = before.saturating_add_signed(by);
        let is = known.occupied > 0;
        if (before > 0) != is {
            // Under the lock: they must not overtake one another.
            for sink in known.sinks.iter().filter_map(Weak::upgrade) {
                sink.occupied(is);
            }
        }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.count(-1);
    }
}

/// Whose a request from the server is.
#[derive(Clone, Default)]
pub struct Whose {
    /// The turn that it is for, one of another client among them.
    pub owner: Option<Arc<Owner>>,
    /// The turn that its thread is at: of the owner is not known which it is before its start is answered.
    pub running: Option<String>,
    /// Whether this client answers for it, come what may: it began the turn, or the thread, in which no turn runs.
    pub ours: bool,
    /// Whether it may yet turn out to be for a turn that runs, or is being started.
    pub unsettled: bool,
}
