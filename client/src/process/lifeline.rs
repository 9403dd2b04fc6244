//! Who ends a child when this process dies without a chance to.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

/// Reads the process id of a child, then waits for the end of its input, which comes with the end of the process that
/// holds the other end. SIGINT lets codex put an end to what it has started.
const SCRIPT: &str = "trap '' HUP INT TERM
read -r child
[ -z \"$child\" ] || while read -r _; do :; done
[ $# -eq 0 ] || rm -rf -- \"$@\"
[ -n \"$child\" ] && kill -s INT -- \"-$child\" || exit 0
sleep 2
kill -s KILL -- \"-$child\"";

/// A process that ends a child should this one die without a chance to: by SIGKILL, or by Ctrl-C, which a child in a
/// session of its own does not get. For a child that does not notice by itself, as its input has ended long ago, or
/// its end means nothing to it.
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
        if !cfg!(unix) {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "its environment is cleared")]
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "codex-node-lifeline"]).args(paths.iter().map(AsRef::as_ref));
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
