//! How a secret may be written where it is passed on.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

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

#[cfg(test)]
mod tests {
    use super::*;

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
