//! A continuation as a program hands it back, and the options of going on with it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::present;
use super::review::silence;
use crate::Error;
use crate::result::Continuation;

/// How a turn is continued.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ContinueSettings {
    /// How long the turn may be silent before it rejects with `TurnInactiveError` again, in milliseconds.
    ///
    /// @default the client's `inactivityTimeoutMs`
    #[serde(deserialize_with = "present")]
    pub inactivity_timeout_ms: Option<u64>,
    /// JSON Schema that the final message follows. It was sent with the turn.
    #[serde(deserialize_with = "present")]
    #[cfg_attr(test, ts(optional, type = "JsonSchema"))]
    pub output_schema: Option<Value>,
}

impl ContinueSettings {
    pub(crate) fn inactivity_timeout(&self) -> Result<Option<Duration>, Error> {
        silence(self.inactivity_timeout_ms)?;
        Ok(self.inactivity_timeout_ms.map(Duration::from_millis))
    }
}

/// Reads a continuation from JSON text.
pub fn parse_continuation(json: Option<&str>) -> Result<Continuation, Error> {
    // It could be read from an array as well, which nobody means.
    let object = json.filter(|json| json.starts_with('{'));
    serde_json::from_str(object.unwrap_or("null")).map_err(|_| {
        Error::InvalidArgument(
            "continuation: must be what `continuation()` or a TurnInactiveError gave: \
             {threadId, turnId, cursor, mode}"
                .to_owned(),
        )
    })
}
