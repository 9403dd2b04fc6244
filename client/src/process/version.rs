//! How old a codex is, and whether that is too old.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::Environment;
use crate::Error;

/// The oldest codex whose app-server this crate speaks to.
pub const MINIMUM_CODEX_VERSION: &str = "0.163.0";

/// It only prints.
const LIMIT: Duration = Duration::from_secs(5);

/// Refuses a version that is too old; `path` is where it was found.
pub(crate) fn check_version(version: &str, path: &str) -> Result<(), Error> {
    match (numbers(version), numbers(MINIMUM_CODEX_VERSION)) {
        (Some(found), Some(minimum)) if found < minimum => {
            let message = format!(
                "codex {version} at {path} is older than {MINIMUM_CODEX_VERSION}, the oldest that is supported; \
                 update it with `npm install @openai/codex@latest`, or point codexPath to a newer one"
            );
            Err(Error::UnsupportedVersion { message, found: version.to_owned(), path: path.to_owned() })
        }
        _ => Ok(()),
    }
}

/// What a program says to `--version`: the last word of its first line.
pub(crate) async fn ask_version(program: &Path, environment: &Environment) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "its environment is cleared")]
    let mut command = Command::new(program);
    command.arg("--version").env_clear().envs(environment.iter());
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = timeout(LIMIT, command.output()).await.ok()?.ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    said.lines().next()?.split_whitespace().last().map(str::to_owned)
}

/// Major, minor and patch; a version that has none is taken as new enough.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}
