//! A turn that the server has accepted, and what its holder can do with it. What its events mean is known in `turn/`.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Error;
use crate::api::core::Core;
use crate::api::thread::Thread;
use crate::api::turn::interrupt::{abort, interrupt};
use crate::api::turn::watch::watch_silence;
use crate::options::{Input, Placed, SteerSettings};
use crate::rpc::{CallOptions, Connection};
use crate::source::{Next, Source, Waker};
use crate::turn::{
    Batch, Continuation, EventReader, ReaderKind, ResultWaiter, TurnResult, TurnState, TurnStatus, View,
};

/// A turn that the server has accepted: control, events, result.
pub struct Turn {
    thread: Thread,
    connection: Arc<Connection>,
    view: View,
}

impl Turn {
    pub(crate) fn new(thread: Thread, connection: Arc<Connection>, state: Arc<TurnState>) -> Self {
        Self { thread: thread.guest(), connection, view: View::new(state) }
    }

    /// A turn of which nobody here reads more than how it ends.
    pub(crate) fn unread(thread: &Thread, connection: Arc<Connection>, state: Arc<TurnState>) -> Self {
        Self { thread: thread.guest(), connection, view: View::of_the_end(state) }
    }

    /// The turn again, for readers that begin after a number of events; none where those after it are not here.
    pub(crate) fn after(
        thread: Thread,
        connection: Arc<Connection>,
        state: Arc<TurnState>,
        events: u64,
    ) -> Option<Self> {
        Some(Self { thread, connection, view: View::after(state, events)? })
    }

    /// Aborts the turn when it is told to before the turn ends.
    pub(crate) fn aborted_by(&self, cancel: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        let (connection, state) = (Arc::clone(&self.connection), Arc::clone(self.state()));
        async move {
            tokio::select! {
                _ = state.ended() => {}
                () = cancel.cancelled() => abort(connection, state).await,
            }
        }
    }

    /// Waits for the end of the turn, whoever follows it.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let state = Arc::clone(self.state());
        async move { drop(state.ended().await) }
    }

    /// Gives the turn up to this handle when it is silent for too long.
    pub(crate) fn watch_silence(&self, limit: Duration) {
        let core = &self.thread.core;
        let watch = watch_silence(Arc::downgrade(core), Arc::clone(self.state()), self.view.stalled(), limit);
        core.services.runtime.spawn(watch);
    }

    /// Where a reader that has not begun stands; the turn can be continued from there.
    pub fn continuation(&self) -> Continuation {
        self.thread.core.keep(self.state());
        self.view.continuation()
    }

    /// What tells it from all other turns of this process while anybody holds it.
    pub fn key(&self) -> usize {
        Arc::as_ptr(self.state()) as usize
    }

    /// How far it is, in the server's word.
    pub fn status(&self) -> String {
        let word = match self.state().end().map(|end| end.outcome) {
            None => TurnStatus::InProgress,
            Some(Ok(result)) => result.status.clone(),
            Some(Err(Error::TurnFailed(_))) => TurnStatus::Failed,
            Some(Err(Error::Aborted { .. })) => TurnStatus::Interrupted,
            Some(Err(_)) => TurnStatus::Other("lost".to_owned()),
        };
        word.word().to_owned()
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.view.state().turn_id
    }

    /// The id of its thread.
    pub fn thread_id(&self) -> &str {
        &self.view.state().thread_id
    }

    /// A reader of its own, from the turn's first event.
    pub fn reader(&self, kind: ReaderKind) -> TurnReader {
        self.read_by(self.view.reader(kind))
    }

    /// The same for what came after the event of a number.
    pub fn reader_after(&self, kind: ReaderKind, seq: u64) -> Result<TurnReader, Error> {
        // None of them is forgotten while this is held, but those before a continuation.
        let reader = self.view.reader_after(kind, seq).ok_or_else(|| {
            let (id, events) = (self.id(), self.view.events());
            Error::InvalidArgument(if seq > events {
                format!("options.after: turn {id} has {events} events so far, none with the number {seq}")
            } else {
                format!("options.after: what came after event {seq} of turn {id} is not kept any more")
            })
        })?;
        Ok(self.read_by(reader))
    }

    /// How many bytes of memory the events take that are kept for readers.
    pub fn kept_bytes(&self) -> usize {
        self.view.bytes()
    }

    fn read_by(&self, reader: EventReader) -> TurnReader {
        TurnReader {
            reader,
            state: Arc::clone(self.state()),
            connection: Arc::clone(&self.connection),
            core: Arc::downgrade(&self.thread.core),
        }
    }

    /// Counts as somebody who waits for the result, from now until it is dropped.
    pub fn wait(&self) -> ResultWaiter {
        self.view.waiting()
    }

    /// A reader of what the turn's sub-agents do, from their first event.
    pub fn agents_reader(&self) -> EventReader {
        self.view.agents_reader()
    }

    /// Waits for the result; a failed turn is an error.
    pub async fn result(&self, waiting: ResultWaiter) -> Result<Arc<TurnResult>, Error> {
        self.view.result(waiting).await
    }

    /// Adds input to the running turn. Wire: `turn/steer`.
    pub async fn steer(&self, input: Input) -> Result<(), Error> {
        self.steer_with(input, &SteerSettings::default()).await
    }

    /// The same with what goes beside the input.
    pub async fn steer_with(&self, input: Input, settings: &SteerSettings) -> Result<(), Error> {
        settings.check()?;
        let items = input.placed(self.thread.core.place())?.steer_items()?;
        let state = self.view.state();
        let name = settings.client_user_message_id.clone().flatten();
        let under_way = name.as_deref().map(|name| self.thread.shared.under_way.expect(name));
        let mut phase = state.phase();
        // Before it has started the server knows of no turn to steer.
        let started = phase.wait_for(|phase| phase.started || phase.ended);
        let options = self.thread.call_options();
        let _ = tokio::time::timeout(options.timeout, started).await;
        let mut params = settings.wire();
        params.insert("threadId".to_owned(), json!(state.thread_id));
        params.insert("expectedTurnId".to_owned(), json!(state.running_id()));
        params.insert("input".to_owned(), json!(items));
        let params = Value::Object(params).to_string();
        // Given again it would be said twice.
        let options = CallOptions { indeterminate: true, ..options };
        let answer = self.connection.request("turn/steer", Some(&params), options).answer().await;
        if let (Some(name), Ok(_)) = (&name, &answer) {
            self.thread.shared.takes_input(name, state);
        }
        if let Some(under_way) = under_way {
            under_way.answered(&answer);
        }
        answer.map(drop)
    }

    /// Ends the turn, and waits until it has. Commands that it left running go on unless they are to be ended too.
    /// Wire: `turn/interrupt`, `thread/backgroundTerminals/clean`.
    pub async fn interrupt(&self, terminate_commands: bool) -> Result<(), Error> {
        let span = self.thread.core.services.span.clone();
        interrupt(&self.connection, self.view.state()).instrument(span).await?;
        if terminate_commands {
            let params = json!({ "threadId": self.thread_id() }).to_string();
            let options = self.thread.call_options();
            let method = "thread/backgroundTerminals/clean";
            self.connection.request(method, Some(&params), options).answer().await?;
        }
        Ok(())
    }

    /// Its thread.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    pub(crate) fn state(&self) -> &Arc<TurnState> {
        self.view.state()
    }
}

/// A reader of a turn.
pub struct TurnReader {
    reader: EventReader,
    state: Arc<TurnState>,
    connection: Arc<Connection>,
    core: Weak<Core>,
}

impl TurnReader {
    /// Where the reader stands whose user has handled this many of the last batch; the turn can be continued from
    /// there.
    pub fn continuation(&self, taken: usize) -> Continuation {
        if let Some(core) = self.core.upgrade() {
            core.keep(&self.state);
        }
        self.reader.continuation(taken)
    }

    /// Leaves. If nobody else reads the turn or waits for it, it is interrupted, unless it is to be left running.
    pub async fn leave(&self, leave_running: bool) -> Result<(), Error> {
        if !self.reader.is_over()
            && let Some(core) = self.core.upgrade()
        {
            // Whoever broke off may ask where it stood.
            core.keep(&self.state);
        }
        let last = self.reader.close() && self.state.is_abandoned();
        if last && !leave_running && self.state.end().is_none() {
            return interrupt(&self.connection, &self.state).await;
        }
        Ok(())
    }
}

impl Source for TurnReader {
    type Batch = Batch;
    type Error = Error;

    fn is_free(&self) -> bool {
        self.reader.is_free()
    }

    fn wait_until_free(&self) {
        self.reader.wait_until_free();
    }

    fn poll(&self, waker: Option<Waker>) -> Next<Batch> {
        self.reader.poll(waker)
    }
}
