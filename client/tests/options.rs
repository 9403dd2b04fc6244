//! What callers may ask for, and what they are told where they may not.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes only the test functions themselves for tests"
)]

use std::fmt::Debug;

use codex_client::Error;
use codex_client::options::{ClientSettings, Input, ThreadSettings, TurnSettings, parse};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn refused<T: Debug>(result: Result<T, Error>, of: &Value) -> String {
    match result {
        Err(Error::InvalidArgument(message)) => message,
        other => panic!("{of} gave {other:?}"),
    }
}

/// The message for these options has each of the parts.
fn says<T: DeserializeOwned + Default + Debug>(options: &Value, parts: &[&str]) {
    let message = refused(parse::<T>(Some(&options.to_string()), "options"), options);
    contains(&message, parts);
}

fn input_says(input: &Value, parts: &[&str]) {
    contains(&refused(Input::parse(&input.to_string()), input), parts);
}

fn contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    for noise in ["at line", "column", "struct ", "enum ", "variant index", "map", "sequence", "EOF"] {
        assert!(!message.contains(noise), "`{noise}` tells a user of JavaScript nothing: {message}");
    }
}

fn client(options: &Value) -> Result<ClientSettings, Error> {
    let settings: ClientSettings = parse(Some(&options.to_string()), "options")?;
    settings.check()?;
    Ok(settings)
}

#[test]
fn no_options_are_the_defaults() {
    let settings: ClientSettings = parse(None, "options").unwrap();
    assert_eq!((settings.in_flight(), settings.request_timeout().as_secs()), (64, 30));
    assert_eq!((settings.connect_timeout().as_secs(), settings.inactivity_timeout()), (15, None));
    assert!(client(&json!({})).is_ok());
}

#[test]
fn an_unknown_name_is_refused_with_those_there_are() {
    says::<ClientSettings>(
        &json!({ "codexPaht": "x" }),
        &["options.codexPaht", "unknown", "`codexPath`", "`logLevel`"],
    );
    says::<ThreadSettings>(&json!({ "modle": "x" }), &["options.modle", "unknown", "`model`", "`webSearch`"]);
    says::<TurnSettings>(&json!({ "timeoutMs": 5 }), &["options.timeoutMs", "`inactivityTimeoutMs`"]);
    says::<ClientSettings>(
        &json!({ "clientInfo": { "name": "n", "version": "1", "url": "x" } }),
        &["options.clientInfo.url", "`name`", "`title`", "`version`"],
    );
    says::<TurnSettings>(
        &json!({ "sandboxPolicy": { "type": "readOnly", "writableRoots": [] } }),
        &["options.sandboxPolicy", "`writableRoots`", "`networkAccess`"],
    );
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_the_right_one() {
    says::<ClientSettings>(&json!({ "codexPath": 5 }), &["options.codexPath", "5", "a string"]);
    says::<ClientSettings>(&json!({ "env": { "A": 1 } }), &["options.env.A", "1", "a string"]);
    says::<ClientSettings>(&json!({ "env": ["A=1"] }), &["options.env", "an array", "an object"]);
    says::<ClientSettings>(&json!({ "launchArgs": "--help" }), &["options.launchArgs", "an array"]);
    says::<ClientSettings>(&json!({ "launchArgs": ["a", 1] }), &["options.launchArgs[1]", "a string"]);
    says::<ClientSettings>(&json!({ "inheritEnv": "yes" }), &["options.inheritEnv", "\"yes\"", "a boolean"]);
    says::<ClientSettings>(&json!({ "config": [] }), &["options.config", "an object"]);
    says::<ClientSettings>(
        &json!({ "clientInfo": "me" }),
        &["options.clientInfo", "\"me\"", "`name`", "`version`"],
    );
    says::<ClientSettings>(
        &json!({ "clientInfo": ["me", "1"] }),
        &["options.clientInfo", "`name`", "`version`"],
    );
    says::<ClientSettings>(
        &json!({ "clientInfo": { "name": "me" } }),
        &["options.clientInfo", "missing", "`version`"],
    );
    says::<ThreadSettings>(&json!({ "ephemeral": 1 }), &["options.ephemeral", "1", "a boolean"]);
    says::<ThreadSettings>(
        &json!({ "additionalDirectories": [null] }),
        &["options.additionalDirectories[0]", "null"],
    );
    says::<TurnSettings>(
        &json!({ "sandboxPolicy": { "type": "workspaceWrite", "networkAccess": "on" } }),
        &["options.sandboxPolicy", "\"on\"", "a boolean"],
    );
    says::<TurnSettings>(&json!({ "sandboxPolicy": {} }), &["options.sandboxPolicy", "`type`"]);
}

#[test]
fn numbers_out_of_their_range_are_refused() {
    for (value, shown) in
        [(json!(-1), "-1"), (json!(1.5), "1.5"), (json!("5"), "\"5\""), (json!(1e30), "1e+30")]
    {
        let options = json!({ "requestTimeoutMs": value });
        says::<ClientSettings>(&options, &["options.requestTimeoutMs", shown]);
    }
    for name in ["requestTimeoutMs", "connectTimeoutMs", "inactivityTimeoutMs"] {
        let options = json!({ name: 0 });
        contains(
            &refused(client(&options), &options),
            &[&format!("options.{name}"), "at least 1", "milliseconds"],
        );
    }
    for most in [0, 129] {
        let options = json!({ "maxInFlight": most });
        contains(&refused(client(&options), &options), &["options.maxInFlight", "1 to 128"]);
    }
    assert_eq!(client(&json!({ "maxInFlight": 128, "requestTimeoutMs": 1 })).unwrap().in_flight(), 128);
}

#[test]
fn a_wrong_word_is_refused_with_those_there_are() {
    says::<ClientSettings>(
        &json!({ "logLevel": "loud" }),
        &["options.logLevel", "`loud`", "`error`", "`trace`"],
    );
    says::<ThreadSettings>(
        &json!({ "sandbox": "workspaceWrite" }),
        &["options.sandbox", "`workspaceWrite`", "`read-only`", "`workspace-write`", "`danger-full-access`"],
    );
    says::<ThreadSettings>(
        &json!({ "approvalPolicy": "on-failure" }),
        &["options.approvalPolicy", "`on-failure`", "`on-request`"],
    );
    says::<ThreadSettings>(
        &json!({ "approvalMode": "auto" }),
        &["options.approvalMode", "`auto_review`", "`deny_all`"],
    );
    says::<TurnSettings>(&json!({ "summary": "brief" }), &["options.summary", "`brief`", "`concise`"]);
    says::<TurnSettings>(
        &json!({ "sandboxPolicy": { "type": "read-only" } }),
        &["options.sandboxPolicy", "`read-only`", "`readOnly`", "`workspaceWrite`"],
    );
}

#[test]
fn what_is_no_word_is_refused() {
    for wrong in [json!(5), json!(null), json!([]), json!({})] {
        says::<ClientSettings>(&json!({ "logLevel": wrong }), &["options.logLevel", "`error`", "`trace`"]);
        says::<ThreadSettings>(&json!({ "approvalMode": wrong }), &["options.approvalMode", "`auto_review`"]);
        says::<TurnSettings>(&json!({ "sandbox": wrong }), &["options.sandbox", "`read-only`"]);
    }
    says::<ThreadSettings>(&json!({ "sandbox": 5 }), &["options.sandbox", "a number", "`read-only`"]);
    says::<ThreadSettings>(&json!({ "approvalPolicy": 5 }), &["options.approvalPolicy", "`never`"]);
    says::<TurnSettings>(&json!({ "summary": false }), &["options.summary", "a boolean", "`concise`"]);
    says::<TurnSettings>(
        &json!({ "sandboxPolicy": "readOnly" }),
        &["options.sandboxPolicy", "an object with a `type`"],
    );
}

#[test]
fn null_is_a_value_where_the_wire_has_it_and_else_refused() {
    let thread: ThreadSettings =
        parse(Some(r#"{"model":null,"config":null,"sandbox":null}"#), "options").unwrap();
    assert_eq!((thread.model, thread.config, thread.sandbox), (Some(None), Some(None), Some(None)));
    assert_eq!((thread.cwd, thread.approval_mode), (None, None));
    let turn: TurnSettings = parse(Some(r#"{"effort":null,"model":"m"}"#), "options").unwrap();
    assert_eq!(
        (turn.effort, turn.model, turn.summary.is_none()),
        (Some(None), Some(Some("m".to_owned())), true)
    );

    for name in
        ["codexPath", "env", "inheritEnv", "clientInfo", "requestTimeoutMs", "maxInFlight", "logLevel"]
    {
        says::<ClientSettings>(&json!({ name: null }), &[&format!("options.{name}"), "null"]);
    }
    for name in ["approvalMode", "effort", "networkAccess", "webSearch", "includeTurns"] {
        says::<ThreadSettings>(&json!({ name: null }), &[&format!("options.{name}"), "null"]);
    }
    for name in ["sandbox", "approvalMode", "inactivityTimeoutMs"] {
        says::<TurnSettings>(&json!({ name: null }), &[&format!("options.{name}"), "null"]);
    }
}

#[test]
fn options_are_an_object() {
    for wrong in [json!(5), json!("model"), json!([]), json!(["m"]), json!(true), json!(null)] {
        says::<ClientSettings>(&wrong, &["options", "an object"]);
        says::<ThreadSettings>(&wrong, &["options", "an object"]);
        says::<TurnSettings>(&wrong, &["options", "an object"]);
    }
}

#[test]
fn options_that_exclude_each_other_are_refused_together() {
    for other in ["config", "configOverrides", "baseUrl"] {
        let value = match other {
            "config" => json!({}),
            "configOverrides" => json!([]),
            _ => json!("http://x"),
        };
        let options = json!({ "launchArgs": [], other: value });
        contains(
            &refused(client(&options), &options),
            &["options", "`launchArgs`", &format!("`{other}`"), "exclude"],
        );
    }
}

#[test]
fn values_that_cannot_work_are_refused() {
    for (options, parts) in [
        (json!({ "codexPath": " " }), ["options.codexPath", "must not be empty"]),
        (json!({ "cwd": "" }), ["options.cwd", "must not be empty"]),
        (json!({ "apiKey": "" }), ["options.apiKey", "must not be empty"]),
        (json!({ "baseUrl": "" }), ["options.baseUrl", "must not be empty"]),
        (json!({ "env": { "A=B": "1" } }), ["options.env", "`A=B`"]),
        (json!({ "env": { "": "1" } }), ["options.env", "``"]),
        (json!({ "env": { "A": "a\u{0}" } }), ["options.env", "NUL"]),
        (json!({ "launchArgs": ["\u{0}"] }), ["launchArgs", "NUL"]),
        (json!({ "configOverrides": ["model"] }), ["options.configOverrides", "key=value"]),
        (json!({ "clientInfo": { "name": "é", "version": "1" } }), ["options.clientInfo", "ASCII"]),
        (json!({ "clientInfo": { "name": "", "version": "1" } }), ["options.clientInfo", "not empty"]),
    ] {
        contains(&refused(client(&options), &options), &parts);
    }
}

#[test]
fn p6_a_refusal_does_not_repeat_secrets() {
    let options = json!({ "env": { "A": "hush\u{0}hush" } });
    assert!(!refused(client(&options), &options).contains("hush"));
    let options = json!({ "apiKey": ["hush"] });
    assert!(!refused(client(&options), &options).contains("hush"));
}

fn user(input: &Value) -> Vec<Value> {
    match Input::parse(&input.to_string()).unwrap() {
        Input::User(items) => items,
        Input::External(item) => panic!("{item}"),
    }
}

#[test]
fn an_input_is_text_or_items() {
    let text = |text: &str| json!({ "type": "text", "text": text, "text_elements": [] });
    assert_eq!(user(&json!("hé")), [text("hé")]);
    assert_eq!(user(&json!("")), [text("")]);
    assert_eq!(user(&json!({ "type": "text", "text": "a" })), [text("a")]);
    let items = [
        (json!({ "type": "text", "text": "a" }), text("a")),
        (json!({ "type": "image", "url": "https://x" }), json!({ "type": "image", "url": "https://x" })),
        (
            json!({ "type": "image", "data": "AAEC", "mimeType": "image/png" }),
            json!({ "type": "image", "url": "data:image/png;base64,AAEC" }),
        ),
        (json!({ "type": "localImage", "path": "/p" }), json!({ "type": "localImage", "path": "/p" })),
        (json!({ "type": "audio", "url": "https://x" }), json!({ "type": "audio", "url": "https://x" })),
        (json!({ "type": "localAudio", "path": "/p" }), json!({ "type": "localAudio", "path": "/p" })),
        (
            json!({ "type": "skill", "name": "n", "path": "/p" }),
            json!({ "type": "skill", "name": "n", "path": "/p" }),
        ),
        (
            json!({ "type": "mention", "name": "n", "path": "/p" }),
            json!({ "type": "mention", "name": "n", "path": "/p" }),
        ),
    ];
    let (given, sent): (Vec<_>, Vec<_>) = items.into_iter().unzip();
    assert_eq!(user(&json!(given)), sent);
}

#[test]
fn an_external_item_is_the_output_of_a_tool() {
    let item = json!({ "type": "external", "toolName": "mail", "content": "hi" });
    for input in [item.clone(), json!([item])] {
        let Ok(Input::External(output)) = Input::parse(&input.to_string()) else { panic!("{input}") };
        assert_eq!((&output["name"], &output["output"]), (&json!("mail"), &json!("hi")));
    }
    input_says(&json!([item, { "type": "text", "text": "a" }]), &["input[0]", "external", "alone"]);
    input_says(&json!([{ "type": "text", "text": "a" }, item]), &["input[1]", "external", "alone"]);
}

#[test]
fn what_is_no_input_is_refused_with_what_is() {
    for (wrong, named) in [(json!(5), "a number"), (json!(null), "null"), (json!(true), "a boolean")] {
        input_says(&wrong, &["input: ", named, "a string", "localImage", "external"]);
    }
    input_says(&json!([]), &["input", "no items", "a string", "localImage", "external"]);
}

#[test]
fn a_wrong_item_is_named_by_its_index() {
    let good = json!({ "type": "text", "text": "a" });
    for (wrong, parts) in [
        (json!("text"), ["a string", "items of type text"]),
        (json!(null), ["null", "items of type text"]),
        (json!([]), ["an array", "items of type text"]),
        (json!({}), ["missing", "`type`"]),
        (json!({ "type": 5 }), ["type", "a string"]),
        (json!({ "type": "picture" }), ["`picture`", "`localImage`"]),
        (json!({ "type": "text" }), ["missing", "`text`"]),
        (json!({ "type": "text", "text": 5 }), ["text: ", "a string"]),
        (json!({ "type": "text", "text": null }), ["text: ", "a string"]),
        (json!({ "type": "text", "text": "a", "txet": "b" }), ["`txet`", "`text`"]),
        (json!({ "type": "image" }), ["`url`", "`mimeType`"]),
        (json!({ "type": "image", "data": "AA" }), ["`data`", "`mimeType`"]),
        (json!({ "type": "image", "url": "x", "data": "AA" }), ["either `url`", "`data`"]),
        (json!({ "type": "image", "url": null }), ["url: ", "a string"]),
        (json!({ "type": "localImage", "path": ["/p"] }), ["path: ", "a string"]),
        (json!({ "type": "external", "toolName": 1, "content": "" }), ["toolName: ", "a string"]),
        (json!({ "type": "external", "toolName": "t" }), ["missing", "`content`"]),
    ] {
        let message = refused(Input::parse(&json!([good, wrong]).to_string()), &wrong);
        contains(&message, &parts);
        assert!(message.starts_with("input[1]"), "{message}");
    }
    input_says(&json!({ "type": "text" }), &["input: ", "`text`"]);
    input_says(
        &json!({ "type": "external", "toolName": "t", "content": 5 }),
        &["input: ", "`content`", "a string or an array"],
    );
}
