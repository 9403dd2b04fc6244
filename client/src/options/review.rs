//! Options of the turns that no input begins: reviews and compactions.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::present;
use super::thread::wire_enum;
use crate::Error;

/// What is reviewed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields,
    remote = "Self"
)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub enum ReviewTarget {
    /// What is not committed: staged, unstaged, untracked.
    UncommittedChanges {},
    /// What the working tree has over a branch.
    BaseBranch {
        /// Its name.
        branch: String,
    },
    /// One commit.
    Commit {
        /// Its hash.
        sha: String,
        /// Its title, for people.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
        #[cfg_attr(test, ts(optional, type = "string | null"))]
        title: Option<Option<String>>,
    },
    /// Whatever the instructions say.
    Custom {
        /// The instructions.
        instructions: String,
    },
}

super::only_objects!(ReviewTarget, "an object with a `type`");

/// How a review runs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ReviewSettings {
    /// Where it runs: on this thread, the only way that codex 0.169 has.
    ///
    /// @default 'inline'
    #[serde(deserialize_with = "present")]
    #[cfg_attr(test, ts(optional, type = "Protocol.ReviewDelivery"))]
    pub delivery: Option<ReviewDelivery>,
    /// How long the turn may be silent before it rejects with `TurnInactiveError`, in milliseconds.
    ///
    /// @default the client's `inactivityTimeoutMs`
    #[serde(deserialize_with = "present")]
    pub inactivity_timeout_ms: Option<u64>,
}

wire_enum! {
    /// Where a review runs.
    ReviewDelivery, "lowercase" {
        /// On the thread itself.
        Inline,
    }
}

/// How a thread is compacted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct CompactSettings {
    /// How long the turn that compacts may be silent before it rejects with `TurnInactiveError`, in milliseconds.
    ///
    /// @default the client's `inactivityTimeoutMs`
    #[serde(deserialize_with = "present")]
    pub inactivity_timeout_ms: Option<u64>,
}

impl ReviewTarget {
    /// Reads a target from JSON text.
    pub fn parse(json: Option<&str>) -> Result<Self, Error> {
        const KINDS: &str = "it takes {type: 'uncommittedChanges'}, {type: 'baseBranch', branch}, \
                             {type: 'commit', sha, title?} or {type: 'custom', instructions}";
        let target: Self = super::parse_argument(json, "target", KINDS)?;
        let (name, text) = match &target {
            Self::UncommittedChanges {} => return Ok(target),
            Self::BaseBranch { branch } => ("branch", branch),
            Self::Commit { sha, .. } => ("sha", sha),
            Self::Custom { instructions } => ("instructions", instructions),
        };
        if text.trim().is_empty() {
            return Err(Error::InvalidArgument(format!("target.{name}: must not be empty")));
        }
        Ok(target)
    }
}

impl ReviewSettings {
    /// The parameters of `review/start` beside the thread.
    pub(crate) fn wire(&self, target: &ReviewTarget) -> Result<Value, Error> {
        silence(self.inactivity_timeout_ms)?;
        let mut wire = json!({ "target": target });
        if let Some(delivery) = self.delivery {
            wire["delivery"] = json!(delivery);
        }
        Ok(wire)
    }

    pub(crate) fn inactivity_timeout(&self) -> Option<Duration> {
        self.inactivity_timeout_ms.map(Duration::from_millis)
    }
}

impl CompactSettings {
    pub(crate) fn inactivity_timeout(&self) -> Result<Option<Duration>, Error> {
        silence(self.inactivity_timeout_ms)?;
        Ok(self.inactivity_timeout_ms.map(Duration::from_millis))
    }
}

pub(super) fn silence(timeout: Option<u64>) -> Result<(), Error> {
    match timeout {
        Some(0) => Err(Error::InvalidArgument(
            "options.inactivityTimeoutMs: must be at least 1 (milliseconds)".to_owned(),
        )),
        _ => Ok(()),
    }
}
