//! Reads the events of one turn.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::error::ExecError;
use super::state::RunState;
use crate::lock;
use crate::source::{Next, Source, Waker};

/// The events of one turn, read once. The turn begins with the first look.
pub struct RunReader {
    state: Arc<RunState>,
    cancel: CancellationToken,
    start: Mutex<Option<Waker>>,
    is_read: Mutex<bool>,
}

impl RunReader {
    pub(super) fn new(state: Arc<RunState>, cancel: CancellationToken, start: Waker) -> Self {
        Self { state, cancel, start: Mutex::new(Some(start)), is_read: Mutex::new(false) }
    }

    /// Leaves: a turn that still runs is ended, with everything below it.
    pub async fn leave(&self) {
        if lock(&self.start).take().is_some() {
            return;
        }
        self.cancel.cancel();
        // Nobody waits for the next event any more.
        self.state.forget_wakers();
        self.state.done.cancelled().await;
    }

    /// The result as JSON text, once all events were read.
    pub async fn result(&self) -> Result<String, ExecError> {
        if !*lock(&self.is_read) {
            return Err(ExecError::Unread(
                "the result is there once `events` has been read to its end; it was not, or the loop was left early",
            ));
        }
        self.state.result().await
    }
}

impl Source for RunReader {
    /// Texts of JSON, each one event or an array of several.
    type Batch = Vec<String>;
    type Error = ExecError;

    fn poll(&self, waker: Option<Waker>) -> Next<Self::Batch, ExecError> {
        let start = lock(&self.start).take();
        if let Some(start) = start {
            start();
        }
        let next = self.state.poll(waker);
        if matches!(next, Next::End | Next::Failed(_)) {
            *lock(&self.is_read) = true;
        }
        next
    }
}

impl Drop for RunReader {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
