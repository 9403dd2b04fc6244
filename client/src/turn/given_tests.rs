//! That readers are given everything once: whatever deltas were lost, whatever they read and when, and wherever one goes
//! on for another.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};

use super::*;
use crate::routing::TurnSink;
use crate::source::{Next, Source};
use crate::turn::log::tests::{events, join, text_of};

/// A message, cut into deltas.
#[derive(Debug, Clone)]
struct Message {
    pieces: Vec<String>,
}

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The next event of a message: its beginning, a delta, its end.
    Goes(usize),
    /// The line drops. So many of the next events are lost.
    Drops(usize),
    /// A reader looks.
    Reads(usize),
}

const KINDS: [ReaderKind; 4] =
    [ReaderKind::Text, ReaderKind::JoinedEvents, ReaderKind::EveryEvent, ReaderKind::Steps];

/// A server that tells messages, and the turn here.
struct Rig {
    state: Arc<TurnState>,
    messages: Vec<Message>,
    told: Vec<usize>,
    /// How many of the next events are lost, where the line is down.
    down: Option<usize>,
    /// Every event that came, as the log has it.
    came: Vec<Value>,
}

impl Rig {
    fn new(messages: Vec<Message>) -> Self {
        let told = vec![0; messages.len()];
        Self { state: TurnState::new("t", "u", true), messages, told, down: None, came: Vec::new() }
    }

    fn send(&mut self, message: &Value) {
        let mut came = message.clone();
        came["seq"] = (self.came.len() + 1).into();
        self.came.push(came);
        crate::rpc::with_notification(&message.to_string(), |notification| {
            self.state.event(notification);
        });
    }

    fn item(&self, at: usize, text: &str) -> Value {
        json!({ "type": "agentMessage", "id": format!("m{at}"), "text": text, "phase": null })
    }

    fn text(&self, at: usize) -> String {
        self.messages[at].pieces.concat()
    }

    /// The next event of a message, if there is one.
    fn next(&mut self, at: usize) -> Option<Value> {
        let told = self.told[at];
        let event = |method: &str, params: Value| {
            let mut params = params;
            params["threadId"] = "t".into();
            params["turnId"] = "u".into();
            json!({ "method": method, "params": params })
        };
        let pieces = &self.messages[at].pieces;
        let next = match told.checked_sub(1) {
            None => event("item/started", json!({ "item": self.item(at, "") })),
            Some(piece) if piece < pieces.len() => event(
                "item/agentMessage/delta",
                json!({ "itemId": format!("m{at}"), "delta": pieces[piece] }),
            ),
            Some(piece) if piece == pieces.len() => {
                event("item/completed", json!({ "item": self.item(at, &self.text(at)) }))
            }
            Some(_) => return None,
        };
        self.told[at] += 1;
        Some(next)
    }

    fn goes(&mut self, at: usize) {
        let Some(event) = self.next(at) else { return };
        match &mut self.down {
            None => self.send(&event),
            Some(0) => {
                self.comes_back();
                self.send(&event);
            }
            Some(left) => *left -= 1,
        }
    }

    /// The line is up again, and the server says what it has stored.
    fn comes_back(&mut self) {
        self.down = None;
        let begun = |at: &usize| self.told[*at] > 0;
        let items: Vec<Value> = (0..self.messages.len()).filter(begun).map(|at| self.stored(at)).collect();
        let turn = json!({ "id": "u", "status": "inProgress", "items": items }).to_string();
        self.state.recover(Some(&RawValue::from_string(turn).unwrap()));
    }

    fn stored(&self, at: usize) -> Value {
        let is_complete = self.told[at] > self.messages[at].pieces.len() + 1;
        let mut item = self.item(at, &if is_complete { self.text(at) } else { String::new() });
        item["startedAtMs"] = 1.into();
        item["completedAtMs"] = if is_complete { 2.into() } else { Value::Null };
        item
    }

    fn finish(&mut self) {
        if self.down.is_some() {
            self.comes_back();
        }
        for at in 0..self.messages.len() {
            while self.told[at] < self.messages[at].pieces.len() + 2 {
                self.goes(at);
            }
        }
        self.send(&json!({ "method": "turn/completed", "params": { "threadId": "t",
            "turn": { "id": "u", "status": "completed" } } }));
    }
}

/// What one user was given, over any number of readers of which each goes on where the one before stood.
struct User {
    kind: ReaderKind,
    reader: EventReader,
    /// What was handled.
    handled: Vec<Value>,
    /// The last batch, and how much of it was handled.
    batch: Vec<Value>,
    taken: usize,
}

impl User {
    fn new(view: &View, kind: ReaderKind) -> Self {
        Self { kind, reader: view.reader(kind), handled: Vec::new(), batch: Vec::new(), taken: 0 }
    }

    /// Handles some of what was given, and asks for more where nothing is left. False at the end.
    fn reads(&mut self, most: usize) -> bool {
        if self.taken == self.batch.len() {
            match self.reader.poll(None) {
                Next::Batch(batch) => {
                    self.batch = values(&batch, self.kind);
                    self.taken = 0;
                }
                Next::Pending => {}
                _ => return false,
            }
        }
        let until = self.batch.len().min(self.taken + most);
        self.handled.extend_from_slice(&self.batch[self.taken..until]);
        self.taken = until;
        true
    }

    /// Somebody else goes on in its place.
    fn hands_over(&mut self, state: &Arc<TurnState>, has_left: bool) {
        if has_left {
            self.reader.close();
        }
        let continuation = self.reader.continuation(self.taken);
        let view = View::after(Arc::clone(state), continuation.cursor).expect("it is all here");
        self.reader = view.reader(self.kind);
        self.batch.clear();
        self.taken = 0;
    }

    fn text(&self) -> String {
        self.handled.iter().filter_map(Value::as_str).collect()
    }
}

fn values(batch: &Batch, kind: ReaderKind) -> Vec<Value> {
    match kind {
        ReaderKind::Text => vec![text_of(batch).into()],
        _ => events(batch),
    }
}

/// Messages whose letters tell them apart, each with letters of one, two, three and four bytes.
fn messages() -> impl Strategy<Value = Vec<Message>> {
    let message =
        |letters: &'static str| prop::collection::vec(letters, 0..8).prop_map(|pieces| Message { pieces });
    (message("[aä€😀]{0,3}"), message("[bö₤😁]{0,3}"), message("[cü₿😂]{0,3}"))
        .prop_map(|(one, two, three)| vec![one, two, three])
}

fn letters_of(at: usize) -> &'static str {
    ["aä€😀", "bö₤😁", "cü₿😂"][at]
}

fn steps() -> impl Strategy<Value = Vec<(Step, usize, bool)>> {
    let step = prop_oneof![
        8 => (0_usize..3).prop_map(Step::Goes),
        1 => (0_usize..6).prop_map(Step::Drops),
        4 => (0_usize..4).prop_map(Step::Reads),
    ];
    prop::collection::vec((step, 0_usize..4, prop::bool::weighted(0.3)), 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_is_given_once(messages in messages(), steps in steps(), drops in any::<bool>()) {
        let mut rig = Rig::new(messages);
        let view = View::new(Arc::clone(&rig.state));
        let mut users = KINDS.map(|kind| User::new(&view, kind));
        for (step, amount, hands_over) in steps {
            match step {
                Step::Goes(at) => rig.goes(at),
                Step::Drops(lost) if drops && rig.down.is_none() => rig.down = Some(lost),
                Step::Drops(_) => {}
                Step::Reads(user) => {
                    users[user].reads(amount);
                    if hands_over {
                        users[user].hands_over(&rig.state, amount % 2 == 0);
                    }
                }
            }
        }
        rig.finish();
        let whole = User::new(&view, ReaderKind::EveryEvent);
        let mut all = [whole, User::new(&view, ReaderKind::Steps)];
        for user in users.iter_mut().chain(&mut all) {
            while user.reads(usize::MAX / 2) {}
        }
        let [text, joined, every, steps] = &users;
        for at in 0..3 {
            let given: String = text.text().chars().filter(|letter| letters_of(at).contains(*letter)).collect();
            prop_assert_eq!(given, rig.text(at), "text() is the text of the item");
        }
        prop_assert_eq!(&every.handled, &all[0].handled);
        prop_assert_eq!(join(&joined.handled), join(&every.handled));
        prop_assert_eq!(&steps.handled, &all[1].handled);
        prop_assert_eq!(steps.handled.len(), 3);
        if !drops {
            prop_assert_eq!(&every.handled, &rig.came, "without a gap what came is what is given");
        }
    }
}

#[test]
fn a_continuation_from_a_run_that_grows_goes_on_in_it() {
    let mut rig = Rig::new(vec![Message { pieces: vec!["a".into(), "b".into(), "c".into()] }]);
    let view = View::new(Arc::clone(&rig.state));
    for kind in KINDS {
        let mut user = User::new(&view, kind);
        rig.goes(0);
        while user.reads(1) && user.taken < user.batch.len() {}
        user.hands_over(&rig.state, false);
    }
    let mut user = User::new(&view, ReaderKind::Text);
    user.reads(1);
    user.hands_over(&rig.state, false);
    rig.finish();
    while user.reads(1) {}
    assert_eq!(user.text(), "abc");
}

/// The text that readers are given of one message, told by these deltas and complete with this text.
fn text_given(deltas: &[&str], complete: &str) -> String {
    let deltas: Vec<String> = deltas.iter().map(|delta| json!(delta).to_string()).collect();
    text_given_of(&deltas, complete)
}

fn text_given_of(deltas: &[String], complete: &str) -> String {
    let state = TurnState::new("t", "u", true);
    let view = View::new(Arc::clone(&state));
    let send = |line: &str| {
        crate::rpc::with_notification(line, |notification| {
            state.event(notification);
        });
    };
    for delta in deltas {
        send(&format!(
            r#"{{"method":"item/agentMessage/delta","params":{{"threadId":"t","turnId":"u","itemId":"m","delta":{delta}}}}}"#
        ));
    }
    send(
        &json!({ "method": "item/completed", "params": { "threadId": "t", "turnId": "u",
        "item": { "type": "agentMessage", "id": "m", "text": complete } } })
        .to_string(),
    );
    match view.reader(ReaderKind::Text).poll(None) {
        Next::Batch(batch) => text_of(&batch),
        _ => String::new(),
    }
}

#[test]
fn what_contradicts_the_deltas_is_not_given() {
    assert_eq!(text_given(&["Hello ", "wor"], "Hello world"), "Hello world");
    assert_eq!(text_given(&["Hello ", "wor"], "Howdy, world"), "Hello wor", "of the same length and on");
    assert_eq!(text_given(&["Hello ", "world"], "Hello"), "Hello world");
    assert_eq!(text_given(&["é"], "ééé"), "ééé");
    assert_eq!(text_given(&["aé"], "é€ and on"), "aé", "the same bytes are no border here");
}

#[test]
fn half_a_character_comes_with_the_complete_message() {
    let deltas = [r#""a""#, r#""\ud83d""#, r#""\ude00""#, r#""b""#].map(str::to_owned);
    assert_eq!(text_given_of(&deltas, "a😀b"), "a😀b");
}

#[test]
fn who_reads_from_the_middle_gets_what_is_complete_and_then_the_rest() {
    // Also where a continuation has had some of it kept.
    for kept_after in [None, Some(1), Some(2), Some(3), Some(4), Some(5)] {
        read_from_the_middle(kept_after);
    }
}

fn read_from_the_middle(kept_after: Option<usize>) {
    let state = TurnState::new("t", "u", false);
    let sent = std::cell::Cell::new(0);
    let send = |method: &str, beside: Value| {
        let mut params = json!({ "threadId": "t", "turnId": "u" });
        params.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        let line = json!({ "method": method, "params": params }).to_string();
        crate::rpc::with_notification(&line, |notification| {
            state.event(notification);
        });
        sent.set(sent.get() + 1);
        if kept_after == Some(sent.get()) {
            state.keep();
        }
    };
    let item = |id: &str, text: &str| json!({ "item": { "type": "agentMessage", "id": id, "text": text } });
    send("turn/started", json!({ "turn": { "id": "u" } }));
    send("item/started", item("a", ""));
    send("item/completed", item("a", "one "));
    send("item/started", item("b", ""));
    send("item/agentMessage/delta", json!({ "itemId": "b", "delta": "tw" }));
    state.keep_from_the_middle();
    let view = View::new(Arc::clone(&state));
    state.release();
    send("item/agentMessage/delta", json!({ "itemId": "b", "delta": "o" }));
    send("item/completed", item("b", "two"));
    send("turn/completed", json!({ "turn": { "id": "u", "status": "completed" } }));
    let batch = |kind| match view.reader(kind).poll(None) {
        Next::Batch(batch) => batch,
        _ => Batch::new(),
    };
    let told = events(&batch(ReaderKind::JoinedEvents));
    let methods = told.iter().map(|event| event["method"].as_str().unwrap());
    // What was begun is told where it was kept.
    let methods: Vec<_> = methods.filter(|method| *method != "item/started").collect();
    assert_eq!(
        methods,
        ["turn/started", "item/completed", "item/agentMessage/delta", "item/completed", "turn/completed"],
        "kept after {kept_after:?}"
    );
    assert_eq!(text_of(&batch(ReaderKind::Text)), "one \n\ntwo", "kept after {kept_after:?}");
}

#[test]
fn readers_of_agents_end_with_the_connection_whenever_they_begin() {
    let state = TurnState::new("t", "u", true);
    let view = View::new(Arc::clone(&state));
    state.agents_at_work(true);
    let early = view.agents_reader();
    state.connection_ended(&crate::Error::client_closed());
    let late = view.agents_reader();
    for reader in [early, late] {
        assert!(!matches!(reader.poll(None), Next::Pending), "it waits for nothing");
    }
}
