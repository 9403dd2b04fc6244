//! How a secret may be written where it is passed on.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Anything shorter is a word that stands in any text, such as `1` or `true`.
pub(super) const SHORTEST_SECRET: usize = 8;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');
/// What a parser of URLs makes of a query, and of a path.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');
const PATH: &AsciiSet = &QUERY.remove(b'\'').add(b'?').add(b'^').add(b'`').add(b'{').add(b'}');

/// A text as it stands inside a string of JSON.
pub(super) fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The same in each way that is different: some write slashes, what is not ASCII, or what HTML reads, as escapes.
pub(super) fn escapes(text: &str) -> Vec<String> {
    let plain = escaped(text);
    let slashes = plain.replace('/', "\\/");
    let html = escape_if(&plain, |char| matches!(char, '<' | '>' | '&'));
    let ascii = |text: &str| escape_if(text, |char| !char.is_ascii());
    let mut forms = vec![ascii(&plain), ascii(&slashes), html, slashes, plain];
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn escape_if(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match is_escaped(char) {
            true => {
                let units = char
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect::<String>();
                escaped.push_str(&units);
            }
            false => escaped.push(char),
        }
    }
    escaped
}

/// A text as it stands in a URL, in each way that is different.
pub(super) fn in_url(text: &str) -> Vec<String> {
    let mut forms: Vec<String> = [UNRESERVED, COMPONENT, QUERY, PATH]
        .into_iter()
        .map(|set| utf8_percent_encode(text, set).to_string())
        .collect();
    forms.push(utf8_percent_encode(text, FORM).to_string().replace(' ', "+"));
    forms.sort_unstable();
    forms.dedup();
    forms.retain(|form| form != text);
    forms
}

/// What stands of a text in Base64 wherever it begins there, without what its neighbours have a part in.
pub(super) fn in_base64(text: &str) -> Vec<String> {
    // Of a short one too little would be left.
    let offsets = if text.len() < SHORTEST_SECRET { 0..0 } else { 0..3 };
    let mut forms: Vec<String> = offsets
        .flat_map(|offset| {
            let bytes = [&[0; 2][..offset], text.as_bytes()].concat();
            let own = (offset * 8).div_ceil(6)..bytes.len() * 8 / 6;
            [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|base64| base64.encode(&bytes)[own.clone()].to_owned())
        })
        .collect();
    forms.sort_unstable();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_base64_is_found_wherever_it_begins() {
        let forms = in_base64("pass>word?");
        for before in ["", "u", "us", "user:"] {
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let encoded = engine.encode(format!("{before}pass>word?!"));
                assert!(forms.iter().any(|form| encoded.contains(form)), "{encoded}: {forms:?}");
            }
        }
        assert!(in_base64("short").is_empty());
    }

    #[test]
    fn a_text_in_json_is_found_however_it_was_escaped() {
        let forms = escapes("a/<é😀\"");
        for form in [
            r#"a/<é😀\""#,
            r#"a\/<é😀\""#,
            r#"a/\u003cé😀\""#,
            r#"a/<\u00e9\ud83d\ude00\""#,
            r#"a\/<\u00e9\ud83d\ude00\""#,
        ] {
            assert!(forms.iter().any(|one| one == form), "{form} in {forms:?}");
        }
        assert_eq!(escapes("sk-plain"), ["sk-plain"]);
    }

    #[test]
    fn a_text_in_a_url_is_found_however_it_was_encoded() {
        assert_eq!(in_url("sk-plain_text.1~2"), ["sk-plain_text.1%7E2"]);
        let forms = in_url("a b&c/(d)'é");
        for form in [
            "a%20b%26c%2F%28d%29%27%C3%A9",
            "a%20b%26c%2F(d)'%C3%A9",
            "a+b%26c%2F%28d%29%27%C3%A9",
            "a%20b&c/(d)%27%C3%A9",
        ] {
            assert!(forms.iter().any(|one| one == form), "{form} in {forms:?}");
        }
    }
}
