//! What becomes a result, and what a turn that fails says.

use serde_json::{Value, json};

use super::*;

/// A collector that has read these notifications, and what the last meant.
fn after(lines: &[String]) -> (Collector, TurnUpdate) {
    let mut collector = Collector::default();
    let mut meaning = TurnUpdate::default();
    for line in lines {
        let mut read = None;
        crate::rpc::with_notification(line, |notification| read = Some(collector.read(notification)));
        meaning = read.unwrap_or_else(|| panic!("not a notification: {line}"));
    }
    (collector, meaning)
}

fn notification(method: &str, params: &Value) -> String {
    json!({ "method": method, "params": params, "emittedAtMs": 1 }).to_string()
}

fn item(item: &Value) -> String {
    notification("item/completed", &json!({ "threadId": "t", "turnId": "u", "item": item }))
}

fn message(text: &str, phase: Option<&str>) -> String {
    item(&json!({ "type": "agentMessage", "id": text, "text": text, "phase": phase }))
}

fn completed(turn: &Value) -> String {
    notification("turn/completed", &json!({ "threadId": "t", "turn": turn }))
}

fn told(meaning: TurnUpdate) -> WireTurn {
    match meaning.completed {
        Some(Completion::Told(turn)) => turn,
        other => panic!("{other:?}"),
    }
}

/// The end of a turn by these notifications, the last of which is its `turn/completed`.
fn end(lines: &[String]) -> Result<TurnResult, Error> {
    let (collector, meaning) = after(lines);
    collector.end("t", "u", &told(meaning))
}

fn ended(mut lines: Vec<String>) -> TurnResult {
    lines.push(completed(&json!({ "id": "u", "status": "completed", "items": [] })));
    end(&lines).unwrap()
}

fn failed(error: &Value) -> Arc<TurnFailure> {
    match end(&[completed(&json!({ "id": "u", "status": "failed", "items": [], "error": error }))]) {
        Err(Error::TurnFailed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

fn as_value(result: &TurnResult) -> Value {
    serde_json::from_str(&result.to_json()).unwrap()
}

#[test]
fn the_final_response_is_the_last_final_answer_else_the_last_without_a_phase() {
    type Messages<'a> = &'a [(&'a str, Option<&'a str>)];
    let cases: &[(Messages<'_>, Option<&str>)] = &[
        (&[], None),
        (&[("a", None)], Some("a")),
        (&[("a", None), ("b", None)], Some("b")),
        (&[("a", Some("final_answer")), ("b", None)], Some("a")),
        (&[("a", Some("final_answer")), ("b", Some("final_answer"))], Some("b")),
        (&[("a", Some("commentary"))], None),
        (&[("a", None), ("b", Some("commentary"))], Some("a")),
        (&[("a", Some("final_answer")), ("b", Some("commentary"))], Some("a")),
        (&[("a", None), ("", None)], Some("")),
        (&[("a", None), ("", Some("final_answer"))], Some("")),
        // T12: a phase of a later codex is not its answer.
        (&[("a", None), ("b", Some("afterthought"))], Some("a")),
        (&[("\"é\n😀\\", None)], Some("\"é\n😀\\")),
    ];
    for (messages, expected) in cases {
        let result = ended(messages.iter().map(|(text, phase)| message(text, *phase)).collect());
        assert_eq!(result.final_response().as_deref(), *expected, "{messages:?}");
        assert_eq!(as_value(&result)["finalResponse"], json!(expected), "{messages:?}");
    }
}

#[test]
fn other_items_and_messages_without_text_are_no_final_response() {
    let result = ended(vec![
        item(&json!({ "type": "reasoning", "id": "r", "text": "thought" })),
        item(&json!({ "type": "agentMessage", "id": "m", "text": null })),
        item(&json!({ "type": "agentMessage", "id": "n", "text": 5 })),
    ]);
    assert_eq!(result.final_response(), None);
    assert_eq!(as_value(&result)["finalResponse"], Value::Null);
    assert_eq!(result.items.len(), 3);
}

#[test]
fn a_final_response_that_only_javascript_can_hold_reaches_it() {
    let line = r#"{"method":"item/completed","params":{"item":{"type":"agentMessage","text":"\ud800"}}}"#;
    let result = ended(vec![line.to_owned()]);
    assert_eq!(result.final_response.as_ref().map(Slice::json), Some(r#""\ud800""#));
}

#[test]
fn t7_the_items_are_those_of_the_stream_as_they_came() {
    let first = json!({ "type": "commandExecution", "id": "c", "aggregatedOutput": "é\n" });
    let result = ended(vec![item(&first), message("done", None)]);
    assert_eq!(result.status, TurnStatus::Completed);
    assert_eq!(result.final_response().as_deref(), Some("done"));
    let value = as_value(&result);
    assert_eq!(value["items"][0], first);
    assert_eq!(value["items"][1]["text"], "done");
}

#[test]
fn items_of_the_end_are_a_summary_and_not_taken_over() {
    let summary = json!({ "id": "u", "status": "completed",
        "items": [{ "type": "agentMessage", "id": "m", "text": "done" }] });
    let result = end(&[message("first", None), message("done", None), completed(&summary)]).unwrap();
    assert_eq!(result.items.len(), 2);
}

#[test]
fn usage_is_the_last_one() {
    let usage = |total: u32| {
        let usage = json!({ "total": { "totalTokens": total }, "last": {}, "modelContextWindow": null });
        notification("thread/tokenUsage/updated", &json!({ "turnId": "u", "tokenUsage": usage }))
    };
    let value = as_value(&ended(vec![usage(1), usage(2)]));
    assert_eq!(value["usage"]["total"]["totalTokens"], 2);
    assert_eq!(as_value(&ended(vec![]))["usage"], Value::Null);
}

#[test]
fn the_result_is_valid_json_whatever_is_in_it() {
    let strange = "\"quoted\" \\ \u{1} é 😀";
    let turn = json!({ "status": "interrupted", "startedAt": 1_700_000_000, "completedAt": 1.5,
        "durationMs": null });
    let (collector, meaning) = after(&[message(strange, None), completed(&turn)]);
    let result = collector.end(strange, strange, &told(meaning)).unwrap();
    assert_eq!(
        as_value(&result),
        json!({ "threadId": strange, "turnId": strange, "status": "interrupted", "finalResponse": strange,
            "items": [{ "type": "agentMessage", "id": strange, "text": strange, "phase": null }],
            "usage": null, "startedAt": 1_700_000_000, "completedAt": 1.5, "durationMs": null })
    );
}

#[test]
fn t12_what_is_not_known_ends_the_turn_as_usual() {
    for turn in [
        json!({ "status": "completed", "items": null, "error": 5, "startedAt": "now" }),
        json!({ "status": "completed", "items": { "first": 1 } }),
    ] {
        let result = end(&[message("done", None), completed(&turn)]).unwrap();
        assert_eq!(result.status, TurnStatus::Completed, "{turn}");
        assert_eq!(as_value(&result)["finalResponse"], "done", "{turn}");
    }
    // A strange field does not hide that the turn has failed.
    let failed = json!({ "status": "failed", "items": null, "error": { "message": "why" } });
    assert!(
        matches!(end(&[completed(&failed)]), Err(Error::TurnFailed(failure)) if failure.message == "why")
    );
    let odd = vec![
        item(&json!({ "type": "hologram", "id": 5, "text": [] })),
        item(&json!({ "type": 7, "phase": {} })),
        item(&json!("not an object")),
        notification("item/completed", &json!([])),
        notification("thread/tokenUsage/updated", &json!({})),
        notification("error", &json!("boom")),
        notification("quite/new", &json!(null)),
        message("done", None),
    ];
    let value = as_value(&ended(odd));
    assert_eq!(value["finalResponse"], "done");
    assert_eq!(value["items"].as_array().map(Vec::len), Some(4));
    assert_eq!(value["items"][2], "not an object");
}

#[test]
fn t4_a_failed_turn_is_an_error_with_what_was_collected() {
    let error = json!({ "message": "out of paper", "codexErrorInfo": "serverOverloaded",
        "additionalDetails": "tray 2" });
    let turn = json!({ "status": "failed", "items": [], "error": error, "completedAt": 9 });
    let Err(Error::TurnFailed(failure)) = end(&[message("so far", None), completed(&turn)]) else {
        panic!("it failed")
    };
    assert_eq!(failure.message, "out of paper");
    assert_eq!(failure.codex_error_info.as_deref(), Some("\"serverOverloaded\""));
    assert_eq!(failure.additional_details.as_deref(), Some("tray 2"));
    assert_eq!((failure.http_status, failure.retryable), (None, true));
    let result = as_value(&failure.result);
    assert_eq!((&result["status"], &result["completedAt"]), (&json!("failed"), &json!(9)));
    assert_eq!((&result["finalResponse"], &result["items"][0]["text"]), (&json!("so far"), &json!("so far")));
}

#[test]
fn each_form_of_error_info_is_understood() {
    let status = |name: &str, status: Value| json!({ name: { "httpStatusCode": status } });
    for (info, http_status, retryable) in [
        (json!("serverOverloaded"), None, true),
        (json!("internalServerError"), None, true),
        (json!("rateLimitExceeded"), None, true),
        (json!("usageLimitExceeded"), None, false),
        (json!("contextWindowExceeded"), None, false),
        (json!("modelNotFound"), None, false),
        (json!("unauthorized"), None, false),
        (json!("other"), None, false),
        (status("httpConnectionFailed", json!(401)), Some(401), false),
        (status("httpConnectionFailed", json!(503)), Some(503), true),
        (status("httpConnectionFailed", json!(null)), None, true),
        (status("responseTooManyFailedAttempts", json!(429)), Some(429), true),
        (status("responseStreamDisconnected", json!(null)), None, true),
        (status("responseStreamConnectionFailed", json!(502)), Some(502), true),
        // T12: a later codex.
        (json!("moonPhase"), None, false),
        (status("moonPhase", json!(200)), Some(200), false),
        (status("httpConnectionFailed", json!(1_000_000)), None, true),
        (json!({}), None, false),
        (json!([1]), None, false),
        (json!(5), None, false),
    ] {
        let failure = failed(&json!({ "message": "no", "codexErrorInfo": info }));
        assert_eq!((failure.http_status, failure.retryable), (http_status, retryable), "{info}");
        let text = failure.codex_error_info.as_deref().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), info);
    }
    let cut = failed(
        &json!({ "message": "stream disconnected before completion: eof", "codexErrorInfo": "other" }),
    );
    assert!(cut.retryable);
}

#[test]
fn a_failure_without_its_usual_fields_is_still_one() {
    for error in [json!(null), json!({}), json!({ "message": null, "codexErrorInfo": null }), json!("boom")] {
        let failure = failed(&error);
        assert!(failure.message.contains("no reason"), "{error}: {}", failure.message);
        assert_eq!(failure.codex_error_info, None, "{error}");
    }
    // One strange field does not hide the others.
    let failure =
        failed(&json!({ "message": "why", "additionalDetails": { "deep": 1 }, "codexErrorInfo": "other" }));
    assert_eq!((failure.message.as_str(), failure.additional_details.as_deref()), ("why", None));
}

#[test]
fn t5_and_t6_only_an_error_that_will_not_be_retried_is_the_end() {
    let error = |will_retry: bool| {
        let params =
            json!({ "error": { "message": "m", "codexErrorInfo": "other" }, "willRetry": will_retry });
        notification("error", &params)
    };
    let (collector, meaning) = after(&[error(true)]);
    assert!(!meaning.fatal && collector.fatal("t", "u").is_none());

    let (collector, meaning) = after(&[message("part", None), error(false)]);
    assert!(meaning.fatal);
    let Some(Error::TurnFailed(failure)) = collector.fatal("t", "u") else { panic!("it is announced") };
    assert_eq!((failure.message.as_str(), failure.result.items.len()), ("m", 1));

    // Its reason serves where the end gives none.
    let silent = completed(&json!({ "status": "failed", "error": null }));
    let Err(Error::TurnFailed(failure)) = end(&[error(false), silent]) else { panic!("it failed") };
    assert_eq!(failure.message, "m");
}

#[test]
fn success_is_completed_alone() {
    let status = |status: &str| ended_as(json!({ "id": "u", "status": status }));
    assert_eq!(status("completed"), ("completed".to_owned(), TurnStatus::Completed));
    assert_eq!(status("interrupted"), ("interrupted".to_owned(), TurnStatus::Interrupted));
    let word = "superseded \"\u{e9}";
    assert_eq!(status(word), (word.to_owned(), TurnStatus::Other(word.to_owned())));
}

fn ended_as(turn: Value) -> (String, TurnStatus) {
    let result = end(&[completed(&turn)]).unwrap();
    (as_value(&result)["status"].as_str().unwrap().to_owned(), result.status)
}

#[test]
fn an_end_that_does_not_say_how_is_none() {
    let unreadable = [
        json!({ "id": "u" }),
        json!({ "id": "u", "status": null }),
        json!({ "id": "u", "status": 5 }),
        json!({ "id": "u", "status": { "completed": true } }),
        json!({ "id": "u", "status": "inProgress" }),
        json!("completed"),
        json!(null),
        json!([]),
    ];
    for turn in unreadable {
        let (_, meaning) = after(&[completed(&turn)]);
        assert!(matches!(meaning.completed, Some(Completion::Unreadable)), "{turn}");
    }
    let (_, meaning) = after(&[notification("turn/completed", &json!({ "turnId": "u" }))]);
    assert!(matches!(meaning.completed, Some(Completion::Unreadable)));
}

#[test]
fn a_failure_is_told_whatever_a_secret_looks_like() {
    let mut collector = Collector::new(Secrets::new(["12345678", "a\":\"b-c-d"].map(str::to_owned)));
    let error = r#"{"message":"no: 12345678","additionalDetails":"more","at":1712345678,"a":"b-c-d"}"#;
    let line =
        format!(r#"{{"method":"turn/completed","params":{{"turn":{{"status":"failed","error":{error}}}}}}}"#);
    let mut failed = None;
    crate::rpc::with_notification(&line, |notification| {
        let turn = told(collector.read(notification));
        failed = collector.end("t", "u", &turn).err();
    });
    let Some(Error::TurnFailed(failure)) = failed else { panic!("{failed:?}") };
    assert_eq!(
        (failure.message.as_str(), failure.additional_details.as_deref()),
        ("no: [secret]", Some("more"))
    );
}
