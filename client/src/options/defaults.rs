//! Options of a thread's later turns.

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_with::apply;

use super::wire_fields::THREAD_SETTINGS_UPDATE;
use super::{
    ApprovalMode, ApprovalPolicy, ApprovalsReviewer, HandedOn, Maybe, Personality, ReasoningSummary,
    SandboxMode, SandboxPolicy, ThreadSettings, TurnSettings, exclusive, present,
};
use crate::Error;

/// Settings for the later turns of a thread. What is left out stays as it is, and so does what is null, but for the
/// service tier: null is the default one.
#[apply(Option => #[serde(deserialize_with = "present")], Maybe => #[serde(deserialize_with = "present")])]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct DefaultSettings {
    /// Model name.
    pub model: Maybe<String>,
    /// Reasoning effort: `minimal`, `low`, `medium`, `high` or what else the model knows.
    pub effort: Maybe<String>,
    /// How the model sums up its reasoning.
    pub summary: Maybe<ReasoningSummary>,
    /// Working directory.
    pub cwd: Maybe<String>,
    /// What commands may touch. Excludes `sandboxPolicy`.
    pub sandbox: Option<SandboxMode>,
    /// The same in full. Excludes `sandbox`.
    pub sandbox_policy: Maybe<SandboxPolicy>,
    /// Who decides what the agent may do beyond its sandbox. Excludes `approvalPolicy` and `approvalsReviewer`.
    pub approval_mode: Option<ApprovalMode>,
    /// When codex asks before it acts. Excludes `approvalMode`.
    pub approval_policy: Maybe<ApprovalPolicy>,
    /// Who is asked. Excludes `approvalMode`.
    pub approvals_reviewer: Maybe<ApprovalsReviewer>,
    /// Tone of the agent. Deprecated by codex.
    pub personality: Maybe<Personality>,
    /// Service tier of the model provider.
    pub service_tier: Maybe<String>,
    /// How the agent works with the user: `plan` has it make a plan and change nothing, `default` is as always. In full it
    /// has a model, an effort and instructions of its own.
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
        for (name, given) in
            [("sandbox", self.sandbox.is_some()), ("sandboxPolicy", self.sandbox_policy.is_some())]
        {
            exclusive("options", (name, given), ("permissions", self.handed_on.has("permissions")))?;
        }
        let turn = self.as_turn();
        turn.check()?;
        let mut wire = turn.wire(thread);
        self.handed_on.put(&mut wire, THREAD_SETTINGS_UPDATE);
        Ok(wire)
    }

    /// The same in the words of a turn. Each field is named, so that none can be forgotten.
    fn as_turn(&self) -> TurnSettings {
        let Self {
            model,
            effort,
            summary,
            cwd,
            sandbox,
            sandbox_policy,
            approval_mode,
            approval_policy,
            approvals_reviewer,
            personality,
            service_tier,
            collaboration_mode,
            handed_on: _,
        } = self.clone();
        TurnSettings {
            model,
            effort,
            summary,
            cwd,
            sandbox,
            sandbox_policy,
            approval_mode,
            approval_policy,
            approvals_reviewer,
            personality,
            service_tier,
            collaboration_mode,
            ..TurnSettings::default()
        }
    }
}
