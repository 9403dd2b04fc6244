//! Options of the account and its logins.

use std::time::Duration;

use serde::Deserialize;

use super::present;
use crate::Error;

/// How the account is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "AccountOptions"))]
pub struct AccountSettings {
    /// Whether codex renews its token first.
    ///
    /// @default false
    #[serde(deserialize_with = "present")]
    pub refresh_token: Option<bool>,
}

/// How the end of a login is waited for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "LoginWaitOptions"))]
pub struct LoginWaitSettings {
    /// How long, in milliseconds. The login itself goes on.
    ///
    /// @default for ever: a person has to do something
    #[serde(deserialize_with = "present")]
    pub timeout_ms: Option<u64>,
}

impl LoginWaitSettings {
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
