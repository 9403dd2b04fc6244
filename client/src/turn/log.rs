use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::reader::ReaderKind;
use super::step::step_json;
use crate::rpc::Notification;

/// A joined delta does not grow beyond this: a reader must be able to take it in one go.
const LONGEST_JOIN: usize = 256 * 1024;
/// What a reader takes at once, in bytes and in events, so that its thread stays responsive.
const BATCH_BYTES: usize = 128 * 1024;
const BATCH_EVENTS: usize = 1024;
/// From this size on an event travels as a text of its own.
const OWN_TEXT_BYTES: usize = 4 * 1024;

/// The events of one turn in the server's order. Adjacent deltas of one item share an entry, which
/// remembers where each ended: any reader gets them joined or one by one.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// Number of the first entry that is still here.
    first: u64,
    /// How many events lay before it.
    events_before: u64,
    /// Bytes of assistant text that came as deltas, by item.
    streamed: HashMap<Box<str>, usize>,
}

#[derive(Debug)]
enum Entry {
    Line {
        line: Arc<str>,
        /// Assistant text of a completed message that no delta brought.
        rest: Option<Box<str>>,
        /// Whether it completes an item.
        completes: bool,
    },
    Deltas(Deltas),
}

#[derive(Debug)]
struct Deltas {
    template: Arc<Template>,
    text: String,
    deltas: Vec<Delta>,
}

#[derive(Debug, Clone, Copy)]
struct Delta {
    end: usize,
    emitted_at_ms: f64,
}

/// A delta notification without its text: `head` and `delta` and `middle` and `emittedAtMs` and `tail`.
#[derive(Debug, PartialEq, Eq)]
struct Template {
    head: Box<str>,
    middle: Box<str>,
    tail: Box<str>,
    has_time: bool,
    assistant: bool,
}

/// Where a reader stands: an entry, and how many of its deltas were taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    entry: u64,
    delta: usize,
}

impl Cursor {
    /// By what cursors are compared: the entry, then the deltas of it.
    pub(super) fn order(self) -> (u64, usize) {
        (self.entry, self.delta)
    }
}

/// What a reader takes at once.
pub type Batch = Vec<Piece>;

/// Part of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// One event as JSON, or several as a JSON array.
    Json(String),
    /// Deltas of one item.
    Deltas {
        /// The event as JSON, with an empty `delta`.
        template: String,
        /// The text of all of them.
        text: String,
        /// Where each ends in `text`, in UTF-16 units.
        ends: Vec<u32>,
        /// `emittedAtMs` of each; empty where the server sends none.
        emitted_at_ms: Vec<f64>,
    },
    /// Assistant text alone.
    Text(String),
}

impl Log {
    /// A log that begins after this many events.
    pub(super) fn after_events(events: u64) -> Self {
        Self { events_before: events, ..Self::default() }
    }

    /// Keeps an event. `line` is its text where the caller has it already; `message` is the id and
    /// text of an assistant message that it completes.
    pub(super) fn push(
        &mut self,
        notification: &Notification<'_>,
        line: Option<Arc<str>>,
        message: Option<(&str, Cow<'_, str>)>,
    ) {
        if line.is_none() && self.push_delta(notification) {
            return;
        }
        let rest = message.and_then(|(item, text)| {
            let streamed = self.streamed.remove(item).unwrap_or(0);
            text.get(streamed..).filter(|rest| !rest.is_empty()).map(Box::from)
        });
        let line = line.unwrap_or_else(|| Arc::from(notification.line));
        let completes = notification.method == "item/completed";
        self.entries.push_back(Entry::Line { line, rest, completes });
    }

    fn push_delta(&mut self, notification: &Notification<'_>) -> bool {
        let Some(parts) = Parts::of(notification) else { return false };
        let delta_of = |end| Delta { end, emitted_at_ms: parts.emitted_at_ms };
        if parts.assistant
            && let Some(item) = notification.ids.item.as_deref()
        {
            match self.streamed.get_mut(item) {
                Some(bytes) => *bytes += parts.text.len(),
                None => drop(self.streamed.insert(item.into(), parts.text.len())),
            }
        }
        if let Some(Entry::Deltas(last)) = self.entries.back_mut() {
            let same = parts.fit(&last.template);
            if same && last.text.len() + parts.text.len() <= LONGEST_JOIN {
                last.text.push_str(&parts.text);
                last.deltas.push(delta_of(last.text.len()));
                return true;
            }
            if same {
                let template = Arc::clone(&last.template);
                self.push_first(template, &parts);
                return true;
            }
        }
        self.push_first(Arc::new(parts.template()), &parts);
        true
    }

    fn push_first(&mut self, template: Arc<Template>, parts: &Parts<'_>) {
        let text = parts.text.to_string();
        let deltas = vec![Delta { end: text.len(), emitted_at_ms: parts.emitted_at_ms }];
        self.entries.push_back(Entry::Deltas(Deltas { template, text, deltas }));
    }

    /// Whether there is anything after a cursor.
    #[cfg(test)]
    pub(super) fn has_more(&self, cursor: Cursor) -> bool {
        let end = self.first + self.entries.len() as u64;
        if cursor.entry + 1 < end {
            return true;
        }
        match self.entries.back() {
            Some(Entry::Deltas(last)) if cursor.entry + 1 == end => cursor.delta < last.deltas.len(),
            Some(_) => cursor.entry < end,
            None => false,
        }
    }

    /// Forgets what lies before `entry`.
    pub(super) fn trim(&mut self, before: Cursor) {
        while self.first < before.entry
            && let Some(entry) = self.entries.pop_front()
        {
            self.first += 1;
            self.events_before += entry.events();
        }
    }

    /// How many events lie before a cursor.
    pub(super) fn events_before(&self, cursor: Cursor) -> u64 {
        let whole = usize::try_from(cursor.entry.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let entries: u64 = self.entries.iter().take(whole).map(Entry::events).sum();
        self.events_before + entries + cursor.delta as u64
    }

    /// The cursor after a number of events; none where they are not here (any more, or yet).
    pub(super) fn cursor_after(&self, events: u64) -> Option<Cursor> {
        let mut left = events.checked_sub(self.events_before)?;
        let mut cursor = Cursor { entry: self.first, delta: 0 };
        for entry in &self.entries {
            if left < entry.events() {
                return Some(Cursor { delta: usize::try_from(left).ok()?, ..cursor });
            }
            left -= entry.events();
            cursor.entry += 1;
        }
        (left == 0).then_some(cursor)
    }

    /// The cursor after the first `taken` of what a reader got in one batch, which went from `start` to `end`.
    pub(super) fn within_batch(
        &self,
        start: Cursor,
        end: Cursor,
        mut taken: usize,
        kind: ReaderKind,
    ) -> Cursor {
        if kind == ReaderKind::Text {
            return if taken == 0 { start } else { end };
        }
        let mut cursor = start;
        while taken > 0 && cursor.order() < end.order() {
            let Some(entry) = self.entry(&mut cursor) else { break };
            match entry {
                Entry::Line { completes, .. } => {
                    taken -= usize::from(*completes || kind != ReaderKind::Steps);
                    cursor = Cursor { entry: cursor.entry + 1, delta: 0 };
                }
                Entry::Deltas(run) => {
                    let last = if cursor.entry == end.entry { end.delta } else { run.deltas.len() };
                    let step = match kind {
                        ReaderKind::EveryEvent => taken.min(last - cursor.delta),
                        _ => last - cursor.delta,
                    };
                    taken -= match kind {
                        ReaderKind::EveryEvent => step,
                        ReaderKind::Steps => 0,
                        _ => 1,
                    };
                    cursor.delta += step;
                }
            }
        }
        cursor
    }

    /// The next events after a cursor.
    pub(super) fn take_events(&self, cursor: &mut Cursor, joined: bool) -> Batch {
        let mut batch = Batch::new();
        let mut small = String::new();
        let (mut bytes, mut events) = (0, 0);
        while bytes < BATCH_BYTES && events < BATCH_EVENTS {
            let Some(entry) = self.entry(cursor) else { break };
            match entry {
                Entry::Line { line, .. } => {
                    bytes += line.len();
                    events += 1;
                    add_event(&mut batch, &mut small, line);
                    *cursor = Cursor { entry: cursor.entry + 1, delta: 0 };
                }
                Entry::Deltas(run) => {
                    let room = if joined { usize::MAX } else { BATCH_EVENTS - events };
                    let taken = run.from(cursor.delta, room);
                    if taken.is_empty() {
                        break;
                    }
                    bytes += run.end_of(cursor.delta + taken.len()) - run.end_of(cursor.delta);
                    events += if joined { 1 } else { taken.len() };
                    let whole = cursor.delta + taken.len();
                    run.add(&mut batch, &mut small, cursor.delta, whole, joined);
                    self.advance(cursor, whole, run);
                }
            }
        }
        flush(&mut batch, &mut small);
        batch
    }

    /// The assistant's text after a cursor.
    pub(super) fn take_text(&self, cursor: &mut Cursor) -> Batch {
        let mut text = String::new();
        while text.len() < BATCH_BYTES {
            let Some(entry) = self.entry(cursor) else { break };
            match entry {
                Entry::Line { rest, .. } => {
                    text.push_str(rest.as_deref().unwrap_or_default());
                    *cursor = Cursor { entry: cursor.entry + 1, delta: 0 };
                }
                Entry::Deltas(run) => {
                    if cursor.delta == run.deltas.len() {
                        break;
                    }
                    if run.template.assistant {
                        text.push_str(&run.text[run.end_of(cursor.delta)..]);
                    }
                    self.advance(cursor, run.deltas.len(), run);
                }
            }
        }
        if text.is_empty() { Batch::new() } else { vec![Piece::Text(text)] }
    }

    /// The completed items after a cursor, each as the JSON of a step.
    pub(super) fn take_steps(&self, cursor: &mut Cursor) -> Batch {
        let mut batch = Batch::new();
        let mut small = String::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES {
            let Some(entry) = self.entry(cursor) else { break };
            match entry {
                Entry::Line { line, completes, .. } => {
                    if *completes && let Some(step) = step_json(line) {
                        bytes += step.len();
                        add_event(&mut batch, &mut small, &step);
                    }
                    *cursor = Cursor { entry: cursor.entry + 1, delta: 0 };
                }
                Entry::Deltas(run) => {
                    if cursor.delta == run.deltas.len() {
                        break;
                    }
                    self.advance(cursor, run.deltas.len(), run);
                }
            }
        }
        flush(&mut batch, &mut small);
        batch
    }

    fn entry(&self, cursor: &mut Cursor) -> Option<&Entry> {
        // A finished run of deltas that more entries follow has nothing left for this cursor.
        loop {
            let index = usize::try_from(cursor.entry.checked_sub(self.first)?).ok()?;
            match self.entries.get(index)? {
                Entry::Deltas(run) if cursor.delta == run.deltas.len() && index + 1 < self.entries.len() => {
                    *cursor = Cursor { entry: cursor.entry + 1, delta: 0 };
                }
                entry => return Some(entry),
            }
        }
    }

    /// Moves behind `taken` deltas of a run; the last run may still grow.
    fn advance(&self, cursor: &mut Cursor, taken: usize, run: &Deltas) {
        let is_last = cursor.entry + 1 == self.first + self.entries.len() as u64;
        *cursor = if taken == run.deltas.len() && !is_last {
            Cursor { entry: cursor.entry + 1, delta: 0 }
        } else {
            Cursor { entry: cursor.entry, delta: taken }
        };
    }
}

impl Entry {
    /// How many events of the server it holds.
    fn events(&self) -> u64 {
        match self {
            Self::Line { .. } => 1,
            Self::Deltas(run) => run.deltas.len() as u64,
        }
    }
}

impl Deltas {
    fn from(&self, start: usize, room: usize) -> &[Delta] {
        let end = self.deltas.len().min(start.saturating_add(room));
        &self.deltas[start.min(end)..end]
    }

    /// Where the first `count` deltas end in the text.
    fn end_of(&self, count: usize) -> usize {
        count.checked_sub(1).map_or(0, |last| self.deltas[last].end)
    }

    fn add(&self, batch: &mut Batch, small: &mut String, start: usize, end: usize, joined: bool) {
        let from = self.end_of(start);
        let text = &self.text[from..self.end_of(end)];
        let taken = if joined { &self.deltas[end - 1..end] } else { &self.deltas[start..end] };
        if taken.len() == 1 && text.len() < OWN_TEXT_BYTES {
            add_event(batch, small, &self.template.event(text, taken[0].emitted_at_ms));
            return;
        }
        flush(batch, small);
        let ends = utf16_ends(text, taken.iter().map(|delta| delta.end - from));
        let emitted_at_ms = match self.template.has_time {
            true => taken.iter().map(|delta| delta.emitted_at_ms).collect(),
            false => Vec::new(),
        };
        let template = self.template.event("", 0.0);
        batch.push(Piece::Deltas { template, text: text.to_owned(), ends, emitted_at_ms });
    }
}

impl Template {
    fn event(&self, text: &str, emitted_at_ms: f64) -> String {
        let text = serde_json::Value::from(text).to_string();
        let time =
            if self.has_time { serde_json::Value::from(emitted_at_ms).to_string() } else { String::new() };
        let time = time.strip_suffix(".0").unwrap_or(&time);
        [&*self.head, &*text, &*self.middle, time, &*self.tail].concat()
    }
}

/// A delta notification taken apart.
struct Parts<'a> {
    head: &'a str,
    middle: &'a str,
    tail: &'a str,
    text: Cow<'a, str>,
    has_time: bool,
    emitted_at_ms: f64,
    assistant: bool,
}

impl<'a> Parts<'a> {
    fn of(notification: &Notification<'a>) -> Option<Self> {
        let line = notification.line;
        let delta = notification.ids.delta?.get();
        if !notification.method.ends_with("elta") || !delta.starts_with('"') {
            return None;
        }
        let start = offset(line, delta)?;
        let after = start + delta.len();
        let plain = &delta[1..delta.len() - 1];
        let text = match memchr::memchr(b'\\', plain.as_bytes()) {
            None => Cow::Borrowed(plain),
            // An escape that no string can hold, half a surrogate pair, is left to the reader of the line.
            Some(_) => Cow::Owned(serde_json::from_str(delta).ok()?),
        };
        let time = notification.emitted_at_ms.map(serde_json::value::RawValue::get);
        let time = time.and_then(|time| Some((offset(line, time)?, time)));
        let (middle, tail, emitted_at_ms) = match time {
            Some((at, time)) if at >= after => {
                (&line[after..at], &line[at + time.len()..], time.parse::<f64>().ok()?)
            }
            _ => (&line[after..], "", 0.0),
        };
        Some(Self {
            head: &line[..start],
            middle,
            tail,
            text,
            has_time: middle.len() + after < line.len(),
            emitted_at_ms,
            assistant: notification.method == "item/agentMessage/delta",
        })
    }

    fn fit(&self, template: &Template) -> bool {
        *self.head == *template.head && *self.middle == *template.middle && *self.tail == *template.tail
    }

    fn template(&self) -> Template {
        Template {
            head: self.head.into(),
            middle: self.middle.into(),
            tail: self.tail.into(),
            has_time: self.has_time,
            assistant: self.assistant,
        }
    }
}

/// Where a part begins in the line it was borrowed from.
fn offset(line: &str, part: &str) -> Option<usize> {
    let start = (part.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    (start + part.len() <= line.len()).then_some(start)
}

fn add_event(batch: &mut Batch, small: &mut String, event: &str) {
    if event.len() >= OWN_TEXT_BYTES {
        flush(batch, small);
        batch.push(Piece::Json(event.to_owned()));
        return;
    }
    small.push(if small.is_empty() { '[' } else { ',' });
    small.push_str(event);
}

fn flush(batch: &mut Batch, small: &mut String) {
    if !small.is_empty() {
        small.push(']');
        batch.push(Piece::Json(std::mem::take(small)));
    }
}

fn utf16_ends(text: &str, ends: impl Iterator<Item = usize>) -> Vec<u32> {
    let ascii = text.is_ascii();
    let (mut units, mut done) = (0, 0);
    ends.map(|end| {
        units += if ascii { end - done } else { text[done..end].encode_utf16().count() };
        done = end;
        u32::try_from(units).unwrap_or(u32::MAX)
    })
    .collect()
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
