use std::sync::{Arc, OnceLock};

use serde_json::json;

use super::interrupt::interrupt;
use super::thread::Thread;
use crate::Error;
use crate::options::Input;
use crate::rpc::Connection;
use crate::turn::{EventReader, ReaderKind, TurnResult, TurnState, View, Waiting};

/// A turn that the server has accepted: control, events, result.
pub struct Turn {
    thread: Thread,
    connection: Arc<Connection>,
    view: View,
}

impl Turn {
    pub(super) fn new(thread: Thread, connection: Arc<Connection>, state: Arc<TurnState>) -> Self {
        Self { thread, connection, view: View::new(state) }
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
        let reader = self.view.reader(kind);
        TurnReader { reader, connection: Arc::clone(&self.connection) }
    }

    /// Counts as somebody who waits for the result, from now until it is dropped.
    pub fn wait(&self) -> Waiting {
        self.view.waiting()
    }

    /// Waits for the result; a failed turn is an error.
    pub async fn result(&self, waiting: Waiting) -> Result<Arc<TurnResult>, Error> {
        self.view.result(waiting).await
    }

    /// Adds input to the running turn. Wire: `turn/steer`.
    pub async fn steer(&self, input: Input) -> Result<(), Error> {
        let items = input.steer_items()?;
        let state = self.view.state();
        let mut phase = state.phase();
        // Before it has started the server knows of no turn to steer.
        let started = phase.wait_for(|phase| phase.started || phase.ended);
        let options = self.thread.call_options();
        let _ = tokio::time::timeout(options.timeout, started).await;
        let params = json!({ "threadId": state.thread_id, "expectedTurnId": state.turn_id, "input": items });
        self.connection.request("turn/steer", Some(&params.to_string()), options).answer().await.map(drop)
    }

    /// Ends the turn, and waits until it has. Wire: `turn/interrupt`.
    pub async fn interrupt(&self) -> Result<(), Error> {
        interrupt(&self.connection, self.view.state()).await
    }

    pub(super) fn thread(&self) -> &Thread {
        &self.thread
    }

    pub(super) fn state(&self) -> &Arc<TurnState> {
        self.view.state()
    }

    pub(super) fn stalled(&self) -> Arc<OnceLock<Error>> {
        self.view.stalled()
    }
}

/// A reader of a turn.
pub struct TurnReader {
    reader: EventReader,
    connection: Arc<Connection>,
}

impl TurnReader {
    /// The reader itself.
    pub fn events(&self) -> &EventReader {
        &self.reader
    }

    /// Leaves. If nobody else reads the turn or waits for it, it is interrupted, unless it is to be left running.
    pub async fn leave(&self, leave_running: bool) -> Result<(), Error> {
        let last = self.reader.close();
        if last && !leave_running && self.reader.state().end().is_none() {
            return interrupt(&self.connection, self.reader.state()).await;
        }
        Ok(())
    }
}
