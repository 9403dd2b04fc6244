//! Who ends a child when this process dies without a chance to.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tracing::Instrument;

use super::Process;

/// Reads the process id of a child, then waits for the end of its input, which comes with the end of the process that
/// holds the other end. A child that is given seconds has them to end by itself; another gets SIGINT, by which codex puts an
/// end to what it has started.
const SCRIPT: &str = "trap '' HUP INT TERM
patience=$1
shift
read -r child
[ -z \"$child\" ] || while read -r _; do :; done
[ $# -eq 0 ] || rm -rf -- \"$@\"
[ -n \"$child\" ] || exit 0
if [ \"$patience\" -eq 0 ]; then
  kill -s INT -- \"-$child\" || exit 0
  patience=2
fi
while kill -s 0 -- \"-$child\" && [ \"$patience\" -gt 0 ]; do
  sleep 1
  patience=$((patience - 1))
done
kill -s KILL -- \"-$child\"";

/// How long a child may take that notices the end of its input, in seconds: a codex that has many threads has much to
/// put away. What is stopped, or hangs, never notices.
const PATIENCE: u32 = 10;

/// A process that ends a child should this one die without a chance to: by SIGKILL, or by Ctrl-C, which a child in a
/// session of its own does not get. For a child that does not notice by itself, as its input has ended long ago, or
/// its end means nothing to it, or as it is stopped or hangs.
///
/// On Windows there is none: the job object does this.
pub(crate) struct Lifeline {
    // Killed before its input ends.
    watcher: Child,
    input: ChildStdin,
}

impl Lifeline {
    /// Made before the child, so that there is no moment without it. What is at `paths` is removed with the child.
    /// Nothing where there is no shell.
    pub(crate) fn new(paths: &[impl AsRef<Path>]) -> Option<Self> {
        Self::start(0, paths)
    }

    /// For a child that ends with its input, unless it can't: it may take its time. It is watched until it is gone.
    pub(crate) fn watch(process: &Process) {
        let (pid, exit) = (process.pid(), process.exit_watch());
        let watching = async move {
            let nothing: [&Path; 0] = [];
            let Some(mut lifeline) = Self::start(PATIENCE, &nothing) else { return };
            lifeline.hold(pid).await;
            exit.exited().await;
            lifeline.release().await;
        };
        tokio::spawn(watching.in_current_span());
    }

    fn start(patience: u32, paths: &[impl AsRef<Path>]) -> Option<Self> {
        if !cfg!(unix) {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "its environment is cleared")]
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "codex-node-lifeline", &patience.to_string()]);
        command.args(paths.iter().map(AsRef::as_ref));
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Out of reach of Ctrl-C.
        #[cfg(unix)]
        command.process_group(0);
        let mut watcher = match command.spawn() {
            Ok(watcher) => watcher,
            Err(error) => {
                tracing::debug!(%error, "codex would outlive the end of this process by a signal");
                return None;
            }
        };
        let input = watcher.stdin.take()?;
        Some(Self { watcher, input })
    }

    /// Names the child: the leader of a session.
    pub(crate) async fn hold(&mut self, pid: u32) {
        if let Err(error) = self.input.write_all(format!("{pid}\n").as_bytes()).await {
            tracing::debug!(%error, "codex would outlive the end of this process by a signal");
        }
    }

    /// Lets go, and waits until the watcher is gone.
    pub(crate) async fn release(mut self) {
        let _ = self.watcher.kill().await;
    }
}
