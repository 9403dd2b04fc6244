//! How children end, and what they began with them.

use std::time::{Duration, Instant};

use codex_client::Error;
use codex_client::process::{Executable, FindOptions, Process, Surroundings, find_codex};
use serde_json::{Value, json};

use crate::rig::{Child, LONG, folder, link, options, within};

const SLEEP: &[&str] = &["$exe", "--sleep-ms", "60000"];

/// A child with a grandchild that holds its stdout, once both run. Then `then`.
async fn with_grandchild(argv: &[&str], own_group: bool, then: Value) -> Child {
    let spawn = json!({ "spawn": { "argv": argv, "ownGroup": own_group, "holdStdout": true } });
    let script = json!({ "start": [spawn, { "line": { "grandchild": "$spawned" } }, then] });
    let mut child = Child::start(&script);
    assert!(child.line().await["grandchild"].is_u64());
    child
}

async fn running(script: Value) -> Child {
    let mut script = script;
    script["banner"] = json!("{}");
    let mut child = Child::start(&script);
    child.line().await;
    child
}

#[tokio::test]
async fn c3_a_child_that_ignores_the_end_of_its_input_and_sigterm_is_dead_within_5_s() {
    let mut child = running(json!({ "onEof": "ignore", "onSigterm": "ignore" })).await;
    let start = Instant::now();
    let exit = child.end().await;
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    if cfg!(unix) {
        assert_eq!((exit.code, exit.signal.as_deref()), (None, Some("SIGKILL")));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_child_that_ignores_the_end_of_its_input_is_asked_to_terminate() {
    let mut child = running(json!({ "onEof": "ignore", "onSigterm": [{ "exit": 9 }] })).await;
    assert_eq!(child.end().await.code, Some(9));
}

#[tokio::test]
async fn c11_a_child_has_time_to_put_things_away_after_the_end_of_its_input() {
    let mut child =
        running(json!({ "onEof": [{ "sleepMs": 300 }, { "exit": 4 }], "onSigterm": [{ "exit": 9 }] })).await;
    assert_eq!(child.end().await.code, Some(4));
}

#[tokio::test]
async fn a_child_whose_last_handle_is_dropped_ends() {
    let child = running(json!({})).await;
    let exit = child.process.exit_watch();
    drop(child);
    assert_eq!(within(LONG, exit.exited()).await.code, Some(0));
}

#[tokio::test]
async fn c4_a_grandchild_does_not_survive_the_end() {
    let mut ways = vec![(SLEEP.to_vec(), false), (SLEEP.to_vec(), true)];
    if cfg!(target_os = "linux") {
        ways.push(([&["setsid"], SLEEP].concat(), false));
    }
    for (argv, own_group) in ways {
        let mut child = with_grandchild(&argv, own_group, json!("never")).await;
        assert_eq!(child.end().await.code, Some(0), "{argv:?}");
        child.silent().await;
    }
}

#[tokio::test]
async fn c9_a_grandchild_does_not_survive_a_child_that_dies() {
    for own_group in [false, true] {
        let death = if cfg!(unix) { json!({ "kill": "SIGKILL" }) } else { json!({ "exit": 1 }) };
        let child = with_grandchild(SLEEP, own_group, death).await;
        let exit = child.exited().await;
        if cfg!(unix) {
            assert_eq!((exit.code, exit.signal.as_deref()), (None, Some("SIGKILL")));
        }
        child.silent().await;
    }
}

#[tokio::test]
async fn exit_code_and_last_words_are_told() {
    let script = json!({ "start": [{ "stderr": "first\n" }, { "stderr": "the reason é\n" }, { "exit": 3 }] });
    let exit = Child::start(&script).exited().await;
    assert_eq!((exit.code, exit.signal, exit.stderr.as_str()), (Some(3), None, "first\nthe reason é"));
}

#[tokio::test]
async fn f7_much_on_stderr_blocks_nothing_and_only_its_tail_is_kept() {
    const MOST: usize = 16 * 1024;
    let lines = json!([{ "stderrBytes": 10 << 20 }, { "stderr": "the end\n" }, { "exit": 0 }]);
    let one_line =
        json!([{ "fill": { "bytes": 10 << 20, "text": "é" } }, { "stderr": "$fill" }, { "exit": 0 }]);
    for start in [lines, one_line] {
        let exit = Child::start(&json!({ "start": start })).exited().await;
        assert_eq!(exit.code, Some(0));
        assert!(!exit.stderr.is_empty() && exit.stderr.len() <= MOST, "{} bytes", exit.stderr.len());
        assert!(exit.stderr.lines().count() <= 20, "{} lines", exit.stderr.lines().count());
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_named() {
    let folder = folder();
    let path = folder.path().join("no program é");
    std::fs::write(&path, "text").unwrap();
    let mut options = options(&json!({}));
    options.executable = Executable { path: path.clone(), path_folder: None };
    let Err(Error::Start { message, .. }) = Process::spawn(options) else { panic!("it is no program") };
    assert!(message.contains(path.to_str().unwrap()), "{message}");
}

#[tokio::test]
async fn p9_paths_with_spaces_and_other_letters_work() {
    let folder = folder();
    let place = folder.path().join("Programme für Ünï 😀");
    let name = format!("codex{}", std::env::consts::EXE_SUFFIX);
    let path = place.join("bin dir").join(&name);
    link(&path);
    let mut options = options(&json!({ "start": [{ "line": { "cwd": "$cwd" } }] }));
    options.executable = find_codex(&FindOptions {
        codex_path: Some(("codexPath", &path)),
        surroundings: &Surroundings::default(),
        environment: &options.environment,
        search_from: &[],
    })
    .unwrap();
    options.cwd = Some(place.clone());
    let mut child = Child::spawn(options);
    assert_eq!(child.line().await["cwd"], place.canonicalize().unwrap().to_str().unwrap());
    assert_eq!(child.end().await.code, Some(0));
}
