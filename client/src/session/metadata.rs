//! What the server said of itself in the handshake.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::process::check_version;

/// What the server said of itself in the handshake.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The user agent that the server sends to its model provider.
    pub user_agent: String,
    /// Its `CODEX_HOME`.
    pub codex_home: Option<String>,
    /// `unix` or `windows`.
    pub platform_family: Option<String>,
    /// `linux`, `macos` or `windows`.
    pub platform_os: Option<String>,
    /// Name and version, taken from the user agent.
    pub server_info: ServerInfo,
}

/// Name and version of the server.
#[derive(Debug, Clone, Serialize)]
pub struct ServerInfo {
    /// The name, which is that of the client.
    pub name: String,
    /// The version of codex.
    pub version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    user_agent: String,
    codex_home: Option<String>,
    platform_family: Option<String>,
    platform_os: Option<String>,
}

impl Metadata {
    /// Reads the answer to `initialize` and refuses a codex that is too old.
    pub(crate) fn read(answer: &str, path: &str) -> Result<Self, Error> {
        let answer: Initialized = serde_json::from_str(answer).map_err(|error| {
            let why = format!("{path} does not answer `initialize` as codex does ({error}); is it codex?");
            Error::unreadable("initialize", why)
        })?;
        let (name, rest) = answer.user_agent.split_once('/').unwrap_or((&answer.user_agent, ""));
        let version = rest.split(' ').next().unwrap_or_default().to_owned();
        check_version(&version, path)?;
        let server_info = ServerInfo { name: name.to_owned(), version };
        Ok(Self {
            server_info,
            user_agent: answer.user_agent,
            codex_home: answer.codex_home,
            platform_family: answer.platform_family,
            platform_os: answer.platform_os,
        })
    }
}
