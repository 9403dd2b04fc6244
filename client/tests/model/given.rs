//! The lasting options of a plan as the options of calls.

use codex_client::options::{
    ApprovalPolicy, ApprovalsReviewer, DefaultSettings, Personality, SandboxMode, ThreadSettings,
    TurnSettings,
};
use serde_json::{Value, json};

use crate::plan::Settings;

fn text(kind: &str, number: u8) -> String {
    format!("{kind}-{number}")
}

fn sandbox(number: u8) -> SandboxMode {
    [SandboxMode::ReadOnly, SandboxMode::WorkspaceWrite, SandboxMode::DangerFullAccess][number as usize % 3]
}

fn approval(number: u8) -> ApprovalPolicy {
    [ApprovalPolicy::Untrusted, ApprovalPolicy::OnRequest, ApprovalPolicy::Never][number as usize % 3].clone()
}

fn reviewer(number: u8) -> ApprovalsReviewer {
    [ApprovalsReviewer::User, ApprovalsReviewer::AutoReview][number as usize % 2]
}

fn personality(number: u8) -> Personality {
    [Personality::None, Personality::Friendly, Personality::Pragmatic][number as usize % 3]
}

impl Settings {
    pub fn thread(self) -> ThreadSettings {
        ThreadSettings {
            model: self.model.map(|number| Some(text("model", number))),
            effort: self.effort.map(|number| text("effort", number)),
            cwd: self.cwd.map(|number| Some(text("/cwd", number))),
            sandbox: self.sandbox.map(|number| Some(sandbox(number))),
            approval_policy: self.approval.map(|number| Some(approval(number))),
            approvals_reviewer: self.reviewer.map(|number| Some(reviewer(number))),
            personality: self.personality.map(|number| Some(personality(number))),
            service_tier: self.tier.map(|number| Some(text("tier", number))),
            ..ThreadSettings::default()
        }
    }

    /// As a request has them that opens a thread.
    pub fn wire(self) -> Value {
        json!({
            "model": self.model.map(|number| text("model", number)),
            "cwd": self.cwd.map(|number| text("/cwd", number)),
            "sandbox": self.sandbox.map(sandbox),
            "approvalPolicy": self.approval.map(approval),
            "approvalsReviewer": self.reviewer.map(reviewer),
            "personality": self.personality.map(personality),
            "serviceTier": self.tier.map(|number| text("tier", number)),
            "config": self.effort.map(|number| json!({ "model_reasoning_effort": text("effort", number) })),
        })
    }

    pub fn turn(self) -> TurnSettings {
        TurnSettings {
            model: self.model.map(|number| Some(text("model", number))),
            effort: self.effort.map(|number| Some(text("effort", number))),
            cwd: self.cwd.map(|number| Some(text("/cwd", number))),
            sandbox: self.sandbox.map(sandbox),
            approval_policy: self.approval.map(|number| Some(approval(number))),
            approvals_reviewer: self.reviewer.map(|number| Some(reviewer(number))),
            personality: self.personality.map(|number| Some(personality(number))),
            service_tier: self.tier.map(|number| Some(text("tier", number))),
            ..TurnSettings::default()
        }
    }

    pub fn defaults(self) -> DefaultSettings {
        DefaultSettings {
            model: self.model.map(|number| Some(text("model", number))),
            effort: self.effort.map(|number| Some(text("effort", number))),
            cwd: self.cwd.map(|number| Some(text("/cwd", number))),
            sandbox: self.sandbox.map(sandbox),
            approval_policy: self.approval.map(|number| Some(approval(number))),
            approvals_reviewer: self.reviewer.map(|number| Some(reviewer(number))),
            personality: self.personality.map(|number| Some(personality(number))),
            service_tier: self.tier.map(|number| Some(text("tier", number))),
            ..DefaultSettings::default()
        }
    }
}
