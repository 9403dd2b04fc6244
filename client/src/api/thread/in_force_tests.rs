//! What a thread is loaded with, whatever its turns and the server changed since it was opened.

use serde_json::{Map, Value, json};

use super::*;
use crate::options::OpenKind;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// What codex answers that opens a thread.
fn answer(changes: Value) -> Map<String, Value> {
    let mut answer = map(json!({
        "model": "m", "modelProvider": "p", "reasoningEffort": null, "cwd": "/w", "serviceTier": null,
        "sandbox": { "type": "dangerFullAccess" }, "approvalPolicy": "on-request", "approvalsReviewer": "user",
        "activePermissionProfile": null,
    }));
    answer.extend(map(changes));
    answer
}

fn started(asked: Value, changes: Value) -> InForce {
    let mut in_force = InForce::default();
    in_force.opened(Opened::New, &map(asked), &answer(changes), 0);
    in_force
}

fn load(in_force: &mut InForce) -> Value {
    let mut params = Map::new();
    in_force.load(OpenKind::Resume, &mut params, &Map::new(), true);
    params.into()
}

fn tell(in_force: &mut InForce, settings: Value) {
    in_force.updated(&json!({ "params": { "threadId": "t", "threadSettings": settings } }).to_string());
}

const READ_ONLY: &str = r#"{"type":"readOnly","networkAccess":false}"#;

fn read_only() -> Value {
    serde_json::from_str(READ_ONLY).unwrap()
}

fn danger() -> Value {
    json!({ "type": "dangerFullAccess" })
}

#[test]
fn a_thread_is_loaded_as_it_was_opened() {
    let mut in_force = started(json!({ "personality": "friendly" }), json!({ "reasoningEffort": "high" }));
    assert_eq!(
        load(&mut in_force),
        json!({
            "model": "m", "modelProvider": "p", "cwd": "/w", "approvalPolicy": "on-request",
            "approvalsReviewer": "user", "personality": "friendly", "sandbox": "danger-full-access",
            "config": { "model_reasoning_effort": "high" },
        })
    );
}

#[test]
fn what_a_turn_changed_is_loaded_again() {
    for (given, loaded) in [
        (json!({ "sandboxPolicy": { "type": "readOnly" } }), json!({ "sandbox": "read-only" })),
        (json!({ "approvalPolicy": "never" }), json!({ "approvalPolicy": "never" })),
        (json!({ "approvalsReviewer": "auto_review" }), json!({ "approvalsReviewer": "auto_review" })),
        (json!({ "model": "n" }), json!({ "model": "n" })),
        (json!({ "cwd": "/x" }), json!({ "cwd": "/x" })),
        (json!({ "effort": "low" }), json!({ "config": { "model_reasoning_effort": "low" } })),
        (json!({ "summary": "auto" }), json!({ "config": { "model_reasoning_summary": "auto" } })),
        (json!({ "personality": "none" }), json!({ "personality": "none" })),
        (json!({ "serviceTier": "flex" }), json!({ "serviceTier": "flex" })),
    ] {
        let mut in_force = started(json!({}), json!({}));
        let mut expected = load(&mut in_force);
        in_force.accepted(&map(given), 0);
        for (name, value) in map(loaded) {
            expected[name] = value;
        }
        assert_eq!(load(&mut in_force), expected);
        // What holds for one turn alone is none of it.
        in_force.accepted(&map(json!({ "serviceTierForTurn": "x", "outputSchema": {}, "model": null })), 0);
        assert_eq!(load(&mut in_force), expected);
    }
}

#[test]
fn a_workspace_is_loaded_with_all_that_shapes_it() {
    let mut in_force = started(json!({}), json!({}));
    let policy = json!({
        "type": "workspaceWrite", "writableRoots": ["/a"], "networkAccess": true, "excludeSlashTmp": true,
    });
    in_force.accepted(&map(json!({ "sandboxPolicy": policy })), 0);
    let mut params = map(json!({
        "sandbox": "read-only",
        "config": {
            "sandbox_workspace_write": { "network_access": false }, "sandbox_workspace_write.writable_roots": [],
            "web_search": "live",
        },
    }));
    in_force.load(OpenKind::Resume, &mut params, &Map::new(), true);
    assert_eq!(params["sandbox"], "workspace-write");
    assert_eq!(
        params["config"],
        json!({
            "web_search": "live",
            "sandbox_workspace_write.writable_roots": ["/a"],
            "sandbox_workspace_write.network_access": true,
            "sandbox_workspace_write.exclude_tmpdir_env_var": false,
            "sandbox_workspace_write.exclude_slash_tmp": true,
        })
    );
}

#[test]
fn what_can_not_be_said_when_loading_is_loaded_narrower_and_owed() {
    for policy in [
        json!({ "type": "readOnly", "networkAccess": true }),
        json!({ "type": "externalSandbox", "networkAccess": "restricted" }),
        json!({ "type": "ofTomorrow" }),
    ] {
        let mut in_force = started(json!({}), json!({}));
        in_force.accepted(&map(json!({ "sandboxPolicy": policy })), 0);
        assert_eq!(load(&mut in_force)["sandbox"], "read-only");
        in_force.restored(&answer(json!({ "sandbox": read_only() })), 0);
        assert_eq!(Value::from(in_force.owed()), json!({ "sandboxPolicy": policy }));
        assert_eq!(in_force.shown()["sandboxPolicy"], policy);
        let since = in_force.heard();
        let owed = in_force.owed();
        in_force.accepted(&owed, since);
        assert!(in_force.owed().is_empty());
        assert_eq!(in_force.shown()["sandboxPolicy"], policy);
    }
}

#[test]
fn a_server_that_allows_more_after_a_reload_is_told_and_one_that_allows_less_is_believed() {
    let mut in_force = started(json!({}), json!({ "sandbox": read_only(), "approvalPolicy": "never" }));
    in_force.restored(&answer(json!({ "model": "n" })), 0);
    assert_eq!(
        Value::from(in_force.owed()),
        json!({ "sandboxPolicy": read_only(), "approvalPolicy": "never" })
    );
    assert_eq!(load(&mut in_force)["sandbox"], "read-only");
    assert_eq!(load(&mut in_force)["model"], "n", "what limits nothing is as the server has it");

    let mut in_force = started(json!({}), json!({}));
    in_force.restored(&answer(json!({ "sandbox": read_only() })), 0);
    assert!(in_force.owed().is_empty());
    assert_eq!(load(&mut in_force)["sandbox"], "read-only");
}

#[test]
fn of_what_may_have_been_accepted_the_narrower_holds() {
    let in_doubt = |held: Value, given: Value| {
        let mut in_force = started(json!({}), json!({ "sandbox": held }));
        in_force.in_doubt(&map(json!({ "sandboxPolicy": given, "model": "n" })));
        (load(&mut in_force)["sandbox"].clone(), in_force.owed().contains_key("sandboxPolicy"))
    };
    assert_eq!(in_doubt(danger(), read_only()), (json!("read-only"), true));
    assert_eq!(in_doubt(read_only(), danger()), (json!("read-only"), true));
    assert_eq!(in_doubt(read_only(), read_only()), (json!("read-only"), false));
}

#[test]
fn what_may_have_been_accepted_is_left_to_the_server_until_that_tells() {
    let (a, b) = (json!(["/w"]), json!(["/x"]));
    let given = json!({
        "model": "n", "cwd": "/x", "effort": "low", "summary": "auto", "personality": "none", "serviceTier": "flex",
    });
    let opening = json!({ "runtimeWorkspaceRoots": a, "reasoningEffort": "high" });
    let mut in_force = started(json!({ "personality": "friendly" }), opening);
    in_force.written();
    let before = load(&mut in_force);
    in_force.in_doubt(&map(given.clone()));
    let loaded = json!({
        "modelProvider": "p", "approvalPolicy": "on-request", "approvalsReviewer": "user",
        "sandbox": "danger-full-access",
    });
    assert_eq!(load(&mut in_force), loaded);
    // A thread that is made anew has what was known.
    let mut params = Map::new();
    in_force.clone().load(OpenKind::Start, &mut params, &Map::new(), true);
    assert_eq!((&params["model"], &params["cwd"]), (&json!("m"), &json!("/w")));

    let mut told = in_force.clone();
    told.restored(&answer(json!({ "model": "n", "cwd": "/x", "runtimeWorkspaceRoots": b })), 0);
    let loaded = load(&mut told);
    assert_eq!(
        (&loaded["model"], &loaded["cwd"], &loaded["runtimeWorkspaceRoots"]),
        (&json!("n"), &json!("/x"), &b)
    );
    assert_eq!(loaded.get("personality"), None, "the answer does not say it");

    let mut accepted = in_force.clone();
    accepted.accepted(&map(given), 0);
    assert_eq!(load(&mut accepted)["personality"], "none");

    // What was not changed is not in doubt.
    let mut same = started(
        json!({ "personality": "friendly" }),
        json!({ "runtimeWorkspaceRoots": a, "reasoningEffort": "high" }),
    );
    same.in_doubt(&map(json!({ "model": "m", "cwd": "/w", "personality": "friendly" })));
    assert_eq!(load(&mut same), before);
}

#[test]
fn what_no_turn_has_run_with_is_said_though_a_turn_with_another_is_in_doubt() {
    let mut in_force = started(json!({}), json!({}));
    in_force.written();
    in_force.accepted(&map(json!({ "model": "n" })), 0);
    in_force.in_doubt(&map(json!({ "model": "o", "effort": "low" })));
    let loaded = load(&mut in_force);
    assert_eq!((&loaded["model"], loaded.get("config")), (&json!("n"), None));
    // A thread that is begun anew is written down as a whole.
    in_force.opened(Opened::New, &Map::new(), &answer(json!({})), 0);
    in_force.in_doubt(&map(json!({ "model": "o" })));
    assert_eq!(load(&mut in_force).get("model"), None);
    // What only an update would have changed is not written down either.
    let mut updated = started(json!({}), json!({}));
    updated.written();
    updated.update_in_doubt(&map(json!({ "model": "n", "sandboxPolicy": read_only() })));
    let loaded = load(&mut updated);
    assert_eq!((&loaded["model"], &loaded["sandbox"]), (&json!("m"), &json!("read-only")));
}

#[test]
fn the_server_has_the_last_word() {
    let mut in_force = started(json!({ "sandboxPolicy": read_only() }), json!({ "sandbox": read_only() }));
    in_force.in_doubt(&map(json!({ "sandboxPolicy": danger() })));
    tell(&mut in_force, json!({ "sandboxPolicy": danger(), "effort": null, "collaborationMode": {} }));
    assert!(in_force.owed().is_empty());
    assert_eq!(load(&mut in_force)["sandbox"], "danger-full-access");
    assert_eq!(in_force.shown()["sandboxPolicy"], danger());
    assert!(!in_force.shown().contains_key("collaborationMode"));
}

#[test]
fn of_two_changes_that_cross_the_narrower_holds_until_the_server_tells() {
    let mut in_force = started(json!({}), json!({ "sandbox": read_only() }));
    let since = in_force.heard();
    tell(&mut in_force, json!({ "sandboxPolicy": read_only(), "model": "theirs" }));
    in_force.accepted(&map(json!({ "sandboxPolicy": danger(), "model": "ours" })), since);
    assert_eq!(load(&mut in_force)["sandbox"], "read-only");
    assert_eq!(load(&mut in_force)["model"], "ours", "but ours was answered last");
    tell(&mut in_force, json!({ "sandboxPolicy": danger(), "model": "ours" }));
    assert_eq!(load(&mut in_force)["sandbox"], "danger-full-access");
}

#[test]
fn a_new_thread_has_what_was_asked_for_where_the_answer_does_not_say() {
    let asked = json!({ "effort": "high", "sandboxPolicy": read_only(), "approvalPolicy": "never" });
    let mut in_force = started(asked, json!({}));
    let loaded = load(&mut in_force);
    assert_eq!((&loaded["sandbox"], &loaded["approvalPolicy"]), (&json!("read-only"), &json!("never")));
    assert_eq!(loaded["config"]["model_reasoning_effort"], "high");
    assert!(in_force.owed().is_empty());
}

#[test]
fn the_configuration_shapes_a_sandbox_that_was_asked_for_by_its_word() {
    let told = json!({ "type": "workspaceWrite", "writableRoots": ["/c"], "networkAccess": true });
    let mut in_force =
        started(json!({ "sandboxPolicy": { "type": "workspaceWrite" } }), json!({ "sandbox": told }));
    assert_eq!(load(&mut in_force)["config"]["sandbox_workspace_write.network_access"], true);
}

#[test]
fn options_of_a_thread_that_is_followed_are_not_believed() {
    let mut in_force = started(json!({ "model": "first" }), json!({ "model": "first" }));
    let asked = map(json!({ "model": "second", "sandboxPolicy": danger() }));
    in_force.opened(Opened::Followed, &asked, &answer(json!({ "model": "second" })), 0);
    assert_eq!(load(&mut in_force)["model"], "first");
    in_force.opened(Opened::Followed, &Map::new(), &answer(json!({ "model": "third" })), 0);
    assert_eq!(load(&mut in_force)["model"], "third", "but what nobody asked for is");
}

#[test]
fn a_thread_that_was_loaded_elsewhere_is_never_loaded_wider_than_asked_nor_than_it_was() {
    for (asked, told) in [(read_only(), danger()), (danger(), read_only())] {
        let mut in_force = InForce::default();
        let asked = map(json!({ "sandboxPolicy": asked }));
        in_force.opened(Opened::There, &asked, &answer(json!({ "sandbox": told })), 0);
        assert_eq!(load(&mut in_force)["sandbox"], "read-only");
        assert_eq!(in_force.shown()["sandboxPolicy"], told, "but it has what the server says");
        assert!(in_force.owed().is_empty());
    }
}

#[test]
fn a_profile_is_loaded_by_its_name() {
    let profile = json!({ "sandbox": read_only(), "activePermissionProfile": { "id": ":read-only" } });
    let mut in_force = started(json!({}), profile.clone());
    let loaded = load(&mut in_force);
    assert_eq!((&loaded["permissions"], &loaded["sandbox"]), (&json!(":read-only"), &Value::Null));
    let mut params = Map::new();
    in_force.load(OpenKind::Resume, &mut params, &Map::new(), false);
    assert_eq!(params["sandbox"], "read-only");
    in_force.accepted(&map(json!({ "sandboxPolicy": danger() })), 0);
    assert_eq!(load(&mut in_force)["sandbox"], "danger-full-access");
}

#[test]
fn the_roots_in_force_are_loaded_again_and_no_others() {
    let (a, both) = (json!(["/w"]), json!(["/w", "/b"]));
    let roots = |in_force: &mut InForce| load(in_force)["runtimeWorkspaceRoots"].clone();
    let mut in_force =
        started(json!({ "runtimeWorkspaceRoots": both }), json!({ "runtimeWorkspaceRoots": both }));
    assert_eq!(roots(&mut in_force), both);
    // A turn takes one away; of one whose start was not answered the narrower holds.
    in_force.accepted(&map(json!({ "runtimeWorkspaceRoots": a })), 0);
    assert_eq!(roots(&mut in_force), a);
    in_force.in_doubt(&map(json!({ "runtimeWorkspaceRoots": ["/b"] })));
    assert_eq!(roots(&mut in_force), json!([]));
    in_force.restored(&answer(json!({ "runtimeWorkspaceRoots": a })), 0);
    assert_eq!(in_force.owed()["runtimeWorkspaceRoots"], json!([]));
    // What the server tells is its word, and what another folder brings is not known before.
    let environment = json!({ "environmentId": "local", "cwd": "/b", "runtimeWorkspaceRoots": ["/b"] });
    tell(&mut in_force, json!({ "cwd": "/b", "environments": [environment] }));
    assert_eq!(roots(&mut in_force), json!(["/b"]));
    let since = in_force.heard();
    in_force.accepted(&map(json!({ "cwd": "/c" })), since);
    assert_eq!(roots(&mut in_force), Value::Null);
    assert!(!in_force.shown().contains_key("runtimeWorkspaceRoots"));
}

#[test]
fn a_mode_of_agents_that_was_chosen_is_told_after_a_reload() {
    let mut in_force = started(json!({}), json!({ "multiAgentMode": "explicitRequestOnly" }));
    in_force.reloaded();
    assert!(in_force.owed().is_empty());
    in_force.accepted(&map(json!({ "multiAgentMode": "proactive" })), 0);
    in_force.reloaded();
    // Whatever the server has loaded it with.
    in_force.restored(&answer(json!({ "multiAgentMode": "explicitRequestOnly" })), 0);
    assert_eq!(Value::Object(in_force.owed()), json!({ "multiAgentMode": "proactive" }));
    in_force.restored(&answer(json!({ "multiAgentMode": "proactive" })), 0);
    assert!(in_force.owed().is_empty());
}

#[test]
fn what_was_told_since_an_answer_was_asked_for_is_newer_also_when_it_was_read_meanwhile() {
    for opened in [Some(Opened::Followed), Some(Opened::There), None] {
        let mut in_force = started(json!({}), json!({}));
        let since = in_force.heard();
        tell(&mut in_force, json!({ "cwd": "/new", "sandboxPolicy": read_only() }));
        in_force.accepted(&map(json!({ "cwd": "/new", "sandboxPolicy": read_only() })), since);
        let late = answer(json!({ "cwd": "/w", "model": "other" }));
        match opened {
            Some(opened) => in_force.opened(opened, &Map::new(), &late, since),
            None => in_force.restored(&late, since),
        }
        let load = load(&mut in_force);
        assert_eq!(
            (&load["cwd"], &load["sandbox"], &load["model"]),
            (&json!("/new"), &json!("read-only"), &json!("other"))
        );
        // An answer that was asked for after that is the server's word again.
        let since = in_force.heard();
        in_force.restored(&answer(json!({ "cwd": "/back" })), since);
        assert_eq!(in_force.shown()["cwd"], "/back");
    }
}
