use std::time::Duration;

use serde::Deserialize;

use super::present;
use crate::Error;

/// Settings of one request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RequestSettings {
    /// Deadline in milliseconds.
    ///
    /// @default the client's `requestTimeoutMs`
    #[serde(deserialize_with = "present")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub timeout_ms: Option<u64>,
}

impl RequestSettings {
    /// The deadline.
    pub fn timeout(&self) -> Result<Option<Duration>, Error> {
        match self.timeout_ms {
            Some(0) => {
                Err(Error::InvalidArgument("options.timeoutMs: must be at least 1 (milliseconds)".to_owned()))
            }
            timeout => Ok(timeout.map(Duration::from_millis)),
        }
    }
}

/// How a stored thread is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ReadSettings {
    /// Whether its turns come along.
    ///
    /// @default false
    #[serde(deserialize_with = "present")]
    pub include_turns: Option<bool>,
}

/// How a turn is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ReaderSettings {
    /// Whether adjacent text deltas of one item may be joined while the reader is behind.
    ///
    /// @default true
    #[serde(deserialize_with = "present")]
    pub coalesce: Option<bool>,
    /// The number of an event, its `seq`, which is the last that is known: the reader begins after it.
    ///
    /// @default 0: with the turn's first event
    #[serde(deserialize_with = "present")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub after: Option<u64>,
    /// Whether the turn goes on when the reader leaves before its end and nobody else follows it.
    ///
    /// @default false: the turn is interrupted
    #[serde(deserialize_with = "present")]
    pub leave_running: Option<bool>,
}

/// How a turn is interrupted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct InterruptSettings {
    /// Whether commands that the agent left running in the background, of this turn or an earlier one of its
    /// thread, are ended too. Wire: `thread/backgroundTerminals/clean`.
    ///
    /// @default false
    #[serde(deserialize_with = "present")]
    pub terminate_commands: Option<bool>,
}

/// Which notifications are followed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct NotificationSettings {
    /// Wire names of those to give.
    ///
    /// @default all
    #[serde(deserialize_with = "present")]
    pub methods: Option<Vec<String>>,
    /// Whether waiting for the next keeps Node alive. In a loop in the background it should not: it never ends by
    /// itself, and the program would not either.
    ///
    /// @default true
    #[serde(deserialize_with = "present")]
    pub keep_alive: Option<bool>,
}

/// How the requests from the server are followed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ObserverSettings {
    /// Whether waiting for the next keeps Node alive. In a loop in the background it should not: it never ends by
    /// itself, and the program would not either.
    ///
    /// @default true
    #[serde(deserialize_with = "present")]
    pub keep_alive: Option<bool>,
}
