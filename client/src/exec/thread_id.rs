//! Whether codex went on with the thread that was asked for. It takes names, too, and begins a new thread where it
//! knows none.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How much earlier than it was asked for a new thread may seem to have begun.
const TOLERANCE: Duration = Duration::from_secs(1);

/// Whether `given` is another thread than `asked`, which was asked for at `at`, and no older one of that name.
pub(super) fn is_new(asked: &str, given: &str, at: SystemTime) -> bool {
    // What is no UUID is no id of codex.
    if !is_uuid(given) || given.eq_ignore_ascii_case(asked) {
        return false;
    }
    is_uuid(asked) || began(given).is_some_and(|began| began + TOLERANCE >= at)
}

fn is_uuid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match dashes.contains(&at) {
            true => byte == b'-',
            false => byte.is_ascii_hexdigit(),
        })
}

/// When a UUID of version 7 was made.
fn began(uuid: &str) -> Option<SystemTime> {
    let digits = format!("{}{}", uuid.get(..8)?, uuid.get(9..13)?);
    let milliseconds = u64::from_str_radix(&digits, 16).ok()?;
    (uuid.as_bytes().get(14) == Some(&b'7')).then(|| UNIX_EPOCH + Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "01a22686-8b3c-7d62-b71d-09857cc416e4";
    const NEW: &str = "01a22686-8dad-7f71-8af8-afdf96b0f067";

    #[test]
    fn another_thread_than_the_one_that_was_asked_for_is_new() {
        let between = began(OLD).unwrap() + 2 * TOLERANCE / 4;
        let later = began(NEW).unwrap() + 2 * TOLERANCE;
        assert!(is_new(OLD, NEW, later), "an id is an id");
        assert!(is_new("nope", NEW, between));
        assert!(!is_new("a name", OLD, later), "the thread of that name");
        assert!(!is_new(OLD, &OLD.to_uppercase(), between));
        assert!(!is_new("thread-9", "thread-1", between), "none of codex");
    }
}
