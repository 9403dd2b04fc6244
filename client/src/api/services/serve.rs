use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempPath;
use tokio::io::AsyncReadExt;

use crate::api::core::Host;
use crate::config::{ConfigArguments, LargeNumbers, argument_pair};
use crate::options::ServeSettings;
use crate::process::{Lifeline, Process, SpawnOptions, Spawned};
use crate::session::{exited, locate, with_stderr};
use crate::{Error, SecretSources, Secrets, lock};

/// How often it is looked for whether a socket is there: nothing is printed.
const SOCKET_POLL: Duration = Duration::from_millis(10);
const TOKEN_BYTES: usize = 32;

/// An app-server that listens for clients of several programs. It ends with [`Self::close`], when this is dropped, and
/// with the process that started it.
pub struct AppServer {
    url: String,
    token: String,
    token_file: TempPath,
    process: Process,
    /// A server that listens does not end with its input.
    lifeline: Mutex<Option<Lifeline>>,
}

impl AppServer {
    /// Starts one, and waits until it can be connected to.
    pub async fn start(settings: ServeSettings, host: &Host) -> Result<Self, Error> {
        let as_client = settings.check()?;
        let limit = as_client.connect_timeout();
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let socket = settings.socket_path.as_ref().map(PathBuf::from);
        let config = as_client.config.as_ref();
        let config = config.map(|config| ConfigArguments::new(config, LargeNumbers::Refused)).transpose()?;
        let config = config.unwrap_or_default();
        if let Some((name, why)) = config.first_apart() {
            return Err(Error::InvalidArgument(format!(
                "options.config: `{name}` is {why}; put it into config.toml"
            )));
        }
        let (executable, environment) = locate(&as_client, &host.search_from)?;
        let path = executable.path.display().to_string();
        if let Some(socket) = &socket
            && is_taken(socket).await
        {
            return Err(Error::Spawn(format!(
                "options.socketPath: another server listens at {}",
                socket.display()
            )));
        }
        let token = random_token()?;
        let token_file = token_file(&token)?;
        let listen = match &socket {
            Some(socket) => {
                format!("unix://{}", std::path::absolute(socket).unwrap_or_else(|_| socket.clone()).display())
            }
            None => format!("ws://127.0.0.1:{}", settings.port.unwrap_or_default()),
        };
        let mut arguments: Vec<OsString> =
            ["app-server".into(), "--listen".into(), listen.clone().into()].into();
        arguments.extend(["--ws-auth", "capability-token", "--ws-token-file"].map(OsString::from));
        arguments.push(token_file.as_os_str().to_owned());
        for value in config.arguments.iter().chain(settings.config_overrides.iter().flatten()) {
            arguments.extend(argument_pair("--config", value));
        }
        let secrets = Secrets::of(&SecretSources {
            config: as_client.config.as_ref(),
            overrides: settings.config_overrides.as_deref().unwrap_or_default(),
            credentials: vec![&token],
            ..SecretSources::default()
        });
        let mut lifeline = Lifeline::new(Some(&token_file));
        let Spawned { process, stdin, mut stdout } = Process::spawn(SpawnOptions {
            executable,
            arguments,
            cwd: as_client.cwd.as_ref().map(PathBuf::from),
            environment,
            secrets,
        })?;
        process.input_over();
        if let Some(lifeline) = &mut lifeline {
            lifeline.hold(process.pid()).await;
        }
        let ending = process.ending();
        tokio::spawn(async move {
            let mut nothing = [0; 1024];
            while stdout.read(&mut nothing).await.is_ok_and(|count| count > 0) {}
        });
        tokio::spawn(async move {
            ending.cancelled().await;
            drop(stdin);
        });
        let ready = async {
            match &socket {
                Some(socket) => wait_for_socket(socket, listen).await,
                None => process.find_in_stderr(listening).await,
            }
        };
        let exit = process.exit_watch();
        let url = tokio::select! {
            url = ready => url,
            exit = exit.exited() => return Err(exited(&path, exit)),
            () = tokio::time::sleep(limit) => {
                let message = format!("{path} was started but did not listen within {limit_ms} ms");
                let message = with_stderr(message, &process.stderr());
                process.end(Duration::ZERO).await;
                return Err(Error::Timeout { message, method: None, timeout_ms: limit_ms });
            }
        };
        tracing::info!(url, "codex listens");
        Ok(Self { url, token, token_file, process, lifeline: Mutex::new(lifeline) })
    }

    /// Where it listens, for the option `url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a client has to show, for the option `token`.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The file that holds the token, which only this user can read. It goes with the server.
    pub fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// Waits for its end.
    pub async fn ended(&self) {
        self.process.exit_watch().exited().await;
    }

    /// Ends it, and all below it.
    pub async fn close(&self) {
        self.process.end(Duration::ZERO).await;
        // While the lifeline is there: this may be cut off by the end of the process.
        let _ = std::fs::remove_file(&self.token_file);
        let lifeline = lock(&self.lifeline).take();
        if let Some(lifeline) = lifeline {
            lifeline.release().await;
        }
    }
}

/// The address that a server prints when it listens.
fn listening(stderr: &str) -> Option<String> {
    let (_, rest) = stderr.split_once("listening on: ws://")?;
    // The end of the line, or it is not all there yet.
    let (address, _) = rest.split_once('\n')?;
    Some(format!("ws://{}", address.trim()))
}

async fn wait_for_socket(path: &Path, url: String) -> String {
    while cfg!(unix) && !is_taken(path).await {
        tokio::time::sleep(SOCKET_POLL).await;
    }
    url
}

/// Whether somebody listens at a socket.
#[cfg(unix)]
async fn is_taken(path: &Path) -> bool {
    tokio::net::UnixStream::connect(crate::transport::socket_path(path)).await.is_ok()
}

#[cfg(not(unix))]
async fn is_taken(_: &Path) -> bool {
    false
}

fn random_token() -> Result<String, Error> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::Spawn(format!("no token could be made: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file that only this user can read.
fn token_file(token: &str) -> Result<TempPath, Error> {
    let written = tempfile::Builder::new().prefix("codex-node-token-").tempfile().and_then(|mut file| {
        file.write_all(token.as_bytes())?;
        Ok(file.into_temp_path())
    });
    written.map_err(|error| {
        let folder = std::env::temp_dir();
        Error::Spawn(format!("could not write the token into a file in {}: {error}", folder.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_once_its_line_is_whole() {
        assert_eq!(listening("codex app-server\n  listening on: ws://127.0.0.1:46"), None);
        let whole = "x\n  listening on: ws://127.0.0.1:46255\n  readyz: ..";
        assert_eq!(listening(whole).as_deref(), Some("ws://127.0.0.1:46255"));
    }
}
