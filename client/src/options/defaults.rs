use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    ApprovalMode, ApprovalPolicy, ApprovalsReviewer, Maybe, Personality, ReasoningSummary, SandboxMode,
    SandboxPolicy, ThreadSettings, TurnSettings, exclusive, present,
};
use crate::Error;

/// Settings for the later turns of a thread. What is left out stays as it is, and so does what is null, but for the
/// service tier: null is the default one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
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
}

impl DefaultSettings {
    /// The parameters of `thread/settings/update` beside the thread.
    pub(crate) fn wire(&self, thread: &ThreadSettings) -> Result<Map<String, Value>, Error> {
        exclusive(
            "options",
            ("approvalMode", self.approval_mode.is_some()),
            ("approvalsReviewer", self.approvals_reviewer.is_some()),
        )?;
        let turn = self.as_turn();
        turn.check()?;
        let mut wire = turn.wire(thread);
        super::thread::put(&mut wire, "approvalsReviewer", &self.approvals_reviewer);
        Ok(wire)
    }

    /// What the thread is loaded with from now on, should its server be started anew.
    pub(crate) fn merge_into(&self, thread: &mut ThreadSettings) {
        fn take<T: Clone>(into: &mut Maybe<T>, given: &Maybe<T>) {
            if let Some(Some(_)) = given {
                into.clone_from(given);
            }
        }
        take(&mut thread.model, &self.model);
        take(&mut thread.cwd, &self.cwd);
        take(&mut thread.personality, &self.personality);
        take(&mut thread.service_tier, &self.service_tier);
        if let Some(Some(effort)) = &self.effort {
            thread.effort = Some(effort.clone());
        }
        if self.approval_mode.is_some() {
            thread.approval_mode = self.approval_mode;
            thread.approval_policy = None;
            thread.approvals_reviewer = None;
        }
        if let Some(Some(_)) = &self.approval_policy {
            thread.approval_mode = None;
        }
        if let Some(Some(_)) = &self.approvals_reviewer {
            thread.approval_mode = None;
        }
        take(&mut thread.approval_policy, &self.approval_policy);
        take(&mut thread.approvals_reviewer, &self.approvals_reviewer);
        match &self.sandbox_policy {
            Some(Some(policy)) => policy.merge_into(thread),
            _ => {
                if let Some(sandbox) = self.sandbox {
                    thread.sandbox = Some(Some(sandbox));
                }
            }
        }
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
            ..TurnSettings::default()
        }
    }
}

impl SandboxPolicy {
    /// The policy as far as a thread can be loaded with it.
    fn merge_into(&self, thread: &mut ThreadSettings) {
        let (mode, network, roots) = match self {
            Self::DangerFullAccess | Self::ExternalSandbox { .. } => {
                (SandboxMode::DangerFullAccess, None, None)
            }
            Self::ReadOnly { network_access } => (SandboxMode::ReadOnly, *network_access, None),
            Self::WorkspaceWrite { writable_roots, network_access, .. } => {
                (SandboxMode::WorkspaceWrite, *network_access, writable_roots.clone())
            }
        };
        thread.sandbox = Some(Some(mode));
        thread.network_access = network.or(thread.network_access);
        thread.additional_directories = roots.or_else(|| thread.additional_directories.take());
    }
}
