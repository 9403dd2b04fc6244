//! Options of a turn.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serde_with::apply;

use super::thread::{put, wire_enum};
use super::wire_fields::TURN_START;
use super::{
    ApprovalMode, ApprovalPolicy, ApprovalsReviewer, HandedOn, Maybe, Personality, SandboxMode,
    ThreadSettings, exclusive, not_empty, present,
};
use crate::Error;

/// Settings of one turn. Those that are settings of the thread too hold for its later turns as well.
#[apply(Option => #[serde(deserialize_with = "present")], Maybe => #[serde(deserialize_with = "present")])]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct TurnSettings {
    /// How long the turn may be silent before it rejects with `TurnInactiveError`, in milliseconds.
    ///
    /// @default the client's `inactivityTimeoutMs`
    pub inactivity_timeout_ms: Option<u64>,
    /// Model name, for this turn and later ones.
    pub model: Maybe<String>,
    /// Reasoning effort, for this turn and later ones: `minimal`, `low`, `medium`, `high` or what else the model
    /// knows.
    pub effort: Maybe<String>,
    /// How the model sums up its reasoning, for this turn and later ones.
    pub summary: Maybe<ReasoningSummary>,
    /// Working directory, for this turn and later ones.
    pub cwd: Maybe<String>,
    /// What commands may touch, for this turn and later ones. Excludes `sandboxPolicy`.
    pub sandbox: Option<SandboxMode>,
    /// The same in full. Excludes `sandbox`.
    pub sandbox_policy: Maybe<SandboxPolicy>,
    /// Who decides what the agent may do beyond its sandbox. Excludes `approvalPolicy` and `approvalsReviewer`.
    pub approval_mode: Option<ApprovalMode>,
    /// When codex asks before it acts. Excludes `approvalMode`.
    pub approval_policy: Maybe<ApprovalPolicy>,
    /// Who is asked, for this turn and later ones. `user` has handlers asked: on a thread whose reviewer is
    /// `auto_review` the turn's `onApproval` alone is not. Excludes `approvalMode`.
    pub approvals_reviewer: Maybe<ApprovalsReviewer>,
    /// Tone of the agent. Deprecated by codex.
    pub personality: Maybe<Personality>,
    /// Service tier of the model provider, for this turn and later ones.
    pub service_tier: Maybe<String>,
    /// Service tier of the model provider, for this turn alone.
    pub service_tier_for_turn: Maybe<String>,
    /// JSON Schema that the final message follows. For this turn alone.
    #[cfg_attr(test, ts(optional, type = "JsonSchema"))]
    pub output_schema: Option<Value>,
    /// What started the turn, for analytics. Sent as `turnTrigger`.
    pub source: Maybe<String>,
    /// A name of the program's own for the input: it comes back as `clientId` of the `userMessage` item, and
    /// `thread.outcomeOf()` tells by it what has become of the input. For this turn alone.
    pub client_user_message_id: Maybe<String>,
    /// How the agent works with the user, for this turn and later ones: `plan` has it make a plan and change nothing
    /// (`result.plan`), `default` is as always. In full it has a model, an effort and instructions of its own.
    #[cfg_attr(test, ts(optional, type = "Protocol.ModeKind | Protocol.CollaborationMode | null"))]
    pub collaboration_mode: Maybe<Value>,
    /// What else the protocol has for `turn/start`.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    pub handed_on: HandedOn,
}

/// What a turn is, and what has an option of another name: `outputSchema`, and the item of type `external`.
const WITHHELD: &[&str] = &["threadId", "input", "toolOutput"];
super::hands_on!(TurnSettings, &[TURN_START], WITHHELD);

wire_enum! {
    /// How the model sums up its reasoning.
    ReasoningSummary, "lowercase" {
        /// As the model likes.
        Auto,
        /// In short.
        Concise,
        /// At length.
        Detailed,
        /// Not at all.
        None,
    }
}

wire_enum! {
    /// Whether an outer sandbox lets commands use the network.
    OuterNetwork, "lowercase" {
        /// It does not.
        Restricted,
        /// It does.
        Enabled,
    }
}

/// What commands may touch, in full.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields,
    remote = "Self"
)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub enum SandboxPolicy {
    /// No sandbox.
    DangerFullAccess,
    /// Read everything, write nothing.
    ReadOnly {
        /// Whether commands may use the network.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network_access: Option<bool>,
    },
    /// Something around codex limits it already.
    ExternalSandbox {
        /// What that says about the network.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network_access: Option<OuterNetwork>,
    },
    /// Write below some folders.
    WorkspaceWrite {
        /// Folders beside the working directory; absolute.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        writable_roots: Option<Vec<String>>,
        /// Whether commands may use the network.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network_access: Option<bool>,
        /// Whether the folder in `TMPDIR` is not writable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exclude_tmpdir_env_var: Option<bool>,
        /// Whether `/tmp` is not writable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exclude_slash_tmp: Option<bool>,
    },
}

super::only_objects!(SandboxPolicy, "an object with a `type`");

impl SandboxMode {
    /// The policy that the word stands for in a thread, which tells what the word leaves open.
    pub(super) fn policy(self, thread: &ThreadSettings) -> SandboxPolicy {
        match self {
            Self::DangerFullAccess => SandboxPolicy::DangerFullAccess,
            Self::ReadOnly => SandboxPolicy::ReadOnly { network_access: Some(false) },
            Self::WorkspaceWrite => SandboxPolicy::WorkspaceWrite {
                writable_roots: Some(thread.additional_directories.clone().unwrap_or_default()),
                network_access: Some(thread.network_access.unwrap_or(false)),
                exclude_tmpdir_env_var: Some(false),
                exclude_slash_tmp: Some(false),
            },
        }
    }
}

impl SandboxPolicy {
    /// What a later `workspace-write`, which is but a word, means in the thread from now on.
    pub(crate) fn shape(&self, thread: &mut ThreadSettings) {
        let (network, roots) = match self {
            Self::DangerFullAccess | Self::ExternalSandbox { .. } => (None, None),
            Self::ReadOnly { network_access } => (*network_access, None),
            Self::WorkspaceWrite { writable_roots, network_access, .. } => {
                (*network_access, writable_roots.clone())
            }
        };
        thread.network_access = network.or(thread.network_access);
        thread.additional_directories = roots.or_else(|| thread.additional_directories.take());
    }
}

/// Refuses a word that is no mode, and what is neither a word nor a mode in full.
fn check_mode(mode: &Maybe<Value>) -> Result<(), Error> {
    let accepted = match mode {
        None | Some(None) => true,
        Some(Some(Value::String(word))) => matches!(word.as_str(), "plan" | "default"),
        Some(Some(mode)) => mode["mode"].is_string() && mode["settings"].is_object(),
    };
    if accepted {
        return Ok(());
    }
    let why = "options.collaborationMode: must be 'plan', 'default' or {mode, settings} with both in full";
    Err(Error::InvalidArgument(why.to_owned()))
}

impl TurnSettings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        exclusive(
            "options",
            ("approvalMode", self.approval_mode.is_some()),
            ("approvalPolicy", self.approval_policy.is_some()),
        )?;
        exclusive(
            "options",
            ("approvalMode", self.approval_mode.is_some()),
            ("approvalsReviewer", self.approvals_reviewer.is_some()),
        )?;
        exclusive(
            "options",
            ("sandbox", self.sandbox.is_some()),
            ("sandboxPolicy", self.sandbox_policy.is_some()),
        )?;
        for (name, given) in
            [("sandbox", self.sandbox.is_some()), ("sandboxPolicy", self.sandbox_policy.is_some())]
        {
            exclusive("options", (name, given), ("permissions", self.handed_on.has("permissions")))?;
        }
        exclusive(
            "options",
            ("source", self.source.is_some()),
            ("turnTrigger", self.handed_on.has("turnTrigger")),
        )?;
        check_mode(&self.collaboration_mode)?;
        if self.inactivity_timeout_ms == Some(0) {
            let why = "options.inactivityTimeoutMs: must be at least 1 (milliseconds)";
            return Err(Error::InvalidArgument(why.to_owned()));
        }
        if self.output_schema.as_ref().is_some_and(|schema| !schema.is_object()) {
            let why = "options.outputSchema: must be a JSON Schema, which is an object";
            return Err(Error::InvalidArgument(why.to_owned()));
        }
        not_empty(&[
            ("model", self.model.as_ref().and_then(Option::as_deref)),
            ("cwd", self.cwd.as_ref().and_then(Option::as_deref)),
            ("effort", self.effort.as_ref().and_then(Option::as_deref)),
            ("clientUserMessageId", self.client_user_message_id.as_ref().and_then(Option::as_deref)),
        ])
    }

    pub(crate) fn inactivity_timeout(&self) -> Option<Duration> {
        self.inactivity_timeout_ms.map(Duration::from_millis)
    }

    /// The fields of `turn/start` beside thread and input. `thread` tells what `sandbox` alone leaves open.
    pub(crate) fn wire(&self, thread: &ThreadSettings) -> Map<String, Value> {
        let mut wire = Map::new();
        put(&mut wire, "model", &self.model);
        put(&mut wire, "effort", &self.effort);
        put(&mut wire, "summary", &self.summary);
        put(&mut wire, "cwd", &self.cwd);
        put(&mut wire, "sandboxPolicy", &self.sandbox_policy);
        put(&mut wire, "approvalPolicy", &self.approval_policy);
        put(&mut wire, "approvalsReviewer", &self.approvals_reviewer);
        put(&mut wire, "personality", &self.personality);
        put(&mut wire, "serviceTier", &self.service_tier);
        put(&mut wire, "serviceTierForTurn", &self.service_tier_for_turn);
        put(&mut wire, "turnTrigger", &self.source);
        put(&mut wire, "collaborationMode", &self.collaboration_mode);
        put(&mut wire, "clientUserMessageId", &self.client_user_message_id);
        if let Some(schema) = &self.output_schema {
            wire.insert("outputSchema".to_owned(), schema.clone());
        }
        if let Some(mode) = self.approval_mode {
            wire.extend(mode.wire());
        }
        let policy = self.sandbox.map(|sandbox| sandbox.policy(thread));
        if let Some(policy) = policy {
            wire.insert("sandboxPolicy".to_owned(), json!(policy));
        }
        self.handed_on.put(&mut wire, TURN_START);
        wire
    }
}
