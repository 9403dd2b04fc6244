//! That the log gives events as they came, and deltas joined as they may be.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::batch::OWN_TEXT_BYTES;
use super::super::collector::Collector;
use super::*;

const ASSISTANT: &str = "item/agentMessage/delta";
const THOUGHT: &str = "item/reasoning/textDelta";
/// Half a surrogate pair: JSON text that no Rust string can hold.
const HALF: &str = r"\ud800";
const HALF_NAME: &str = "<half>";

/// The log as a turn fills it.
#[derive(Default)]
struct Filled {
    log: Log,
    collector: Collector,
}

impl Filled {
    fn push(&mut self, line: &str) {
        let mut pushed = false;
        crate::rpc::with_notification(line, |notification| {
            let meaning = self.collector.read(notification);
            let (line, message) = (meaning.line, meaning.message);
            self.log.push(Entered { notification, delta: DeltaParts::of(notification), line, message });
            pushed = true;
        });
        assert!(pushed, "not a notification: {line}");
    }

    fn of(lines: &[String]) -> Self {
        let mut filled = Self::default();
        lines.iter().for_each(|line| filled.push(line));
        filled
    }

    fn every_event(&self) -> Vec<Value> {
        self.drain(false).iter().flat_map(events).collect()
    }

    /// Everything there is, batch by batch.
    fn drain(&self, joined: bool) -> Vec<Batch> {
        let mut cursor = Cursor::default();
        let next = || Some(self.log.take_events(&mut cursor, joined)).filter(|batch| !batch.is_empty());
        std::iter::from_fn(next).collect()
    }

    fn text(&self) -> String {
        text_of(&self.log.take_text(&mut Cursor::default()))
    }
}

/// A delta as the server writes it.
fn delta(method: &str, item: &str, text: &str, time: &str) -> String {
    delta_json(method, item, &json!(text).to_string(), time)
}

fn delta_json(method: &str, item: &str, text: &str, time: &str) -> String {
    let time = if time.is_empty() { String::new() } else { format!(r#","emittedAtMs":{time}"#) };
    format!(
        r#"{{"method":"{method}","params":{{"threadId":"t","turnId":"u","itemId":"{item}","delta":{text}}}{time}}}"#
    )
}

fn completed(item: &str, text: &str) -> String {
    json!({ "method": "item/completed", "params": { "threadId": "t", "turnId": "u",
        "item": { "type": "agentMessage", "id": item, "text": text, "phase": null } }, "emittedAtMs": 7 })
    .to_string()
}

/// Lines as readers of events get them.
fn numbered(lines: &[String]) -> Vec<String> {
    let number = |(index, line): (usize, &String)| {
        format!(r#"{},"seq":{}}}"#, line.strip_suffix('}').unwrap(), index + 1)
    };
    lines.iter().enumerate().map(number).collect()
}

fn read(json: &str) -> Value {
    // What Rust can't hold JavaScript can: it is compared under another name.
    serde_json::from_str(&json.replace(HALF, HALF_NAME)).unwrap()
}

/// The events of a batch, every one as JavaScript would see it.
pub(in crate::turn) fn events(batch: &Batch) -> Vec<Value> {
    batch.iter().flat_map(piece_events).collect()
}

fn piece_events(piece: &Piece) -> Vec<Value> {
    match piece {
        Piece::Json(json) => match read(json) {
            Value::Array(events) => events,
            event => vec![event],
        },
        Piece::Deltas { template, text, ends, emitted_at_ms, seq } => {
            let units: Vec<u16> = text.encode_utf16().collect();
            assert_eq!(ends.last().copied(), u32::try_from(units.len()).ok(), "the last end is the text's");
            assert!(emitted_at_ms.is_empty() || emitted_at_ms.len() == ends.len());
            let mut start = 0;
            let one = |(index, end): (usize, &u32)| {
                let mut event = read(template);
                assert_eq!(event["params"]["delta"], "", "a template has no text");
                let end = *end as usize;
                event["params"]["delta"] = json!(String::from_utf16(&units[start..end]).unwrap());
                start = end;
                if let Some(time) = emitted_at_ms.get(index) {
                    event["emittedAtMs"] = serde_json::from_str(&time.to_string()).unwrap();
                }
                event["seq"] = json!(seq + index as u64);
                event
            };
            ends.iter().enumerate().map(one).collect()
        }
        Piece::Text(_) => panic!("text for a reader of events"),
    }
}

pub(in crate::turn) fn text_of(batch: &Batch) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.to_string(),
        other => panic!("{other:?} for a reader of text"),
    };
    batch.iter().map(text).collect()
}

/// What two deltas must share to be one: all but the text, the number and what the time is. None for what stays on its line.
fn kin(event: &Value) -> Option<Value> {
    let mut kin = event.clone();
    kin.as_object_mut()?.remove("seq");
    kin["params"].as_object_mut()?.remove("delta")?.as_str().filter(|text| !text.contains(HALF_NAME))?;
    let time = event.get("emittedAtMs");
    kin["emittedAtMs"] = json!(time.is_some());
    time.is_none_or(Value::is_number).then_some(kin)
}

/// Adjacent deltas of one item as one, with the time of the last.
pub(in crate::turn) fn join(events: &[Value]) -> Vec<Value> {
    join_unless(events, |_, _| false)
}

/// Whether a message may say its first words with this event, and has had deltas before: what stands between messages
/// comes before the first words.
fn begins_late(last: &Value, event: &Value) -> bool {
    let is_message = event["method"] == crate::turn::deltas::AGENT_MESSAGE_DELTA;
    is_message && text(last).is_empty() && !text(event).is_empty()
}

fn join_unless(events: &[Value], are_apart: impl Fn(&Value, &Value) -> bool) -> Vec<Value> {
    let mut joined: Vec<Value> = Vec::new();
    for event in events {
        match joined.last_mut() {
            Some(last) if kin(last).is_some() && kin(last) == kin(event) && !are_apart(last, event) => {
                let text = format!("{}{}", text(last), text(event));
                *last = event.clone();
                last["params"]["delta"] = json!(text);
            }
            _ => joined.push(event.clone()),
        }
    }
    joined
}

fn text(event: &Value) -> &str {
    event["params"]["delta"].as_str().unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Delta {
        method: &'static str,
        item: &'static str,
        text: String,
        style: Style,
        time: &'static str,
    },
    Line(&'static str),
    /// Completes a message: what was streamed of it, and this.
    Complete(&'static str, String),
    Read(usize),
    Trim,
}

#[derive(Debug, Clone, Copy)]
enum Style {
    Plain,
    /// Everything as `\uXXXX`.
    Escaped,
    /// With half a surrogate pair.
    Half,
    /// `emittedAtMs` in front of the parameters.
    TimeFirst,
}

impl Step {
    fn line(&self, streamed: &mut HashMap<&'static str, String>) -> Option<String> {
        Some(match self {
            Self::Delta { method, item, text, style, time } => {
                let plain = json!(text).to_string();
                let escaped = || text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
                if *method == ASSISTANT && !matches!(style, Style::Half) {
                    streamed.entry(item).or_default().push_str(text);
                }
                match style {
                    Style::Plain => delta_json(method, item, &plain, time),
                    Style::Escaped => delta_json(method, item, &format!("\"{}\"", escaped()), time),
                    Style::Half => delta_json(method, item, &format!("\"{}{HALF}\"", escaped()), time),
                    Style::TimeFirst => format!(
                        r#"{{"emittedAtMs":5,"method":"{method}","params":{{"itemId":"{item}-first","delta":{plain}}}}}"#
                    ),
                }
            }
            Self::Line(line) => (*line).to_owned(),
            Self::Complete(item, rest) => {
                completed(item, &format!("{}{rest}", streamed.remove(item).unwrap_or_default()))
            }
            Self::Read(_) | Self::Trim => return None,
        })
    }

    /// What it means to who reads text alone.
    fn assistant_text(&self) -> &str {
        match self {
            Self::Delta { method: ASSISTANT, text, style: Style::Plain | Style::Escaped, .. } => text,
            Self::Complete(_, rest) => rest,
            _ => "",
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = prop_oneof![
        4 => "[ab \"\\\\é€😀\n\u{1}]{0,6}",
        1 => Just("😀é".repeat(900)),
    ];
    let item = prop_oneof![5 => Just("m1"), 1 => Just("m2")];
    let method = prop_oneof![5 => Just(ASSISTANT), 1 => Just(THOUGHT)];
    let time =
        prop_oneof![4 => Just("1700000000123"), 2 => Just("1700000000124"), 1 => Just("12.5"), 1 => Just("")];
    let style = prop_oneof![5 => Just(Style::Plain), 2 => Just(Style::Escaped)];
    let odd = prop_oneof![Just(Style::Half), Just(Style::TimeFirst)];
    let delta = (method, item.clone(), text.clone(), style, time)
        .prop_map(|(method, item, text, style, time)| Step::Delta { method, item, text, style, time });
    let odd = (item.clone(), text.clone(), odd).prop_map(|(item, text, style)| Step::Delta {
        method: THOUGHT,
        item,
        text,
        style,
        time: "9",
    });
    let line = prop_oneof![
        Just(r#"{"method":"turn/started","params":{"threadId":"t","turn":{"id":"u"}},"emittedAtMs":1}"#),
        Just(r#"{"method":"item/new/delta","params":{"delta":{"deep":1}},"emittedAtMs":2}"#),
        Just(r#"{"method":"some/delta","params":{"delta":"x"},"emittedAtMs":"soon"}"#),
        Just(r#"{"method":"x/y","params":[1,2,"é"]}"#),
    ];
    let step = prop_oneof![
        10 => delta,
        1 => odd,
        1 => line.prop_map(Step::Line),
        1 => (item, text).prop_map(|(item, text)| Step::Complete(item, text)),
        4 => (0_usize..4).prop_map(Step::Read),
        1 => Just(Step::Trim),
    ];
    prop::collection::vec(step, 0..60)
}

/// Readers 0 and 1 want every event, 2 wants them joined, 3 wants the text.
#[derive(Default)]
struct Readers {
    cursors: [Cursor; 4],
    events: [Vec<Value>; 3],
    text: String,
}

impl Readers {
    fn read(&mut self, log: &Log, reader: usize) {
        let cursor = &mut self.cursors[reader];
        let more = log.has_more(*cursor);
        if reader == 3 {
            let batch = log.take_text(cursor);
            assert!(more || batch.is_empty(), "there was nothing more, yet it came");
            self.text.push_str(&text_of(&batch));
            return;
        }
        let batch = log.take_events(cursor, reader == 2);
        assert_eq!(more, !batch.is_empty(), "has_more and the batch disagree");
        let new = events(&batch);
        if reader == 2 {
            assert_eq!(new, join_unless(&new, begins_late), "adjacent deltas of one item are one event");
        }
        self.events[reader].extend(new);
    }

    fn slowest(&self) -> Cursor {
        self.cursors.into_iter().min_by_key(Cursor::event).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn readers_get_everything_once_and_in_order(steps in steps()) {
        let mut filled = Filled::default();
        let mut readers = Readers::default();
        let mut streamed = HashMap::new();
        let mut expected = Vec::new();
        for step in &steps {
            match step {
                Step::Read(reader) => readers.read(&filled.log, *reader),
                Step::Trim => filled.log.trim(readers.slowest()),
                _ => {}
            }
            if let Some(line) = step.line(&mut streamed) {
                filled.push(&line);
                let mut event = read(&line);
                event["seq"] = json!(expected.len() + 1);
                expected.push(event);
            }
        }
        for reader in 0..4 {
            while filled.log.has_more(readers.cursors[reader]) {
                readers.read(&filled.log, reader);
            }
        }
        let text: String = steps.iter().map(Step::assistant_text).collect();
        prop_assert_eq!(&readers.text, &text);
        prop_assert_eq!(&readers.events[0], &expected);
        prop_assert_eq!(&readers.events[1], &expected);
        prop_assert_eq!(join(&readers.events[2]), join(&expected));

        filled.log.trim(readers.slowest());
        prop_assert!(filled.log.entries.len() <= 1, "what everyone has read stays only as the end of a run");
    }
}

#[test]
fn escapes_are_the_characters_they_mean() {
    let mut filled = Filled::default();
    for text in [r#""\n\t\"""#, r#""\u00e9""#, r#""\ud83d\ude00""#, r#""plain""#] {
        filled.push(&delta_json(ASSISTANT, "m", text, "1"));
    }
    assert_eq!(filled.text(), "\n\t\"é😀plain");
    let joined = filled.drain(true);
    assert_eq!(events(&joined[0]).len(), 1);
    assert_eq!(text(&events(&joined[0])[0]), "\n\t\"é😀plain");
}

#[test]
fn half_a_surrogate_pair_stays_on_its_line() {
    let lines = [
        delta(ASSISTANT, "m", "a", "1"),
        delta_json(ASSISTANT, "m", &format!("\"{HALF}\""), "2"),
        delta(ASSISTANT, "m", "b", "3"),
    ];
    let filled = Filled::of(&lines);
    let exactly = Piece::Json(format!("[{}]", numbered(&lines).join(",")));
    assert_eq!(filled.drain(true).concat(), [exactly], "as the server wrote them");
}

#[test]
fn a_time_that_is_no_number_of_rust_stays_on_its_line() {
    let lines = ["1e400", "null", "\"soon\""].map(|time| delta(ASSISTANT, "m", "x", time));
    let exactly = Piece::Json(format!("[{}]", numbered(&lines).join(",")));
    assert_eq!(Filled::of(&lines).drain(true).concat(), [exactly], "as the server wrote them");
}

#[test]
fn ends_count_utf16_units() {
    let filled = Filled::of(&["é", "😀", "", "€x"].map(|text| delta(ASSISTANT, "m", text, "1.5")));
    let batch = filled.drain(false).concat();
    let [Piece::Deltas { text, ends, emitted_at_ms, .. }] = batch.as_slice() else { panic!("{batch:?}") };
    assert_eq!((&**text, ends.as_slice()), ("é😀€x", [1, 3, 3, 5].as_slice()));
    assert_eq!(emitted_at_ms, &[1.5; 4]);
}

#[test]
fn a_completed_message_brings_what_no_delta_brought() {
    let filled = Filled::of(&[
        delta(ASSISTANT, "m1", "Hé", "1"),
        completed("m1", "Hé, you"),
        completed("m2", " whole"),
        delta(ASSISTANT, "m3", " all", "1"),
        completed("m3", " all"),
        // The same id again owes nothing to what came before.
        completed("m1", "!"),
    ]);
    assert_eq!(filled.text(), "Hé, you whole all!");
}

#[test]
fn other_text_than_the_assistants_is_not_its_text() {
    let filled = Filled::of(&[
        delta(THOUGHT, "r", "hmm", "1"),
        delta(ASSISTANT, "m", "yes", "1"),
        delta("item/commandExecution/outputDelta", "c", "$ ls", "1"),
    ]);
    assert_eq!(filled.text(), "yes");
}

#[test]
fn deltas_of_other_items_and_other_parts_are_not_joined() {
    let part = |index: u32| {
        format!(
            r#"{{"method":"item/reasoning/summaryTextDelta","params":{{"itemId":"r","summaryIndex":{index},"delta":"x"}}}}"#
        )
    };
    let lines = [part(0), part(1), part(1), delta(ASSISTANT, "a", "1", "1"), delta(ASSISTANT, "b", "2", "1")];
    let filled = Filled::of(&lines);
    let texts: Vec<String> =
        filled.drain(true).iter().flat_map(events).map(|event| text(&event).to_owned()).collect();
    assert_eq!(texts, ["x", "xx", "1", "2"]);
    assert_eq!(filled.every_event().len(), 5);
}

#[test]
fn t13_a_megabyte_of_deltas_comes_in_bounded_pieces() {
    const DELTAS: usize = 32 * 1024;
    const MOST: usize = 2 * BATCH_BYTES;
    let word = "0123456789abcdef 0123456789abcd\n";
    let lines: Vec<String> = (0..DELTAS).map(|time| delta(ASSISTANT, "m", word, &time.to_string())).collect();
    let filled = Filled::of(&lines);

    let joined = filled.drain(true);
    let mut text = String::new();
    for batch in &joined {
        let size: usize = batch.iter().map(size_of_piece).sum();
        assert!(size <= MOST, "a batch of {size} bytes");
        events(batch).iter().for_each(|event| text.push_str(super::tests::text(event)));
    }
    assert!(text == word.repeat(DELTAS), "no text is lost");
    assert!(joined.len() <= 1 + text.len() / BATCH_BYTES, "{} batches", joined.len());

    let every = filled.drain(false);
    assert!(every.iter().all(|batch| events(batch).len() <= 1024));
    let times = every.iter().flat_map(events).map(|event| event["emittedAtMs"].as_u64());
    assert!(times.eq((0..DELTAS as u64).map(Some)), "every one comes, in order");

    let mut cursor = Cursor::default();
    let first = text_of(&filled.log.take_text(&mut cursor));
    assert!(first.len() <= MOST, "{} bytes of text at once", first.len());
}

#[test]
fn a_reader_that_is_behind_costs_the_text_alone() {
    let lines: Vec<String> = (0..2000).map(|_| delta(ASSISTANT, "m", "x", "1")).collect();
    assert_eq!(Filled::of(&lines).log.entries.len(), 1);
}

#[test]
fn a_reader_in_the_middle_of_a_run_that_grows_goes_on_there() {
    let mut filled = Filled::of(&[delta(ASSISTANT, "m", "a", "1")]);
    let mut cursor = Cursor::default();
    assert_eq!(text(&events(&filled.log.take_events(&mut cursor, true))[0]), "a");
    assert!(!filled.log.has_more(cursor));
    filled.push(&delta(ASSISTANT, "m", "b", "2"));
    filled.log.trim(cursor);
    assert!(filled.log.has_more(cursor));
    assert_eq!(text(&events(&filled.log.take_events(&mut cursor, true))[0]), "b");
    assert_eq!(filled.log.take_events(&mut cursor, true), Batch::new());
}

#[test]
fn text_that_a_reader_holds_stays_as_it_was_taken() {
    let long = "x".repeat(20_000);
    let mut filled = Filled::of(&[delta(ASSISTANT, "m", &long, "1")]);
    let mut cursor = Cursor::default();
    let held = filled.log.take_text(&mut cursor);
    filled.push(&delta(ASSISTANT, "m", "more", "2"));
    filled.log.trim(cursor);
    assert_eq!(text_of(&held), long);
    assert_eq!(text_of(&filled.log.take_text(&mut cursor)), "more");
    assert_eq!(filled.log.take_text(&mut cursor), Batch::new());
}

#[test]
fn a_large_event_travels_alone() {
    let large = completed("m", &"x".repeat(OWN_TEXT_BYTES));
    let small = completed("n", "y");
    let filled = Filled::of(&[small.clone(), large.clone(), small.clone()]);
    let [first, second, third] = numbered(&[small.clone(), large, small]).try_into().unwrap();
    let expected = [format!("[{first}]"), second, format!("[{third}]")].map(Piece::Json);
    assert_eq!(filled.drain(true).concat(), expected);
}

fn size_of_piece(piece: &Piece) -> usize {
    match piece {
        Piece::Json(text) => text.len(),
        Piece::Text(text) | Piece::Deltas { text, .. } => text.len(),
    }
}
