use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::codex::Core;
use super::error::ExecError;
use super::options::{ExecInput, ExecThreadSettings, ExecTurnSettings};
use super::run::Run;
use super::state::{RunReader, RunState};
use super::usage::Usage;
use crate::{Error, lock};

/// A place in the queue of a thread's turns.
pub(super) type Place = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A conversation: its turns run one after the other, each as one `codex exec`.
#[derive(Clone)]
pub struct Thread {
    core: Arc<Core>,
    settings: ExecThreadSettings,
    state: Arc<ThreadState>,
}

/// What a thread learns from its turns.
pub(super) struct ThreadState {
    id: Mutex<Option<String>>,
    /// The usage of all turns so far, where it is known.
    total: Mutex<Option<Usage>>,
    turns: Arc<Semaphore>,
}

impl Thread {
    pub(super) fn new(core: Arc<Core>, settings: ExecThreadSettings, state: Arc<ThreadState>) -> Self {
        Self { core, settings, state }
    }

    /// The id, once codex has said it.
    pub fn id(&self) -> Option<String> {
        self.state.id()
    }

    /// Runs one turn and gives its result as JSON text. It has its place in the thread's queue when this returns.
    pub fn run(
        &self,
        input: ExecInput,
        settings: ExecTurnSettings,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = Result<String, ExecError>> + Send + 'static, Error> {
        settings.check()?;
        let state = RunState::new(Arc::clone(&self.state), self.core.secrets.clone(), false);
        self.start(input, settings, cancel, Arc::clone(&state));
        Ok(async move { state.result().await })
    }

    /// One turn as its events. It begins, and takes its place in the thread's queue, when the first is asked for.
    pub fn stream(
        &self,
        input: ExecInput,
        settings: ExecTurnSettings,
        cancel: CancellationToken,
    ) -> Result<RunReader, Error> {
        settings.check()?;
        let state = RunState::new(Arc::clone(&self.state), self.core.secrets.clone(), true);
        let (thread, token, started) = (self.clone(), cancel.clone(), Arc::clone(&state));
        let start = move || thread.start(input, settings, token, started);
        Ok(RunReader::new(state, cancel, Box::new(start)))
    }

    fn start(
        &self,
        input: ExecInput,
        turn: ExecTurnSettings,
        cancel: CancellationToken,
        state: Arc<RunState>,
    ) {
        let run = Run {
            core: Arc::clone(&self.core),
            thread: Arc::clone(&self.state),
            settings: self.settings.clone(),
            turn,
            input,
            cancel,
            state: Arc::clone(&state),
        };
        let place = self.state.place();
        let runtime = &self.core.host.runtime;
        let task = runtime.spawn(run.drive(place));
        // A panic of this library must end the turn as well.
        runtime.spawn(async move { state.finish(task.await.unwrap_or_else(|error| Err(error.into()))) });
    }
}

impl ThreadState {
    pub(super) fn fresh() -> Arc<Self> {
        Self::new(None, Some(Usage::default()))
    }

    pub(super) fn resumed(id: &str) -> Arc<Self> {
        Self::new(Some(id.to_owned()), None)
    }

    fn new(id: Option<String>, total: Option<Usage>) -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(1));
        Arc::new(Self { id: Mutex::new(id), total: Mutex::new(total), turns })
    }

    pub(super) fn id(&self) -> Option<String> {
        lock(&self.id).clone()
    }

    pub(super) fn set_id(&self, id: &str) {
        *lock(&self.id) = Some(id.to_owned());
    }

    /// Takes the new total, and gives what came since the one before.
    pub(super) fn add_usage(&self, total: Usage) -> Option<Usage> {
        let before = lock(&self.total).replace(total)?;
        total.since(before)
    }

    /// A turn ended without saying what it used, so of the next one only the total will be known.
    pub(super) fn lose_usage(&self) {
        // As long as the thread has not begun, nothing was used.
        if self.id().is_some() {
            *lock(&self.total) = None;
        }
    }

    fn place(&self) -> Place {
        let mut place: Place = Box::pin(Arc::clone(&self.turns).acquire_owned());
        // The first poll takes the place.
        match place.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Box::pin(std::future::ready(permit)),
            Poll::Pending => place,
        }
    }
}
