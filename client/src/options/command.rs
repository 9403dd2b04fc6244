//! Options of a command in the sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serde_with::apply;

use super::{Maybe, SandboxPolicy, present, wire_variables};
use crate::Error;

/// How a command is run.
#[apply(Option => #[serde(deserialize_with = "present")], Maybe => #[serde(deserialize_with = "present")])]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct CommandSettings {
    /// Working directory.
    ///
    /// @default that of codex
    pub cwd: Maybe<String>,
    /// Environment variables, merged over codex's own; null or undefined takes one away.
    #[serde(deserialize_with = "wire_variables")]
    #[cfg_attr(test, ts(optional, type = "{ [name: string]: string | null | undefined } | null"))]
    #[serde_with(skip_apply)]
    pub env: Maybe<BTreeMap<String, Option<String>>>,
    /// How long the command may run, in milliseconds; then it is ended and its exit code is 124. Null is no limit.
    ///
    /// @default without `stream` codex's own, 10 seconds; with it none
    pub timeout_ms: Maybe<u64>,
    /// What the command may touch.
    ///
    /// @default what codex's configuration says
    pub sandbox_policy: Maybe<SandboxPolicy>,
    /// Whether the command comes as a handle: output as it is written, as bytes, and a way to its stdin.
    ///
    /// @default false
    pub stream: Option<bool>,
    /// Whether the command runs in a terminal, which has one output for all. Needs `stream`.
    ///
    /// @default false
    pub tty: Option<bool>,
    /// Size of the terminal in characters. Needs `tty`.
    pub size: Option<TerminalSize>,
    /// How many bytes of each of stdout and stderr are kept; the rest is lost. Null is no limit.
    ///
    /// @default without `stream` codex's own, 1 MiB; with it none
    pub output_bytes_cap: Maybe<u64>,
}

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TerminalSize {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

super::only_objects!(TerminalSize, "an object with `cols` and `rows`");

/// How long codex lets a command run unless it is told otherwise.
const CODEX_TIMEOUT: Duration = Duration::from_secs(10);

impl CommandSettings {
    /// Whether the command comes as a handle.
    pub fn is_streamed(&self) -> bool {
        self.stream.unwrap_or(false)
    }

    /// How long the command may run; none is for ever.
    pub(crate) fn limit(&self) -> Option<Duration> {
        match self.timeout_ms {
            None if self.is_streamed() => None,
            None => Some(CODEX_TIMEOUT),
            Some(limit) => limit.map(Duration::from_millis),
        }
    }

    /// The parameters of `command/exec`.
    pub(crate) fn wire(&self, argv: &[String], process_id: &str) -> Result<Map<String, Value>, Error> {
        self.check(argv)?;
        let mut wire = Map::new();
        let mut put = |name: &str, value: Value| drop(wire.insert(name.to_owned(), value));
        put("command", json!(argv));
        put("processId", json!(process_id));
        if let Some(cwd) = &self.cwd {
            put("cwd", json!(cwd));
        }
        if let Some(env) = &self.env {
            put("env", json!(env));
        }
        if let Some(policy) = &self.sandbox_policy {
            put("sandboxPolicy", json!(policy));
        }
        let streamed = self.is_streamed();
        match self.timeout_ms {
            Some(Some(limit)) => put("timeoutMs", json!(limit)),
            Some(None) => put("disableTimeout", json!(true)),
            None if streamed => put("disableTimeout", json!(true)),
            None => {}
        }
        match self.output_bytes_cap {
            Some(Some(cap)) => put("outputBytesCap", json!(cap)),
            Some(None) => put("disableOutputCap", json!(true)),
            None if streamed => put("disableOutputCap", json!(true)),
            None => {}
        }
        if streamed {
            put("streamStdin", json!(true));
            put("streamStdoutStderr", json!(true));
        }
        if let Some(tty) = self.tty {
            put("tty", json!(tty));
        }
        if let Some(size) = self.size {
            put("size", json!(size));
        }
        Ok(wire)
    }

    fn check(&self, argv: &[String]) -> Result<(), Error> {
        let wrong = |why: &str| Err(Error::InvalidArgument(why.to_owned()));
        let Some(program) = argv.first() else {
            return wrong("argv is empty; its first element is the program to run");
        };
        if program.trim().is_empty() {
            return wrong("argv[0] is empty; it is the program to run");
        }
        if let Some(index) = argv.iter().position(|argument| argument.contains('\0')) {
            return wrong(&format!("argv[{index}] holds a NUL character"));
        }
        if self.cwd.as_ref().and_then(Option::as_ref).is_some_and(|cwd| cwd.trim().is_empty()) {
            return wrong("options.cwd: must not be empty; leave it out instead");
        }
        for (name, value) in self.env.iter().flatten().flatten() {
            if name.is_empty() || name.contains(['=', '\0']) {
                return wrong(&format!("options.env: `{name}` can't be the name of a variable"));
            }
            if value.as_ref().is_some_and(|value| value.contains('\0')) {
                return wrong(&format!("options.env.{name}: holds a NUL character"));
            }
        }
        for (name, value) in [("timeoutMs", self.timeout_ms), ("outputBytesCap", self.output_bytes_cap)] {
            if value == Some(Some(0)) {
                return wrong(&format!("options.{name}: must be at least 1, or null for no limit"));
            }
        }
        let tty = self.tty.unwrap_or(false);
        if tty && !self.is_streamed() {
            return wrong("options.tty: needs `stream: true`, a terminal's output comes as it is written");
        }
        if let Some(size) = self.size {
            if !tty {
                return wrong("options.size: needs `tty: true`, only a terminal has a size");
            }
            size.check("options.size")?;
        }
        Ok(())
    }
}

impl TerminalSize {
    /// Refuses a terminal without room for a character.
    pub(crate) fn check(self, what: &str) -> Result<(), Error> {
        if self.cols == 0 || self.rows == 0 {
            return Err(Error::InvalidArgument(format!("{what}: cols and rows must be at least 1")));
        }
        Ok(())
    }
}
