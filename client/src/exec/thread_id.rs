//! Which thread is asked for, and whether codex went on with that. It takes names, too, and begins a new thread where
//! it knows none.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

/// How much earlier than it was asked for a new thread may seem to have begun.
const TOLERANCE: Duration = Duration::from_secs(1);

/// Whether `given` is another thread than `asked`, which was asked for at `at`, and no older one of that name.
pub(super) fn is_new(asked: &str, given: &str, at: SystemTime) -> bool {
    if given.eq_ignore_ascii_case(asked) {
        return false;
    }
    is_uuid(asked) || began(given).is_none_or(|began| began + TOLERANCE >= at)
}

fn is_uuid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match dashes.contains(&at) {
            true => byte == b'-',
            false => byte.is_ascii_hexdigit(),
        })
}

/// Where codex keeps the names of threads: a line for each that was given, the newest last.
const NAMES: &str = "session_index.jsonl";

#[derive(Deserialize)]
struct Named {
    id: String,
    thread_name: String,
}

/// The id of the thread that has a name in a home of codex; what is an id is its own.
pub(super) fn named(home: &Path, name: &str) -> Option<String> {
    if is_uuid(name) {
        return None;
    }
    let names = std::fs::read_to_string(home.join(NAMES)).ok()?;
    let mut renamed = HashSet::new();
    let mut newest = names.lines().rev().filter_map(|line| serde_json::from_str::<Named>(line).ok());
    newest.find(|named| renamed.insert(named.id.clone()) && named.thread_name == name).map(|named| named.id)
}

/// When a UUID of version 7 was made.
fn began(uuid: &str) -> Option<SystemTime> {
    let digits = format!("{}{}", uuid.get(..8)?, uuid.get(9..13)?);
    let milliseconds = u64::from_str_radix(&digits, 16).ok()?;
    (uuid.as_bytes().get(14) == Some(&b'7')).then(|| UNIX_EPOCH + Duration::from_millis(milliseconds))
}

/// Removes what codex has stored of a thread that it began by mistake: `sessions/YEAR/MONTH/DAY/rollout-...-ID.jsonl`.
pub(super) fn remove_stored(home: &Path, id: &str) {
    // The newest folders come last, and it has just begun. Around midnight it may be of the day before.
    const MOST_FOLDERS: usize = 2;
    if !is_uuid(id) {
        return;
    }
    let end = format!("-{id}.jsonl");
    let mut days = vec![home.join("sessions")];
    for _ in 0..3 {
        days = days.iter().flat_map(|folder| last(folder, MOST_FOLDERS)).collect();
    }
    for file in days.iter().flat_map(|day| entries(day)) {
        if file.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&end)) {
            let _ = std::fs::remove_file(file);
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn last(folder: &Path, most: usize) -> Vec<PathBuf> {
    let mut folders = entries(folder);
    folders.sort();
    folders.split_off(folders.len().saturating_sub(most))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has no caller whose folder it could take")]
mod tests {
    use super::*;

    const OLD: &str = "01a22686-8b3c-7d62-b71d-09857cc416e4";
    const NEW: &str = "01a22686-8dad-7f71-8af8-afdf96b0f067";

    #[test]
    fn of_a_thread_that_began_by_mistake_nothing_is_left_and_all_else_stays() {
        let home = tempfile::tempdir().unwrap();
        let day = home.path().join("sessions/2026/11/29");
        std::fs::create_dir_all(home.path().join("sessions/2025/12/31")).unwrap();
        std::fs::create_dir_all(&day).unwrap();
        for id in [OLD, NEW] {
            std::fs::write(day.join(format!("rollout-2026-11-29T10-00-00-{id}.jsonl")), "").unwrap();
        }
        remove_stored(home.path(), NEW);
        remove_stored(home.path(), "");
        let left = entries(&day);
        assert!(left.len() == 1 && left[0].to_string_lossy().contains(OLD), "{left:?}");
    }

    #[test]
    fn a_name_is_of_the_thread_that_has_it_now() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(named(home.path(), "a name"), None);
        let line = |id: &str, name: &str| format!("{{\"id\":\"{id}\",\"thread_name\":\"{name}\"}}\n");
        let lines =
            [line(OLD, "a name"), line(NEW, "other"), "{}\n".to_owned(), line(NEW, "a name"), line(OLD, OLD)];
        std::fs::write(home.path().join(NAMES), lines.concat()).unwrap();
        assert_eq!(named(home.path(), "a name").as_deref(), Some(NEW));
        assert_eq!(named(home.path(), "other"), None, "it has another by now");
        assert_eq!(named(home.path(), OLD), None, "an id is an id");
    }

    #[test]
    fn another_thread_than_the_one_that_was_asked_for_is_new() {
        let between = began(OLD).unwrap() + 2 * TOLERANCE / 4;
        let later = began(NEW).unwrap() + 2 * TOLERANCE;
        assert!(is_new(OLD, NEW, later), "an id is an id");
        assert!(is_new("nope", NEW, between));
        assert!(!is_new("a name", OLD, later), "the thread of that name");
        assert!(!is_new(OLD, &OLD.to_uppercase(), between));
        assert!(is_new("thread-9", "thread-1", later), "none whose age could be known");
    }
}
