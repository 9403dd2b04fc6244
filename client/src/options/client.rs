//! Options of a client. What they come to where the server runs elsewhere is in `remote.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::apply;

use super::wire_fields::{INITIALIZE, INITIALIZE_CAPABILITIES};
use super::{HandedOn, Variables, present, variables};
use crate::Error;

/// How a client finds, starts and speaks to codex.
#[apply(Option => #[serde(deserialize_with = "present")])]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ClientSettings {
    /// Where a server runs that is to be used, in place of one that is started: `ws://HOST:PORT`, `wss://HOST`,
    /// `unix://PATH`, or `unix://` for the control socket below `CODEX_HOME`. Excludes what is for a process of one's
    /// own: `codexPath`, `launchArgs`, `cwd`, `env`, `inheritEnv`, `config`, `configOverrides`, `baseUrl`.
    pub url: Option<String>,
    /// Bearer token for the server at `url`, or a function that gives one, which is called for each connection: for the
    /// first, and for each that is opened again after one was lost. It may take as long as `connectTimeoutMs`. The token
    /// is in no log, error or process list; whitespace around it, such as the end of a file, is left out.
    ///
    /// @default the environment variable `CODEX_APP_SERVER_TOKEN`, which then goes to whatever server `url` names;
    /// it is not read where `headers` has an `authorization`
    #[cfg_attr(test, ts(optional, type = "string | TokenSource"))]
    pub token: Option<String>,
    /// Further headers of the request that opens the websocket.
    #[cfg_attr(test, ts(optional, type = "{ [name: string]: string | undefined }"))]
    pub headers: Option<BTreeMap<String, String>>,
    /// A file of certificates in PEM that are trusted for `wss://`, beside those of the system (or of `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR`) and of `NODE_EXTRA_CA_CERTS`.
    pub ca_file: Option<String>,
    /// Whether a token, or a header whose name says that it is a credential (`authorization`, `cookie`, `x-api-key`, ...),
    /// may go out over plain `ws://` to another machine, for everybody on the way to read.
    ///
    /// @default false
    pub allow_insecure: Option<bool>,
    /// The longest message that is taken from the server, in bytes, whatever carries it. A longer one loses the
    /// connection: `TransportError` with code `CONNECTION_LOST`, and a codex that was started here is ended. Before the
    /// server has answered for the first time, it may send 1 MiB in all. More than 1073741824 counts as that.
    ///
    /// @default 268435456
    pub max_message_bytes: Option<u64>,
    /// After so much silence the server at `url` is asked for a sign of life, in milliseconds; after twice as much the
    /// connection counts as lost.
    ///
    /// @default 20000
    pub keep_alive_ms: Option<u64>,
    /// For how long a lost connection to `url` is opened again, in milliseconds. Running turns go on then; what can't
    /// be recovered are the text deltas of the gap, which come with the completed item. 0 does not try.
    ///
    /// @default 30000
    pub reconnect_timeout_ms: Option<u64>,
    /// Whether the next call starts codex anew, or connects anew, after the server has died or the connection was
    /// lost for good. Without, every later call rejects as the first did.
    ///
    /// @default true
    pub restart: Option<bool>,
    /// The codex executable. Else the environment variable `CODEX_PATH`, else the `@openai/codex` package that
    /// is installed next to this one, else `codex` on `PATH`.
    pub codex_path: Option<String>,
    /// Replaces the whole argument list after the executable. Excludes `config`, `configOverrides` and `baseUrl`,
    /// which would go there.
    pub launch_args: Option<Vec<String>>,
    /// Working directory of the codex process.
    ///
    /// @default the working directory of this process
    pub cwd: Option<String>,
    /// Environment variables of the codex process, merged over the inherited ones; undefined takes one away.
    #[serde(deserialize_with = "variables")]
    #[cfg_attr(test, ts(optional, type = "{ [name: string]: string | undefined }"))]
    #[serde_with(skip_apply)]
    pub env: Option<Variables>,
    /// Whether codex inherits `process.env`, as the program sees it at the call that starts codex.
    ///
    /// @default true
    pub inherit_env: Option<bool>,
    /// Configuration as in `config.toml`, passed as `--config` arguments. Values that are secrets (an MCP
    /// server's `env` and `http_headers`, a provider's headers and tokens) do not go into the argument list:
    /// they are sent with each thread that is started or resumed.
    #[cfg_attr(test, ts(optional, type = "{ [key: string]: ConfigValue | undefined }"))]
    pub config: Option<Map<String, Value>>,
    /// Raw `--config` values, `dotted.key=<TOML>`, passed as they are after those of `config`. Anyone who can
    /// list processes can read them.
    pub config_overrides: Option<Vec<String>>,
    /// API key: logs in through `account/login/start` after the handshake. (app-server ignores the variables
    /// `OPENAI_API_KEY` and `CODEX_API_KEY`.)
    pub api_key: Option<String>,
    /// Base URL of the OpenAI API, passed as the configuration `openai_base_url`.
    pub base_url: Option<String>,
    /// Who this client is, sent with `initialize`.
    ///
    /// @default the name and version of this package
    pub client_info: Option<ClientInfo>,
    /// Whether to ask for the experimental part of the protocol; dynamic tools and others need it.
    ///
    /// @default true
    pub experimental_api: Option<bool>,
    /// Notifications the server shall not send: exact wire names. Leaving out what a turn is made of
    /// (`item/completed`, `turn/completed`, ...) leaves it out of results too.
    pub opt_out_notification_methods: Option<Vec<String>>,
    /// Deadline of every request, in milliseconds.
    ///
    /// @default 30000
    pub request_timeout_ms: Option<u64>,
    /// Deadline of starting codex and of its handshake together, in milliseconds.
    ///
    /// @default 15000
    pub connect_timeout_ms: Option<u64>,
    /// How long a turn may be silent before it rejects with `TurnInactiveError`, in milliseconds. Restarted by
    /// each event of the turn.
    ///
    /// @default none: a turn may be silent for ever
    pub inactivity_timeout_ms: Option<u64>,
    /// How many requests may be on the wire at once, 1 to 128; the rest wait in order. The server drops answers
    /// when there are too many.
    ///
    /// @default 64
    pub max_in_flight: Option<u32>,
    /// The least severe records that `logger` gets.
    ///
    /// @default 'info'
    pub log_level: Option<LogLevel>,
    /// What else the protocol has for `initialize`.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    pub handed_on: HandedOn,
}

super::hands_on!(ClientSettings, &[INITIALIZE], &[]);

impl ClientSettings {
    /// The capabilities that the client tells in the handshake.
    pub(crate) fn capabilities(&self) -> Map<String, Value> {
        let mut capabilities = Map::new();
        capabilities.insert("experimentalApi".to_owned(), self.experimental_api.unwrap_or(true).into());
        let methods = self.opt_out_notification_methods.clone().unwrap_or_default();
        capabilities.insert("optOutNotificationMethods".to_owned(), methods.into());
        let given = [&self.handed_on.fields, &self.handed_on.extra].map(|fields| fields.get("capabilities"));
        for (name, value) in given.into_iter().flatten().filter_map(Value::as_object).flatten() {
            capabilities.entry(name.clone()).or_insert_with(|| value.clone());
        }
        capabilities
    }

    /// Refuses capabilities that are none, and those that have an option of their own.
    fn check_capabilities(&self) -> Result<(), Error> {
        let Some(given) = self.handed_on.fields.get("capabilities") else { return Ok(()) };
        let wrong = |place: &str, why: String| Err(Error::InvalidArgument(format!("options.{place}: {why}")));
        let Value::Object(given) = given else {
            return wrong("capabilities", "must be an object of capabilities of the protocol".to_owned());
        };
        for name in given.keys().map(String::as_str) {
            let place = format!("capabilities.{name}");
            if matches!(name, "experimentalApi" | "optOutNotificationMethods") {
                return wrong(
                    &place,
                    format!("is an option of its own; give `{name}` beside `capabilities`"),
                );
            }
            if !INITIALIZE_CAPABILITIES.contains(&name) {
                let why = "is no capability of this codex; one of a newer codex goes into `extra`";
                return wrong(&place, format!("{why}: {{capabilities: {{{name}: ...}}}}"));
            }
        }
        Ok(())
    }
}

/// Who a client is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ClientInfo {
    /// Short name, valid in an HTTP header.
    pub name: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub title: Option<String>,
    /// Version of the program.
    pub version: String,
}

super::only_objects!(ClientInfo, "an object with `name`, `version` and perhaps `title`");

/// How severe a log record is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// What happens, in few words.
    #[default]
    Info,
    /// What happens, with codex's own stderr.
    Debug,
    /// Everything.
    Trace,
}

const DEFAULT_REQUEST_TIMEOUT_MS: u64 = 30_000;
const DEFAULT_CONNECT_TIMEOUT_MS: u64 = 15_000;
/// What the server's own queues hold, so that it never has to drop an answer.
const DEFAULT_IN_FLIGHT: u32 = 64;
const MOST_IN_FLIGHT: u32 = 128;

impl ClientSettings {
    /// Refuses values that can't work.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |name: &str, why: &str| Err(Error::InvalidArgument(format!("options.{name}: {why}")));
        for (name, value) in [
            ("requestTimeoutMs", self.request_timeout_ms),
            ("connectTimeoutMs", self.connect_timeout_ms),
            ("inactivityTimeoutMs", self.inactivity_timeout_ms),
            ("keepAliveMs", self.keep_alive_ms),
            ("maxMessageBytes", self.max_message_bytes),
        ] {
            if value == Some(0) {
                let unit = if name.ends_with("Ms") { " (milliseconds)" } else { "" };
                return wrong(name, &format!("must be at least 1{unit}"));
            }
        }
        if self.max_in_flight.is_some_and(|most| !(1..=MOST_IN_FLIGHT).contains(&most)) {
            return wrong("maxInFlight", "must be from 1 to 128");
        }
        self.check_capabilities()?;
        super::not_empty(&[
            ("url", self.url.as_deref()),
            ("token", self.token.as_deref()),
            ("caFile", self.ca_file.as_deref()),
            ("codexPath", self.codex_path.as_deref()),
            ("cwd", self.cwd.as_deref()),
            ("apiKey", self.api_key.as_deref()),
            ("baseUrl", self.base_url.as_deref()),
        ])?;
        if let Some(info) = &self.client_info {
            let header = |text: &str| !text.is_empty() && text.bytes().all(|byte| (32..127).contains(&byte));
            if !header(&info.name) || !header(&info.version) {
                return wrong("clientInfo", "`name` and `version` must be printable ASCII and not empty");
            }
        }
        for name in self.env.iter().flatten().map(|(name, _)| name) {
            if name.is_empty() || name.contains(['=', '\0']) {
                return wrong("env", &format!("`{name}` can't be the name of a variable"));
            }
        }
        if self
            .env
            .iter()
            .flatten()
            .any(|(_, value)| value.as_ref().is_some_and(|value| value.contains('\0')))
        {
            return wrong("env", "a value holds a NUL character");
        }
        for (name, arguments) in
            [("launchArgs", &self.launch_args), ("configOverrides", &self.config_overrides)]
        {
            if arguments.iter().flatten().any(|argument| argument.contains('\0')) {
                return wrong(name, "an argument holds a NUL character");
            }
        }
        if let Some(wrong_one) = self.config_overrides.iter().flatten().find(|value| !value.contains('=')) {
            return wrong("configOverrides", &format!("`{wrong_one}` is not of the form key=value"));
        }
        super::exclusive(
            "options",
            ("launchArgs", self.launch_args.is_some()),
            ("configOverrides", self.config_overrides.is_some()),
        )?;
        super::exclusive(
            "options",
            ("launchArgs", self.launch_args.is_some()),
            ("baseUrl", self.base_url.is_some()),
        )?;
        super::exclusive(
            "options",
            ("launchArgs", self.launch_args.is_some()),
            ("config", self.config.is_some()),
        )
    }

    /// Deadline of a request.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms.unwrap_or(DEFAULT_REQUEST_TIMEOUT_MS))
    }

    /// Deadline of start and handshake.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms.unwrap_or(DEFAULT_CONNECT_TIMEOUT_MS))
    }

    /// How long a turn may be silent.
    pub fn inactivity_timeout(&self) -> Option<Duration> {
        self.inactivity_timeout_ms.map(Duration::from_millis)
    }

    /// The in-flight cap.
    pub fn in_flight(&self) -> usize {
        self.max_in_flight.unwrap_or(DEFAULT_IN_FLIGHT) as usize
    }
}
