//! The scripted app-server as the child of a test.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use codex_client::process::{Environment, Executable, Exit, Process, SpawnOptions, Spawned};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

/// More than any test needs that does not fail.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The executable, which lies where cargo put this test; built where it is missing.
#[expect(clippy::disallowed_methods, reason = "nobody sets variables here")]
pub(crate) fn executable() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let path = profile.join(format!("scripted-app-server{}", std::env::consts::EXE_SUFFIX));
        if !path.is_file() {
            let mut build = Command::new(env!("CARGO"));
            build
                .args(["build", "--quiet", "--package", "codex-rig"])
                .arg("--target-dir")
                .arg(profile.parent().unwrap());
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        }
        path
    })
}

/// A folder on the file system of the target directory, so that executables can be linked into it.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A folder outside the checkout, whose own codex would be found from below it.
#[expect(clippy::disallowed_methods, reason = "nobody sets variables here")]
pub(crate) fn outside() -> tempfile::TempDir {
    tempfile::tempdir_in(std::env::temp_dir()).unwrap()
}

/// Puts the executable at another place. A link, because a file that was just written may not be started while a
/// process that another test starts still has it open.
pub(crate) fn link(to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::hard_link(executable(), to).unwrap();
}

/// The environment of the test.
#[expect(clippy::disallowed_methods, reason = "nobody sets variables here")]
pub(crate) fn inherited() -> Environment {
    std::env::vars_os().collect()
}

pub(crate) fn options(script: &Value) -> SpawnOptions {
    let mut environment = inherited();
    environment.set("CODEX_RIG_SCRIPT".as_ref(), script.to_string().into());
    SpawnOptions {
        executable: Executable { path: executable().to_path_buf(), path_folder: None },
        arguments: vec![OsString::from("app-server")],
        cwd: None,
        environment,
        secrets: codex_client::Secrets::default(),
    }
}

/// A running child.
pub(crate) struct Child {
    pub(crate) process: Process,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(script: &Value) -> Self {
        Self::spawn(options(script))
    }

    pub(crate) fn spawn(options: SpawnOptions) -> Self {
        let Spawned { process, stdin, stdout } = Process::spawn(options).unwrap();
        Self { process, stdin: Some(stdin), stdout: BufReader::new(stdout) }
    }

    pub(crate) async fn line(&mut self) -> Value {
        let mut line = String::new();
        within(LONG, self.stdout.read_line(&mut line)).await.unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Ends it, and closes its input as soon as that is asked for.
    pub(crate) async fn end(&mut self) -> Exit {
        let (ending, stdin) = (self.process.ending(), self.stdin.take());
        let close = async move {
            ending.cancelled().await;
            drop(stdin);
        };
        let end = self.process.end(Duration::ZERO);
        within(LONG, async { tokio::join!(end, close).0 }).await
    }

    /// Waits for its end.
    pub(crate) async fn exited(&self) -> Exit {
        within(LONG, self.process.exit_watch().exited()).await
    }

    /// Waits until nobody holds the child's stdout any more: neither it nor who inherited it.
    pub(crate) async fn silent(mut self) {
        let mut rest = Vec::new();
        within(Duration::from_secs(5), self.stdout.read_to_end(&mut rest)).await.unwrap();
    }
}

pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("not within {limit:?}"))
}
