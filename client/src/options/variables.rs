//! Environment variables of a child, of which some may be there to be unset.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// What JavaScript's undefined comes as. No variable can have it for its value.
const UNSET: &str = "\0";

/// Variables of a child: `None` is one to unset.
pub(crate) type Variables = BTreeMap<String, Option<String>>;

/// Reads variables that are there.
pub(crate) fn variables<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Variables>, D::Error> {
    BTreeMap::deserialize(deserializer).map(|given| Some(taken(given)))
}

/// Reads variables where null is nothing.
pub(crate) fn nullable_variables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Variables>, D::Error> {
    Option::deserialize(deserializer).map(|given: Option<_>| given.map(taken))
}

/// Reads variables where null is a value of its own, and another word for one to unset.
pub(crate) fn wire_variables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Variables>>, D::Error> {
    let given = Option::<Variables>::deserialize(deserializer)?;
    let unset = |value: Option<String>| value.filter(|value| value != UNSET);
    let taken = |given: Variables| given.into_iter().map(|(name, value)| (name, unset(value))).collect();
    Ok(Some(given.map(taken)))
}

fn taken(given: BTreeMap<String, String>) -> Variables {
    given.into_iter().map(|(name, value)| (name, Some(value).filter(|value| value != UNSET))).collect()
}
