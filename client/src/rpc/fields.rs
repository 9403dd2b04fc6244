//! The fields of an object, each by itself: one that can't be read hides no other.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;

/// A key as bytes, where a lone surrogate is allowed.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Key(Vec<u8>);

pub(super) type Object<'a> = HashMap<Key, &'a RawValue>;

/// A field of an object, as it stands there.
pub fn field<'a>(json: &'a str, name: &str) -> Option<&'a RawValue> {
    get(&object(json)?, name)
}

/// Those fields of an object that are text.
pub fn texts<const N: usize>(json: &str, names: [&str; N]) -> [Option<String>; N] {
    let object = object(json).unwrap_or_default();
    names.map(|name| get(&object, name).and_then(text).map(Cow::into_owned))
}

pub(super) fn object(text: &str) -> Option<Object<'_>> {
    serde_json::from_str(text).ok()
}

pub(super) fn get<'a>(object: &Object<'a>, name: &str) -> Option<&'a RawValue> {
    object.get(&Key(name.as_bytes().to_vec())).copied()
}

pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<String>(value.get()).ok().map(Cow::Owned)
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Key, E> {
                Ok(Key(bytes.to_vec()))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Key, E> {
                self.visit_bytes(text.as_bytes())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
