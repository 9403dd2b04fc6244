//! What a handler may return, and what the server is answered by it.

use serde_json::{Value, json};

use super::{wire_answer, without_rule};
use crate::server_requests::HandlerKind;

#[test]
fn an_approval_may_say_the_rule_that_it_came_from() {
    let given = json!({ "decision": "accept", "rule": "allowCommands: git status" });
    let (decision, rule) = without_rule(HandlerKind::Approval, given.clone());
    assert_eq!((decision, rule.as_deref()), (json!("accept"), Some("allowCommands: git status")));
    assert_eq!(without_rule(HandlerKind::Approval, json!("accept")), (json!("accept"), None));
    assert_eq!(without_rule(HandlerKind::Any, given.clone()), (given, None));
}

#[test]
fn approvals_have_the_shape_of_their_method() {
    let amendment = json!({ "acceptWithExecpolicyAmendment": ["git", "status"] });
    let cases = [
        ("item/commandExecution/requestApproval", json!("accept"), json!("accept")),
        (
            "item/commandExecution/requestApproval",
            amendment.clone(),
            json!({ "acceptWithExecpolicyAmendment": { "execpolicy_amendment": ["git", "status"] } }),
        ),
        (
            "item/commandExecution/requestApproval",
            json!({ "applyNetworkPolicyAmendment": { "host": "a", "action": "allow" } }),
            json!({ "applyNetworkPolicyAmendment": { "network_policy_amendment": { "host": "a", "action": "allow" } } }),
        ),
        ("item/fileChange/requestApproval", json!("cancel"), json!("cancel")),
        ("execCommandApproval", json!("accept"), json!("approved")),
        ("applyPatchApproval", json!("acceptForSession"), json!("approved_for_session")),
        (
            "execCommandApproval",
            amendment.clone(),
            json!({ "approved_execpolicy_amendment": { "proposed_execpolicy_amendment": ["git", "status"] } }),
        ),
    ];
    for (method, given, decision) in cases {
        let answer = wire_answer(HandlerKind::Approval, method, given).unwrap();
        assert_eq!(answer, json!({ "decision": decision }), "{method}");
    }
    for (method, nonsense) in [
        ("item/fileChange/requestApproval", amendment),
        ("item/commandExecution/requestApproval", json!("yes")),
        ("item/commandExecution/requestApproval", json!(true)),
        ("item/commandExecution/requestApproval", json!({ "acceptWithExecpolicyAmendment": [1] })),
        ("applyPatchApproval", Value::Null),
    ] {
        let error = wire_answer(HandlerKind::Approval, method, nonsense).unwrap_err();
        assert!(error.contains("'accept'"), "{error}");
    }
}

#[test]
fn user_input_takes_the_short_and_the_full_form() {
    let full = json!({ "answers": { "a": { "answers": ["x"] }, "b": { "answers": ["y", "z"] } } });
    for given in [full.clone(), json!({ "a": "x", "b": ["y", "z"] })] {
        assert_eq!(wire_answer(HandlerKind::UserInput, "m", given).unwrap(), full);
    }
    assert!(wire_answer(HandlerKind::UserInput, "m", json!({ "a": 5 })).is_err());
}

#[test]
fn tool_results_are_text_items_or_json() {
    let items = |given| wire_answer(HandlerKind::ToolCall, "m", given).unwrap();
    let text =
        |text: &str| json!({ "contentItems": [{ "type": "inputText", "text": text }], "success": true });
    assert_eq!(items(json!("hello")), text("hello"));
    assert_eq!(items(Value::Null), text(""));
    assert_eq!(items(json!({ "a": 1 })), text(r#"{"a":1}"#));
    assert_eq!(items(json!([1, 2])), text("[1,2]"));
    assert_eq!(
        items(json!([{ "type": "image", "data": "AAAA", "mimeType": "image/png" }])),
        json!({ "contentItems": [{ "type": "inputImage", "imageUrl": "data:image/png;base64,AAAA" }], "success": true })
    );
    let failed = json!({ "contentItems": [{ "type": "inputText", "text": "no" }], "success": false });
    assert_eq!(items(failed.clone()), failed);
}

#[test]
fn tool_results_of_mcp_are_understood() {
    let items = |given| wire_answer(HandlerKind::ToolCall, "m", given).unwrap();
    let given = json!({ "content": [
        { "type": "text", "text": "no", "annotations": {} },
        { "type": "image", "data": "AAAA", "mimeType": "image/png" },
        { "type": "audio", "data": "BBBB", "mimeType": "audio/wav" },
        { "type": "resource", "resource": { "uri": "file:///a", "text": "inside" } },
    ], "isError": true });
    let content = json!([
        { "type": "inputText", "text": "no" },
        { "type": "inputImage", "imageUrl": "data:image/png;base64,AAAA" },
        { "type": "inputAudio", "audioUrl": "data:audio/wav;base64,BBBB" },
        { "type": "inputText", "text": "inside" },
    ]);
    assert_eq!(items(given), json!({ "contentItems": content, "success": false }));
    let structured = items(json!({ "content": [], "structuredContent": { "a": 1 } }));
    assert_eq!(structured["contentItems"][0]["text"], r#"{"a":1}"#);
    // What a tool calls content may be anything.
    let page = json!({ "content": [{ "type": "text", "text": "x" }], "title": "y" });
    assert_eq!(items(page.clone())["contentItems"][0]["text"], page.to_string());
}

#[test]
fn elicitations_permissions_and_tokens_are_checked() {
    assert_eq!(
        wire_answer(HandlerKind::Elicitation, "m", json!("accept")).unwrap(),
        json!({ "action": "accept", "content": null, "_meta": null })
    );
    assert!(wire_answer(HandlerKind::Elicitation, "m", json!({ "content": 1 })).is_err());
    assert_eq!(
        wire_answer(HandlerKind::Permissions, "m", json!({ "permissions": { "network": {} } })).unwrap(),
        json!({ "permissions": { "network": {} }, "scope": "turn" })
    );
    assert!(
        wire_answer(HandlerKind::Permissions, "m", json!({ "permissions": {}, "scope": "ever" })).is_err()
    );
    let error =
        wire_answer(HandlerKind::AuthTokensRefresh, "m", json!({ "accessToken": "secret" })).unwrap_err();
    assert!(!error.contains("secret"));
}
