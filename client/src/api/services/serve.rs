//! A server that programs share: started here, with a token, until it listens.

use std::ffi::OsString;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempPath;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::config::{ConfigArguments, LargeNumbers, argument_pair};
use crate::options::ServeSettings;
use crate::process::{Lifeline, Process, SpawnOptions, Spawned, Surroundings};
use crate::session::{exited, locate, with_stderr};
use crate::{Error, SecretSources, Secrets, lock};

/// How often it is looked for whether a server listens: what it prints is for people.
const POLL: Duration = Duration::from_millis(10);
/// How often a free port is looked for: somebody else may take it before the server does.
const MOST_PORTS: u32 = 5;
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
    pub async fn start(
        settings: ServeSettings,
        search_from: &[PathBuf],
        surroundings: &Surroundings,
    ) -> Result<Self, Error> {
        let as_client = settings.check()?;
        let limit = as_client.connect_timeout();
        let socket = settings.socket_path.as_ref().map(|path| surroundings.absolute(Path::new(path)));
        let config = as_client.config.as_ref();
        let config = config.map(|config| ConfigArguments::new(config, LargeNumbers::Refused)).transpose()?;
        let config = config.unwrap_or_default();
        if let Some((name, why)) = config.first_apart() {
            return Err(Error::InvalidArgument(format!(
                "options.config: `{name}` is {why}; put it into config.toml"
            )));
        }
        let (executable, environment) = locate(&as_client, surroundings, search_from)?;
        if let Some(socket) = &socket
            && is_taken(socket).await
        {
            let message = format!("options.socketPath: another server listens at {}", socket.display());
            return Err(Error::file(socket, message));
        }
        let token = random_token()?;
        let token_file = token_file(&token, &surroundings.temporary_folder())?;
        let mut arguments = vec!["--ws-auth".into(), "capability-token".into(), "--ws-token-file".into()];
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
        let given_port = settings.port.filter(|port| *port != 0);
        let mut lifeline = Lifeline::new(&[&token_file]);
        let mut tries = 1;
        let (listen, process) = loop {
            let listen = match (&socket, given_port) {
                (Some(socket), _) => Listen::Socket(socket.clone()),
                (None, Some(port)) => Listen::Port(port),
                (None, None) => Listen::Port(free_port().await?),
            };
            let mut all: Vec<OsString> = ["app-server".into(), "--listen".into(), listen.url().into()].into();
            all.extend(arguments.iter().cloned());
            let options = SpawnOptions {
                executable: executable.clone(),
                arguments: all,
                cwd: surroundings.folder_of(as_client.cwd.as_deref()),
                environment: environment.clone(),
                secrets: secrets.clone(),
            };
            match listening(options, &listen, limit, &mut lifeline).await {
                Ok(process) => break (listen, process),
                Err(Error::ServerExited { .. })
                    if given_port.is_none() && tries < MOST_PORTS && listen.is_taken().await =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        };
        let url = listen.url();
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

/// Where a server is to listen.
enum Listen {
    Port(u16),
    Socket(PathBuf),
}

impl Listen {
    fn url(&self) -> String {
        match self {
            Self::Port(port) => format!("ws://127.0.0.1:{port}"),
            Self::Socket(path) => format!("unix://{}", path.display()),
        }
    }

    /// Whether a server can listen there.
    async fn is_free(&self) -> bool {
        match self {
            Self::Port(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).await.is_ok(),
            Self::Socket(_) => true,
        }
    }

    /// Whether somebody listens there.
    async fn is_taken(&self) -> bool {
        match self {
            Self::Port(_) => !self.is_free().await,
            Self::Socket(path) => is_taken(path).await,
        }
    }

    /// Waits until a codex listens there.
    async fn ready(&self) {
        loop {
            let is_ready = match self {
                Self::Port(port) => is_ready(*port).await.unwrap_or(false),
                Self::Socket(path) => !cfg!(unix) || is_taken(path).await,
            };
            if is_ready {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Starts a server, and waits until it listens.
async fn listening(
    options: SpawnOptions,
    listen: &Listen,
    limit: Duration,
    lifeline: &mut Option<Lifeline>,
) -> Result<Process, Error> {
    let path = options.executable.path.display().to_string();
    // Where somebody else listens, it is not asked whether it is codex.
    let is_free = listen.is_free().await;
    let Spawned { process, stdin, mut stdout } = Process::spawn(options)?;
    process.input_over();
    if let Some(lifeline) = lifeline {
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
    let exit = process.exit_watch();
    tokio::select! {
        () = listen.ready(), if is_free => Ok(process),
        exit = exit.exited() => Err(exited(exit)),
        () = tokio::time::sleep(limit) => {
            let timeout_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            let message = format!("{path} was started but did not listen within {timeout_ms} ms");
            let message = with_stderr(message, &process.stderr());
            process.end(Duration::ZERO).await;
            Err(Error::Timeout { message, method: None, timeout_ms, path: Some(path) })
        }
    }
}

/// A port that nobody listens at now.
async fn free_port() -> Result<u16, Error> {
    let bound = async { TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr() };
    let address = bound.await.map_err(|error| Error::Spawn(format!("no port could be had: {error}")))?;
    Ok(address.port())
}

/// Whether a server at a port says that it is ready. Wire: `GET /readyz`.
async fn is_ready(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await?;
    let mut status = [0; b"HTTP/1.1 200".len()];
    stream.read_exact(&mut status).await?;
    Ok(status.ends_with(b" 200"))
}

/// Whether somebody listens at a socket.
#[cfg(unix)]
async fn is_taken(path: &Path) -> bool {
    tokio::net::UnixStream::connect(crate::dial::socket_path(path)).await.is_ok()
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
fn token_file(token: &str, folder: &Path) -> Result<TempPath, Error> {
    let file = tempfile::Builder::new().prefix("codex-node-token-").tempfile_in(folder);
    let written = file.and_then(|mut file| {
        file.write_all(token.as_bytes())?;
        Ok(file.into_temp_path())
    });
    written.map_err(|error| {
        Error::file(folder, format!("could not write the token into a file in {}: {error}", folder.display()))
    })
}
