use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, ChildStdin, Command};

/// Waits for the end of its input, which comes with the end of the process that holds the other end; a line before it
/// means that there is nothing to do. SIGINT lets codex put an end to what it has started.
const SCRIPT: &str = "trap '' HUP INT TERM
read -r _ && exit 0
[ -z \"$2\" ] || rm -f -- \"$2\"
kill -s INT -- \"-$1\" || exit 0
sleep 2
kill -s KILL -- \"-$1\"";

/// A process that ends a child should this one die without a chance to: by SIGKILL, or by Ctrl-C, which a child in a
/// session of its own does not get. For a child that does not notice by itself, as its input has ended long ago.
///
/// On Windows there is none: the job object does this.
pub(crate) struct Lifeline {
    // Killed before its input ends.
    watcher: Child,
    _input: ChildStdin,
}

impl Lifeline {
    /// For the session of the child `pid`; `file` is removed as well. Nothing where there is no shell.
    pub(crate) fn new(pid: u32, file: Option<&Path>) -> Option<Self> {
        if !cfg!(unix) || pid == 0 {
            return None;
        }
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "codex-node-lifeline", &pid.to_string()]).args(file);
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
        Some(Self { watcher, _input: input })
    }

    /// Lets go, and waits until the watcher is gone.
    pub(crate) async fn release(mut self) {
        let _ = self.watcher.kill().await;
    }
}
