//! Which of two limits of the agent allows less.

use serde_json::{Map, Value, json};

/// The folders that a workspace has beside that of the thread.
pub(super) const ROOTS: &str = "runtimeWorkspaceRoots";

/// Whether one value of a limit allows nothing that the other does not.
pub(super) fn is_within(name: &str, value: &Value, limit: &Value) -> bool {
    narrower(name, value, limit) == *normal(value)
}

/// The widest policy within this one that can be said when a thread is loaded.
pub(super) fn as_loaded(policy: &Value) -> Value {
    match policy["type"].as_str() {
        Some("dangerFullAccess" | "workspaceWrite") => policy.clone(),
        _ => json!({ "type": "readOnly", "networkAccess": false }),
    }
}

/// What both allow.
pub(super) fn narrower(name: &str, one: &Value, other: &Value) -> Value {
    match name {
        "sandboxPolicy" => narrower_sandbox(one, other),
        "approvalPolicy" => narrower_policy(one, other),
        ROOTS => match (one.as_array(), other.as_array()) {
            (Some(roots), Some(known)) => roots.iter().filter(|root| known.contains(root)).cloned().collect(),
            _ => json!([]),
        },
        // A reviewer of its own lets more pass than a person who is asked.
        _ if rank(REVIEWERS, other) < rank(REVIEWERS, one) => other.clone(),
        _ => one.clone(),
    }
}

/// From the narrowest; what is not known counts as the widest.
const SANDBOXES: &[&str] = &["readOnly", "workspaceWrite", "externalSandbox", "dangerFullAccess"];
/// `untrusted` asks before anything, `never` lets nothing out of the sandbox, the others let out what is allowed.
const POLICIES: &[&str] = &["untrusted", "never", "granular", "on-request"];
const REVIEWERS: &[&str] = &["user", "auto_review", "guardian_subagent"];

fn rank(order: &[&str], value: &Value) -> usize {
    let name = value.as_str().or_else(|| value["type"].as_str());
    let name = name.or_else(|| value.as_object()?.keys().next().map(String::as_str));
    order.iter().position(|known| Some(*known) == name).unwrap_or(order.len())
}

fn narrower_policy(one: &Value, other: &Value) -> Value {
    if let (Some(one), Some(other)) = (one["granular"].as_object(), other["granular"].as_object()) {
        let both = |(key, value): (&String, &Value)| {
            let other = other.get(key).and_then(Value::as_bool).unwrap_or(false);
            (key.clone(), json!(value.as_bool().unwrap_or(false) && other))
        };
        return json!({ "granular": one.iter().map(both).collect::<Map<_, _>>() });
    }
    if rank(POLICIES, other) < rank(POLICIES, one) { other.clone() } else { one.clone() }
}

fn narrower_sandbox(one: &Value, other: &Value) -> Value {
    let (one, other) = (normal(one), normal(other));
    let (less, more) =
        if rank(SANDBOXES, &other) < rank(SANDBOXES, &one) { (&*other, &*one) } else { (&*one, &*other) };
    let mut narrow = less.clone();
    let network = network(less) && network(more);
    match less["type"].as_str() {
        Some("readOnly" | "workspaceWrite") => narrow["networkAccess"] = network.into(),
        Some("externalSandbox") => {
            narrow["networkAccess"] = if network { "enabled" } else { "restricted" }.into();
        }
        _ => {}
    }
    if less["type"] == "workspaceWrite" && more["type"] == "workspaceWrite" {
        let known = more["writableRoots"].as_array().cloned().unwrap_or_default();
        if let Some(roots) = narrow["writableRoots"].as_array_mut() {
            roots.retain(|root| known.contains(root));
        }
        for flag in ["excludeTmpdirEnvVar", "excludeSlashTmp"] {
            narrow[flag] = (less[flag] == true || more[flag] == true).into();
        }
    }
    narrow
}

fn network(policy: &Value) -> bool {
    match policy["type"].as_str() {
        Some("readOnly" | "workspaceWrite") => policy["networkAccess"] == true,
        Some("externalSandbox") => policy["networkAccess"] == "enabled",
        _ => true,
    }
}

/// A sandbox with every field that it has, so that two can be compared.
fn normal(policy: &Value) -> std::borrow::Cow<'_, Value> {
    use std::borrow::Cow;
    let fields = match policy["type"].as_str() {
        Some("readOnly") => json!({ "networkAccess": false }),
        Some("externalSandbox") => json!({ "networkAccess": "restricted" }),
        Some("workspaceWrite") => json!({
            "writableRoots": [], "networkAccess": false, "excludeTmpdirEnvVar": false, "excludeSlashTmp": false,
        }),
        _ => return Cow::Borrowed(policy),
    };
    let mut whole = policy.clone();
    if let (Some(whole), Value::Object(fields)) = (whole.as_object_mut(), fields) {
        for (name, value) in fields {
            let given = whole.entry(name).or_insert(Value::Null);
            if given.is_null() {
                *given = value;
            }
        }
    }
    Cow::Owned(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(name: &str) -> Vec<Value> {
        match name {
            "sandboxPolicy" => vec![
                json!({ "type": "readOnly" }),
                json!({ "type": "readOnly", "networkAccess": true }),
                json!({ "type": "workspaceWrite", "writableRoots": ["/a"] }),
                json!({ "type": "workspaceWrite", "writableRoots": ["/a", "/b"], "networkAccess": true }),
                json!({ "type": "workspaceWrite", "writableRoots": ["/b"], "excludeSlashTmp": true }),
                json!({ "type": "externalSandbox", "networkAccess": "enabled" }),
                json!({ "type": "externalSandbox" }),
                json!({ "type": "dangerFullAccess" }),
                json!({ "type": "ofTomorrow" }),
            ],
            "approvalPolicy" => vec![
                json!("untrusted"),
                json!("never"),
                json!("on-request"),
                json!({ "granular": { "rules": true, "sandbox_approval": false } }),
                json!({ "granular": { "rules": false, "sandbox_approval": true } }),
                json!("of-tomorrow"),
            ],
            ROOTS => vec![json!([]), json!(["/a"]), json!(["/a", "/b"]), json!(["/b"])],
            _ => vec![json!("user"), json!("auto_review"), json!("of_tomorrow")],
        }
    }

    #[test]
    fn what_both_allow_is_within_both_whichever_comes_first() {
        for name in ["sandboxPolicy", "approvalPolicy", "approvalsReviewer", ROOTS] {
            for one in samples(name) {
                assert!(is_within(name, &one, &one), "{one}");
                for other in samples(name) {
                    let both = narrower(name, &one, &other);
                    assert!(
                        is_within(name, &both, &one) && is_within(name, &both, &other),
                        "{one} {other} {both}"
                    );
                    assert_eq!(both, narrower(name, &other, &both), "{one} {other}");
                }
            }
        }
    }

    #[test]
    fn a_sandbox_that_writes_more_or_reaches_further_is_not_within() {
        let within = |one: Value, other: Value| is_within("sandboxPolicy", &one, &other);
        let danger = json!({ "type": "dangerFullAccess" });
        assert!(within(json!({ "type": "readOnly" }), danger.clone()));
        assert!(!within(danger, json!({ "type": "readOnly", "networkAccess": true })));
        assert!(!within(
            json!({ "type": "readOnly", "networkAccess": true }),
            json!({ "type": "workspaceWrite" })
        ));
        assert!(!within(
            json!({ "type": "workspaceWrite", "writableRoots": ["/a"] }),
            json!({ "type": "workspaceWrite" })
        ));
        assert!(within(
            json!({ "type": "workspaceWrite", "excludeSlashTmp": true }),
            json!({ "type": "workspaceWrite", "writableRoots": ["/a"] })
        ));
    }
}
