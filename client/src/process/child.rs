//! A child process: started, watched, and ended with all that it began.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::descendants::{descendants, kill, kill_tree};
use super::stderr::{StderrTail, blames_config};
use super::{Environment, Executable, limits};
use crate::{Error, Secrets, lock};

/// How long a child has after the end of its input before it is told to terminate.
const EOF_GRACE: Duration = Duration::from_millis(2_000);
/// How long a child has after SIGTERM before it is killed.
const TERM_GRACE: Duration = Duration::from_millis(750);
/// How long the end of stderr is waited for: a grandchild may hold it open.
const STDERR_GRACE: Duration = Duration::from_millis(200);
/// The longest grace a child is given, however much it has to put away.
const LONGEST_GRACE: Duration = Duration::from_secs(15);

/// What to start.
#[derive(Debug)]
pub struct SpawnOptions {
    /// The program.
    pub executable: Executable,
    /// Everything after the program's name.
    pub arguments: Vec<OsString>,
    /// Where it runs, else where this process does.
    pub cwd: Option<PathBuf>,
    /// The whole environment.
    pub environment: Environment,
    /// What its stderr must not show when it is passed on.
    pub secrets: Secrets,
}

/// A started child: the process and its two pipes.
pub struct Spawned {
    /// The process.
    pub process: Process,
    /// What it reads. Drop it when [`Process::ending`] is cancelled.
    pub stdin: ChildStdin,
    /// What it writes.
    pub stdout: ChildStdout,
}

/// How a child ended.
#[derive(Debug, Clone, Default)]
pub struct Exit {
    /// Exit code, where it exited by itself.
    pub code: Option<i32>,
    /// Name of the signal that ended it.
    pub signal: Option<String>,
    /// The last lines of its stderr.
    pub stderr: String,
    /// The program.
    pub path: String,
}

impl Exit {
    /// Whether it ended because its configuration does not load.
    pub fn blames_config(&self) -> bool {
        self.code.is_some_and(|code| code != 0) && blames_config(&self.stderr)
    }
}

/// A running child. When the last clone is dropped it is ended as by [`Process::end`].
#[derive(Clone)]
pub struct Process {
    shared: Arc<Shared>,
    _dropped: Arc<tokio_util::sync::DropGuard>,
}

struct Shared {
    pid: u32,
    path: PathBuf,
    /// Cancelled when the child is asked to end, and `ending` once its descendants are known.
    asked: CancellationToken,
    ending: CancellationToken,
    extra_grace: Mutex<Duration>,
    input_over: AtomicBool,
    /// There is nothing that it could put away.
    no_grace: AtomicBool,
    exit: watch::Receiver<Option<Exit>>,
    stderr: Arc<StderrTail>,
}

static RUNNING: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

impl Process {
    /// Starts a child in a session of its own (a job object on Windows), its three pipes open.
    ///
    /// Must be called within a tokio runtime, which goes on watching the child.
    pub fn spawn(options: SpawnOptions) -> Result<Spawned, Error> {
        let SpawnOptions { executable, arguments, cwd, mut environment, secrets } = options;
        if let Some(folder) = &executable.path_folder {
            environment.prepend_path(folder);
        }
        environment.check()?;
        if cfg!(windows) {
            environment.complete(of_this_process);
        }
        secrets.know_environment(environment.iter());
        limits::check(&arguments, &environment)?;
        #[expect(clippy::disallowed_methods, reason = "its environment is cleared")]
        let mut command = Command::new(&executable.path);
        #[cfg(unix)]
        default_signals(&mut command);
        command.args(&arguments).env_clear().envs(environment.iter());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(cwd) = &cwd {
            command.current_dir(cwd);
        }
        let mut command = CommandWrap::from(command);
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessSession);
        #[cfg(windows)]
        command
            .wrap(process_wrap::tokio::CreationFlags(windows::Win32::System::Threading::CREATE_NO_WINDOW))
            .wrap(process_wrap::tokio::JobObject);
        command.wrap(process_wrap::tokio::KillOnDrop);

        let failed = |error: std::io::Error| {
            let path = executable.path.display().to_string();
            Error::Start { message: format!("could not start codex at {path}: {error}"), path }
        };
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::ArgumentListTooLong => limits::too_long(&arguments, &environment),
            _ => failed(error),
        })?;
        let pipes = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(failed(std::io::Error::other("its pipes could not be opened")));
        };

        let tail = Arc::new(StderrTail::new(secrets));
        let draining = Arc::clone(&tail);
        let drained = tokio::spawn(async move { draining.drain(stderr).await }.in_current_span());

        let (exit_sender, exit) = watch::channel(None);
        let asked = CancellationToken::new();
        let shared = Arc::new(Shared {
            pid: child.id().unwrap_or_default(),
            path: executable.path.clone(),
            asked: asked.clone(),
            ending: CancellationToken::new(),
            extra_grace: Mutex::new(Duration::ZERO),
            input_over: AtomicBool::new(false),
            no_grace: AtomicBool::new(false),
            exit,
            stderr: tail,
        });
        let mut running = lock(&RUNNING);
        running.retain(|known| known.strong_count() > 0);
        running.push(Arc::downgrade(&shared));
        drop(running);

        tracing::info!(pid = shared.pid, path = %executable.path.display(), "codex started");
        let watched = Arc::clone(&shared);
        let watch = async move {
            let status = watch_child(child, &watched).await;
            let _ = tokio::time::timeout(STDERR_GRACE, drained).await;
            let exit = Exit::new(status, watched.stderr.text(), watched.path.display().to_string());
            tracing::info!(pid = watched.pid, code = exit.code, signal = exit.signal, "codex ended");
            let _ = exit_sender.send(Some(exit));
        };
        tokio::spawn(watch.in_current_span());
        let _dropped = Arc::new(asked.drop_guard());
        Ok(Spawned { process: Self { shared, _dropped }, stdin, stdout })
    }

    /// What was started.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.shared.pid
    }

    /// Cancelled when the child is to end: whoever holds its stdin closes it then.
    pub fn ending(&self) -> CancellationToken {
        self.shared.ending.clone()
    }

    /// The last lines of stderr so far.
    pub fn stderr(&self) -> String {
        self.shared.stderr.text()
    }

    /// For whoever waits for the end without keeping the child alive.
    pub fn exit_watch(&self) -> ExitWatch {
        ExitWatch { shared: Arc::clone(&self.shared) }
    }

    /// Says that the end of its input does not end the child: ending it then begins with SIGTERM.
    pub fn input_over(&self) {
        self.shared.input_over.store(true, Ordering::Relaxed);
    }

    /// Kills the child and everything below it, without a grace.
    pub async fn kill(&self) -> Exit {
        self.shared.no_grace.store(true, Ordering::Relaxed);
        self.end(Duration::ZERO).await
    }

    /// Ends the child and everything below it: end of input, SIGTERM, SIGKILL, each after its grace.
    ///
    /// `extra_grace` is added to the first wait, for a server that has much to put away.
    pub async fn end(&self, extra_grace: Duration) -> Exit {
        *lock(&self.shared.extra_grace) = extra_grace.min(LONGEST_GRACE);
        self.shared.asked.cancel();
        self.shared.exited().await
    }
}

/// Waits for the end of a child.
#[derive(Clone)]
pub struct ExitWatch {
    shared: Arc<Shared>,
}

impl ExitWatch {
    /// Waits until the child is gone.
    pub async fn exited(&self) -> Exit {
        self.shared.exited().await
    }
}

impl Shared {
    async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.clone().unwrap_or_default(),
            Err(_) => Exit::default(),
        }
    }
}

/// Ends every child that still runs, within the usual graces. For the end of the host process.
///
/// What still runs after `within` is killed then and there: nobody will be left to do it later.
pub async fn end_all(within: Duration) {
    let running: Vec<Arc<Shared>> = lock(&RUNNING).iter().filter_map(Weak::upgrade).collect();
    for process in &running {
        process.asked.cancel();
    }
    let ended = async {
        for process in &running {
            process.exited().await;
        }
    };
    if tokio::time::timeout(within, ended).await.is_err() {
        let left = running.iter().filter(|process| process.exit.borrow().is_none());
        left.for_each(|process| kill_tree(process.pid));
    }
}

/// Waits for the child to exit by itself or to be told to, and leaves nothing of it behind.
async fn watch_child(mut child: Box<dyn ChildWrapper>, shared: &Shared) -> Option<ExitStatus> {
    tokio::select! {
        status = child.wait() => {
            // It crashed or was killed from outside: what shares its session must not stay.
            let found = below(shared.pid).await;
            let _ = child.start_kill();
            kill_all(found).await;
            return status.ok();
        }
        () = shared.asked.cancelled() => {}
        () = shared.ending.cancelled() => {}
    }
    // Before its input ends: once it has exited, its children have another parent.
    let mut found = below(shared.pid).await;
    shared.ending.cancel();
    let no_grace = shared.no_grace.load(Ordering::Relaxed);
    let grace = match no_grace || shared.input_over.load(Ordering::Relaxed) {
        true => Duration::ZERO,
        false => EOF_GRACE + *lock(&shared.extra_grace),
    };
    let mut status = tokio::time::timeout(grace, child.wait()).await.ok();
    // Nobody waits for an answer to what was not asked.
    if cfg!(unix) && status.is_none() && !no_grace {
        found.extend(below(shared.pid).await);
        terminate(child.as_ref());
        status = tokio::time::timeout(TERM_GRACE, child.wait()).await.ok();
    }
    if status.is_none() {
        found.extend(below(shared.pid).await);
        let _ = child.start_kill();
        status = Some(child.wait().await);
    }
    // The group outlives its leader: whoever is left in it goes as well.
    let _ = child.start_kill();
    kill_all(found).await;
    status.and_then(Result::ok)
}

async fn below(pid: u32) -> Vec<super::descendants::Descendant> {
    if cfg!(windows) || pid == 0 {
        return Vec::new();
    }
    tokio::task::spawn_blocking(move || descendants(pid)).await.unwrap_or_default()
}

async fn kill_all(found: Vec<super::descendants::Descendant>) {
    if !found.is_empty() {
        let _ = tokio::task::spawn_blocking(move || kill(&found)).await;
    }
}

#[cfg(unix)]
fn terminate(child: &dyn ChildWrapper) {
    const SIGTERM: i32 = 15;
    let _ = child.signal(SIGTERM);
}

#[cfg(windows)]
fn terminate(_child: &dyn ChildWrapper) {
    // There is no SIGTERM for a process without a console.
}

/// Has a child begin with the default of every signal, as Node's own do: what this process ignores (Node SIGXFSZ, and
/// what whoever started it ignored) it would ignore, too. The mask of signals is emptied by `Command`.
#[cfg(unix)]
fn default_signals(command: &mut Command) {
    /// The last signal that is no realtime signal.
    const LAST: i32 = 31;
    let reset = || {
        for number in (1..=LAST).filter(|number| ![libc::SIGKILL, libc::SIGSTOP].contains(number)) {
            // SAFETY: no handler is installed; where a number is no signal, nothing happens.
            unsafe { libc::signal(number, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: between fork and exec only what is safe in a signal handler may be called, as `signal` is.
    unsafe { command.pre_exec(reset) };
}

/// A variable of the process, which a worker with an environment of its own does not see. Windows alone asks: there
/// reading it is no race.
#[expect(clippy::disallowed_methods, reason = "as Node does for every child on Windows, where it is safe")]
fn of_this_process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

impl Exit {
    fn new(status: Option<ExitStatus>, stderr: String, path: String) -> Self {
        #[cfg(unix)]
        let signal = status.and_then(|status| std::os::unix::process::ExitStatusExt::signal(&status));
        #[cfg(not(unix))]
        let signal: Option<i32> = None;
        Self { code: status.and_then(|status| status.code()), signal: signal.map(signal_name), stderr, path }
    }
}

fn signal_name(number: i32) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}
