//! Targets of fuzzing: an envelope is what a plain parser of JSON says of the message, whatever came before it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::alike::Alike;
use super::envelope::Envelope;

/// The envelope of a message.
pub fn envelope(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    let envelope = Envelope::parse(line);
    // However deep it goes, and whatever its numbers and strings are.
    let is_object = serde_json::from_str::<&RawValue>(line).is_ok_and(|raw| raw.get().starts_with('{'));
    assert_eq!(envelope.is_ok(), is_object);
    let Ok(envelope) = envelope else { return };
    let Some(plain) = plain(line) else { return };
    let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let raw = |raw: Option<&RawValue>| raw.map(|raw| raw.get().to_owned());
    let ids = &envelope.ids;
    let found = Plain {
        id: raw(envelope.id),
        method: text(&envelope.method),
        thread: text(&ids.thread),
        turn: text(&ids.turn),
        item: text(&ids.item),
        delta: ids.delta.map(str::to_owned),
        result: raw(envelope.result),
        error: raw(envelope.error),
        emitted_at_ms: envelope.emitted_at_ms.map(str::to_owned),
    };
    assert_eq!(found, plain);
    // What keeps no text as it came says the same.
    let Ok(value) = serde_json::from_str::<Value>(line) else { return };
    let params = &value["params"];
    let id = |direct: &str, nested: &str| {
        params[direct].as_str().or(params[nested]["id"].as_str()).map(str::to_owned)
    };
    let method = value["method"].as_str().map(str::to_owned);
    let ids = [id("threadId", "thread"), id("turnId", "turn"), id("itemId", "item")];
    assert_eq!((found.method, [found.thread, found.turn, found.item]), (method, ids));
}

/// Lines after each other say what each says alone, however much they are alike.
pub fn alike(data: &[u8]) {
    let mut alike = Alike::default();
    for line in data.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let alone = Envelope::parse(line).map_err(drop);
        assert_eq!(format!("{:?}", alike.read(line).map_err(drop)), format!("{alone:?}"));
    }
}

#[derive(Debug, PartialEq)]
struct Plain {
    id: Option<String>,
    method: Option<String>,
    thread: Option<String>,
    turn: Option<String>,
    item: Option<String>,
    delta: Option<String>,
    result: Option<String>,
    error: Option<String>,
    emitted_at_ms: Option<String>,
}

/// The same read one level after the other; none where a key is no text.
fn plain(line: &str) -> Option<Plain> {
    type Object<'a> = HashMap<String, &'a RawValue>;
    let object = |raw: Option<&&'_ RawValue>| -> Option<HashMap<String, String>> {
        let Some(raw) = raw.filter(|raw| raw.get().starts_with('{')) else { return Some(HashMap::new()) };
        let fields: Object<'_> = serde_json::from_str(raw.get()).ok()?;
        Some(fields.into_iter().map(|(name, raw)| (name, raw.get().to_owned())).collect())
    };
    let text = |raw: Option<&String>| raw.and_then(|raw| serde_json::from_str::<String>(raw).ok());
    let message: Object<'_> = serde_json::from_str(line).ok()?;
    let params = object(message.get("params"))?;
    let id = |direct: &str, nested: &str| -> Option<Option<String>> {
        let inner: Option<Box<RawValue>> = params.get(nested).and_then(|raw| serde_json::from_str(raw).ok());
        let inner = object(inner.as_deref().as_ref())?;
        Some(text(params.get(direct)).or(text(inner.get("id"))))
    };
    let whole = |name: &str| message.get(name).map(|raw| raw.get().to_owned());
    Some(Plain {
        id: whole("id"),
        method: text(whole("method").as_ref()),
        thread: id("threadId", "thread")?,
        turn: id("turnId", "turn")?,
        item: id("itemId", "item")?,
        delta: params.get("delta").cloned(),
        result: whole("result"),
        error: whole("error"),
        emitted_at_ms: whole("emittedAtMs"),
    })
}
