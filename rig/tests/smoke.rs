//! The rig as its users start it: a process, lines in, lines out; or frames of a websocket.

#![expect(clippy::unwrap_used, reason = "clippy takes only the test functions themselves for tests")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

struct Rig {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    log: PathBuf,
}

fn command(script: &Value) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scripted-app-server"));
    command.args(["app-server", "--config", "a=b"]).env("CODEX_RIG_SCRIPT", script.to_string());
    command
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rig {
    fn start(name: &str, script: &Value) -> Self {
        let log = std::env::temp_dir().join(format!("codex-rig-{}-{name}.jsonl", std::process::id()));
        let _ = fs::remove_file(&log);
        Self::start_with_log(log, script)
    }

    fn start_with_log(log: PathBuf, script: &Value) -> Self {
        let mut command = command(script);
        command.env("CODEX_RIG_LOG", &log).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout, log }
    }

    fn initialized(name: &str, script: &Value) -> Self {
        let mut rig = Self::start(name, script);
        rig.send(&json!({"id": 0, "method": "initialize", "params": {"clientInfo": {"name": "me", "version": "1"}}}));
        rig.send(&json!({"method": "initialized"}));
        rig.until("remoteControl/status/changed");
        rig
    }

    fn send(&mut self, message: &Value) {
        self.stdin.as_mut().unwrap().write_all(format!("{message}\n").as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// What comes up to the notification of this method: methods, or `=<id>` for an answer.
    fn until(&mut self, method: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|last| last != method) {
            let message = self.next();
            let name = message["method"].as_str().map(str::to_owned);
            seen.push(name.unwrap_or_else(|| format!("={}", message["id"])));
        }
        seen
    }

    fn finish(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }

    fn log(&self) -> Vec<Value> {
        fs::read_to_string(&self.log)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn start_turn(rig: &mut Rig) {
    rig.send(&json!({"id": 1, "method": "thread/start", "params": {}}));
    rig.until("thread/started");
    let input = json!([{"type": "text", "text": "hi"}]);
    rig.send(&json!({"id": 2, "method": "turn/start", "params": {"threadId": "thread-1", "input": input}}));
}

fn output(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_polite_turn_in_the_order_of_codex() {
    let mut rig = Rig::initialized("polite", &json!({}));
    start_turn(&mut rig);
    let mut seen = rig.until("turn/completed");
    seen.dedup();
    let expected = "=2 thread/status/changed turn/started item/started item/completed item/started \
        item/agentMessage/delta item/completed thread/tokenUsage/updated account/rateLimits/updated \
        thread/status/changed turn/completed";
    assert_eq!(seen.join(" "), expected);

    rig.send(
        &json!({"id": 3, "method": "thread/read", "params": {"threadId": "thread-1", "includeTurns": true}}),
    );
    let read = rig.next();
    let turn = &read["result"]["thread"]["turns"][0];
    assert_eq!(
        (&turn["status"], &turn["items"][1]["text"]),
        (&json!("completed"), &json!("Hello from the rig."))
    );
    rig.send(&json!({"id": 4, "method": "nope", "params": {}}));
    let message = rig.next()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Invalid request: unknown variant `nope`, expected one of `initialize`"));

    drop(rig.stdin.take());
    assert_eq!(rig.child.wait().unwrap().code(), Some(0));
    let log = rig.log();
    assert_eq!(log[0]["argv"], json!(["app-server", "--config", "a=b"]));
    assert_eq!(log[1]["in"]["method"], "initialize");
    assert_eq!(log[log.len() - 2..], [json!({"eof": true}), json!({"exit": 0})]);
}

#[test]
fn lines_have_the_field_order_of_codex() {
    let mut rig = Rig::start("order", &json!({"start": [{"notify": {"method": "a", "params": {"z": 1}}}]}));
    assert!(rig.line().starts_with(r#"{"method":"a","params":{"z":1},"emittedAtMs":"#));
    rig.send(&json!({"id": 0, "method": "model/list", "params": {}}));
    assert_eq!(rig.line(), "{\"error\":{\"code\":-32600,\"message\":\"Not initialized\"},\"id\":0}\n");
}

#[test]
fn an_interrupt_stops_the_list_of_its_turn() {
    let script = json!({"on": {"turn/start": [["turnBegin", {"flood": {"count": 100000000, "bytes": 300}}, "turnEnd"]]}});
    let mut rig = Rig::initialized("interrupt", &script);
    start_turn(&mut rig);
    rig.until("turn/started");
    rig.send(
        &json!({"id": 3, "method": "turn/interrupt", "params": {"threadId": "thread-1", "turnId": "turn-1"}}),
    );
    let seen = rig.until("turn/completed");
    assert_eq!(seen[seen.len() - 3..], ["=3", "thread/status/changed", "turn/completed"]);
    assert_eq!(rig.finish(), (Some(0), String::new()));
}

#[test]
fn a_refused_turn_is_not_running() {
    let refuse = json!({"error": {"code": -32001, "message": "Server overloaded; retry later."}});
    let mut rig = Rig::initialized("refused", &json!({"on": {"turn/start": [refuse, "default"]}}));
    start_turn(&mut rig);
    assert_eq!(rig.next()["error"]["code"], -32001);
    rig.send(&json!({"id": 3, "method": "turn/start", "params": {"threadId": "thread-1", "input": []}}));
    assert_eq!(rig.next()["result"]["turn"]["id"], "turn-2");
    rig.until("turn/completed");
}

#[test]
fn requests_of_the_server_wait_for_their_answer() {
    let ask = json!({"request": {"method": "item/tool/call", "params": {"turnId": "$turnId"}}});
    let told =
        json!({"notify": {"method": "told", "params": {"by": "$answer.result.name", "id": "$requestId"}}});
    let mut rig =
        Rig::initialized("ask", &json!({"on": {"turn/start": [["turnBegin", ask, told, "turnEnd"]]}}));
    start_turn(&mut rig);
    rig.until("item/tool/call");
    rig.send(&json!({"id": 0, "result": {"name": "client"}}));
    assert_eq!(rig.next()["params"], json!({"by": "client", "id": 0}));
    rig.until("turn/completed");
}

#[test]
fn floods_are_numbered_and_complete() {
    let flood = json!({"flood": {"count": 20000, "bytes": 20, "numbered": true}});
    let mut rig = Rig::initialized("flood", &json!({"on": {"turn/start": [["turnReply", flood]]}}));
    start_turn(&mut rig);
    rig.next();
    for index in 0..20_000 {
        assert_eq!(rig.next()["params"]["delta"], format!("{index:08} xxxxxxxxxxx"));
    }
}

#[test]
fn misbehaviour() {
    let script = json!({"start": [
        {"raw": "banner\n"}, {"rawBase64": "/wo="}, {"chunked": {"bytes": 1, "do": [{"line": "é😀"}]}},
        {"stderrBytes": 100}, {"bigLine": {"bytes": 1000}}, {"raw": "{\"last\":1}"}, {"exit": 3}
    ]});
    let out = output(command(&script));
    assert_eq!(out.status.code(), Some(3));
    assert_eq!(out.stderr.len(), 100);
    let lines: Vec<_> = out.stdout.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines[..3], [b"banner".as_slice(), b"\xff", "\"é😀\"".as_bytes()]);
    assert!(lines[3].len() > 1000 && lines[4] == b"{\"last\":1}");
}

#[test]
fn runs_play_their_own_script() {
    let script = json!({"runs": [{"start": [{"exit": 5}]}, {"start": [{"exit": 6}]}]});
    let first = Rig::start("runs", &script);
    let log = first.log.clone();
    assert_eq!(first.finish().0, Some(5));
    assert_eq!(Rig::start_with_log(log.clone(), &script).finish().0, Some(6));
    assert_eq!(Rig::start_with_log(log, &script).finish().0, Some(6));
}

#[test]
fn a_message_names_the_fragment_that_is_played() {
    let say = |text: &str| json!([{"reply": text}]);
    let script =
        json!({"on": {"pick": {"play": "$params.of"}}, "fragments": {"a": say("one"), "b": say("two")}});
    let mut rig = Rig::initialized("pick", &script);
    for (of, said) in [("b", "two"), ("a", "one")] {
        rig.send(&json!({"id": 1, "method": "pick", "params": {"of": of}}));
        assert_eq!(rig.next()["result"], said);
    }
    rig.send(&json!({"id": 2, "method": "pick", "params": {"of": "c"}}));
    assert_eq!(rig.child.wait().unwrap().code(), Some(70));
}

#[test]
fn ids_are_those_of_one_start_where_a_script_wants_that() {
    let mut rig = Rig::initialized("ids", &json!({"uniqueIds": true}));
    rig.send(&json!({"id": 1, "method": "thread/start", "params": {}}));
    assert_eq!(rig.next()["result"]["thread"]["id"], format!("thread-{}-1", rig.child.id()));
}

#[test]
fn versions_other_programs_and_bad_scripts() {
    let mut version = command(&json!({"version": "0.100.0"}));
    version.arg("--version");
    assert_eq!(output(version).stdout, b"codex-cli 0.100.0\n");
    assert_eq!(output(command(&json!({"notCodex": true}))).status.code(), Some(2));
    let bad = output(command(&json!({"on": {"turn/start": [[{"replyy": {}}]]}})));
    assert_eq!(bad.status.code(), Some(70));
    assert!(String::from_utf8(bad.stderr).unwrap().contains("on.turn/start[0][0].replyy: unknown action"));
}

/// A rig that listens, and where.
fn listening(name: &str, script: &Value) -> (Rig, String) {
    let log = std::env::temp_dir().join(format!("codex-rig-{}-{name}.jsonl", std::process::id()));
    let _ = fs::remove_file(&log);
    let mut command = command(script);
    command.args(["--listen", "ws://127.0.0.1:0"]).env("CODEX_RIG_LOG", &log);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let url =
        stderr.lines().find_map(|line| Some(line.unwrap().strip_prefix("  listening on: ")?.to_owned()));
    (Rig { child, stdin: None, stdout, log }, url.unwrap())
}

struct Remote(WebSocket<TcpStream>);

impl Remote {
    fn initialized(url: &str) -> Self {
        let tcp = TcpStream::connect(url.strip_prefix("ws://").unwrap()).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut remote = Self(tungstenite::client(url, tcp).unwrap().0);
        let params = json!({"clientInfo": {"name": "me", "version": "1"}});
        let answer = remote.ask(&json!({"id": 0, "method": "initialize", "params": params}));
        assert!(answer["result"]["userAgent"].is_string(), "each client initializes: {answer}");
        remote
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.0.send(Message::text(request.to_string())).unwrap();
        loop {
            let message = self.next();
            if message["id"] == request["id"] {
                return message;
            }
        }
    }

    fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    fn start_turn(&mut self) {
        self.ask(&json!({"id": 1, "method": "thread/start", "params": {}}));
        let params = json!({"threadId": "thread-1", "input": [{"type": "text", "text": "hi"}]});
        self.ask(&json!({"id": 2, "method": "turn/start", "params": params}));
    }
}

#[test]
fn a_websocket_carries_a_message_a_frame() {
    let flood = json!({"flood": {"count": 20000, "bytes": 20, "numbered": true}});
    let pieces = json!([{"raw": "{\"method\":"}, {"raw": "\"whole\"}\n"}]);
    let list = json!(["turnReply", flood, pieces[0], pieces[1]]);
    let (rig, url) = listening("frames", &json!({"on": {"turn/start": [list]}}));
    let mut remote = Remote::initialized(&url);
    remote.0.send(Message::Ping("here?".into())).unwrap();
    while !matches!(remote.0.read().unwrap(), Message::Pong(_)) {}
    remote.start_turn();
    for index in 0..20_000 {
        assert_eq!(remote.next()["params"]["delta"], format!("{index:08} xxxxxxxxxxx"));
    }
    assert_eq!(remote.next(), json!({"method": "whole"}));
    assert_eq!(rig.log()[2]["in"]["method"], "initialize");
}

#[test]
fn a_websocket_takes_one_client_after_the_other() {
    let list = json!(["turnBegin", "closeStdout", {"waitFor": "thread/resume"}, "agentMessage", "turnEnd"]);
    let (rig, url) = listening("clients", &json!({"on": {"turn/start": [list]}}));
    let mut first = Remote::initialized(&url);
    first.start_turn();
    while first.0.read().is_ok() {}

    let mut second = Remote::initialized(&url);
    let params = json!({"threadId": "thread-1", "excludeTurns": true});
    let resume = json!({"id": 1, "method": "thread/resume", "params": params});
    // Its answer and the rest of the turn come in any order.
    second.0.send(Message::text(resume.to_string())).unwrap();
    while second.next()["method"] != "turn/completed" {}
    second.0.close(None).unwrap();
    while second.0.read().is_ok() {}

    Remote::initialized(&url);
    let log = rig.log();
    let connected: Vec<_> = log.iter().filter_map(|entry| entry.get("connected")?.as_bool()).collect();
    assert_eq!(connected[..5], [true, false, true, false, true]);
}

#[cfg(unix)]
#[test]
fn signals_and_grandchildren() {
    let seen = std::env::temp_dir().join(format!("codex-rig-{}-signals.seen", std::process::id()));
    let _ = fs::remove_file(&seen);
    let script = json!({
        "onSigterm": ["ignoreSigterm", {"writeFile": seen}],
        "start": [{"spawn": {"argv": ["$exe", "--sleep-ms", "60000"], "ownGroup": true}},
            {"kill": "SIGTERM"}, {"kill": "SIGTERM"}, {"waitForFile": seen}, {"kill": "SIGKILL"}],
    });
    let rig = Rig::start("signals", &script);
    let log = rig.log.clone();
    assert_eq!(rig.finish(), (None, String::new()));
    let text = fs::read_to_string(log).unwrap();
    assert!(text.contains("{\"signal\":\"SIGTERM\"}"));
    let spawned =
        text.lines().find_map(|line| line.strip_prefix("{\"spawned\":")?.strip_suffix('}')).unwrap();
    let kill = |signal| {
        Command::new("kill").args([signal, spawned]).stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(kill("-TERM"));
    // Its parent is dead, so the only way to wait for it is to look.
    let ended = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        !kill("-0")
    });
    assert!(ended, "the grandchild must not inherit a blocked SIGTERM");
}
