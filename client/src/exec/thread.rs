//! A thread, and how its turns are begun.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::error::ExecError;
use super::options::{ExecInput, ExecThreadSettings, ExecTurnSettings};
use super::reader::RunReader;
use super::run::Run;
use super::state::RunState;
use super::thread_state::ThreadState;
use crate::Error;
use crate::process::Surroundings;
use crate::trace::{self, Onlookers};

/// A conversation: its turns run one after the other, each as one `codex exec`.
#[derive(Clone)]
pub struct Thread {
    core: Arc<Core>,
    settings: ExecThreadSettings,
    state: Arc<ThreadState>,
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
        surroundings: Surroundings,
    ) -> Result<impl Future<Output = Result<String, ExecError>> + Send + 'static, Error> {
        settings.check()?;
        let state =
            RunState::new(Arc::clone(&self.state), self.core.secrets.clone(), &self.core.host.memory, false);
        self.start(input, settings, cancel, (surroundings, trace::onlookers()), Arc::clone(&state));
        Ok(async move { state.result().await })
    }

    /// One turn as its events. It begins, and takes its place in the thread's queue, when the first is asked for.
    pub fn stream(
        &self,
        input: ExecInput,
        settings: ExecTurnSettings,
        cancel: CancellationToken,
        surroundings: Surroundings,
    ) -> Result<RunReader, Error> {
        settings.check()?;
        let state =
            RunState::new(Arc::clone(&self.state), self.core.secrets.clone(), &self.core.host.memory, true);
        let (thread, token, started) = (self.clone(), cancel.clone(), Arc::clone(&state));
        let around = (surroundings, trace::onlookers());
        let start = move || thread.start(input, settings, token, around, started);
        Ok(RunReader::new(state, cancel, Box::new(start)))
    }

    fn start(
        &self,
        input: ExecInput,
        turn: ExecTurnSettings,
        cancel: CancellationToken,
        (surroundings, onlookers): (Surroundings, Onlookers),
        state: Arc<RunState>,
    ) {
        let home = self.core.environment(&surroundings).codex_home();
        let place = self.state.place(home.map(|home| surroundings.absolute(&home)).as_deref());
        let run = Run {
            core: Arc::clone(&self.core),
            thread: Arc::clone(&self.state),
            settings: self.settings.clone(),
            turn,
            input,
            surroundings,
            cancel,
            state: Arc::clone(&state),
        };
        let runtime = &self.core.host.runtime;
        let task = runtime.spawn(trace::within(onlookers, run.drive(place)));
        // A panic of this library must end the turn as well.
        runtime.spawn(async move { state.finish(task.await.unwrap_or_else(|error| Err(error.into()))) });
    }
}
