//! Adjacent deltas of one item: how they are joined, kept and given out again.

use std::borrow::Cow;
use std::ops::{Deref, Range};
use std::sync::Arc;

use super::spoken::Voice;
use crate::rpc::{Notification, is_delta};
use crate::text::range_of;

/// The method of the assistant's words.
pub(super) const AGENT_MESSAGE_DELTA: &str = "item/agentMessage/delta";
/// A run does not grow beyond this. A reader takes it in one go, and V8 keeps strings up to twice as long where
/// allocating and freeing them is cheap.
const LONGEST_RUN: usize = 64 * 1024;
/// From this size on text is shared with the log and not copied out of it.
const SHARED_BYTES: usize = 8 * 1024;

/// Adjacent deltas of one item: their text, and where each ended.
#[derive(Debug, Clone)]
pub(super) struct Deltas {
    template: Arc<Template>,
    text: String,
    /// Known here, where the text is in the cache, so that no reader has to look.
    is_ascii: bool,
    /// What it is for readers of text, where they are given it.
    voice: Option<Voice>,
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
}

/// Text of deltas. Where it is long it is not copied: for as long as it is held, the log adds nothing to it.
#[derive(Debug, Clone)]
pub struct LogText(TextStorage);

#[derive(Debug, Clone)]
enum TextStorage {
    Copied(String),
    Shared { run: Arc<Deltas>, range: Range<usize> },
}

impl Deltas {
    /// A run of one delta; the next of the same kind share its template.
    pub(super) fn new(parts: &DeltaParts<'_>, voice: Option<Voice>, before: Option<&Self>) -> Self {
        let template = before.map_or_else(|| Arc::new(parts.template()), |run| Arc::clone(&run.template));
        let mut run = Self { template, text: String::new(), is_ascii: true, voice, deltas: Vec::new() };
        run.push(parts);
        run
    }

    pub(super) fn len(&self) -> usize {
        self.deltas.len()
    }

    /// What the assistant's words are for readers of text.
    pub(super) fn voice(&self) -> Option<Voice> {
        self.voice
    }

    pub(super) fn voice_mut(&mut self) -> Option<&mut Voice> {
        self.voice.as_mut()
    }

    /// Whether a delta is of the same kind: all but its text and time is equal.
    pub(super) fn takes(&self, parts: &DeltaParts<'_>, voice: Option<Voice>) -> bool {
        let begins = voice.is_some_and(Voice::begins);
        self.voice.is_some() == voice.is_some() && !begins && parts.fit(&self.template)
    }

    /// Whether there is room for its text.
    pub(super) fn has_room(&self, parts: &DeltaParts<'_>) -> bool {
        self.text.len() + parts.text.len() <= LONGEST_RUN
    }

    pub(super) fn push(&mut self, parts: &DeltaParts<'_>) {
        self.is_ascii &= parts.text.is_ascii();
        self.text.push_str(&parts.text);
        self.deltas.push(Delta { end: self.text.len(), emitted_at_ms: parts.emitted_at_ms });
    }

    /// How many bytes one more takes.
    pub(super) fn bytes_of(parts: &DeltaParts<'_>) -> usize {
        parts.text.len() + size_of::<Delta>()
    }

    /// How many bytes it holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.text.len() + self.deltas.len() * size_of::<Delta>()
    }

    /// Gives back what was set aside for more.
    pub(super) fn close(&mut self) {
        self.text.shrink_to_fit();
        self.deltas.shrink_to_fit();
    }

    /// Length of the text of some of the deltas.
    pub(super) fn bytes(&self, deltas: Range<usize>) -> usize {
        self.end_of(deltas.end) - self.end_of(deltas.start)
    }

    /// The text of some of the deltas.
    pub(super) fn text(self: &Arc<Self>, deltas: Range<usize>) -> LogText {
        let range = self.end_of(deltas.start)..self.end_of(deltas.end);
        match range.len() >= SHARED_BYTES {
            true => LogText(TextStorage::Shared { run: Arc::clone(self), range }),
            false => LogText::from(self.text[range].to_owned()),
        }
    }

    /// Where each of some deltas ends in their text, in UTF-16 units.
    pub(super) fn ends(&self, deltas: Range<usize>) -> Vec<u32> {
        let start = self.end_of(deltas.start);
        let (mut units, mut done) = (0, start);
        let end_of = |delta: &Delta| {
            let text = &self.text[done..delta.end];
            units += utf16_len(text, self.is_ascii);
            done = delta.end;
            units
        };
        self.deltas[deltas].iter().map(end_of).collect()
    }

    /// `emittedAtMs` of some of the deltas; empty where the server sends none.
    pub(super) fn times(&self, deltas: Range<usize>) -> Vec<f64> {
        match self.template.has_time {
            true => self.deltas[deltas].iter().map(|delta| delta.emitted_at_ms).collect(),
            false => Vec::new(),
        }
    }

    /// Some of the deltas as one event, with the time of the last.
    pub(super) fn event(&self, deltas: Range<usize>) -> String {
        let text = &self.text[self.end_of(deltas.start)..self.end_of(deltas.end)];
        self.template.event(text, self.deltas[deltas.end - 1].emitted_at_ms)
    }

    /// The event of any of the deltas, with an empty text.
    pub(super) fn template(&self) -> String {
        self.template.event("", 0.0)
    }

    /// Where the first `count` deltas end in the text.
    fn end_of(&self, count: usize) -> usize {
        count.checked_sub(1).map_or(0, |last| self.deltas[last].end)
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

impl LogText {
    /// Whether it is pure ASCII. What is long is not looked at for that, where its run is.
    pub fn is_ascii(&self) -> bool {
        match &self.0 {
            TextStorage::Copied(text) => text.is_ascii(),
            TextStorage::Shared { run, range } => run.is_ascii || run.text[range.clone()].is_ascii(),
        }
    }

    /// Its length in JavaScript.
    pub(super) fn utf16_len(&self) -> u32 {
        utf16_len(self, self.is_ascii())
    }

    /// Whether it is held without a copy.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.0, TextStorage::Shared { .. })
    }
}

impl Deref for LogText {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            TextStorage::Copied(text) => text,
            TextStorage::Shared { run, range } => &run.text[range.clone()],
        }
    }
}

impl AsRef<str> for LogText {
    fn as_ref(&self) -> &str {
        self
    }
}

impl From<String> for LogText {
    fn from(text: String) -> Self {
        Self(TextStorage::Copied(text))
    }
}

impl PartialEq for LogText {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// The length of a text in JavaScript.
fn utf16_len(text: &str, is_ascii: bool) -> u32 {
    let units = if is_ascii || text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// A delta notification taken apart.
pub(super) struct DeltaParts<'a> {
    head: &'a str,
    middle: &'a str,
    tail: &'a str,
    pub(super) text: Cow<'a, str>,
    has_time: bool,
    emitted_at_ms: f64,
    pub(super) assistant: bool,
}

impl<'a> DeltaParts<'a> {
    /// None for what stays on its line.
    pub(super) fn of(notification: &Notification<'a>) -> Option<Self> {
        let line = notification.line;
        let delta = notification.ids.delta?;
        if !is_delta(notification.method) || !delta.starts_with('"') {
            return None;
        }
        let Range { start, end: after } = range_of(line, delta)?;
        let plain = &delta[1..delta.len() - 1];
        let text = match memchr::memchr(b'\\', plain.as_bytes()) {
            None => Cow::Borrowed(plain),
            // An escape that no string can hold, half a surrogate pair, is left to the reader of the line.
            Some(_) => Cow::Owned(unescape(plain)?),
        };
        let time = notification.emitted_at_ms.and_then(|time| range_of(line, time));
        let (middle, tail, emitted_at_ms) = match time {
            Some(at) if at.start >= after => {
                let emitted_at_ms = number(&line[at.clone()])?;
                (&line[after..at.start], &line[at.end..], emitted_at_ms)
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
            assistant: notification.method == AGENT_MESSAGE_DELTA,
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
        }
    }
}

/// A number of JSON that JavaScript has as it is. Most are whole, and those need no parser of fractions.
fn number(json: &str) -> Option<f64> {
    const DIGITS_OF_ANY: usize = 15;
    if json.len() <= DIGITS_OF_ANY && json.bytes().all(|byte| byte.is_ascii_digit()) {
        #[expect(clippy::cast_precision_loss, reason = "so many digits are no more than f64 holds")]
        return json.parse::<u64>().ok().map(|whole| whole as f64);
    }
    json.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The text of a JSON string with escapes that was found valid before; none where it holds half a surrogate pair.
///
/// Deltas are most of what a server says, and many have an escape: this costs less than a parser.
fn unescape(escaped: &str) -> Option<String> {
    let mut text = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let kind = *rest.as_bytes().get(at + 1)?;
        rest = rest.get(at + 2..)?;
        text.push(match kind {
            b'n' => '\n',
            b'"' | b'\\' | b'/' => char::from(kind),
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let (character, after) = unicode(rest)?;
                rest = after;
                character
            }
            _ => return None,
        });
    }
    text.push_str(rest);
    Some(text)
}

/// JSON text with U+FFFD for each escape that is half a surrogate pair, which no string here can hold.
pub(super) fn well_formed(json: &str) -> Cow<'_, str> {
    if memchr::memmem::find(json.as_bytes(), b"\\ud")
        .or(memchr::memmem::find(json.as_bytes(), b"\\uD"))
        .is_none()
    {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        let digits = escape.strip_prefix("\\u");
        let (escape, after) = match digits {
            Some(digits) => match unicode(digits) {
                Some((_, after)) => escape.split_at(escape.len() - after.len()),
                None => ("\\ufffd", digits.get(4..).unwrap_or_default()),
            },
            // One escaped character; a text that ends within an escape is none.
            None => escape.split_at_checked(2).unwrap_or((escape, "")),
        };
        text.push_str(escape);
        rest = after;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character of one `\uXXXX`, or of the pair that begins there, and what follows.
fn unicode(digits: &str) -> Option<(char, &str)> {
    let unit = |digits: &str| u16::from_str_radix(digits.get(..4)?, 16).ok();
    let (first, after) = (unit(digits)?, digits.get(4..)?);
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, after));
    }
    let second = unit(after.strip_prefix("\\u")?)?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, after.get(6..)?))
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes_mean_what_a_parser_says() {
        for escaped in [
            r#"a\nb\tc\r\b\f\/ \"\\\""#,
            r"\\n\\\n",
            r"\u0041\u00e4\u20AC€\uFFFF\u0000",
            r"\ud83d\ude00😀\uD83D\uDE00",
            r"\ud83d",
            r"\ude00",
            r"\ud83d\ud83d",
            r"\ud83d\n",
            r"\ud83dx",
            r"\ude00\ud83d",
        ] {
            let parsed: Option<String> = serde_json::from_str(&format!("\"{escaped}\"")).ok();
            assert_eq!(unescape(escaped), parsed, "{escaped}");
        }
        assert_eq!(unescape(r"\ud83d"), None, "half a pair");
    }

    #[test]
    fn what_no_parser_takes_is_none() {
        for escaped in [r"\", r"\u", r"\u12", r"\u00€", r"\x", r"\€", r"\ud83d\", r"\ud83d\u", r"\ud83d\ude0"]
        {
            assert_eq!(unescape(escaped), None, "{escaped}");
        }
    }
}
