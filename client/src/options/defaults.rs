//! Options of a thread's later turns.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::wire_fields::THREAD_SETTINGS_UPDATE;
use super::{
    ApprovalMode, ApprovalPolicy, ApprovalsReviewer, HandedOn, Maybe, Personality, ReasoningSummary,
    SandboxMode, SandboxPolicy, ThreadSettings, TurnSettings, exclusive, present,
};
use crate::Error;

/// Settings for the later turns of a thread. What is left out stays as it is, and so does what is null, but for the
/// service tier: null is the default one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct DefaultSettings {
    /// Model name.
    #[serde(deserialize_with = "present")]
    pub model: Maybe<String>,
    /// Reasoning effort: `minimal`, `low`, `medium`, `high` or what else the model knows.
    #[serde(deserialize_with = "present")]
    pub effort: Maybe<String>,
    /// How the model sums up its reasoning.
    #[serde(deserialize_with = "present")]
    pub summary: Maybe<ReasoningSummary>,
    /// Working directory.
    #[serde(deserialize_with = "present")]
    pub cwd: Maybe<String>,
    /// What commands may touch. Excludes `sandboxPolicy`.
    #[serde(deserialize_with = "present")]
    pub sandbox: Option<SandboxMode>,
    /// The same in full. Excludes `sandbox`.
    #[serde(deserialize_with = "present")]
    pub sandbox_policy: Maybe<SandboxPolicy>,
    /// Who decides what the agent may do beyond its sandbox. Excludes `approvalPolicy` and `approvalsReviewer`.
    #[serde(deserialize_with = "present")]
    pub approval_mode: Option<ApprovalMode>,
    /// When codex asks before it acts. Excludes `approvalMode`.
    #[serde(deserialize_with = "present")]
    pub approval_policy: Maybe<ApprovalPolicy>,
    /// Who is asked. Excludes `approvalMode`.
    #[serde(deserialize_with = "present")]
    pub approvals_reviewer: Maybe<ApprovalsReviewer>,
    /// Tone of the agent. Deprecated by codex.
    #[serde(deserialize_with = "present")]
    pub personality: Maybe<Personality>,
    /// Service tier of the model provider.
    #[serde(deserialize_with = "present")]
    pub service_tier: Maybe<String>,
    /// How the agent works with the user: `plan` has it make a plan and change nothing, `default` is as always. In full it
    /// has a model, an effort and instructions of its own.
    #[serde(deserialize_with = "present")]
    #[cfg_attr(test, ts(optional, type = "Protocol.ModeKind | Protocol.CollaborationMode | null"))]
    pub collaboration_mode: Maybe<Value>,
    /// What else the protocol has for `thread/settings/update`.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    pub handed_on: HandedOn,
}

super::hands_on!(DefaultSettings, &[THREAD_SETTINGS_UPDATE], &["threadId"]);

impl DefaultSettings {
    /// The parameters of `thread/settings/update` beside the thread.
    pub(crate) fn wire(&self, thread: &ThreadSettings) -> Result<Map<String, Value>, Error> {
        exclusive(
            "options",
            ("approvalMode", self.approval_mode.is_some()),
            ("approvalsReviewer", self.approvals_reviewer.is_some()),
        )?;
        for (name, given) in
            [("sandbox", self.sandbox.is_some()), ("sandboxPolicy", self.sandbox_policy.is_some())]
        {
            exclusive("options", (name, given), ("permissions", self.handed_on.has("permissions")))?;
        }
        let turn = self.as_turn();
        turn.check()?;
        let mut wire = turn.wire(thread);
        super::thread::put(&mut wire, "approvalsReviewer", &self.approvals_reviewer);
        self.handed_on.put(&mut wire, THREAD_SETTINGS_UPDATE);
        Ok(wire)
    }

    fn as_turn(&self) -> TurnSettings {
        TurnSettings {
            model: self.model.clone(),
            effort: self.effort.clone(),
            summary: self.summary,
            cwd: self.cwd.clone(),
            sandbox: self.sandbox,
            sandbox_policy: self.sandbox_policy.clone(),
            approval_mode: self.approval_mode,
            approval_policy: self.approval_policy.clone(),
            personality: self.personality,
            service_tier: self.service_tier.clone(),
            collaboration_mode: self.collaboration_mode.clone(),
            ..TurnSettings::default()
        }
    }
}
