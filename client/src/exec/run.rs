use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::arguments::Arguments;
use super::codex::Core;
use super::error::ExecError;
use super::events::Lines;
use super::files::{self, RunFile};
use super::options::{ExecInput, ExecThreadSettings, ExecTurnSettings, given};
use super::state::RunState;
use super::thread::{Place, ThreadState};
use crate::Error;
use crate::process::{
    Environment, Exit, FindOptions, HOME, Lifeline, Process, SpawnOptions, Spawned, find_codex,
};
use crate::transport::read_lines;

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
const READING_PROMPT: &str = "Reading prompt from stdin...";
const PROFILE_PREFIX: &str = "codex-node-secrets-";
const PROFILE_SUFFIX: &str = ".config.toml";

/// One turn: one `codex exec`, from its place in the queue to its end.
pub(super) struct Run {
    pub(super) core: Arc<Core>,
    pub(super) thread: Arc<ThreadState>,
    pub(super) settings: ExecThreadSettings,
    pub(super) turn: ExecTurnSettings,
    pub(super) input: ExecInput,
    pub(super) cancel: CancellationToken,
    pub(super) state: Arc<RunState>,
}

/// What was started.
struct Running {
    process: Process,
    reading: JoinHandle<()>,
    _lifeline: Option<Lifeline>,
    /// They go with the run.
    files: Vec<RunFile>,
}

impl Run {
    pub(super) async fn drive(self, place: Place) -> Result<(), ExecError> {
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
                let _ = timeout(DRAIN_LIMIT, &mut running.reading).await;
                if !over.is_cancelled() {
                    running.reading.abort();
                    return Err(exited(&exit).into());
                }
            }
            _ = &mut running.reading => {
                if !over.is_cancelled() {
                    // Nothing can come any more; how it exits says why.
                    let exit = match timeout(DRAIN_GRACE, exit.exited()).await {
                        Ok(exit) => exit,
                        Err(_) => running.process.end(Duration::ZERO).await,
                    };
                    return Err(exited(&exit).into());
                }
            }
        }
        running.settle(permit).await;
        Ok(())
    }

    async fn spawn(&self) -> Result<Running, Error> {
        let settings = &self.core.settings;
        let mut environment =
            Environment::new(settings.env.as_ref().unwrap_or(&BTreeMap::new()), settings.env.is_none());
        if environment.get(ORIGINATOR_VARIABLE).is_none_or(OsStr::is_empty) {
            environment.set(ORIGINATOR_VARIABLE.as_ref(), ORIGINATOR.into());
        }
        if let Some(key) = given(&settings.api_key) {
            environment.set("CODEX_API_KEY".as_ref(), key.into());
        }
        if let Some(folder) = given(&self.settings.working_directory)
            && !Path::new(folder).is_dir()
        {
            return Err(Error::Spawn(format!(
                "options.workingDirectory: {folder} is not a folder; create it or name another"
            )));
        }
        let codex_path = given(&settings.codex_path_override)
            .map(|path| ("codexPathOverride", path))
            .or(given(&settings.codex_path).map(|path| ("codexPath", path)));
        let executable = find_codex(&FindOptions {
            codex_path: codex_path.map(|(name, path)| (name, Path::new(path))),
            environment: &environment,
            search_from: &self.core.host.search_from,
        })?;
        let schema = self.turn.output_schema.as_ref();
        let schema = schema
            .map(|schema| RunFile::new(&std::env::temp_dir(), "codex-output-schema-", ".json", schema.get()))
            .transpose()?;
        let (images, copies) = self.images()?;
        let secrets = self.secret_file(&environment)?;
        let profile = secrets.as_ref().and_then(|file| file.path().file_name()?.to_str());
        let thread_id = self.thread.id();
        let arguments = Arguments {
            config: &self.core.config.arguments,
            overrides: settings.config_overrides.as_deref().unwrap_or_default(),
            base_url: given(&settings.base_url),
            profile: profile.and_then(|name| name.strip_suffix(PROFILE_SUFFIX)),
            thread: &self.settings,
            thread_id: thread_id.as_deref(),
            output_schema: schema.as_ref().map(RunFile::path),
            cyber_access_program: given(&self.turn.cyber_access_program),
            images: &images,
        };
        let mut lifeline = Lifeline::new(secrets.as_ref().map(RunFile::path));
        let Spawned { process, stdin, stdout } = Process::spawn(SpawnOptions {
            executable,
            arguments: arguments.list(),
            cwd: None,
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
        let mut lines = Lines(Arc::clone(&self.state));
        let exit = process.exit_watch();
        let given_up = Box::pin(async move {
            exit.exited().await;
            sleep(DRAIN_GRACE).await;
        });
        let output = Output { stdout, given_up };
        let reading = tokio::spawn(async move {
            if let Err(error) = read_lines(output, &mut lines).await {
                tracing::warn!(%error, "reading from codex failed");
            }
        });
        Ok(Running {
            process,
            reading,
            _lifeline: lifeline,
            files: schema.into_iter().chain(copies).collect(),
        })
    }

    /// The paths of the images, and the copies that are among them: codex takes a comma for the end of a path.
    fn images(&self) -> Result<(Vec<PathBuf>, Vec<RunFile>), Error> {
        let (mut paths, mut copies) = (Vec::new(), Vec::new());
        for path in &self.input.images {
            if path.contains(',') {
                let copy = RunFile::copy(Path::new(path), &std::env::temp_dir(), "codex-image-")?;
                paths.push(copy.path().to_path_buf());
                copies.push(copy);
            } else {
                paths.push(path.into());
            }
        }
        Ok((paths, copies))
    }

    /// The secrets of `config`, where codex looks for a profile. Neither the argument list nor the environment shows
    /// them then, and the file is gone before the agent runs its first command.
    fn secret_file(&self, environment: &Environment) -> Result<Option<RunFile>, Error> {
        let toml = &self.core.config.file;
        if toml.is_empty() {
            return Ok(None);
        }
        let Some(home) = environment.codex_home() else {
            return Err(Error::Spawn(format!(
                "options.config holds what is secret or long, which codex gets by a file in its home, and options.env \
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
            return;
        }
        self.files.clear();
        tokio::spawn(async move {
            if timeout(LINGER_GRACE, exit.exited()).await.is_err() {
                tracing::warn!(
                    pid = self.process.pid(),
                    "codex exec did not exit after its turn; it is ended"
                );
                self.process.end(Duration::ZERO).await;
            }
            self.reading.abort();
            drop(permit);
        });
    }
}

/// What codex writes. It ends some time after codex has, but never while there is something to read: reading may take
/// longer than that.
struct Output {
    stdout: ChildStdout,
    given_up: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match Pin::new(&mut self.stdout).poll_read(context, buffer) {
            Poll::Pending => self.given_up.as_mut().poll(context).map(Ok),
            ready => ready,
        }
    }
}

/// Gives the prompt. A codex that does not read it, or is gone, says why by its exit.
async fn write(mut stdin: ChildStdin, prompt: String, ending: CancellationToken) {
    let writing = async {
        stdin.write_all(prompt.as_bytes()).await?;
        stdin.shutdown().await
    };
    tokio::select! {
        written = writing => {
            if let Err(error) = written {
                tracing::debug!(%error, "writing the prompt failed");
            }
        }
        () = ending.cancelled() => {}
    }
}

fn exited(exit: &Exit) -> Error {
    let how = match (&exit.signal, exit.code) {
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, Some(0)) => "exited with code 0 before the turn was completed".to_owned(),
        (None, Some(code)) => format!("exited with code {code}"),
        (None, None) => "ended".to_owned(),
    };
    // The first line of every run says nothing.
    let lines: Vec<&str> = exit.stderr.lines().filter(|line| *line != READING_PROMPT).collect();
    let colon = if lines.is_empty() { "" } else { ": " };
    Error::ServerExited {
        message: format!("codex exec {how}{colon}{}", lines.join("\n")),
        code: exit.code,
        signal: exit.signal.clone(),
        stderr: exit.stderr.clone(),
    }
}
