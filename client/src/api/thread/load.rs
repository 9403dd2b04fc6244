//! What loads a thread with the settings that are in force.

use serde_json::{Map, Value, json};

use super::in_force::{InForce, PROFILE};
use super::narrow::{ROOTS, as_loaded};
use crate::options::{OpenKind, ThreadSettings};

/// What a parameter of its own says.
const SAID: &[&str] = &[
    "model",
    "modelProvider",
    "cwd",
    "approvalPolicy",
    "approvalsReviewer",
    "personality",
    "serviceTier",
    ROOTS,
];

impl InForce {
    /// Puts them into the parameters of what loads the thread. The sandbox is always said: without a word codex takes that of
    /// its configuration. What `given` says of the configuration goes before.
    pub(crate) fn load(
        &mut self,
        opening: OpenKind,
        params: &mut Map<String, Value>,
        given: &Map<String, Value>,
        profiles: bool,
    ) {
        self.hear();
        // A fork takes them from its thread, but for the model where the effort is said.
        let is_fork = opening == OpenKind::Fork;
        let sayable =
            |name: &str| if opening == OpenKind::Start { self.known(name) } else { self.certain(name) };
        let said = match sayable("effort") {
            _ if !is_fork => SAID,
            Some(_) => &["model", "modelProvider", "serviceTier", ROOTS],
            None => &["serviceTier", ROOTS],
        };
        for name in said {
            if let Some(value) = sayable(name) {
                params.insert((*name).to_owned(), value.clone());
            }
        }
        let mut config = match params.remove("config") {
            Some(Value::Object(config)) => config,
            _ => Map::new(),
        };
        for (name, key) in [("effort", "model_reasoning_effort"), ("summary", "model_reasoning_summary")] {
            if let Some(value) = sayable(name) {
                config.insert(key.to_owned(), value.clone());
            }
        }
        let profile = self.told.get(PROFILE).and_then(|profile| profile.get("id"));
        match (
            self.known("sandboxPolicy"),
            profile.filter(|_| profiles && !self.asks.contains_key("sandboxPolicy")),
        ) {
            (_, Some(profile)) => {
                params.remove("sandbox");
                params.insert("permissions".to_owned(), profile.clone());
            }
            (Some(policy), None) => {
                let loaded = as_loaded(policy);
                params.insert("sandbox".to_owned(), mode(&loaded).into());
                config.retain(|key, _| !is_of_sandbox(key));
                config.extend(workspace_config(&loaded));
            }
            (None, None) => {}
        }
        if given.keys().any(|key| is_of_sandbox(key)) {
            config.retain(|key, _| !is_of_sandbox(key));
        }
        config.extend(given.clone());
        if !config.is_empty() {
            params.insert("config".to_owned(), Value::Object(config));
        }
    }

    /// Leaves to the options of a call what they say, where it loads a thread.
    pub(crate) fn leave_to(&mut self, options: &ThreadSettings) {
        self.hear();
        let shape = json!({ "writableRoots": options.additional_directories, "networkAccess": options.network_access });
        if let Some(policy) = self.value("sandboxPolicy").filter(|policy| policy["type"] == "workspaceWrite")
        {
            let mut policy = policy.clone();
            for name in ["writableRoots", "networkAccess"].into_iter().filter(|name| !shape[*name].is_null())
            {
                policy[name] = shape[name].clone();
            }
            self.told.insert("sandboxPolicy".to_owned(), policy);
            self.is_told("sandboxPolicy");
        }
        if options.model.as_ref().is_some_and(Option::is_some) {
            // Another model has an effort of its own.
            self.told.remove("effort");
            self.is_told("effort");
        }
        if options.cwd.as_ref().is_some_and(Option::is_some) {
            self.moves();
        }
        if options.handed_on.has("permissions") {
            self.told.remove("sandboxPolicy");
            self.told.remove(PROFILE);
            self.is_told("sandboxPolicy");
        }
        for (name, value) in options.lasting().into_iter().filter(|(_, value)| !value.is_null()) {
            self.is_told(&name);
            match name.as_str() {
                "sandboxPolicy" => {
                    self.told.remove(&name);
                    self.told.remove(PROFILE);
                }
                _ => drop(self.told.insert(name, value)),
            }
        }
    }
}

fn mode(policy: &Value) -> &'static str {
    match policy["type"].as_str() {
        Some("dangerFullAccess") => "danger-full-access",
        Some("workspaceWrite") => "workspace-write",
        _ => "read-only",
    }
}

/// Whether a key of the configuration says what the sandbox is: what is in force says that.
fn is_of_sandbox(key: &str) -> bool {
    let first = key.split('.').next().unwrap_or_default();
    matches!(first, "sandbox_workspace_write" | "sandbox_mode" | "default_permissions")
}

/// What the mode alone does not say.
fn workspace_config(policy: &Value) -> Vec<(String, Value)> {
    if policy["type"] != "workspaceWrite" {
        return Vec::new();
    }
    let key = |key: &str| format!("sandbox_workspace_write.{key}");
    let flag = |name: &str| json!(policy[name].as_bool().unwrap_or(false));
    let roots = policy.get("writableRoots").filter(|roots| roots.is_array()).cloned();
    vec![
        (key("writable_roots"), roots.unwrap_or_else(|| json!([]))),
        (key("network_access"), flag("networkAccess")),
        (key("exclude_tmpdir_env_var"), flag("excludeTmpdirEnvVar")),
        (key("exclude_slash_tmp"), flag("excludeSlashTmp")),
    ]
}
