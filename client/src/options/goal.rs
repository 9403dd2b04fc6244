//! Options of a thread's goal.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::apply;

use super::queries::fields;
use super::thread::wire_enum;
use super::{Maybe, present};
use crate::Error;

/// What a thread is to reach. What is left out stays as it is.
#[apply(Maybe => #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")])]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "GoalOptions"))]
pub struct GoalSettings {
    /// The goal in words.
    pub objective: Maybe<String>,
    /// How it stands. While it is `active` codex begins turns of its own accord until it is reached.
    ///
    /// @default for a new goal 'active'
    #[cfg_attr(test, ts(optional, type = "Protocol.ThreadGoalStatus | null"))]
    pub status: Maybe<GoalStatus>,
    /// How many tokens may be spent on it; null is no limit.
    pub token_budget: Maybe<u64>,
}

wire_enum! {
    /// How a goal stands.
    GoalStatus, "camelCase" {
        /// Codex works on it.
        Active,
        /// The user has paused it.
        Paused,
        /// It can't go on.
        Blocked,
        /// The account's limit is reached.
        UsageLimited,
        /// Its own budget is spent.
        BudgetLimited,
        /// It is reached.
        Complete,
    }
}

impl GoalSettings {
    /// The parameters of `thread/goal/set` beside the thread.
    pub(crate) fn wire(&self) -> Result<Map<String, Value>, Error> {
        let wrong = |why: &str| Err(Error::InvalidArgument(why.to_owned()));
        if self.objective.as_ref().and_then(Option::as_ref).is_some_and(|text| text.trim().is_empty()) {
            return wrong("options.objective: must not be empty");
        }
        if self.token_budget == Some(Some(0)) {
            return wrong("options.tokenBudget: must be at least 1 (tokens)");
        }
        if self.objective.is_none() && self.status.is_none() && self.token_budget.is_none() {
            return wrong("options: give at least one of objective, status and tokenBudget");
        }
        fields(self)
    }
}
