//! Strings of JSON that are read where they stand.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::deltas::well_formed;

/// The text of a string; half a surrogate pair is U+FFFD.
pub(super) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    let plain = text.strip_prefix('"')?.strip_suffix('"')?;
    if plain.contains('\\') {
        serde_json::from_str(&well_formed(text)).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(plain))
    }
}
