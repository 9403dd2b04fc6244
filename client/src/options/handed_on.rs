//! Options under the protocol's own names that this crate only hands on: all that codex takes can be given.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Fields of the wire that were given beside the options that mean something here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HandedOn {
    /// By the names that the pinned protocol has.
    pub fields: Map<String, Value>,
    /// What a newer codex knows, given as `extra`.
    pub extra: Map<String, Value>,
}

impl HandedOn {
    /// Puts them into parameters. What is there already was said by an option of its own, and stays.
    pub(crate) fn put(&self, wire: &mut Map<String, Value>, known: &[&str]) {
        for (name, value) in &self.fields {
            if known.contains(&name.as_str()) {
                wire.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        for (name, value) in &self.extra {
            wire.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }

    /// Whether a field was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// What of it a thread that is loaded again is to have; the rest lasts, or said how it was opened.
    pub(crate) fn of_opening(self) -> Self {
        Self { fields: Map::new(), extra: self.extra }
    }

    /// These, and where they leave something out what the others say.
    pub(crate) fn or(mut self, others: Self) -> Self {
        for (name, value) in others.fields {
            self.fields.entry(name).or_insert(value);
        }
        for (name, value) in others.extra {
            self.extra.entry(name).or_insert(value);
        }
        self
    }
}

/// Reads options of which some are handed on: names of `wire` that the options themselves do not have, but for those
/// that are `withheld`, and `extra`.
pub(crate) struct Sieve<'a, D> {
    pub(crate) inner: D,
    pub(crate) wire: &'a [&'a [&'a str]],
    pub(crate) withheld: &'a [&'a str],
    pub(crate) taken: &'a mut HandedOn,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Sieve<'_, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        own: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Self { inner, wire, withheld, taken } = self;
        inner.deserialize_map(Sifting { own, wire, withheld, taken, visitor })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Sifting<'a, V> {
    own: &'static [&'static str],
    wire: &'a [&'a [&'a str]],
    withheld: &'a [&'a str],
    taken: &'a mut HandedOn,
    visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Sifting<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Self { own, wire, withheld, taken, visitor } = self;
        visitor.visit_map(Rest { map, own, wire, withheld, taken })
    }
}

/// What of an object is not handed on.
struct Rest<'a, A> {
    map: A,
    own: &'static [&'static str],
    wire: &'a [&'a [&'a str]],
    withheld: &'a [&'a str],
    taken: &'a mut HandedOn,
}

impl<A> Rest<'_, A> {
    fn is_handed_on(&self, name: &str) -> bool {
        !self.own.contains(&name)
            && !self.withheld.contains(&name)
            && self.wire.iter().any(|fields| fields.contains(&name))
    }

    /// What is accepted, for the error of an unknown name.
    fn accepted(&self) -> String {
        let mut names: Vec<&str> = self.own.to_vec();
        for name in self.wire.iter().flat_map(|fields| fields.iter().copied()) {
            if self.is_handed_on(name) && !names.contains(&name) {
                names.push(name);
            }
        }
        names.push("extra");
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        loop {
            let Some(name) = self.map.next_key::<String>()? else { return Ok(None) };
            if self.own.contains(&name.as_str()) {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            if self.is_handed_on(&name) {
                let value = self.map.next_value()?;
                self.taken.fields.insert(name, value);
            } else if name == "extra" {
                self.taken.extra = self.map.next_value::<Fields>()?.0;
            } else {
                return Err(A::Error::custom(format!(
                    "unknown field `{name}`, expected one of {}",
                    self.accepted()
                )));
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// The fields of an object.
struct Fields(Map<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(D::Error::custom("must be an object of fields of the protocol")),
        }
    }
}

/// Makes a type read what it does not know itself into its field `handed_on`, where the wire has it. The type derives
/// its `Deserialize` with `#[serde(remote = "Self")]`.
macro_rules! hands_on {
    ($name:ident, $wire:expr, $withheld:expr) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut taken = $crate::options::handed_on::HandedOn::default();
                let sieve = $crate::options::handed_on::Sieve {
                    inner: deserializer,
                    wire: $wire,
                    withheld: $withheld,
                    taken: &mut taken,
                };
                let mut settings = $name::deserialize(sieve)?;
                settings.handed_on = taken;
                Ok(settings)
            }
        }
    };
}
pub(crate) use hands_on;
