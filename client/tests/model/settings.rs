//! The lasting settings of a thread, by the names of `thread/settings/update`, and what the server does with them.

use serde_json::{Map, Value, json};

use crate::server::Load;

pub type InForce = Map<String, Value>;

/// By their names in `thread/settings/update`, in requests that open a thread, and in the answers to those.
const NAMES: &[(&str, &str, &str)] = &[
    ("model", "model", "model"),
    ("modelProvider", "modelProvider", "modelProvider"),
    ("effort", "", "reasoningEffort"),
    ("cwd", "cwd", "cwd"),
    ("sandboxPolicy", "", "sandbox"),
    ("approvalPolicy", "approvalPolicy", "approvalPolicy"),
    ("approvalsReviewer", "approvalsReviewer", "approvalsReviewer"),
    ("personality", "personality", "personality"),
    ("serviceTier", "serviceTier", "serviceTier"),
];

/// What says how far the agent may go.
pub const LIMITS: &[&str] = &["sandboxPolicy", "approvalPolicy", "approvalsReviewer"];

/// What the configuration says.
pub fn config() -> InForce {
    let all = json!({
        "model": "model", "modelProvider": "provider", "effort": null, "cwd": "/home",
        "sandboxPolicy": sandbox("danger-full-access", &Value::Null), "approvalPolicy": "on-request",
        "approvalsReviewer": "user", "personality": null, "serviceTier": null,
    });
    all.as_object().cloned().unwrap_or_default()
}

/// What a thread has that is loaded again: the sandbox of a workspace comes back as that of the configuration.
pub fn from_disk(stored: &InForce) -> InForce {
    let mut read = stored.clone();
    if read["sandboxPolicy"]["type"] == "workspaceWrite" {
        read.insert("sandboxPolicy".to_owned(), config()["sandboxPolicy"].clone());
    }
    read
}

/// What a thread has that is opened with these parameters.
pub fn opened(base: &InForce, params: &Value) -> InForce {
    let mut all = base.clone();
    for (name, called, _) in NAMES {
        if let Some(value) = params.get(*called).filter(|value| !value.is_null()) {
            all.insert((*name).to_owned(), value.clone());
        }
    }
    let config = &params["config"];
    if let Some(effort) = config.get("model_reasoning_effort") {
        all.insert("effort".to_owned(), effort.clone());
    }
    if let Some(mode) = params["sandbox"].as_str() {
        all.insert("sandboxPolicy".to_owned(), sandbox(mode, config));
    }
    all
}

/// Takes what a turn or an update gives.
pub fn override_with(all: &mut InForce, params: &Value) {
    for (name, ..) in NAMES {
        match params.get(*name) {
            Some(Value::Null) if *name == "serviceTier" => drop(all.insert((*name).to_owned(), Value::Null)),
            Some(Value::Null) | None => {}
            Some(value) => drop(all.insert((*name).to_owned(), value.clone())),
        }
    }
}

/// As the answers that open a thread have them.
pub fn in_answer(all: &InForce) -> Map<String, Value> {
    NAMES.iter().map(|(name, _, called)| ((*called).to_owned(), all[*name].clone())).collect()
}

fn sandbox(mode: &str, config: &Value) -> Value {
    let of = |key: &str| config.get(key).cloned();
    match mode {
        "read-only" => json!({ "type": "readOnly", "networkAccess": false }),
        "workspace-write" => json!({
            "type": "workspaceWrite",
            "writableRoots": of("sandbox_workspace_write.writable_roots").unwrap_or_else(|| json!([])),
            "networkAccess": of("sandbox_workspace_write.network_access").unwrap_or_else(|| json!(false)),
            "excludeTmpdirEnvVar": false, "excludeSlashTmp": false,
        }),
        _ => json!({ "type": "dangerFullAccess" }),
    }
}

/// What a reload changed though nobody asked for it: neither what was in force, nor what the client knew of that, nor
/// what its user asked for has it.
pub fn unasked(load: &Load, asked: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    // Who takes up a thread for the first time has what the server makes of it.
    if load.known.is_empty() {
        return Vec::new();
    }
    let is_unasked = |(name, ..): &&(&str, &str, &str)| {
        let after = &load.after[*name];
        *after != load.before[*name]
            && !load.known.iter().any(|known| known[*name] == *after)
            && !asked(name, after)
    };
    let say = |(name, ..): &(&str, &str, &str)| {
        format!("{name} of {} was {} and is {}", load.thread, load.before[*name], load.after[*name])
    };
    NAMES.iter().filter(is_unasked).map(say).collect()
}

/// Whether a value of a limit allows less than another.
pub fn is_narrower(name: &str, value: &Value, than: &Value) -> bool {
    let order: &[&str] = match name {
        "sandboxPolicy" => &["readOnly", "workspaceWrite", "dangerFullAccess"],
        "approvalPolicy" => &["untrusted", "never", "on-request"],
        "approvalsReviewer" => &["user", "auto_review"],
        _ => return false,
    };
    let rank = |value: &Value| {
        let word = value.as_str().or_else(|| value["type"].as_str());
        order.iter().position(|known| Some(*known) == word)
    };
    rank(value).zip(rank(than)).is_some_and(|(value, than)| value < than)
}

/// The settings that are known by other names than a turn has for them.
pub fn by_name(params: &Value) -> InForce {
    opened(&InForce::new(), params)
}
