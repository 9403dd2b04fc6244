//! Strings of JSON where they stand, without a parser: the text is JSON, or its errors are somebody else's.

use std::borrow::Cow;
use std::collections::HashSet;

use super::forms::escaped;

/// Whether it holds an escape for which there is a more common one.
pub(super) fn has_rare_escapes(json: &str) -> bool {
    let has = |escape: &[u8]| memchr::memmem::find(json.as_bytes(), escape).is_some();
    has(b"\\u") || has(b"\\/")
}

/// JSON with what each of its strings holds replaced.
pub(super) fn in_strings<'a>(json: &'a str, replaced: impl Fn(&'a str) -> Cow<'a, str>) -> Cow<'a, str> {
    let bytes = json.as_bytes();
    let (mut text, mut done, mut at) = (String::new(), 0, 0);
    while let Some(quote) = memchr::memchr(b'"', &bytes[at..]) {
        let start = at + quote + 1;
        let Some(end) = end_of_string(bytes, start) else { break };
        if let Cow::Owned(new) = replaced(&json[start..end]) {
            text.push_str(&json[done..start]);
            text.push_str(&new);
            done = end;
        }
        at = end + 1;
    }
    if done == 0 {
        return Cow::Borrowed(json);
    }
    text.push_str(&json[done..]);
    Cow::Owned(text)
}

fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// A string with its escapes as we write them. Half a surrogate pair stays.
pub(super) fn common_escapes(string: &str) -> Cow<'_, str> {
    if !has_rare_escapes(string) {
        return Cow::Borrowed(string);
    }
    let mut common = String::with_capacity(string.len());
    let mut rest = string;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (before, escape) = rest.split_at(at);
        common.push_str(before);
        let length = escape_length(escape);
        rest = match unicode(escape) {
            _ if escape.starts_with("\\/") => {
                common.push('/');
                &escape[length..]
            }
            Some((character, length)) => {
                common.push_str(&escaped(&character));
                &escape[length..]
            }
            None => {
                common.push_str(&escape[..length]);
                &escape[length..]
            }
        };
    }
    common.push_str(rest);
    Cow::Owned(common)
}

/// The character of one `\uXXXX`, or of the pair that begins there, and how long that is.
fn unicode(escape: &str) -> Option<(String, usize)> {
    let length = escape_length(escape);
    let is_one = |text: &str| text.chars().count() == 1;
    let read = |length: usize| {
        let text: String = serde_json::from_str(&format!("\"{}\"", escape.get(..length)?)).ok()?;
        is_one(&text).then_some((text, length))
    };
    escape.starts_with("\\u").then(|| read(length).or_else(|| read(2 * length)))?
}

/// The places within the escapes of a string.
pub(super) fn within_escapes(string: &str) -> HashSet<usize> {
    let (mut within, mut at) = (HashSet::new(), 0);
    while let Some(escape) = memchr::memchr(b'\\', &string.as_bytes()[at..]) {
        let start = at + escape;
        at = start + escape_length(&string[start..]);
        within.extend(start + 1..at);
    }
    within
}

/// How long the escape is that a text begins with.
fn escape_length(text: &str) -> usize {
    let length = if text.starts_with("\\u") { 6 } else { 2 };
    // Where it is none, it ends with a character.
    text.char_indices().map(|(at, _)| at).chain([text.len()]).find(|at| *at >= length).unwrap_or(text.len())
}
