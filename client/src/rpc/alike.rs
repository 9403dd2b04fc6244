//! A delta that is the one before but for its text and its time is read without a parser: they are most of what a server
//! says. What is read is what [`Envelope::parse`] says of the line; where that can't be seen at a glance it is asked.

use std::borrow::Cow;
use std::ops::Range;

use super::envelope::{Envelope, Ids};
use super::methods::is_delta;
use crate::text::range_of;

/// So many turns may speak at once.
const MOST: usize = 8;
/// A delta with more around its text is read by the parser.
const MOST_BYTES: usize = 4096;

/// What the last deltas had in common with those to come.
#[derive(Debug, Default)]
pub(super) struct Alike {
    frames: Vec<Frame>,
    /// Which of them was met last.
    last: usize,
}

/// A delta without its text and its time, and where its other parts are.
#[derive(Debug)]
struct Frame {
    /// What lies before the text, quote excluded. All that is named here lies in it.
    head: Box<str>,
    method: Range<usize>,
    thread: Option<Range<usize>>,
    turn: Option<Range<usize>>,
    item: Option<Range<usize>>,
    /// What lies behind the text, as far as the digits of `emittedAtMs`.
    middle: Box<str>,
    /// What lies behind those, where there are any.
    tail: Option<Box<str>>,
}

impl Alike {
    /// What of a message decides where it goes.
    pub(super) fn read<'a>(&mut self, line: &'a str) -> Result<Envelope<'a>, serde_json::Error> {
        if let Some(envelope) = self.at_a_glance(line) {
            return Ok(envelope);
        }
        let envelope = Envelope::parse(line)?;
        self.remember(line, &envelope);
        Ok(envelope)
    }

    /// None unless all but the text and the time is as it was before.
    fn at_a_glance<'a>(&mut self, line: &'a str) -> Option<Envelope<'a>> {
        let begins = |frame: &Frame| line.as_bytes().starts_with(frame.head.as_bytes());
        if !self.frames.get(self.last).is_some_and(begins) {
            self.last = self.frames.iter().position(begins)?;
        }
        self.frames[self.last].read(line)
    }

    fn remember(&mut self, line: &str, envelope: &Envelope<'_>) {
        let Some(frame) = Frame::of(line, envelope) else { return };
        // One that begins alike ends in another way now.
        let at = self.frames.iter().position(|known| known.head == frame.head);
        self.last = at.unwrap_or(match self.frames.len() {
            MOST => (self.last + 1) % MOST,
            fewer => fewer,
        });
        match self.frames.get_mut(self.last) {
            Some(known) => *known = frame,
            None => self.frames.push(frame),
        }
    }
}

impl Frame {
    /// Reads a line that begins with its head.
    fn read<'a>(&self, line: &'a str) -> Option<Envelope<'a>> {
        let start = self.head.len();
        let end = start + string_length(&line.as_bytes()[start..])?;
        let rest = line.get(end..)?.strip_prefix(&*self.middle)?;
        let emitted_at_ms = match &self.tail {
            None if rest.is_empty() => None,
            None => return None,
            Some(tail) => {
                let digits = rest.strip_suffix(&**tail)?;
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                if !is_number || digits.is_empty() || digits.starts_with('0') {
                    return None;
                }
                Some(digits)
            }
        };
        let text = |range: &Range<usize>| Cow::Borrowed(&line[range.clone()]);
        Some(Envelope {
            method: Some(text(&self.method)),
            ids: Ids {
                thread: self.thread.as_ref().map(text),
                turn: self.turn.as_ref().map(text),
                item: self.item.as_ref().map(text),
                delta: Some(&line[start..end]),
            },
            emitted_at_ms,
            ..Envelope::default()
        })
    }

    /// None for what is no delta, and where something would have to be looked for behind the text.
    fn of(line: &str, envelope: &Envelope<'_>) -> Option<Self> {
        let Envelope { id: None, method: Some(method), ids, result: None, error: None, emitted_at_ms } =
            envelope
        else {
            return None;
        };
        let delta = range_of(line, ids.delta?)?;
        if !is_delta(method) || !line[delta.clone()].starts_with('"') || line.len() - delta.len() > MOST_BYTES
        {
            return None;
        }
        // What holds an escape is no part of the line.
        let before = |text: &Cow<'_, str>| match text {
            Cow::Borrowed(text) => range_of(line, text).filter(|range| range.end <= delta.start),
            Cow::Owned(_) => None,
        };
        let id = |id: &Option<Cow<'_, str>>| id.as_ref().map_or(Some(None), |id| before(id).map(Some));
        let behind = |time: &str| range_of(line, time).filter(|range| range.start >= delta.end);
        let time = emitted_at_ms.map_or(Some(None), |time| behind(time).map(Some))?;
        Some(Self {
            head: line[..delta.start].into(),
            method: before(method)?,
            thread: id(&ids.thread)?,
            turn: id(&ids.turn)?,
            item: id(&ids.item)?,
            middle: line[delta.end..time.as_ref().map_or(line.len(), |time| time.start)].into(),
            tail: time.map(|time| line[time.end..].into()),
        })
    }
}

/// The length of the JSON string that bytes begin with. None for what is none, or may be none.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    bytes.first().filter(|first| **first == b'"')?;
    loop {
        let rest = bytes.get(at..)?;
        let plain = memchr::memchr2(b'"', b'\\', rest)?;
        if has_control(&rest[..plain]) {
            return None;
        }
        at += plain + 1;
        if rest[plain] == b'"' {
            return Some(at);
        }
        at += match bytes.get(at)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 1,
            b'u' if bytes.get(at + 1..at + 5)?.iter().all(u8::is_ascii_hexdigit) => 5,
            _ => return None,
        };
    }
}

/// Whether any byte is a control character, which no string of JSON holds as it is. Eight at once.
fn has_control(bytes: &[u8]) -> bool {
    const EACH: u64 = u64::MAX / 0xff;
    let (words, rest) = bytes.as_chunks::<8>();
    let found = words.iter().fold(0, |found, word| {
        let word = u64::from_ne_bytes(*word);
        // The highest bit of a byte says so: what is below a space borrows it, and what has it itself does not count.
        found | (word.wrapping_sub(EACH * 0x20) & !word & (EACH * 0x80))
    });
    found != 0 || rest.iter().any(|byte| *byte < b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(text: &str, time: &str) -> String {
        format!(
            r#"{{"method":"item/agentMessage/delta","params":{{"threadId":"t","turnId":"u","itemId":"i","delta":"{text}"}},"emittedAtMs":{time}}}"#
        )
    }

    /// What is read of a line is the same whatever came before; whether a parser was asked.
    fn read(alike: &mut Alike, line: &str) -> bool {
        let parsed = Envelope::parse(line).map_err(drop);
        let at_a_glance = alike.at_a_glance(line).is_some();
        let found = alike.read(line).map_err(drop);
        assert_eq!(format!("{found:?}"), format!("{parsed:?}"), "{line}");
        !at_a_glance
    }

    #[test]
    fn what_differs_in_text_and_time_alone_asks_no_parser() {
        let mut alike = Alike::default();
        assert!(read(&mut alike, &delta("Hello", "1700000000000")));
        for text in ["", " world", "€ 😀", r#"a\nb\"\\\/\b\f\r\t"#, r"\u00e4\ud83d\ude00", r"\ud83d", "}}"]
        {
            assert!(!read(&mut alike, &delta(text, "1700000000001")), "{text}");
        }
        let without = |text: &str| delta(text, "0").replace(r#","emittedAtMs":0"#, "");
        assert!(read(&mut alike, &without("a")));
        assert!(!read(&mut alike, &without("b")));
    }

    #[test]
    fn what_may_be_no_message_is_left_to_the_parser() {
        let mut alike = Alike::default();
        read(&mut alike, &delta("a", "5"));
        for text in ["\t", "\n", r"\x", r"\u12", r"\u12g4", r"\", "a\"", "a\",\"b\":\"c"] {
            assert!(read(&mut alike, &delta(text, "5")), "{text:?}");
        }
        read(&mut alike, &delta("a", "5"));
        for time in ["", "05", "-5", "5.5", "5e3", "null", "\"5\"", "5,\"id\":1", "5 "] {
            assert!(read(&mut alike, &delta("a", time)), "{time}");
            read(&mut alike, &delta("a", "5"));
        }
        for cut in 0..delta("a", "5").len() {
            assert!(read(&mut alike, &delta("a", "5")[..cut]), "{cut}");
        }
    }

    #[test]
    fn a_control_character_is_seen_wherever_it_stands() {
        for length in 0..40 {
            for plain in [b' ', b'a', 0x7f, 0x80, 0x9f, 0xff] {
                let mut bytes = vec![plain; length];
                assert!(!has_control(&bytes), "{length} {plain}");
                for at in 0..length {
                    for control in [0, 9, 0x1f] {
                        bytes[at] = control;
                        assert!(has_control(&bytes), "{length} {at} {control}");
                    }
                    bytes[at] = plain;
                }
            }
        }
    }

    #[test]
    fn what_stands_elsewhere_or_twice_is_read_as_it_is() {
        let lines = [
            r#"{"method":"item/x/delta","params":{"delta":"a","threadId":"t","turnId":"u"}}"#,
            r#"{"params":{"delta":"a"},"method":"item/x/delta"}"#,
            r#"{"method":"item/x/delta","params":{"threadId":"a","delta":"a","threadId":"b"}}"#,
            r#"{"method":"item/x/delta","params":{"delta":"b","delta":"a"}}"#,
            r#"{"method":"item/x/delta","params":{"delta":"a","delta":7}}"#,
            r#"{"emittedAtMs":5,"method":"item/x/delta","params":{"delta":"a"}}"#,
            r#"{"method":"item/x/delta","params":{"delta":"a"},"id":1}"#,
            r#"{"method":"item/x/delta","params":{"threadId":"\u0074","delta":"a"}}"#,
            r#"{"method":"item/x/delta","params":{"thread":{"id":"t"},"turn":{"id":"u"},"delta":"a"}}"#,
            r#"{"method":"item/x","params":{"delta":"a"}}"#,
            r#"{"method":"item/x/delta","params":{"threadId":"t","delta":"a"},"params":{"delta":"a"}}"#,
        ];
        for line in lines {
            let mut alike = Alike::default();
            for text in ["a", "b", "c\\n", "d"] {
                read(&mut alike, &line.replacen("\"a\"", &format!("\"{text}\""), 1));
            }
        }
    }
}
