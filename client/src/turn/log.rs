//! Events in their order, and the places in them. What they mean, and who reads, is not known here.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Deserialize;

use super::batch::{Batch, Piece, add_deltas, add_event, add_numbered, flush};
use super::collector::completed_message;
use super::deltas::{AGENT_MESSAGE_DELTA, DeltaParts, Deltas};
use super::reader_kind::ReaderKind;
use super::spoken::{Spoken, Voice};
use super::step::step_json;
use crate::rpc::Notification;

/// What a reader takes at once, in bytes and in events, so that its thread stays responsive.
const BATCH_BYTES: usize = 64 * 1024;
const BATCH_EVENTS: usize = 1024;

/// The events of one turn in the server's order. Adjacent deltas of one item share an entry, which
/// remembers where each ended: any reader gets them joined or one by one.
#[derive(Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// Number of the first entry that is still here.
    first: u64,
    /// How many events lay before it.
    events_before: u64,
    /// What readers of text are given.
    spoken: Spoken,
    /// How much it holds.
    bytes: usize,
}

#[derive(Debug)]
enum Entry {
    Line {
        line: Arc<str>,
        /// Assistant text of a completed message that no delta brought.
        rest: Option<(Voice, Box<str>)>,
        /// Whether it completes an item.
        completes: bool,
        /// Whether the result of the turn holds the line as well.
        is_shared: bool,
    },
    Deltas(Arc<Deltas>),
}

/// An event that is to be kept.
pub(super) struct Entered<'a> {
    pub(super) notification: &'a Notification<'a>,
    /// Its parts, where it is a delta and they are known already.
    pub(super) delta: Option<DeltaParts<'a>>,
    /// Its text, where the caller has it already.
    pub(super) line: Option<Arc<str>>,
    /// The text of an assistant's message that it completes.
    pub(super) message: Option<String>,
}

/// Where a reader stands: an entry, and how many of its deltas were taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    entry: u64,
    delta: usize,
    /// How many events of the turn lie before it.
    event: u64,
}

impl Cursor {
    /// How many events of the turn lie before it: by this cursors are compared.
    pub(super) fn event(&self) -> u64 {
        self.event
    }

    /// The place behind a line.
    fn behind_line(self) -> Self {
        Self { entry: self.entry + 1, delta: 0, event: self.event + 1 }
    }
}

impl Log {
    /// A log that begins after this many events.
    pub(super) fn after_events(events: u64) -> Self {
        // Its entries are numbered so that there is room for what is told of those before.
        Self { first: events, events_before: events, spoken: Spoken::in_the_middle(), ..Self::default() }
    }

    /// Has it begin with messages that tell what came before it. What it holds itself is left out of them.
    pub(super) fn begin_with(&mut self, told: &[&str]) {
        let holds = |message: &str| {
            self.entries.iter().any(|entry| matches!(entry, Entry::Line { line, .. } if **line == *message))
        };
        let told: Vec<_> = told.iter().copied().filter(|message| !holds(message)).collect();
        // Each stands for one that came at least.
        let room = usize::try_from(self.first.min(self.events_before)).unwrap_or(usize::MAX);
        let told = told.get(told.len().saturating_sub(room)..).unwrap_or_default();
        let mut before = Self::after_events(0);
        for line in told {
            crate::rpc::with_notification(line, |notification| {
                let message = completed_message(notification);
                before.push(Entered { notification, delta: None, line: None, message });
            });
        }
        let voices = self.entries.iter_mut().filter_map(Entry::voice_mut);
        self.spoken.goes_on_after(&before.spoken, voices);
        let count = before.entries.len() as u64;
        self.first -= count;
        self.events_before -= count;
        self.bytes += before.bytes;
        before.entries.append(&mut self.entries);
        self.entries = before.entries;
    }

    /// Where it begins.
    pub(super) fn start(&self) -> Cursor {
        Cursor { entry: self.first, delta: 0, event: self.events_before }
    }

    /// How many bytes it holds alone.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Events were missed here.
    pub(super) fn gap(&mut self) {
        self.spoken.gap();
    }

    /// Keeps an event.
    pub(super) fn push(&mut self, event: Entered<'_>) {
        let Entered { notification, delta, line, message } = event;
        // One that came while nothing was kept yet was not taken apart.
        if let Some(parts) = delta.or_else(|| DeltaParts::of(notification)) {
            return self.push_delta(notification, &parts);
        }
        let item = notification.ids.item.as_deref().unwrap_or_default();
        let mut rest = None;
        match notification.method {
            "item/started" => self.spoken.begins(item, is_commentary(notification.line)),
            "item/completed" => {
                let left = self.spoken.completes(item, message.as_deref());
                rest = left.map(|text| (self.spoken.voice(item), text.into()));
            }
            // It holds what is no text.
            AGENT_MESSAGE_DELTA => self.spoken.cuts(item),
            _ => {}
        }
        let completes = notification.method == "item/completed";
        let is_shared = completes && line.is_some();
        let line = line.unwrap_or_else(|| Arc::from(notification.line));
        let entry = Entry::Line { line, rest, completes, is_shared };
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
    }

    fn push_delta(&mut self, notification: &Notification<'_>, parts: &DeltaParts<'_>) {
        let item = notification.ids.item.as_deref();
        let is_spoken = parts.assistant && self.spoken.says(item, &parts.text);
        let voice = item.filter(|_| is_spoken).map(|item| match parts.text.is_empty() {
            true => self.spoken.silence(item),
            false => self.spoken.voice(item),
        });
        let mut before = None;
        if let Some(Entry::Deltas(last)) = self.entries.back_mut()
            && last.takes(parts, voice)
        {
            // Where a reader holds its text it stays as it is, and what comes now begins another.
            if let Some(run) = Arc::get_mut(last) {
                if run.has_room(parts) {
                    run.push(parts);
                    self.bytes += Deltas::bytes_of(parts);
                    return;
                }
                run.close();
            }
            before = Some(&**last);
        }
        let entry = Entry::Deltas(Arc::new(Deltas::new(parts, voice, before)));
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
    }

    /// Whether there is anything after a cursor.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn has_more(&self, cursor: Cursor) -> bool {
        let end = self.first + self.entries.len() as u64;
        if cursor.entry + 1 < end {
            return true;
        }
        match self.entries.back() {
            Some(Entry::Deltas(last)) if cursor.entry + 1 == end => cursor.delta < last.len(),
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
            self.bytes -= entry.bytes();
        }
    }

    /// The cursor after a number of events; none where they are not here (any more, or yet).
    pub(super) fn cursor_after(&self, events: u64) -> Option<Cursor> {
        let mut left = events.checked_sub(self.events_before)?;
        let mut cursor = Cursor { entry: self.first, delta: 0, event: events };
        for (index, entry) in self.entries.iter().enumerate() {
            // The last run may still grow: whoever has read it stands in it, and not behind it.
            let grows = index + 1 == self.entries.len() && matches!(entry, Entry::Deltas(_));
            if left < entry.events() || (grows && left == entry.events()) {
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
        if kind.is_text() {
            // All of it came as one text.
            return if taken == 0 { start } else { end };
        }
        let mut cursor = start;
        while taken > 0 && cursor.event < end.event {
            let Some(entry) = self.entry(&mut cursor) else { break };
            match entry {
                Entry::Line { line, completes, .. } => {
                    let given = match kind {
                        ReaderKind::Steps => *completes && step_json(line).is_some(),
                        _ => true,
                    };
                    taken -= usize::from(given);
                    cursor = cursor.behind_line();
                }
                Entry::Deltas(run) => {
                    let last = if cursor.entry == end.entry { end.delta } else { run.len() };
                    let all = last - cursor.delta;
                    let (events, given) = match kind {
                        ReaderKind::EveryEvent => (taken.min(all), taken.min(all)),
                        ReaderKind::Steps => (all, 0),
                        _ => (all, 1),
                    };
                    taken -= given;
                    let behind = cursor.delta + events;
                    self.advance(&mut cursor, behind, run);
                }
            }
        }
        cursor
    }

    /// The next events after a cursor, each with its number: how many events of the turn there are up to it.
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
                    *cursor = cursor.behind_line();
                    add_numbered(&mut batch, &mut small, line, cursor.event);
                }
                Entry::Deltas(run) => {
                    let room = if joined { usize::MAX } else { BATCH_EVENTS - events };
                    let taken = cursor.delta..run.len().min(cursor.delta.saturating_add(room));
                    if taken.is_empty() {
                        break;
                    }
                    bytes += run.bytes(taken.clone());
                    events += if joined { 1 } else { taken.len() };
                    let before = cursor.event;
                    self.advance(cursor, taken.end, run);
                    // Joined they are one event, with the number of the last.
                    let seq = if joined { cursor.event } else { before + 1 };
                    add_deltas(&mut batch, &mut small, run, taken, joined, seq);
                }
            }
        }
        flush(&mut batch, &mut small);
        batch
    }

    /// The assistant's text after a cursor: what there is, or a long part of it.
    #[cfg(test)]
    pub(super) fn take_text(&self, cursor: &mut Cursor) -> Batch {
        // Without what stands between messages.
        self.take_spoken(cursor, |voice| voice.before(ReaderKind::Text).map(|_| ""))
    }

    /// The same for a kind of text, its messages apart.
    pub(super) fn take_text_of(&self, cursor: &mut Cursor, kind: ReaderKind) -> Batch {
        self.take_spoken(cursor, |voice| voice.before(kind))
    }

    fn take_spoken(&self, cursor: &mut Cursor, before: impl Fn(Voice) -> Option<&'static str>) -> Batch {
        let mut text = String::new();
        while text.len() < BATCH_BYTES {
            let Some(entry) = self.entry(cursor) else { break };
            match entry {
                Entry::Line { rest, .. } => {
                    if let Some((voice, rest)) = rest
                        && let Some(before) = before(*voice)
                    {
                        text.push_str(before);
                        text.push_str(rest);
                    }
                    *cursor = cursor.behind_line();
                }
                Entry::Deltas(run) => {
                    let taken = cursor.delta..run.len();
                    if taken.is_empty() {
                        break;
                    }
                    if let Some(before) = run.voice().and_then(&before) {
                        if !text.is_empty() && text.len() + run.bytes(taken.clone()) > BATCH_BYTES {
                            break;
                        }
                        if taken.start == 0 {
                            text.push_str(before);
                        }
                        let chunk = run.text(taken);
                        self.advance(cursor, run.len(), run);
                        if text.is_empty() && chunk.is_shared() {
                            return vec![Piece::Text(chunk)];
                        }
                        text.push_str(&chunk);
                    } else {
                        self.advance(cursor, run.len(), run);
                    }
                }
            }
        }
        if text.is_empty() { Batch::new() } else { vec![Piece::Text(text.into())] }
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
                    *cursor = cursor.behind_line();
                }
                Entry::Deltas(run) => {
                    if cursor.delta == run.len() {
                        break;
                    }
                    self.advance(cursor, run.len(), run);
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
                Entry::Deltas(run) if cursor.delta == run.len() && index + 1 < self.entries.len() => {
                    *cursor = Cursor { entry: cursor.entry + 1, delta: 0, ..*cursor };
                }
                entry => return Some(entry),
            }
        }
    }

    /// Moves behind the first `taken` deltas of a run; the last run may still grow.
    fn advance(&self, cursor: &mut Cursor, taken: usize, run: &Deltas) {
        let event = cursor.event + (taken - cursor.delta) as u64;
        let is_last = cursor.entry + 1 == self.first + self.entries.len() as u64;
        *cursor = if taken == run.len() && !is_last {
            Cursor { entry: cursor.entry + 1, delta: 0, event }
        } else {
            Cursor { entry: cursor.entry, delta: taken, event }
        };
    }
}

impl Entry {
    /// How many bytes are held for it alone.
    fn bytes(&self) -> usize {
        let text = match self {
            Self::Line { is_shared: true, rest, .. } => rest.as_ref().map_or(0, |(_, rest)| rest.len()),
            Self::Line { line, rest, .. } => line.len() + rest.as_ref().map_or(0, |(_, rest)| rest.len()),
            Self::Deltas(run) => run.held_bytes(),
        };
        text + size_of::<Self>()
    }

    fn voice_mut(&mut self) -> Option<&mut Voice> {
        match self {
            Self::Line { rest, .. } => rest.as_mut().map(|(voice, _)| voice),
            // Where a reader holds the text it goes on with its own.
            Self::Deltas(run) => run.voice().is_some().then(|| Arc::make_mut(run))?.voice_mut(),
        }
    }

    /// How many events of the server it holds.
    fn events(&self) -> u64 {
        match self {
            Self::Line { .. } => 1,
            Self::Deltas(run) => run.len() as u64,
        }
    }
}

/// Whether an item that begins is a commentary of the assistant.
fn is_commentary(line: &str) -> bool {
    #[derive(Deserialize)]
    struct Message {
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        item: Item,
    }
    #[derive(Deserialize)]
    struct Item {
        phase: Option<String>,
    }
    // Most are no message at all.
    line.contains("\"commentary\"")
        && serde_json::from_str::<Message>(line)
            .is_ok_and(|message| message.params.item.phase.as_deref() == Some("commentary"))
}

#[cfg(test)]
#[path = "log_tests.rs"]
pub(super) mod tests;
