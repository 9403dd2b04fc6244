//! Targets of fuzzing: of a text every secret in it is redacted, in each form, and nothing else; JSON stays JSON.

use serde_json::Value;
use serde_json::value::RawValue;

use super::{REDACTED, Secrets, forms};

/// Separates what an input is made of: no text has it.
const CUT: u8 = 0xff;
/// In a text: the number of a secret and of the form that it has there follow.
const HERE: u8 = 0xfe;

/// More than this all secrets together never are: what finds them takes long to make.
const LONGEST: usize = 1024;

/// Secrets, and a text with some of them in it.
struct Told {
    secrets: Vec<String>,
    text: String,
}

/// What an input says: a number of secrets, these, and a text.
fn told(data: &[u8]) -> Option<Told> {
    let (count, rest) = data.split_first()?;
    let mut parts = rest.split(|byte| *byte == CUT);
    let secrets: Vec<String> = parts
        .by_ref()
        .take(usize::from(count % 4) + 1)
        .map(|secret| String::from_utf8_lossy(secret).trim().to_owned())
        // What the mark holds is in every text.
        .filter(|secret| !secret.is_empty() && !secret.contains(['[', ']']) && !REDACTED.contains(secret))
        .collect();
    if secrets.iter().map(String::len).sum::<usize>() > LONGEST {
        return None;
    }
    let mut text = String::new();
    let mut pieces = parts.next()?.split(|byte| *byte == HERE);
    text.push_str(&String::from_utf8_lossy(pieces.next()?));
    for piece in pieces {
        let [secret, form, rest @ ..] = piece else { break };
        let forms = secrets.get(usize::from(*secret) % secrets.len().max(1)).map(|secret| written(secret));
        if let Some(forms) = forms {
            text.push_str(&forms[usize::from(*form) % forms.len()]);
        }
        text.push_str(&String::from_utf8_lossy(rest));
    }
    Some(Told { secrets, text })
}

/// A secret as programs write it.
fn written(secret: &str) -> Vec<String> {
    let mut written = forms::escapes(secret);
    written.extend(forms::in_url(secret));
    written.extend(forms::in_base64(secret));
    let twice: Vec<String> = written.iter().map(|form| forms::escaped(form)).collect();
    written.extend(twice);
    written.push(secret.to_owned());
    written
}

/// Text.
pub fn redaction(data: &[u8]) {
    let Some(Told { secrets, text }) = told(data) else { return };
    let known = Secrets::new(secrets.iter().cloned());
    let redacted = known.redact(text.clone());
    let whole: Vec<&String> = secrets.iter().filter(|secret| !secret.contains(['\n', '\r'])).collect();
    for secret in &whole {
        for form in written(secret) {
            for piece in redacted.split(REDACTED) {
                assert!(!piece.contains(&form), "{form:?} in {redacted:?} of {text:?}");
            }
        }
    }
    if whole.len() < secrets.len() {
        return;
    }
    // All that any of them covers is gone, and all else is there.
    let mut covered = vec![false; text.len()];
    for form in secrets.iter().flat_map(|secret| written(secret)) {
        let mut from = 0;
        while let Some(at) = text[from..].find(&form) {
            let start = from + at;
            covered[start..start + form.len()].fill(true);
            from = start + text[start..].chars().next().map_or(1, char::len_utf8);
        }
    }
    let left = text.char_indices().filter(|(at, _)| !covered[*at]).map(|(_, char)| char);
    assert_eq!(redacted.replace(REDACTED, ""), left.collect::<String>().replace(REDACTED, ""), "{text:?}");
}

/// A text as a string of JSON, in an object as an event has it.
pub fn redaction_json(data: &[u8]) {
    let Some(Told { secrets, text }) = told(data) else { return };
    let known = Secrets::new(secrets.iter().cloned());
    let within = serde_json::json!({ "message": text, "list": [{ "deep": text.as_str() }], "n": 1 });
    for json in [within.to_string(), text.clone()] {
        if serde_json::from_str::<&RawValue>(&json).is_err() {
            continue;
        }
        let redacted = known.redact_json(&json);
        assert!(serde_json::from_str::<&RawValue>(&redacted).is_ok(), "{redacted} of {json}");
        let (Ok(before), Ok(after)) =
            (serde_json::from_str::<Value>(&json), serde_json::from_str::<Value>(&redacted))
        else {
            continue;
        };
        assert_alike(&before, &after, &secrets);
    }
}

/// The same value but for its strings, in which there is no secret.
fn assert_alike(before: &Value, after: &Value, secrets: &[String]) {
    match (before, after) {
        (Value::Array(before), Value::Array(after)) => {
            assert_eq!(before.len(), after.len());
            before.iter().zip(after).for_each(|(before, after)| assert_alike(before, after, secrets));
        }
        // Keys that become the same are one.
        (Value::Object(before), Value::Object(after)) => {
            if before.len() == after.len() {
                before.values().zip(after.values()).for_each(|(before, after)| {
                    assert_alike(before, after, secrets);
                });
            }
        }
        (Value::String(before), Value::String(after)) => {
            for secret in secrets.iter().filter(|secret| !secret.contains(['\n', '\r'])) {
                for piece in after.split(REDACTED) {
                    assert!(!piece.contains(secret.as_str()), "{secret:?} in {after:?} of {before:?}");
                }
            }
        }
        _ => assert_eq!(before, after),
    }
}
