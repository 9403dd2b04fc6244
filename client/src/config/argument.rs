//! How a named value stands in an argument list.

use std::ffi::OsString;

/// A name and its value: two arguments, or one where the value would be taken for an option.
pub(crate) fn argument_pair(name: &str, value: impl Into<OsString>) -> impl Iterator<Item = OsString> {
    let value = value.into();
    let begins_with_dash = value.as_encoded_bytes().first() == Some(&b'-');
    let (first, second) = if begins_with_dash {
        let mut joined = OsString::from(format!("{name}="));
        joined.push(value);
        (joined, None)
    } else {
        (OsString::from(name), Some(value))
    };
    std::iter::once(first).chain(second)
}
