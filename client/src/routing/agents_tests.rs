//! Sub-agents: by the items that name them, by the root that their turns name, in every order.

use serde_json::{Value, json};

use super::super::{Claim, Ring, RingReader};
use super::*;
use crate::Error;
use crate::source::{Next, Source};

/// Keeps what it was told.
#[derive(Default)]
struct Sink {
    events: Mutex<usize>,
    agents: Mutex<Vec<String>>,
    working: Mutex<bool>,
    occupied: Mutex<bool>,
    lost: Mutex<Option<Error>>,
}

impl TurnSink for Sink {
    fn event(&self, _: &Notification<'_>) -> bool {
        *lock(&self.events) += 1;
        false
    }
    fn thread_idle(&self) {}
    fn wake(&self) {}
    fn has_ended(&self) -> bool {
        true
    }
    fn agent_event(&self, thread: &str, notification: &Notification<'_>) -> bool {
        lock(&self.agents).push(format!("{thread} {}", notification.method));
        false
    }
    fn agents_at_work(&self, working: bool) {
        *lock(&self.working) = working;
    }
    fn occupied(&self, occupied: bool) {
        *lock(&self.occupied) = occupied;
    }
    fn connection_ended(&self, error: &Error) {
        *lock(&self.lost) = Some(error.clone());
    }
}

impl Sink {
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.agents))
    }
}

struct Rig {
    router: Arc<Router>,
    outside: RingReader,
}

impl Rig {
    fn new() -> Self {
        let ring = Arc::<Ring>::default();
        let outside = ring.reader(None);
        Self { router: Router::new(ring, Arc::default()), outside }
    }

    fn send(&self, method: &str, params: Value) {
        let line = json!({ "method": method, "params": params }).to_string();
        crate::rpc::with_notification(&line, |notification| self.router.notification(notification));
    }

    /// A turn of this client that runs.
    fn turn(&self, turn: &str) -> Arc<Sink> {
        let sink = Arc::<Sink>::default();
        let expected = self.router.expect("root", Claim { begun_here: true, ..Claim::default() });
        expected.resolve(turn, Arc::<Sink>::clone(&sink)).unwrap();
        self.starts("root", turn, Some(turn));
        sink
    }

    fn starts(&self, thread: &str, turn: &str, root: Option<&str>) {
        self.send("turn/started", json!({ "threadId": thread, "turn": { "id": turn, "rootTurnId": root } }));
    }

    fn ends(&self, thread: &str, turn: &str) {
        self.send("turn/completed", json!({ "threadId": thread, "turn": { "id": turn } }));
    }

    fn says(&self, thread: &str, turn: &str) {
        self.send("item/agentMessage/delta", json!({ "threadId": thread, "turnId": turn, "delta": "x" }));
    }

    fn collab(&self, thread: &str, turn: &str, tool: &str, agent: &str) {
        let item =
            json!({ "type": "collabAgentToolCall", "id": "i", "tool": tool, "receiverThreadIds": [agent] });
        self.send("item/completed", json!({ "threadId": thread, "turnId": turn, "item": item }));
    }

    fn activity(&self, thread: &str, turn: &str, kind: &str, agent: &str) {
        let item = json!({ "type": "subAgentActivity", "id": "i", "kind": kind, "agentThreadId": agent });
        self.send("item/started", json!({ "threadId": thread, "turnId": turn, "item": item }));
    }

    fn owner(&self, thread: &str, turn: Option<&str>) -> Option<String> {
        self.router.whose(Some(thread), turn).owner?.turn()
    }

    fn outside(&self) -> usize {
        match self.outside.poll(None) {
            Next::Batch(batch) => batch.len(),
            _ => 0,
        }
    }

    /// How many threads are known as agents'.
    fn agents(&self) -> usize {
        self.router.wake();
        lock(&self.router.inner).agents.count()
    }
}

#[test]
fn both_forms_lead_to_the_turn_nested_as_well_and_are_let_go() {
    for new in [false, true] {
        let rig = Rig::new();
        let sink = rig.turn("t1");
        let spawn = |thread, turn, agent| match new {
            true => rig.activity(thread, turn, "started", agent),
            false => rig.collab(thread, turn, "spawnAgent", agent),
        };
        rig.send("thread/status/changed", json!({ "threadId": "a", "status": { "type": "idle" } }));
        spawn("root", "t1", "a");
        assert!(*lock(&sink.working));
        rig.starts("a", "a1", Some("t1"));
        spawn("a", "a1", "b");
        rig.starts("b", "b1", Some("t1"));
        rig.ends("a", "a1");
        rig.ends("root", "t1");
        rig.says("b", "b1");
        assert_eq!(rig.owner("b", Some("b1")).as_deref(), Some("t1"));
        assert!(*lock(&sink.working));
        rig.ends("b", "b1");
        assert!(!*lock(&sink.working));
        assert_eq!(
            sink.heard().iter().filter(|event| event.starts_with('b')).count(),
            3,
            "started, said, completed"
        );
        assert_eq!((rig.agents(), Arc::strong_count(&sink)), (0, 1), "nothing holds the turn");
    }
}

#[test]
fn an_agent_that_a_later_turn_uses_is_that_turns_by_item_and_by_root() {
    for by_root in [false, true] {
        let rig = Rig::new();
        let one = rig.turn("t1");
        rig.collab("root", "t1", "spawnAgent", "a");
        rig.starts("a", "a1", by_root.then_some("t1"));
        rig.ends("root", "t1");
        let two = rig.turn("t2");
        if !by_root {
            rig.collab("root", "t2", "sendInput", "a");
        }
        // What it was at goes on for the first.
        rig.says("a", "a1");
        rig.ends("a", "a1");
        one.heard();
        rig.starts("a", "a2", by_root.then_some("t2"));
        rig.says("a", "a2");
        assert_eq!(one.heard().len(), 0);
        assert_eq!(two.heard().len(), 2);
        assert_eq!(rig.owner("a", Some("a2")).as_deref(), Some("t2"));
        rig.ends("a", "a2");
        rig.ends("root", "t2");
        assert_eq!((rig.agents(), Arc::strong_count(&one), Arc::strong_count(&two)), (0, 1, 1));
    }
}

#[test]
fn who_waits_for_an_agent_does_not_take_it_away() {
    let rig = Rig::new();
    let one = rig.turn("t1");
    rig.collab("root", "t1", "spawnAgent", "a");
    rig.starts("a", "a1", Some("t1"));
    rig.activity("root", "t1", "interacted", "a");
    rig.collab("root", "t1", "wait", "a");
    rig.says("a", "a1");
    assert!(one.heard().contains(&"a item/agentMessage/delta".to_owned()));
    rig.activity("root", "t1", "completed", "a");
    rig.ends("a", "a1");
    assert!(!*lock(&one.working));
}

#[test]
fn an_agent_of_a_turn_whose_answer_has_not_come_is_its_own() {
    let rig = Rig::new();
    let expected = rig.router.expect("root", Claim { begun_here: true, ..Claim::default() });
    rig.starts("root", "t1", Some("t1"));
    rig.starts("a", "a1", Some("t1"));
    rig.says("a", "a1");
    assert!(rig.router.whose(Some("a"), Some("a1")).unsettled);
    let sink = Arc::<Sink>::default();
    expected.resolve("t1", Arc::<Sink>::clone(&sink)).unwrap();
    assert_eq!(sink.heard(), ["a turn/started", "a item/agentMessage/delta"]);
    assert_eq!(rig.owner("a", Some("a1")).as_deref(), Some("t1"));
}

#[test]
fn another_clients_turn_is_known_but_not_ours_nor_are_its_agents() {
    let rig = Rig::new();
    drop(rig.router.active("root"));
    rig.starts("root", "theirs", Some("theirs"));
    rig.activity("root", "theirs", "started", "a");
    rig.starts("a", "a1", Some("theirs"));
    for (thread, turn) in [("root", "theirs"), ("a", "a1")] {
        let whose = rig.router.whose(Some(thread), Some(turn));
        assert!(!whose.ours);
        assert_eq!(whose.owner.unwrap().thread(), "root");
    }
    assert_eq!(rig.outside(), 3, "all of it is among the notifications");
    rig.ends("a", "a1");
    rig.ends("root", "theirs");
    assert_eq!(rig.agents(), 0);
    // An agent of ours that another's turn uses works for that.
    let ours = rig.turn("t1");
    rig.activity("root", "t1", "started", "b");
    rig.starts("b", "b1", Some("t1"));
    rig.ends("b", "b1");
    ours.heard();
    rig.starts("b", "b2", Some("unknown"));
    rig.says("b", "b2");
    assert_eq!(ours.heard().len(), 0);
    assert!(!rig.router.whose(Some("b"), Some("b2")).ours);
}

#[test]
fn a_silent_end_of_an_agent_is_found_and_what_was_heard_since_is_newer() {
    let rig = Rig::new();
    let sink = rig.turn("t1");
    rig.activity("root", "t1", "started", "a");
    rig.starts("a", "a1", Some("t1"));
    rig.router.pause();
    let (agent, heard) = rig.router.agents().remove(0);
    rig.says("a", "a1");
    rig.router.found_agent_idle(&agent, heard);
    assert!(*lock(&sink.working));
    let (agent, heard) = rig.router.agents().remove(0);
    rig.router.found_agent_idle(&agent, heard);
    assert!(!*lock(&sink.working));
    assert!(rig.router.agents().is_empty());
}

#[test]
fn an_agent_that_begins_after_the_end_of_its_turn_is_its_all_the_same() {
    let rig = Rig::new();
    let sink = rig.turn("t1");
    rig.activity("root", "t1", "interacted", "a");
    rig.ends("root", "t1");
    assert_eq!(rig.agents(), 0);
    rig.starts("a", "a1", Some("t1"));
    assert_eq!(sink.heard(), ["a turn/started"]);
    let whose = rig.router.whose(Some("a"), Some("a1"));
    assert!(whose.ours && whose.owner.unwrap().thread() == "root");
    rig.ends("a", "a1");
    assert_eq!((rig.agents(), Arc::strong_count(&sink)), (0, 1));
}

#[test]
fn a_handler_that_runs_from_before_the_turn_has_an_id_occupies_it() {
    let rig = Rig::new();
    let expected = rig.router.expect("root", Claim { begun_here: true, ..Claim::default() });
    let owner = rig.router.whose(Some("root"), Some("t1")).owner.unwrap();
    let (one, two) = (owner.occupy(), owner.occupy());
    let sink = Arc::<Sink>::default();
    expected.resolve("t1", Arc::<Sink>::clone(&sink)).unwrap();
    assert!(*lock(&sink.occupied));
    drop(one);
    assert!(*lock(&sink.occupied));
    drop(two);
    assert!(!*lock(&sink.occupied));
}

#[test]
fn who_followed_a_turn_before_it_was_joined_again_hears_of_its_agents_too() {
    let rig = Rig::new();
    let first = rig.turn("t1");
    rig.activity("root", "t1", "started", "a");
    rig.starts("a", "a1", Some("t1"));
    rig.router.pause();
    drop(rig.router.lose("root", "t1"));
    let again = Arc::<Sink>::default();
    rig.router.expect("root", Claim::default()).resolve("t1", Arc::<Sink>::clone(&again)).unwrap();
    let owner = rig.router.whose(Some("root"), Some("t1")).owner.unwrap();
    let occupied = owner.occupy();
    assert!(*lock(&first.working) && *lock(&first.occupied) && *lock(&again.occupied));
    rig.ends("a", "a1");
    drop(occupied);
    assert!(!*lock(&first.working) && !*lock(&again.working));
    assert!(!*lock(&first.occupied) && !*lock(&again.occupied));
}

#[test]
fn threads_that_nobody_uses_are_forgotten_and_those_at_work_are_not() {
    let rig = Rig::new();
    let _sink = rig.turn("t1");
    for n in 0..100 {
        drop(rig.router.active(&format!("thread-{n}")));
    }
    rig.router.keep_threads(|thread| thread == "thread-7");
    let inner = lock(&rig.router.inner);
    let mut known: Vec<_> = inner.threads.keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, ["root", "thread-7"]);
}

#[test]
fn more_than_can_be_held_loses_the_turn_with_an_error_that_says_so() {
    let rig = Rig::new();
    let expected = rig.router.expect("root", Claim::default());
    let text = "x".repeat(1024 * 1024);
    for _ in 0..65 {
        rig.send("item/agentMessage/delta", json!({ "threadId": "root", "turnId": "t1", "delta": text }));
    }
    let sink = Arc::<Sink>::default();
    expected.resolve("t1", Arc::<Sink>::clone(&sink)).unwrap();
    assert!(
        matches!(&*lock(&sink.lost), Some(Error::TurnLost { message, .. }) if message.contains("64 MiB"))
    );
}

#[test]
fn a_turn_has_all_that_came_before_its_answer() {
    let rig = Rig::new();
    let expected = rig.router.expect("root", Claim::default());
    for _ in 0..120_000 {
        rig.says("root", "t1");
    }
    let sink = Arc::<Sink>::default();
    expected.resolve("t1", Arc::<Sink>::clone(&sink)).unwrap();
    assert_eq!((*lock(&sink.events), rig.outside()), (120_000, 0));
}
