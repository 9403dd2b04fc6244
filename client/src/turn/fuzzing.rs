//! Targets of fuzzing: what readers of a log are given, and what a result is, of any notifications.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here is found")]

use std::collections::HashSet;

use serde_json::Value;
use serde_json::value::RawValue;

use super::batch::{Batch, Piece};
use super::collector::{Collector, Completion};
use super::deltas::{DeltaParts, well_formed};
use super::log::{Cursor, Entered, Log};
use super::raw_text::string;
use super::reader_kind::ReaderKind;
use crate::Secrets;
use crate::rpc::with_notification;

const KINDS: [ReaderKind; 6] = [
    ReaderKind::EveryEvent,
    ReaderKind::JoinedEvents,
    ReaderKind::Text,
    ReaderKind::FinalText,
    ReaderKind::Commentary,
    ReaderKind::Steps,
];

/// The log of a turn. Each line is a notification; `r` and a digit has a reader take what is there, and `t` forgets what
/// all have read.
pub fn deltas(data: &[u8]) {
    let Ok(script) = std::str::from_utf8(data) else { return };
    let (mut log, mut collector) = (Log::default(), Collector::default());
    let mut readers = KINDS.map(Reader::new);
    let mut came = Vec::new();
    for line in script.lines().map(str::trim_ascii) {
        match line.as_bytes() {
            [b'r', digit] => readers[usize::from(digit % 6)].read(&log),
            [b't'] => {
                let slowest = readers.iter().map(|reader| reader.cursor).min_by_key(Cursor::event);
                log.trim(slowest.unwrap_or_default());
            }
            _ => with_notification(line, |notification| {
                let meaning = collector.read(notification);
                let delta = DeltaParts::of(notification);
                let is_delta = delta.is_some();
                if let Some(parts) = &delta {
                    let plain: String = serde_json::from_str(notification.ids.delta.unwrap()).unwrap();
                    assert_eq!(*parts.text, *plain);
                }
                log.push(Entered { notification, delta, line: meaning.line, message: meaning.message });
                came.push(Came { line: line.to_owned(), is_delta });
            }),
        }
    }
    for reader in &mut readers {
        while log.has_more(reader.cursor) {
            reader.read(&log);
        }
        assert_eq!(reader.cursor.event(), came.len() as u64);
        reader.check(&came);
    }
    if log.start().event() > 0 {
        return;
    }
    // Read at once it is the same.
    for reader in &readers {
        let mut again = Reader::new(reader.kind);
        while log.has_more(again.cursor) {
            again.read(&log);
        }
        again.check(&came);
        assert_eq!(again.text, reader.text, "{:?}", reader.kind);
        if reader.kind == ReaderKind::Steps {
            assert_eq!(again.events, reader.events);
        }
    }
}

struct Came {
    line: String,
    is_delta: bool,
}

struct Reader {
    kind: ReaderKind,
    cursor: Cursor,
    /// Each event as JSON.
    events: Vec<String>,
    text: String,
}

impl Reader {
    fn new(kind: ReaderKind) -> Self {
        Self { kind, cursor: Cursor::default(), events: Vec::new(), text: String::new() }
    }

    fn read(&mut self, log: &Log) {
        let start = self.cursor;
        let batch = match self.kind {
            ReaderKind::EveryEvent => log.take_events(&mut self.cursor, false),
            ReaderKind::JoinedEvents => log.take_events(&mut self.cursor, true),
            ReaderKind::Steps => log.take_steps(&mut self.cursor),
            kind => log.take_text_of(&mut self.cursor, kind),
        };
        if self.kind.is_text() {
            for piece in &batch {
                let Piece::Text(text) = piece else { panic!("{piece:?}") };
                self.text.push_str(text);
            }
            return;
        }
        let events = events(&batch);
        for taken in [0, 1, events.len() / 2, events.len()] {
            let within = log.within_batch(start, self.cursor, taken, self.kind);
            assert!((start.event()..=self.cursor.event()).contains(&within.event()));
        }
        self.events.extend(events);
    }

    fn check(&self, came: &[Came]) {
        match self.kind {
            ReaderKind::EveryEvent => {
                assert_eq!(self.events.len(), came.len());
                for (at, (event, came)) in self.events.iter().zip(came).enumerate() {
                    assert_same(event, &numbered(&came.line, at + 1), came.is_delta);
                }
            }
            ReaderKind::JoinedEvents => self.check_joined(came),
            _ => {}
        }
    }

    /// Each event is those since the one before, which differ in their text and their time alone.
    fn check_joined(&self, came: &[Came]) {
        let mut done = 0;
        for event in &self.events {
            let until = seq(event);
            let joined = &came[done..until];
            let last = joined.last().unwrap();
            let mut expected = numbered(&last.line, until);
            if joined.len() > 1 {
                assert!(joined.iter().all(|came| came.is_delta));
                let parts: Option<Vec<Value>> = joined.iter().map(|came| value(&came.line)).collect();
                let Some(parts) = parts else {
                    done = until;
                    continue;
                };
                let kin = |part: &Value| {
                    let mut kin = part.clone();
                    kin["params"]["delta"] = Value::Null;
                    // A number of the server's own is replaced.
                    kin["seq"] = Value::Null;
                    kin["emittedAtMs"] = part.get("emittedAtMs").is_some().into();
                    kin
                };
                let text: String = parts.iter().filter_map(|part| part["params"]["delta"].as_str()).collect();
                let mut whole = value(&expected).unwrap();
                whole["params"]["delta"] = text.into();
                expected = whole.to_string();
                assert!(parts.iter().all(|part| kin(part) == kin(&parts[0])), "{joined:?}");
            }
            assert_same(event, &expected, last.is_delta);
            done = until;
        }
        assert_eq!(done, came.len());
    }
}

impl std::fmt::Debug for Came {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line)
    }
}

/// The number that an event was given.
fn seq(event: &str) -> usize {
    // Where no parser takes it, it stands at the end.
    let read = || event.rsplit_once(r#""seq":"#)?.1.trim_end_matches('}').parse().ok();
    let told = value(event).and_then(|event| usize::try_from(event["seq"].as_u64()?).ok());
    told.or_else(read).unwrap()
}

fn value(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

/// A line as readers of events get it.
fn numbered(line: &str, seq: usize) -> String {
    format!(r#"{},"seq":{seq}}}"#, line.strip_suffix('}').unwrap())
}

/// An event is what came: to the byte, or, where it was taken apart, to its meaning.
fn assert_same(event: &str, came: &str, is_delta: bool) {
    if event == came {
        return;
    }
    assert!(is_delta, "{event} for {came}");
    let (Some(event), Some(mut came)) = (value(event), value(came)) else { return };
    let times = [&event, &came].map(|one| one.get("emittedAtMs").and_then(Value::as_f64));
    // This parser rounds where JavaScript does not.
    if let [Some(one), Some(other)] = times
        && (one - other).abs() <= one.abs() * 4.0 * f64::EPSILON
    {
        came["emittedAtMs"] = event["emittedAtMs"].clone();
    }
    assert_eq!(event, came);
}

/// The events of a batch, as JavaScript makes them of it.
fn events(batch: &Batch) -> Vec<String> {
    let mut events = Vec::new();
    for piece in batch {
        match piece {
            Piece::Json(json) if json.starts_with('[') => {
                let each: Vec<&RawValue> = serde_json::from_str(json).unwrap();
                events.extend(each.iter().map(|event| event.get().to_owned()));
            }
            Piece::Json(json) => events.push(json.clone()),
            Piece::Deltas { template, text, ends, emitted_at_ms, seq } => {
                let units: Vec<u16> = text.encode_utf16().collect();
                assert_eq!(ends.last().map(|end| *end as usize), Some(units.len()));
                assert!(emitted_at_ms.is_empty() || emitted_at_ms.len() == ends.len());
                let Some(template) = value(template) else {
                    // It goes deeper than this parser.
                    events.extend((*seq..).zip(ends).map(|(seq, _)| format!(r#"["seq":{seq}}}"#)));
                    continue;
                };
                let mut start = 0;
                for (at, end) in ends.iter().enumerate() {
                    let mut event = template.clone();
                    let text = String::from_utf16(&units[start..*end as usize]).unwrap();
                    event["params"]["delta"] = text.into();
                    if let Some(time) = emitted_at_ms.get(at) {
                        event["emittedAtMs"] = (*time).into();
                    }
                    event["seq"] = (seq + at as u64).into();
                    events.push(event.to_string());
                    start = *end as usize;
                }
            }
            Piece::Text(_) => panic!("text for a reader of events"),
        }
    }
    events
}

/// The result of a turn. Each line is a notification.
pub fn collector(data: &[u8]) {
    let Ok(script) = std::str::from_utf8(data) else { return };
    let mut collector = Collector::new(Secrets::new(["a-secret".to_owned()]));
    let mut plain = Plain::default();
    for line in script.lines().map(str::trim_ascii) {
        with_notification(line, |notification| {
            let meaning = collector.read(notification);
            plain.read(line);
            for item in [notification.ids.item.as_deref().unwrap_or_default(), "i"] {
                let changes = collector.file_changes(item);
                assert!(changes.is_none_or(|changes| serde_json::from_str::<&RawValue>(&changes).is_ok()));
            }
            if let Some(Completion::Told(turn)) = meaning.completed {
                match collector.end("t", "u", &turn) {
                    Ok(result) => plain.check(&result.to_json()),
                    Err(error) => assert!(!error.to_string().contains("a-secret")),
                }
            }
        });
    }
    let result = collector.result("t", "u", super::TurnStatus::Completed);
    plain.check(&result.to_json());
    let hidden = collector.hidden(result).to_json();
    assert!(serde_json::from_str::<&RawValue>(&hidden).is_ok(), "{hidden}");
    let _ = (collector.fatal("t", "u"), collector.known(), collector.bytes());
}

/// The same by a plain parser.
#[derive(Default)]
struct Plain {
    items: Vec<Value>,
    answer: Value,
    message: Value,
    plan: Value,
    usage: Value,
    /// There was what it does not take, or what says a thing twice.
    is_unsure: bool,
}

impl Plain {
    fn read(&mut self, line: &str) {
        let Some(message) = value(line).filter(|_| !says_twice(line)) else {
            self.is_unsure = true;
            return;
        };
        let params = &message["params"];
        // An array is taken for the fields in their order.
        self.is_unsure |= params.is_array() || params["item"].is_array();
        match message["method"].as_str() {
            Some("item/completed") if params.get("item").is_some() => {
                let item = &params["item"];
                self.items.push(item.clone());
                let text = &item["text"];
                match (item["type"].as_str(), item["phase"].as_str()) {
                    _ if !text.is_string() => {}
                    (Some("plan"), _) => self.plan = text.clone(),
                    (Some("agentMessage"), Some("final_answer")) => self.answer = text.clone(),
                    (Some("agentMessage"), None) => self.message = text.clone(),
                    _ => {}
                }
            }
            Some("thread/tokenUsage/updated") if params.get("tokenUsage").is_some() => {
                self.usage = params["tokenUsage"].clone();
            }
            _ => {}
        }
    }

    fn check(&self, result: &str) {
        assert!(serde_json::from_str::<&RawValue>(result).is_ok(), "{result}");
        let Some(result) = value(result).filter(|_| !self.is_unsure) else { return };
        let response = if self.answer.is_null() { &self.message } else { &self.answer };
        assert_eq!(result["items"].as_array(), Some(&self.items));
        assert_eq!((&result["finalResponse"], &result["plan"]), (response, &self.plan));
        assert_eq!(result["usage"], self.usage);
    }
}

/// Whether an object has a key twice, at the levels that count.
fn says_twice(line: &str) -> bool {
    struct Keys(bool);
    impl<'de> serde::Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Any;
            impl<'de> serde::de::Visitor<'de> for Any {
                type Value = Keys;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                    let (mut known, mut twice) = (HashSet::new(), false);
                    while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                        twice |= !known.insert(key) || says_twice(value.get());
                    }
                    Ok(Keys(twice))
                }
            }
            deserializer.deserialize_map(Any)
        }
    }
    line.starts_with('{') && serde_json::from_str::<Keys>(line).is_ok_and(|keys| keys.0)
}

/// A string of JSON is what a parser says, and half a pair in it is one character of its own.
pub fn strings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else { return };
    let formed = well_formed(raw.get());
    let parsed = serde_json::from_str::<&RawValue>(&formed);
    assert!(parsed.is_ok(), "{formed}");
    if !raw.get().starts_with('"') {
        return assert_eq!(string(raw), None);
    }
    let read = string(raw).unwrap();
    match serde_json::from_str::<String>(raw.get()) {
        Ok(plain) => assert_eq!(read, plain),
        // What JavaScript makes of it, with U+FFFD for what no string here can hold.
        Err(_) => assert!(read.contains('\u{fffd}')),
    }
    assert_eq!(serde_json::from_str::<String>(&formed).unwrap(), read);
}
