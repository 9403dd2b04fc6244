//! One turn: one `codex exec`.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::arguments::Arguments;
use super::core::Core;
use super::error::ExecError;
use super::files::{self, RunFile, RunFolder};
use super::options::{ExecInput, ExecThreadSettings, ExecTurnSettings, Image, given};
use super::pipes::{Lines, Output, write};
use super::state::RunState;
use super::thread_id;
use super::thread_state::{QueueSlot, ThreadState};
use crate::Error;
use crate::error::{IN_USE, is_in_use};
use crate::process::{
    Environment, Executable, Exit, HOME, Launch, Lifeline, Process, SpawnOptions, Spawned, Surroundings,
    ask_version, check_version,
};
use crate::trace::{self, Trace};
use crate::transport::{Answered, Bounded, DEFAULT_MESSAGE_BYTES, TooMuch, read_lines};

/// How long more is waited for after the end of codex: another process may hold its stdout open.
const DRAIN_GRACE: Duration = Duration::from_millis(1_000);
/// How long what is there is read after its end: another process may go on writing.
const DRAIN_LIMIT: Duration = Duration::from_secs(15);
/// How long the end of codex is waited for when the turn is over. It has yet to put the thread away.
const SETTLE_GRACE: Duration = Duration::from_millis(1_000);
/// How long it may go on after that, while nobody waits for it but the next turn of the thread.
const LINGER_GRACE: Duration = Duration::from_secs(5);

const ORIGINATOR_VARIABLE: &str = "CODEX_INTERNAL_ORIGINATOR_OVERRIDE";
const ORIGINATOR: &str = "codex-node";
/// What codex says of the id of a thread that it does not have.
const NO_THREAD: &str = "no rollout found for thread id";
const PROFILE_PREFIX: &str = "codex-node-secrets-";
const PROFILE_SUFFIX: &str = ".config.toml";

/// One turn: one `codex exec`, from its place in the queue to its end.
pub(super) struct Run {
    pub(super) core: Arc<Core>,
    pub(super) thread: Arc<ThreadState>,
    pub(super) settings: ExecThreadSettings,
    pub(super) turn: ExecTurnSettings,
    pub(super) input: ExecInput,
    /// Of the call that asked for the turn.
    pub(super) surroundings: Surroundings,
    pub(super) cancel: CancellationToken,
    pub(super) state: Arc<RunState>,
}

/// What was started.
struct Running {
    process: Process,
    /// Gives why it ended, where that was too much.
    reading: JoinHandle<Option<Error>>,
    _lifeline: Option<Lifeline>,
    /// It goes with the run.
    folder: Option<RunFolder>,
    /// What Windows may not let go of before codex has ended.
    paths: Vec<PathBuf>,
}

impl Run {
    pub(super) async fn drive(self, place: QueueSlot) -> Result<(), ExecError> {
        let permit = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(ExecError::Aborted { result: None }),
            permit = place => permit.map_err(|_| Error::Closed("the thread is gone".to_owned()))?,
        };
        let mut running = self.spawn().await?;
        let over = &self.state.turn_over;
        let exit = running.process.exit_watch();
        tokio::select! {
            biased;
            () = over.cancelled() => {}
            () = self.cancel.cancelled() => {
                running.process.end(Duration::ZERO).await;
                running.reading.abort();
                return Err(ExecError::Aborted { result: None });
            }
            exit = exit.exited() => {
                self.read_out(&mut running).await?;
                if !over.is_cancelled() {
                    running.reading.abort();
                    return Err(self.exited(&exit).await);
                }
            }
            read = &mut running.reading => {
                if let Ok(Some(error)) = read {
                    running.process.end(Duration::ZERO).await;
                    return Err(error.into());
                }
                if !over.is_cancelled() {
                    // Nothing can come any more; how it exits says why.
                    let exit = match timeout(DRAIN_GRACE, exit.exited()).await {
                        Ok(exit) => exit,
                        Err(_) => running.process.end(Duration::ZERO).await,
                    };
                    return Err(self.exited(&exit).await);
                }
            }
        }
        if let Some((error, instead)) = self.state.not_found() {
            // Before it does anything for a thread that nobody asked for.
            running.process.kill().await;
            running.reading.abort();
            if let Some(home) = self.core.environment(&self.surroundings).codex_home() {
                thread_id::remove_stored(&self.surroundings.absolute(&home), &instead);
            }
            return Err(error);
        }
        running.settle(permit).await;
        Ok(())
    }

    /// Reads what a codex that has ended has left, however slow the reader is.
    async fn read_out(&self, running: &mut Running) -> Result<(), ExecError> {
        self.state.was_full();
        loop {
            tokio::select! {
                biased;
                // Its end may be that nobody read on.
                read = &mut running.reading => {
                    return match read {
                        Ok(Some(error)) => Err(error.into()),
                        _ => Ok(()),
                    };
                }
                () = self.cancel.cancelled() => {
                    running.reading.abort();
                    return Err(ExecError::Aborted { result: None });
                }
                () = sleep(DRAIN_LIMIT) => {
                    if !self.state.was_full() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// How codex ended before the turn was over.
    async fn exited(&self, exit: &Exit) -> ExecError {
        if exit.code.is_some_and(|code| code != 0)
            && let Err(error) = self.check_version(&exit.path).await
        {
            return error.into();
        }
        match self.thread.id() {
            Some(thread_id) if exit.stderr.contains(NO_THREAD) => {
                let message = format!("there is no thread {thread_id} in this home of codex");
                ExecError::ThreadNotFound { message, thread_id }
            }
            Some(thread_id) if is_in_use(&exit.stderr) => {
                let message = format!("thread {thread_id} can't be resumed: {IN_USE}");
                ExecError::ThreadInUse { message, thread_id }
            }
            _ => exited(exit).into(),
        }
    }

    /// Says of a codex that failed that it is too old, if it is: it need not know what it was asked.
    async fn check_version(&self, path: &str) -> Result<(), Error> {
        if !self.core.settings.prefix().is_empty() {
            return Ok(());
        }
        let environment = self.core.environment(&self.surroundings);
        match ask_version(Path::new(path), &environment).await {
            Some(version) => check_version(&version, path),
            None => Ok(()),
        }
    }

    async fn spawn(&self) -> Result<Running, Error> {
        let settings = &self.core.settings;
        let mut environment = self.core.environment(&self.surroundings);
        if environment.get(ORIGINATOR_VARIABLE).is_none_or(OsStr::is_empty) {
            environment.set(ORIGINATOR_VARIABLE.as_ref(), ORIGINATOR.into());
        }
        if let Some(key) = given(&settings.api_key) {
            // What was read from a file ends in a newline.
            environment.set("CODEX_API_KEY".as_ref(), key.trim().into());
        }
        if let Some(Trace { traceparent, tracestate }) = trace::current() {
            environment.set("TRACEPARENT".as_ref(), traceparent.as_ref().into());
            // One that is left from elsewhere belongs to another trace.
            environment.set("TRACESTATE".as_ref(), tracestate.as_deref().unwrap_or_default().into());
        }
        let codex_path = given(&settings.codex_path_override)
            .map(|path| ("codexPathOverride", path))
            .or(given(&settings.codex_path).map(|path| ("codexPath", path)));
        let launch = Launch {
            surroundings: &self.surroundings,
            environment: &environment,
            codex_path,
            folder: given(&self.settings.working_directory).map(|folder| ("workingDirectory", folder)),
            search_from: &self.core.host.search_from,
        };
        let (executable, before) = self.program(&launch)?;
        let mut folder = RunFolder::new(self.surroundings.temporary_folder());
        let schema = self.turn.output_schema.as_ref();
        let schema =
            schema.map(|schema| folder.write("codex-output-schema-", ".json", schema.get())).transpose()?;
        let images = self.images(&mut folder)?;
        let secrets = self.secret_file(&environment)?;
        let profile = secrets.as_ref().and_then(|file| file.path().file_name()?.to_str());
        let thread_id = self.thread.id();
        self.state.asks(thread_id.clone());
        let arguments = Arguments {
            config: &self.core.config.arguments,
            overrides: settings.config_overrides.as_deref().unwrap_or_default(),
            base_url: given(&settings.base_url),
            profile: profile.and_then(|name| name.strip_suffix(PROFILE_SUFFIX)),
            thread: &self.settings,
            thread_id: thread_id.as_deref(),
            output_schema: schema.as_deref(),
            cyber_access_program: given(&self.turn.cyber_access_program),
            images: &images,
            extra: settings.extra_args.as_deref().unwrap_or_default(),
            surroundings: &self.surroundings,
        };
        let paths: Vec<PathBuf> = secrets
            .as_ref()
            .map(RunFile::path)
            .into_iter()
            .chain(folder.path())
            .map(Path::to_owned)
            .collect();
        let mut lifeline = Lifeline::new(&paths);
        let path = executable.path.display().to_string();
        let Spawned { process, stdin, stdout } = Process::spawn(SpawnOptions {
            executable,
            arguments: before.into_iter().chain(arguments.list()).collect(),
            cwd: self.surroundings.folder.clone(),
            environment,
            secrets: self.core.secrets.clone(),
        })?;
        // The end of its input does not end it.
        process.input_over();
        if let Some(lifeline) = &mut lifeline {
            lifeline.hold(process.pid()).await;
        }
        self.state.begun(secrets);
        tokio::spawn(write(stdin, self.input.prompt.clone(), process.ending()));
        let answered = Answered::default();
        let mut lines = Lines(Arc::clone(&self.state), answered.clone());
        let exit = process.exit_watch();
        let given_up = Box::pin(async move {
            exit.exited().await;
            sleep(DRAIN_GRACE).await;
        });
        let output = Output { stdout, given_up, state: Arc::clone(&self.state) };
        let reading = tokio::spawn(async move {
            let output = Bounded::new(output, answered);
            let error = read_lines(output, DEFAULT_MESSAGE_BYTES, &mut lines).await.err()?;
            tracing::warn!(%error, "reading from codex failed");
            Some(match TooMuch::of(&error)? {
                TooMuch::BeforeAnswer(bytes) => {
                    let why = format!("it wrote more than {bytes} bytes and no event; is it codex?");
                    Error::Start { message: format!("{path} was started, but {why}"), path }
                }
                too_much @ TooMuch::InMessage(_) => Error::Lost(format!("codex exec was ended: {too_much}")),
            })
        });
        Ok(Running { process, reading, _lifeline: lifeline, folder: Some(folder), paths })
    }

    /// The program to start, and what stands between it and the arguments of codex.
    fn program(&self, launch: &Launch<'_>) -> Result<(Executable, Vec<OsString>), Error> {
        let Some((program, rest)) = self.core.settings.prefix().split_first() else {
            return Ok((launch.locate(false)?, Vec::new()));
        };
        let mut before: Vec<OsString> = rest.iter().map(OsString::from).collect();
        let path_folder = match launch.codex_path {
            // It is named as the command in front sees it, which may be elsewhere.
            Some((_, path)) => {
                before.push(path.into());
                None
            }
            None => {
                let found = launch.locate(false)?;
                before.push(found.path.into_os_string());
                found.path_folder
            }
        };
        let is_path = Path::new(program).components().count() > 1;
        let path = if is_path { self.surroundings.absolute(Path::new(program)) } else { program.into() };
        Ok((Executable { path, path_folder }, before))
    }

    /// The paths of the images. Those with a comma, which codex takes for the end of a path, are copied.
    fn images(&self, folder: &mut RunFolder) -> Result<Vec<PathBuf>, Error> {
        let path = |image: &Image| {
            let path = self.surroundings.absolute(Path::new(&image.path));
            // codex would tell the model, and go on.
            if is_missing(&path) {
                return Err(image.missing());
            }
            // It may be taken from the folder that codex is to work in.
            let shown = match given(&self.settings.working_directory) {
                Some(_) => path.clone(),
                None => PathBuf::from(&image.path),
            };
            match holds_comma(&shown) {
                true => folder.copy(&path, "codex-image-"),
                false => Ok(shown),
            }
        };
        self.input.images.iter().map(path).collect()
    }

    /// What of `config` is secret or long, where codex looks for a profile. Neither the argument list nor the environment shows
    /// them then, and the file is gone before the agent runs its first command.
    fn secret_file(&self, environment: &Environment) -> Result<Option<RunFile>, Error> {
        let toml = &self.core.config.file;
        if toml.is_empty() {
            return Ok(None);
        }
        let Some(home) = environment.codex_home() else {
            return Err(Error::InvalidArgument(format!(
                "options.config: holds what is secret or long, which codex gets by a file in its home, and options.env \
                 says no home; set CODEX_HOME or {HOME} there"
            )));
        };
        // codex makes its own, too. Where that fails, writing the file tells why.
        if environment.get("CODEX_HOME").is_none_or(OsStr::is_empty) {
            let _ = std::fs::create_dir_all(&home);
        }
        // A machine that went down while codex started could not remove its own.
        files::remove_stale(&home, PROFILE_PREFIX, PROFILE_SUFFIX);
        RunFile::new(&home, PROFILE_PREFIX, PROFILE_SUFFIX, toml).map(Some)
    }
}

impl Running {
    /// Waits for the end of a codex whose turn is over. One that does not end goes on for a while, and the thread's
    /// next turn waits for it: both would write the same thread.
    async fn settle(mut self, permit: OwnedSemaphorePermit) {
        let exit = self.process.exit_watch();
        if timeout(SETTLE_GRACE, exit.exited()).await.is_ok() {
            self.reading.abort();
            self.clear();
            return;
        }
        self.folder = None;
        tokio::spawn(async move {
            if timeout(LINGER_GRACE, exit.exited()).await.is_err() {
                tracing::warn!(
                    pid = self.process.pid(),
                    "codex exec did not exit after its turn; it is ended"
                );
                self.process.end(Duration::ZERO).await;
            }
            self.reading.abort();
            self.clear();
            drop(permit);
        });
    }

    fn clear(&mut self) {
        self.folder = None;
        files::remove_again(&self.paths);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Whether codex would take a part of a path for all of it.
fn holds_comma(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().contains(&b',')
}

/// Whether there is no file; what can't be known is not said here.
fn is_missing(path: &Path) -> bool {
    match path.metadata() {
        Ok(metadata) => metadata.is_dir(),
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

fn exited(exit: &Exit) -> Error {
    let stderr = &exit.stderr;
    // Letter for letter as `@openai/codex-sdk` has it: programs look for it.
    let message = match (&exit.signal, exit.code) {
        (Some(signal), _) => format!("Codex Exec exited with signal {signal}: {stderr}"),
        (None, Some(0)) => format!("Codex Exec exited with code 0 before the turn was completed: {stderr}"),
        (None, code) => format!("Codex Exec exited with code {}: {stderr}", code.unwrap_or(1)),
    };
    Error::ServerExited {
        message,
        code: exit.code,
        signal: exit.signal.clone(),
        stderr: exit.stderr.clone(),
        path: exit.path.clone(),
        blames_config: exit.blames_config(),
    }
}
