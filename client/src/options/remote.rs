use std::path::PathBuf;
use std::time::Duration;

use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};

use super::ClientSettings;
use crate::Error;
use crate::process::Surroundings;
use crate::transport::{Address, Dial};

const TOKEN_VARIABLE: &str = "CODEX_APP_SERVER_TOKEN";
const DEFAULT_MESSAGE_BYTES: u64 = 256 * 1024 * 1024;
const DEFAULT_KEEP_ALIVE_MS: u64 = 20_000;
const DEFAULT_RECONNECT_TIMEOUT_MS: u64 = 30_000;
/// Headers that say who one is.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
/// Headers that the websocket itself needs.
const RESERVED: [&str; 3] = ["host", "connection", "upgrade"];

impl ClientSettings {
    /// How the server at `url` is reached, where there is one. Only then the program is looked at.
    pub fn dial(
        &self,
        surroundings: impl FnOnce() -> Result<Surroundings, Error>,
    ) -> Result<Option<Dial>, Error> {
        self.check_remote()?;
        let Some(url) = &self.url else { return Ok(None) };
        let environment = surroundings()?.environment;
        let address = Address::parse(url, || environment.codex_home())?;
        let token = self
            .token
            .clone()
            .or_else(|| environment.given(TOKEN_VARIABLE).map(|token| token.to_string_lossy().into_owned()));
        let headers = self.header_list()?;
        let names_credentials = headers.iter().any(|(name, _)| CREDENTIALS.contains(&name.as_str()));
        if self.token.is_some() && headers.iter().any(|(name, _)| name == "authorization") {
            return wrong(
                "headers",
                "`authorization` and options.token exclude each other; give one of them",
            );
        }
        if (token.is_some() || names_credentials) && address.is_exposed() && self.allow_insecure != Some(true)
        {
            return wrong(
                "url",
                &format!(
                    "{address} would show the token to everybody on the way; use wss://, or set allowInsecure: true \
                     if you mean it"
                ),
            );
        }
        if token.as_ref().is_some_and(|token| HeaderValue::from_str(token).is_err()) {
            return wrong("token", "holds a character that a header can't have");
        }
        let most = self.max_message_bytes.unwrap_or(DEFAULT_MESSAGE_BYTES);
        Ok(Some(Dial {
            address,
            token,
            headers,
            ca_file: self.ca_file.as_ref().map(PathBuf::from),
            most_message_bytes: usize::try_from(most).unwrap_or(usize::MAX),
        }))
    }

    /// Refuses what is for a server elsewhere without one, and what is for a process where none is started.
    pub fn check_remote(&self) -> Result<(), Error> {
        let remote = [
            ("token", self.token.is_some()),
            ("headers", self.headers.is_some()),
            ("caFile", self.ca_file.is_some()),
            ("allowInsecure", self.allow_insecure.is_some()),
            ("maxMessageBytes", self.max_message_bytes.is_some()),
            ("keepAliveMs", self.keep_alive_ms.is_some()),
            ("reconnectTimeoutMs", self.reconnect_timeout_ms.is_some()),
        ];
        if self.url.is_none()
            && let Some((name, _)) = remote.iter().find(|(_, given)| *given)
        {
            return wrong(name, "is for a server at options.url, which is missing");
        }
        if self.url.is_some() {
            self.check_no_process("url")?;
        }
        Ok(())
    }

    /// Refuses what is for a process, where `instead` says that none is started.
    pub fn check_no_process(&self, instead: &str) -> Result<(), Error> {
        let process = [
            ("codexPath", self.codex_path.is_some()),
            ("launchArgs", self.launch_args.is_some()),
            ("cwd", self.cwd.is_some()),
            ("env", self.env.is_some()),
            ("inheritEnv", self.inherit_env.is_some()),
            ("config", self.config.is_some()),
            ("configOverrides", self.config_overrides.is_some()),
            ("baseUrl", self.base_url.is_some()),
        ];
        match process.iter().find(|(_, given)| *given) {
            Some((name, _)) => wrong(
                name,
                &format!(
                    "is for a codex that is started here, and with options.{instead} none is; leave it out"
                ),
            ),
            None => Ok(()),
        }
    }

    /// After how much silence the server is asked for a sign of life.
    pub fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms.unwrap_or(DEFAULT_KEEP_ALIVE_MS))
    }

    /// For how long a lost connection is opened again.
    pub fn reconnect_timeout(&self) -> Duration {
        Duration::from_millis(self.reconnect_timeout_ms.unwrap_or(DEFAULT_RECONNECT_TIMEOUT_MS))
    }

    fn header_list(&self) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        let mut list = Vec::new();
        for (name, value) in self.headers.iter().flatten() {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
                return wrong("headers", &format!("`{name}` can't be the name of a header"));
            };
            if RESERVED.contains(&header.as_str()) || header.as_str().starts_with("sec-websocket-") {
                return wrong("headers", &format!("`{name}` is set by the websocket itself"));
            }
            let Ok(mut value) = HeaderValue::from_str(value) else {
                return wrong(
                    "headers",
                    &format!("the value of `{name}` holds a character that a header can't have"),
                );
            };
            value.set_sensitive(true);
            list.push((header, value));
        }
        Ok(list)
    }
}

fn wrong<T>(name: &str, why: &str) -> Result<T, Error> {
    Err(Error::InvalidArgument(format!("options.{name}: {why}")))
}
