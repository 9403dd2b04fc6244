//! Options of a server that programs share, and of its signed tokens.

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_with::apply;

use super::{ClientSettings, Variables, present, variables};
use crate::Error;

/// How a server for several programs is started.
#[apply(Option => #[serde(deserialize_with = "present")])]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ServeSettings {
    /// Port on 127.0.0.1.
    ///
    /// @default any free one
    pub port: Option<u16>,
    /// A unix socket in place of a port: a path that does not exist yet. Whoever may write to the socket may connect,
    /// which is this user alone.
    pub socket_path: Option<String>,
    /// The codex executable, found as for `new Codex()`.
    pub codex_path: Option<String>,
    /// Working directory of the server.
    ///
    /// @default the working directory of this process
    pub cwd: Option<String>,
    /// Environment variables of the server, merged over the inherited ones; undefined takes one away.
    #[serde(deserialize_with = "variables")]
    #[cfg_attr(test, ts(optional, type = "{ [name: string]: string | undefined }"))]
    #[serde_with(skip_apply)]
    pub env: Option<Variables>,
    /// Whether the server inherits `process.env`, as the program sees it at the call.
    ///
    /// @default true
    pub inherit_env: Option<bool>,
    /// Configuration as in `config.toml`, passed as `--config` arguments. Values that are secrets are refused: they
    /// would show in the list of processes; they belong into `config.toml`.
    #[cfg_attr(test, ts(optional, type = "{ [key: string]: ConfigValue | undefined }"))]
    pub config: Option<Map<String, Value>>,
    /// Raw `--config` values, `dotted.key=<TOML>`, passed as they are after those of `config`.
    pub config_overrides: Option<Vec<String>>,
    /// Deadline of the start, in milliseconds.
    ///
    /// @default 15000
    pub connect_timeout_ms: Option<u64>,
}

impl ServeSettings {
    /// Refuses what can't work, and gives what a client that starts its own codex is told in the same words.
    pub fn check(&self) -> Result<ClientSettings, Error> {
        super::exclusive(
            "options",
            ("port", self.port.is_some()),
            ("socketPath", self.socket_path.is_some()),
        )?;
        super::not_empty(&[("socketPath", self.socket_path.as_deref())])?;
        let client = self.as_client();
        client.check()?;
        Ok(client)
    }

    /// The same in the words of a client. Each field is named, so that none can be forgotten.
    fn as_client(&self) -> ClientSettings {
        let Self {
            port: _,
            socket_path: _,
            codex_path,
            cwd,
            env,
            inherit_env,
            config,
            config_overrides,
            connect_timeout_ms,
        } = self.clone();
        ClientSettings {
            codex_path,
            cwd,
            env,
            inherit_env,
            config,
            config_overrides,
            connect_timeout_ms,
            ..ClientSettings::default()
        }
    }
}

/// What a signed bearer token says.
#[apply(Option => #[serde(deserialize_with = "present")])]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "SignedTokenOptions"))]
pub struct SignedTokenSettings {
    /// The secret that the server was started with (`--ws-shared-secret-file`), at least 32 bytes.
    #[cfg_attr(test, ts(type = "string"))]
    pub secret: String,
    /// How long the token is good for, in milliseconds. The server asks for it when a connection is opened, also when
    /// one is opened again.
    ///
    /// @default 300000
    pub expires_in_ms: Option<u64>,
    /// Who made it: the `--ws-issuer` of the server, if it has one.
    pub issuer: Option<String>,
    /// Whom it is for: the `--ws-audience` of the server, if it has one.
    pub audience: Option<String>,
    /// Whom it speaks of.
    pub subject: Option<String>,
}
