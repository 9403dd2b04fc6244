//! Whose messages are, in every order that the server may send them in.

use std::sync::Arc;

use serde_json::{Value, json, value::RawValue};

use super::super::owner::Claim;
use super::*;
use crate::source::{Next, Source};

/// Keeps what it was told.
#[derive(Default)]
pub(super) struct Sink {
    events: Mutex<Vec<String>>,
    idle: Mutex<usize>,
    woken: Mutex<usize>,
    ended: Mutex<Vec<String>>,
}

impl TurnSink for Sink {
    fn event(&self, notification: &Notification<'_>) -> bool {
        lock(&self.events).push(notification.line.to_owned());
        true
    }
    fn thread_idle(&self) {
        *lock(&self.idle) += 1;
    }
    fn has_ended(&self) -> bool {
        lock(&self.events).iter().any(|line| line.contains("turn/completed"))
    }
    fn wake(&self) {
        *lock(&self.woken) += 1;
    }
    fn connection_ended(&self, error: &Error) {
        lock(&self.ended).push(error.to_string());
    }
}

impl Sink {
    fn events(&self) -> Vec<String> {
        lock(&self.events).clone()
    }
}

/// A router, and the reader of all that belongs to no turn.
pub(super) struct Rig {
    pub(super) router: Arc<Router>,
    outside: crate::routing::RingReader,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::of(Arc::default(), Arc::default())
    }

    /// The router of a line after others.
    pub(super) fn of(ring: Arc<Ring>, begun: Arc<Begun>) -> Self {
        let outside = ring.reader(None);
        Self { router: Router::new(ring, begun), outside }
    }

    pub(super) fn send(&self, line: &str) {
        crate::rpc::with_notification(line, |notification| self.router.notification(notification));
    }

    pub(super) fn send_all(&self, lines: &[String]) {
        lines.iter().for_each(|line| self.send(line));
    }

    /// A turn whose answer has come.
    fn turn(&self, thread: &str, turn: &str) -> Arc<Sink> {
        let sink = Arc::<Sink>::default();
        self.router.expect(thread, Claim::default()).resolve(turn, Arc::<Sink>::clone(&sink)).unwrap();
        sink
    }

    /// What came for no turn since the last call.
    fn outside(&self) -> Vec<String> {
        match self.outside.poll(None) {
            Next::Batch(batch) => batch.iter().map(|line| line.to_string()).collect(),
            _ => Vec::new(),
        }
    }

    fn active(&self, thread: &str) -> Option<String> {
        self.router.active(thread).borrow().clone()
    }
}

pub(super) fn event(method: &str, thread: &str, turn: &str, number: u32) -> String {
    let params = if method.starts_with("turn/") {
        json!({ "threadId": thread, "turn": { "id": turn } })
    } else {
        json!({ "threadId": thread, "turnId": turn, "itemId": "i", "delta": "x" })
    };
    json!({ "method": method, "params": params, "emittedAtMs": number }).to_string()
}

fn delta(thread: &str, turn: &str, number: u32) -> String {
    event("item/agentMessage/delta", thread, turn, number)
}

pub(super) fn whole_turn(thread: &str, turn: &str) -> Vec<String> {
    vec![
        event("turn/started", thread, turn, 1),
        delta(thread, turn, 2),
        delta(thread, turn, 3),
        event("turn/completed", thread, turn, 4),
    ]
}

fn thread_event(method: &str, thread: &str, status: &Value) -> String {
    json!({ "method": method, "params": { "threadId": thread, "status": status } }).to_string()
}

#[test]
fn t1_what_comes_before_the_answer_belongs_to_the_turn() {
    let rig = Rig::new();
    let sink = Arc::<Sink>::default();
    let expected = rig.router.expect("t", Claim::default());
    let lines = whole_turn("t", "u");
    // Wherever the answer comes between them.
    for split in 0..=lines.len() {
        let rig = Rig::new();
        let sink = Arc::<Sink>::default();
        let expected = rig.router.expect("t", Claim::default());
        rig.send_all(&lines[..split]);
        assert_eq!(sink.events(), Vec::<String>::new());
        expected.resolve("u", Arc::<Sink>::clone(&sink)).unwrap();
        rig.send_all(&lines[split..]);
        assert_eq!(sink.events(), lines, "answer after {split}");
        assert_eq!(rig.outside(), Vec::<String>::new());
        assert_eq!(rig.active("t"), None, "it has completed");
    }
    rig.send_all(&lines[..1]);
    expected.resolve("u", sink).unwrap();
    assert_eq!(rig.active("t").as_deref(), Some("u"));
}

#[test]
fn t1_who_reads_is_woken_for_what_came_early() {
    let rig = Rig::new();
    let sink = Arc::<Sink>::default();
    let expected = rig.router.expect("t", Claim::default());
    rig.send(&delta("t", "u", 1));
    expected.resolve("u", Arc::<Sink>::clone(&sink)).unwrap();
    assert_eq!(*lock(&sink.woken), 1);
    rig.send(&delta("t", "u", 2));
    rig.send(&delta("t", "u", 3));
    rig.router.wake();
    assert_eq!(*lock(&sink.woken), 2, "once for all that was ready");
}

#[test]
fn early_events_of_another_turn_go_outside_once_the_id_is_known() {
    let rig = Rig::new();
    let sink = Arc::<Sink>::default();
    let expected = rig.router.expect("t", Claim::default());
    let (other, own) = (delta("t", "older", 1), delta("t", "u", 2));
    rig.send_all(&[other.clone(), own.clone()]);
    expected.resolve("u", Arc::<Sink>::clone(&sink)).unwrap();
    assert_eq!(sink.events(), [own]);
    assert_eq!(rig.outside(), [other]);
}

#[test]
fn t3_a_sub_agents_events_go_outside_and_leave_the_parent_alone() {
    let rig = Rig::new();
    let parent = rig.turn("parent", "u");
    let own = whole_turn("parent", "u");
    let child = whole_turn("child", "v");
    // The same turn id on another thread is another turn.
    let same_id = delta("child", "u", 5);
    let idle = thread_event("thread/status/changed", "child", &json!({ "type": "idle" }));
    for (own, child) in own.iter().zip(&child) {
        rig.send(own);
        rig.send(child);
    }
    rig.send(&same_id);
    rig.send(&idle);
    assert_eq!(parent.events(), own);
    assert_eq!(*lock(&parent.idle), 0);
    assert_eq!(rig.outside(), [child, vec![same_id, idle]].concat());
    assert_eq!(*lock(&parent.ended), Vec::<String>::new());
}

#[test]
fn two_turns_at_once_each_get_their_own() {
    let rig = Rig::new();
    let (first, second) = (rig.turn("a", "1"), rig.turn("b", "2"));
    let (a, b) = (whole_turn("a", "1"), whole_turn("b", "2"));
    for (a, b) in a.iter().zip(&b) {
        rig.send(a);
        rig.send(b);
    }
    assert_eq!((first.events(), second.events()), (a, b));
    assert_eq!(rig.outside(), Vec::<String>::new());
}

#[test]
fn what_comes_for_a_forgotten_turn_goes_outside() {
    let rig = Rig::new();
    let sink = rig.turn("t", "u");
    rig.send(&delta("t", "u", 1));
    rig.router.forget("t", "u");
    let late = delta("t", "u", 2);
    rig.send(&late);
    assert_eq!(sink.events().len(), 1);
    assert_eq!(rig.outside(), [late]);
}

#[test]
fn a_turn_that_takes_over_the_id_of_another_gets_what_comes() {
    let rig = Rig::new();
    let first = rig.turn("t", "u");
    rig.send(&delta("t", "u", 1));
    let second = rig.turn("t", "u");
    rig.send(&delta("t", "u", 2));
    assert_eq!((first.events().len(), second.events().len()), (1, 1));
}

#[test]
fn the_early_events_of_a_turn_that_never_came_to_be_go_outside() {
    let rig = Rig::new();
    let expected = rig.router.expect("t", Claim::default());
    let lines = whole_turn("t", "u");
    rig.send_all(&lines);
    assert_eq!(rig.outside(), Vec::<String>::new());
    drop(expected);
    assert_eq!(rig.outside(), lines);
    rig.send(&lines[1]);
    assert_eq!(rig.outside(), lines[1..2], "nothing is kept any more");
}

#[test]
fn the_end_of_the_connection_ends_every_turn() {
    let rig = Rig::new();
    let sinks = [rig.turn("a", "1"), rig.turn("a", "2"), rig.turn("b", "3")];
    let forgotten = rig.turn("b", "4");
    rig.router.forget("b", "4");
    let late = rig.router.expect("c", Claim::default());
    rig.router.end(&Error::Closed("gone".to_owned()));
    for sink in &sinks {
        assert_eq!(*lock(&sink.ended), ["gone"]);
    }
    assert_eq!(*lock(&forgotten.ended), Vec::<String>::new());

    // An answer that had come just before.
    let sink = Arc::<Sink>::default();
    late.resolve("5", Arc::<Sink>::clone(&sink)).unwrap();
    assert_eq!(*lock(&sink.ended), ["gone"]);
    let sink = rig.turn("d", "6");
    assert_eq!(*lock(&sink.ended), ["gone"]);
}

#[test]
fn t1_what_came_early_is_not_lost_with_the_connection() {
    let rig = Rig::new();
    let expected = rig.router.expect("t", Claim::default());
    let lines = [delta("t", "u", 0), event("turn/completed", "t", "u", 1)];
    rig.send_all(&lines);
    rig.router.end(&Error::Closed("gone".to_owned()));
    let sink = Arc::<Sink>::default();
    expected.resolve("u", Arc::<Sink>::clone(&sink)).unwrap();
    assert_eq!(sink.events(), lines);
    assert_eq!(*lock(&sink.ended), ["gone"]);
}

#[test]
fn t2_a_thread_that_does_nothing_any_more_says_so_to_its_turns() {
    let rig = Rig::new();
    let sink = rig.turn("t", "u");
    let status = |kind: &str| thread_event("thread/status/changed", "t", &json!({ "type": kind }));
    let mut signs = vec![];
    for line in [
        status("active"),
        status("something/new"),
        thread_event("thread/status/changed", "t", &json!(5)),
        thread_event("thread/name/updated", "t", &json!(null)),
        status("idle"),
        status("systemError"),
        status("notLoaded"),
        thread_event("thread/closed", "t", &json!(null)),
    ] {
        rig.send(&line);
        signs.push(*lock(&sink.idle));
        assert_eq!(rig.outside(), [line], "who looks at threads sees it as well");
    }
    assert_eq!(signs, [0, 0, 0, 0, 1, 2, 3, 4]);
    assert_eq!(sink.events(), Vec::<String>::new());
}

#[test]
fn the_usage_of_a_thread_is_its_last() {
    let rig = Rig::new();
    let sink = rig.turn("t", "u");
    let usage = |total: u32| {
        json!({ "method": "thread/tokenUsage/updated", "params": { "threadId": "t", "turnId": "u",
            "tokenUsage": { "total": total } } })
        .to_string()
    };
    assert_eq!(rig.router.usage("t"), None);
    rig.send_all(&[delta("t", "u", 1), usage(1), delta("t", "u", 1), usage(2)]);
    assert_eq!(rig.router.usage("t").as_deref(), Some(r#"{"total":2}"#));
    assert_eq!(sink.events().len(), 4);
}

#[test]
fn t12_what_has_no_thread_goes_outside() {
    let rig = Rig::new();
    rig.turn("t", "u");
    let lines = [
        r#"{"method":"quite/new"}"#,
        r#"{"method":"quite/new","params":[1]}"#,
        r#"{"method":"quite/new","params":{"threadId":5,"turnId":"u"}}"#,
        r#"{"method":"quite/new","params":{"turnId":"u"}}"#,
    ]
    .map(str::to_owned);
    rig.send_all(&lines);
    assert_eq!(rig.outside(), lines);
}

fn begun(thread: &str, turn: &str, root: &str) -> String {
    let turn = json!({ "id": turn, "rootTurnId": root });
    json!({ "method": "turn/started", "params": { "threadId": thread, "turn": turn } }).to_string()
}

fn ended(thread: &str, turn: &str) -> String {
    json!({ "method": "turn/completed", "params": { "threadId": thread, "turn": { "id": turn } } })
        .to_string()
}

#[test]
fn a_turn_that_is_started_under_another_id_gets_the_events_of_both_once() {
    let rig = Rig::new();
    let review = Arc::new(Review::default());
    rig.router.expect("t", Claim::default()).resolve("a", Arc::clone(&review) as Arc<dyn TurnSink>).unwrap();
    let item = |turn: &str| {
        json!({ "method": "item/started", "params": { "threadId": "t", "turnId": turn, "item": { "id": "i" } } })
            .to_string()
    };
    let lines = [item("a"), begun("t", "b", "a"), item("b"), item("a"), item("b"), ended("t", "a")];
    rig.send_all(&lines);
    assert_eq!(*lock(&review.events), lines);
    assert_eq!(*lock(&review.aliases), ["b"]);
    assert_eq!(*rig.router.active("t").borrow(), None, "it has ended under its first id");

    rig.router.forget("t", "a");
    rig.send(&item("b"));
    assert_eq!(lock(&review.events).len(), lines.len());
}

#[test]
fn the_other_id_is_learnt_from_events_that_came_early() {
    let rig = Rig::new();
    let expected = rig.router.expect("t", Claim::default());
    let lines = [begun("t", "b", "a"), ended("t", "a")];
    rig.send_all(&lines);
    let review = Arc::new(Review::default());
    expected.resolve("a", Arc::clone(&review) as Arc<dyn TurnSink>).unwrap();
    assert_eq!(*lock(&review.events), lines);
    assert_eq!(*rig.router.active("t").borrow(), None);
}

#[test]
fn a_review_of_another_client_keeps_the_thread_busy_until_its_end() {
    let rig = Rig::new();
    let active = rig.router.active("t");
    rig.send(&begun("t", "b", "a"));
    assert!(active.borrow().is_some());
    rig.send(&ended("t", "a"));
    assert!(active.borrow().is_none());
}

#[test]
fn a_turn_after_one_that_has_ended_is_not_part_of_it() {
    let rig = Rig::new();
    let over = Arc::new(Review { over: true, ..Review::default() });
    rig.router.expect("t", Claim::default()).resolve("a", Arc::clone(&over) as Arc<dyn TurnSink>).unwrap();
    rig.send(&begun("t", "b", "a"));
    assert!(lock(&over.events).is_empty());
}

/// A turn that may have a second id.
#[derive(Default)]
struct Review {
    events: Mutex<Vec<String>>,
    aliases: Mutex<Vec<String>>,
    over: bool,
}

impl TurnSink for Review {
    fn event(&self, notification: &Notification<'_>) -> bool {
        lock(&self.events).push(notification.line.to_owned());
        false
    }
    fn thread_idle(&self) {}
    fn wake(&self) {}
    fn also_called(&self, turn: &str) -> bool {
        lock(&self.aliases).push(turn.to_owned());
        !self.over
    }
    fn connection_ended(&self, _: &Error) {}
}

#[test]
fn an_end_of_no_readable_turn_is_a_doubt_of_each_it_may_be_of() {
    let rig = Rig::new();
    let (one, other) = (rig.turn("t", "u"), rig.turn("elsewhere", "v"));
    let ended = |params: Value| json!({ "method": "turn/completed", "params": params }).to_string();
    rig.send(&ended(json!({ "threadId": "t", "turn": null })));
    assert_eq!((*lock(&one.idle), *lock(&other.idle)), (1, 0));
    rig.send(&ended(json!({ "threadId": "t", "turn": "completed" })));
    assert_eq!((*lock(&one.idle), *lock(&other.idle)), (2, 0));
    rig.send(&ended(json!(null)));
    assert_eq!((*lock(&one.idle), *lock(&other.idle)), (3, 1));
}

#[test]
fn a_turn_whose_line_was_lost_while_it_was_started_is_caught_up_with_first() {
    let rig = Rig::new();
    let sink = Arc::<Sink>::default();
    let expected = rig.router.expect("t", Claim::default());
    rig.send(&event("turn/started", "t", "u", 1));
    rig.router.pause();
    let expected = expected.resolve("u", Arc::<Sink>::clone(&sink)).unwrap_err();
    // What the server has stored tells what was missed until now, and the line is lost again.
    expected.catches_up();
    rig.router.pause();
    let expected = expected.resolve("u", Arc::<Sink>::clone(&sink)).unwrap_err();
    expected.catches_up();
    rig.send(&delta("t", "u", 2));
    expected.resolve("u", Arc::<Sink>::clone(&sink)).unwrap();
    assert_eq!(sink.events(), [event("turn/started", "t", "u", 1), delta("t", "u", 2)]);
    rig.router.pause();
    assert_eq!(rig.router.paused("t"), ["u"]);
}

/// An event of an item, and that item's turn as it is stored.
fn of_item(method: &str, item: &str) -> String {
    let params = json!({ "threadId": "t", "turnId": "u", "itemId": item, "delta": "x" });
    json!({ "method": method, "params": params }).to_string()
}

#[test]
fn what_came_before_a_gap_is_older_than_what_is_stored_after_it() {
    let stored =
        RawValue::from_string(json!({ "id": "u", "items": [{ "id": "kept" }] }).to_string()).unwrap();
    let all = ["abandoned", "kept", "growing"].map(|item| of_item("item/agentMessage/delta", item));
    let plan =
        json!({ "method": "turn/plan/updated", "params": { "threadId": "t", "turnId": "u" } }).to_string();
    let after = of_item("item/agentMessage/delta", "begun since");
    let say = |rig: &Rig| {
        rig.send_all(&all);
        rig.send(&plan);
        rig.router.pause();
        rig.send(&after);
    };
    let expected = [all[1].clone(), all[2].clone(), plan.clone(), after.clone()];

    let rig = Rig::new();
    let sink = rig.turn("t", "u");
    rig.router.pause();
    say(&rig);
    rig.router.resume("t", "u", Some(&stored));
    assert_eq!(sink.events(), expected);

    let rig = Rig::new();
    let starting = rig.router.expect("t", Claim::default());
    say(&rig);
    starting.catches_up();
    starting.caught_up(&stored);
    let sink = Arc::<Sink>::default();
    starting.resolve("u", Arc::<Sink>::clone(&sink)).unwrap();
    assert_eq!(sink.events(), expected);
}

#[test]
fn early_events_that_nobody_takes_and_that_were_too_many_are_counted() {
    let rig = Rig::new();
    let expected = rig.router.expect("t", Claim::default());
    let text = "x".repeat(1024 * 1024);
    let params = json!({ "threadId": "t", "turnId": "u", "itemId": "i", "delta": text });
    let line = json!({ "method": "item/agentMessage/delta", "params": params }).to_string();
    (0..70).for_each(|_| rig.send(&line));
    drop(expected);
    assert_eq!(rig.outside(), Vec::<String>::new());
    assert_eq!(rig.outside.dropped(), 70);
}

#[test]
fn whose_an_unknown_thread_is_is_open_while_any_turn_runs() {
    let rig = Rig::new();
    let is_open = || rig.router.whose(Some("agent"), Some("a")).unsettled;
    assert!(!is_open());
    rig.turn("t", "u");
    assert!(is_open());
    rig.router.forget("t", "u");
    assert!(!is_open());
    rig.send(&json!({ "method": "turn/started", "params": { "threadId": "t", "turn": { "id": "v", "rootTurnId": "v" } } }).to_string());
    assert!(is_open(), "of another client");
}

#[test]
fn a_request_that_names_no_turn_is_of_the_one_that_was_started_before_its_answer() {
    let rig = Rig::new();
    let expected = rig.router.expect("t", Claim { begun_here: true, ..Claim::default() });
    rig.send(&event("turn/started", "t", "u", 1));
    let whose = rig.router.whose(Some("t"), None);
    assert!(whose.ours);
    assert_eq!(whose.running.as_deref(), Some("u"));
    drop(expected);
}

#[test]
fn a_thread_that_was_given_up_is_busy_if_the_server_says_so_and_what_it_said_since_is_newer() {
    let rig = Rig::new();
    rig.send(&event("turn/started", "t", "u", 1));
    let said = rig.router.said("t");
    rig.router.presume_idle("t", &rig.active("t"));
    assert_eq!(rig.active("t"), None);
    rig.router.found_busy("t", Some("u".to_owned()), said);
    assert_eq!(rig.active("t").as_deref(), Some("u"));

    let said = rig.router.said("t");
    rig.send(&event("turn/completed", "t", "u", 2));
    rig.router.found_busy("t", Some("u".to_owned()), said);
    assert_eq!(rig.active("t"), None);
}
