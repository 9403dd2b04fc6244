//! Options of a thread, and the types that its turns share with it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serde_with::apply;

use super::wire_fields::{THREAD_FORK, THREAD_RESUME, THREAD_START};
use super::{HandedOn, Maybe, exclusive, not_empty, present};
use crate::Error;

/// Settings of a thread. What is left out keeps codex's own default (start) or what the thread has (resume).
#[apply(Option => #[serde(deserialize_with = "present")], Maybe => #[serde(deserialize_with = "present")])]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ThreadSettings {
    /// Model name.
    pub model: Maybe<String>,
    /// Name of a provider of the configuration's `model_providers`.
    pub model_provider: Maybe<String>,
    /// Working directory of the thread.
    pub cwd: Maybe<String>,
    /// What the commands of the agent may touch.
    pub sandbox: Maybe<SandboxMode>,
    /// Who decides what the agent may do beyond its sandbox: `auto_review` sends the policy `on-request` with the
    /// reviewer `auto_review`, `deny_all` sends the policy `never`. Excludes `approvalPolicy`.
    ///
    /// @default for a new thread 'auto_review', or the policy `on-request` with the reviewer `user` where there is
    /// an `onApproval` handler
    pub approval_mode: Option<ApprovalMode>,
    /// When codex asks before it acts. Excludes `approvalMode`.
    pub approval_policy: Maybe<ApprovalPolicy>,
    /// Who is asked.
    pub approvals_reviewer: Maybe<ApprovalsReviewer>,
    /// Replaces codex's own instructions.
    pub base_instructions: Maybe<String>,
    /// Instructions beside codex's own.
    pub developer_instructions: Maybe<String>,
    /// Tone of the agent. Deprecated by codex.
    pub personality: Maybe<Personality>,
    /// A thread that is not kept on disk. Not for `resumeThread`.
    pub ephemeral: Maybe<bool>,
    /// Configuration of this thread alone: keys as in `config.toml`, dotted or nested.
    #[cfg_attr(test, ts(optional, type = "{ [key: string]: ConfigValue | undefined } | null"))]
    pub config: Maybe<Map<String, Value>>,
    /// Name of the service that runs the thread, for metrics. For `startThread` only.
    pub service_name: Maybe<String>,
    /// Service tier of the model provider.
    pub service_tier: Maybe<String>,
    /// Reasoning effort: `minimal`, `low`, `medium`, `high` or what else the model knows. Sent as the
    /// configuration `model_reasoning_effort`.
    pub effort: Option<String>,
    /// Folders beside `cwd` that the agent may write to with the sandbox `workspace-write`. Sent as the
    /// configuration `sandbox_workspace_write.writable_roots`.
    pub additional_directories: Option<Vec<String>>,
    /// Whether commands may use the network with the sandbox `workspace-write`. Sent as the configuration
    /// `sandbox_workspace_write.network_access`.
    pub network_access: Option<bool>,
    /// Whether the model may search the web. Sent as the configuration `web_search`.
    pub web_search: Option<WebSearch>,
    /// Whether the server loads the turns of the thread along with it. For `resumeThread` and `forkThread`.
    ///
    /// @default false
    pub include_turns: Option<bool>,
    /// The last turn that the fork has; turns after it are left out. For `forkThread` only.
    ///
    /// @default the last turn of the thread
    pub last_turn_id: Option<String>,
    /// Tools that the client runs. A thread keeps those that it was started with: what resumes or forks it can run
    /// them, and brings no others.
    #[cfg_attr(test, ts(skip))]
    pub tools: Option<Vec<ToolSpec>>,
    /// What else the protocol has for the method that opens the thread.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    pub handed_on: HandedOn,
}

/// Which thread it is, and what has an option of another name: `includeTurns`.
const WITHHELD: &[&str] = &["threadId", "excludeTurns"];
super::hands_on!(ThreadSettings, &[THREAD_START, THREAD_RESUME, THREAD_FORK], WITHHELD);

/// What the model is told of a tool that the client runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToolSpec {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: Value,
}

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident, $case:literal { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = $case)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }
    };
}
pub(super) use wire_enum;

wire_enum! {
    /// What commands may touch.
    SandboxMode, "kebab-case" {
        /// Read everything, write nothing.
        ReadOnly,
        /// Write below the working directory.
        WorkspaceWrite,
        /// No sandbox.
        DangerFullAccess,
    }
}

wire_enum! {
    /// A policy and a reviewer in one word.
    ApprovalMode, "snake_case" {
        /// Codex asks, and a reviewing agent decides.
        AutoReview,
        /// Codex never asks: what the sandbox forbids fails.
        DenyAll,
    }
}

wire_enum! {
    /// Who is asked for an approval.
    ApprovalsReviewer, "snake_case" {
        /// The client.
        User,
        /// A reviewing agent.
        AutoReview,
        /// The older name of the reviewing agent.
        GuardianSubagent,
    }
}

wire_enum! {
    /// Tone of the agent.
    Personality, "lowercase" {
        /// As the model is.
        None,
        /// Friendly.
        Friendly,
        /// Pragmatic.
        Pragmatic,
    }
}

wire_enum! {
    /// How the model searches the web.
    WebSearch, "lowercase" {
        /// Not at all.
        Disabled,
        /// In a cache.
        Cached,
        /// In an index.
        Indexed,
        /// For real.
        Live,
    }
}

/// When codex asks before it acts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ApprovalPolicy {
    /// Before anything that is not known to be safe.
    Untrusted,
    /// When the model asks to.
    OnRequest,
    /// Never.
    Never,
    /// As each of its fields says.
    #[serde(rename_all = "snake_case")]
    Granular {
        /// Before a command leaves the sandbox.
        sandbox_approval: bool,
        /// Where a rule says so.
        rules: bool,
        /// Before a skill runs.
        #[serde(default)]
        #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
        skill_approval: bool,
        /// When the agent asks for permissions.
        #[serde(default)]
        #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
        request_permissions: bool,
        /// When an MCP server asks.
        mcp_elicitations: bool,
    },
}

/// What a thread is opened by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenKind {
    Start,
    Resume,
    Fork,
}

impl OpenKind {
    /// The wire method.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Start => "thread/start",
            Self::Resume => "thread/resume",
            Self::Fork => "thread/fork",
        }
    }

    /// All that its method takes.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Start => THREAD_START,
            Self::Resume => THREAD_RESUME,
            Self::Fork => THREAD_FORK,
        }
    }

    /// Whether it takes an option that the others may have.
    pub(super) fn takes(self, name: &str) -> bool {
        let refused: &[&str] = match self {
            Self::Start => &["includeTurns", "lastTurnId"],
            Self::Resume => &["ephemeral", "serviceName", "lastTurnId"],
            Self::Fork => &["personality", "serviceName"],
        };
        let is_of = |opening: Self| opening.fields().contains(&name);
        let is_elsewhere = [Self::Start, Self::Resume, Self::Fork].into_iter().any(is_of);
        // What no method has under this name is an option of this crate's own.
        !refused.contains(&name) && (is_of(self) || !is_elsewhere)
    }

    fn refuses(self, name: &str) -> Error {
        let call = match self {
            Self::Start => "startThread",
            Self::Resume => "resumeThread",
            Self::Fork => "forkThread",
        };
        Error::InvalidArgument(format!("options.{name}: {call} does not take it"))
    }
}

impl ThreadSettings {
    pub(crate) fn check(&self, opening: OpenKind) -> Result<(), Error> {
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
        let misplaced: &[(&str, bool)] = match opening {
            OpenKind::Start => {
                &[("includeTurns", self.include_turns.is_some()), ("lastTurnId", self.last_turn_id.is_some())]
            }
            OpenKind::Resume => &[
                ("ephemeral", self.ephemeral.is_some()),
                ("serviceName", self.service_name.is_some()),
                ("lastTurnId", self.last_turn_id.is_some()),
            ],
            OpenKind::Fork => {
                &[("personality", self.personality.is_some()), ("serviceName", self.service_name.is_some())]
            }
        };
        if let Some((name, _)) = misplaced.iter().find(|(_, given)| *given) {
            return Err(opening.refuses(name));
        }
        let fields = opening.fields();
        if let Some(name) = self.handed_on.fields.keys().find(|name| !fields.contains(&name.as_str())) {
            return Err(opening.refuses(name));
        }
        exclusive(
            "options",
            ("sandbox", self.sandbox.is_some()),
            ("permissions", self.handed_on.has("permissions")),
        )?;
        exclusive(
            "options",
            ("tools", self.tools.is_some()),
            ("dynamicTools", self.handed_on.has("dynamicTools")),
        )?;
        not_empty(&[
            ("model", self.model.as_ref().and_then(Option::as_deref)),
            ("modelProvider", self.model_provider.as_ref().and_then(Option::as_deref)),
            ("cwd", self.cwd.as_ref().and_then(Option::as_deref)),
            ("effort", self.effort.as_deref()),
            ("lastTurnId", self.last_turn_id.as_deref()),
        ])
    }

    /// A new thread has somebody who decides, unless its settings say who: the client's handler, where there is
    /// one, else the reviewing agent.
    pub(crate) fn for_new_thread(mut self, has_handler: bool) -> Self {
        let is_open = self.approval_policy.is_none() && self.approvals_reviewer.is_none();
        if is_open && self.approval_mode.is_none() {
            if has_handler {
                self.approval_policy = Some(Some(ApprovalPolicy::OnRequest));
                self.approvals_reviewer = Some(Some(ApprovalsReviewer::User));
            } else {
                self.approval_mode = Some(ApprovalMode::AutoReview);
            }
        }
        self
    }

    /// The parameters of `thread/start`, `thread/resume` or `thread/fork`; `secrets` is configuration of the whole client.
    pub(crate) fn wire(&self, opening: OpenKind, secrets: &Map<String, Value>) -> Map<String, Value> {
        let mut wire = Map::new();
        put(&mut wire, "model", &self.model);
        put(&mut wire, "modelProvider", &self.model_provider);
        put(&mut wire, "cwd", &self.cwd);
        put(&mut wire, "sandbox", &self.sandbox);
        put(&mut wire, "approvalPolicy", &self.approval_policy);
        put(&mut wire, "approvalsReviewer", &self.approvals_reviewer);
        put(&mut wire, "baseInstructions", &self.base_instructions);
        put(&mut wire, "developerInstructions", &self.developer_instructions);
        put(&mut wire, "personality", &self.personality);
        put(&mut wire, "ephemeral", &self.ephemeral);
        put(&mut wire, "serviceName", &self.service_name);
        put(&mut wire, "serviceTier", &self.service_tier);
        if let Some(mode) = self.approval_mode {
            wire.extend(mode.wire());
        }
        if let Some(turn) = &self.last_turn_id {
            wire.insert("lastTurnId".to_owned(), json!(turn));
        }
        if let (OpenKind::Start, Some(tools)) = (opening, &self.tools) {
            wire.insert("dynamicTools".to_owned(), tools.iter().map(ToolSpec::wire).collect());
        }
        if opening != OpenKind::Start {
            wire.insert("excludeTurns".to_owned(), json!(!self.include_turns.unwrap_or(false)));
        }
        let mut config = secrets.clone();
        let own = [
            ("model_reasoning_effort", self.effort.as_ref().map(|effort| json!(effort))),
            (
                "sandbox_workspace_write.writable_roots",
                self.additional_directories.as_ref().map(|dirs| json!(dirs)),
            ),
            ("sandbox_workspace_write.network_access", self.network_access.map(|allowed| json!(allowed))),
            ("web_search", self.web_search.map(|search| json!(search))),
        ];
        config.extend(own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        match &self.config {
            Some(Some(given)) => config.extend(given.clone()),
            Some(None) if config.is_empty() => drop(wire.insert("config".to_owned(), Value::Null)),
            _ => {}
        }
        if !config.is_empty() {
            wire.insert("config".to_owned(), Value::Object(config));
        }
        self.handed_on.put(&mut wire, opening.fields());
        wire
    }
}

impl ToolSpec {
    fn wire(&self) -> Value {
        let Self { name, description, input_schema } = self;
        json!({ "type": "function", "name": name, "description": description, "inputSchema": input_schema })
    }
}

impl ApprovalMode {
    pub(super) fn wire(self) -> Map<String, Value> {
        let mut wire = Map::new();
        let policy = if self == Self::DenyAll { "never" } else { "on-request" };
        wire.insert("approvalPolicy".to_owned(), json!(policy));
        if self == Self::AutoReview {
            wire.insert("approvalsReviewer".to_owned(), json!("auto_review"));
        }
        wire
    }
}

/// Puts a field where it was given; null is sent as null.
pub(super) fn put<T: Serialize>(wire: &mut Map<String, Value>, name: &str, value: &Maybe<T>) {
    if let Some(value) = value {
        wire.insert(name.to_owned(), json!(value));
    }
}
