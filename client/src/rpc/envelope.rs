//! What of a message decides where it goes, read without the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::fields::{get, object, text};

/// What of a message decides where it goes. Borrowed from the line; everything else is skipped unread.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: Option<Cow<'a, str>>,
    pub(super) ids: Ids<'a>,
    pub(super) result: Option<&'a RawValue>,
    pub(super) error: Option<&'a RawValue>,
    pub(super) emitted_at_ms: Option<&'a str>,
}

/// The ids inside `params`, and the text of a delta.
#[derive(Debug, Default)]
pub struct Ids<'a> {
    /// `threadId`, or `thread.id`.
    pub thread: Option<Cow<'a, str>>,
    /// `turnId`, or `turn.id`.
    pub turn: Option<Cow<'a, str>>,
    /// `itemId`, or `item.id`.
    pub item: Option<Cow<'a, str>>,
    /// `delta` as it stands on the line.
    pub delta: Option<&'a str>,
}

/// A notification and the line it came on.
#[derive(Debug)]
pub struct Notification<'a> {
    /// The wire method.
    pub method: &'a str,
    /// The ids in its parameters.
    pub ids: &'a Ids<'a>,
    /// `emittedAtMs` as it stands on the line.
    pub emitted_at_ms: Option<&'a str>,
    /// The whole message.
    pub line: &'a str,
}

/// Reads a notification that was kept as text.
pub fn with_notification(line: &str, then: impl FnOnce(&Notification<'_>)) {
    if let Ok(envelope) = Envelope::parse(line)
        && let Some(method) = &envelope.method
    {
        then(&Notification { method, ids: &envelope.ids, emitted_at_ms: envelope.emitted_at_ms, line });
    }
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(line: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line).or_else(|error| salvage(line).ok_or(error))
    }
}

/// Reads a line whose ids or keys are no text, as with a lone surrogate: JavaScript reads it, so it is passed on.
fn salvage(line: &str) -> Option<Envelope<'_>> {
    // Keys are read without a look at what is in them, and JavaScript takes JSON alone.
    serde_json::from_str::<&RawValue>(line).ok()?;
    let message = object(line)?;
    let params = get(&message, "params").and_then(|params| object(params.get())).unwrap_or_default();
    let id = |name: &str, within: &str| {
        let nested = || object(get(&params, within)?.get()).and_then(|inner| text(get(&inner, "id")?));
        get(&params, name).and_then(text).or_else(nested)
    };
    Some(Envelope {
        id: get(&message, "id"),
        method: get(&message, "method").and_then(text),
        ids: Ids {
            thread: id("threadId", "thread"),
            turn: id("turnId", "turn"),
            item: id("itemId", "item"),
            delta: get(&params, "delta").map(RawValue::get),
        },
        result: get(&message, "result"),
        error: get(&message, "error"),
        emitted_at_ms: get(&message, "emittedAtMs").map(RawValue::get),
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Envelope<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON-RPC message")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut envelope = Envelope::default();
                // A duplicate key is not an error: the last one wins, as everywhere else.
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0.unwrap_or_default() {
                        "id" => envelope.id = Some(map.next_value()?),
                        "method" => envelope.method = map.next_value::<Text<'de>>()?.0,
                        "params" => envelope.ids = map.next_value()?,
                        "result" => envelope.result = Some(map.next_value()?),
                        "error" => envelope.error = Some(map.next_value()?),
                        "emittedAtMs" => envelope.emitted_at_ms = Some(map.next_value::<&RawValue>()?.get()),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(envelope)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Ids<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Ids<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("parameters")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut ids = Ids::default();
                let (mut thread, mut turn, mut item) = (None, None, None);
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0.unwrap_or_default() {
                        "threadId" => ids.thread = map.next_value::<Text<'de>>()?.0,
                        "turnId" => ids.turn = map.next_value::<Text<'de>>()?.0,
                        "itemId" => ids.item = map.next_value::<Text<'de>>()?.0,
                        "thread" => thread = map.next_value::<Nested<'de>>()?.0,
                        "turn" => turn = map.next_value::<Nested<'de>>()?.0,
                        "item" => item = map.next_value::<Nested<'de>>()?.0,
                        "delta" => ids.delta = Some(map.next_value::<&RawValue>()?.get()),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                ids.thread = ids.thread.or(thread);
                ids.turn = ids.turn.or(turn);
                ids.item = ids.item.or(item);
                Ok(ids)
            }
            // Parameters of another shape have no ids in them.
            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Ids::default())
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Ids::default())
            }
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Ids::default())
            }
            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Ids::default())
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Ids::default())
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Ids::default())
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Ids::default())
            }
        }
        deserializer.deserialize_any(Fields)
    }
}

/// A string, borrowed where it holds no escape; anything else is no string.
struct Text<'a>(Option<Cow<'a, str>>);

/// The `id` of a nested object.
struct Nested<'a>(Option<Cow<'a, str>>);

macro_rules! lenient {
    ($name:ident, $text:expr, $map:expr) => {
        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Any;
                impl<'de> Visitor<'de> for Any {
                    type Value = $name<'de>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("any value")
                    }
                    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                        let read: fn(Cow<'de, str>) -> Option<Cow<'de, str>> = $text;
                        Ok($name(read(Cow::Borrowed(text))))
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        let read: fn(Cow<'de, str>) -> Option<Cow<'de, str>> = $text;
                        Ok($name(read(Cow::Owned(text.to_owned()))))
                    }
                    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                        Ok($name(None))
                    }
                    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
                        Ok($name(None))
                    }
                    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
                        Ok($name(None))
                    }
                    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
                        Ok($name(None))
                    }
                    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
                        Ok($name(None))
                    }
                    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                        Ok($name(None))
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let read: fn(&mut A) -> Result<Option<Cow<'de, str>>, A::Error> = $map;
                        Ok($name(read(&mut map)?))
                    }
                }
                deserializer.deserialize_any(Any)
            }
        }
    };
}

lenient!(Text, Some, |map| {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(None)
});

lenient!(Nested, |_| None, |map| {
    let mut id = None;
    while let Some(key) = map.next_key::<Text<'de>>()? {
        match key.0.as_deref() {
            Some("id") => id = map.next_value::<Text<'de>>()?.0,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(id)
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_the_protocol_puts_them() {
        for line in [
            r#"{"method":"m","params":{"threadId":"t","turnId":"u","itemId":"i"}}"#,
            r#"{"params":{"turn":{"items":[{"id":"x"}],"id":"u"},"item":{"type":"a","id":"i"},"thread":{"id":"t"}},"method":"m"}"#,
        ] {
            let envelope = Envelope::parse(line).unwrap();
            let ids = envelope.ids;
            assert_eq!(envelope.method.as_deref(), Some("m"));
            let found = (ids.thread.as_deref(), ids.turn.as_deref(), ids.item.as_deref());
            assert_eq!(found, (Some("t"), Some("u"), Some("i")), "{line}");
        }
    }

    #[test]
    fn t12_parameters_of_any_shape_are_let_through() {
        for params in
            ["null", "[1,{}]", "5", "-1.5", "true", "\"x\"", r#"{"item":"i","turn":[1],"threadId":7}"#]
        {
            let line = format!(r#"{{"method":"new/thing","params":{params},"id":1,"id":2}}"#);
            let envelope = Envelope::parse(&line).unwrap();
            let ids = &envelope.ids;
            assert!(ids.thread.is_none() && ids.turn.is_none() && ids.item.is_none(), "{params}");
            assert_eq!(envelope.id.map(RawValue::get), Some("2"));
        }
    }

    #[test]
    fn of_what_is_said_twice_the_last_counts() {
        for (params, thread) in [
            (r#"{"threadId":"a","threadId":"b"}"#, Some("b")),
            (r#"{"threadId":"a","threadId":5}"#, None),
            (r#"{"threadId":"a","thread":{"id":"b"}}"#, Some("a")),
            (r#"{"thread":{"id":"b"},"threadId":"a"}"#, Some("a")),
            (r#"{"thread":{"id":"b","id":"c"},"threadId":5}"#, Some("c")),
            (r#"{"thread":{"id":"b"},"thread":{"id":"c"}}"#, Some("c")),
        ] {
            let line = format!(r#"{{"method":"m","params":{params}}}"#);
            assert_eq!(Envelope::parse(&line).unwrap().ids.thread.as_deref(), thread, "{params}");
        }
    }

    #[test]
    fn what_cannot_be_read_of_a_message_hides_nothing_else_of_it() {
        for params in [
            r#"{"threadId":"\ud800","turnId":"u","item":{"id":"i"}}"#,
            r#"{"\ud800":1,"turn":{"\udc00":1,"id":"u"},"itemId":"i"}"#,
            r#"{"threadId":1e999,"turnId":"u","itemId":"i"}"#,
            r#"{"thread":{"id":"\ud800x"},"turnId":"u","item":{"id":"i","n":-1e999}}"#,
        ] {
            let line = format!(r#"{{"method":"m","params":{params},"emittedAtMs":5}}"#);
            let envelope = Envelope::parse(&line).unwrap();
            let ids = envelope.ids;
            assert_eq!(envelope.method.as_deref(), Some("m"), "{line}");
            let found = (ids.thread.as_deref(), ids.turn.as_deref(), ids.item.as_deref());
            assert_eq!(found, (None, Some("u"), Some("i")), "{line}");
        }
        let control = "{\"method\":\"m\",\"a\tb\":1}";
        for line in ["", "{", "[]", "nonsense", r#"{"method":"m""#, control] {
            assert!(Envelope::parse(line).is_err(), "{line}");
        }
    }
}
