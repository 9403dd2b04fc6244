//! What is said of an option that a call does not know: what was meant, or whose it is, and what the call takes.

use serde::de::{Deserialize, Deserializer, Visitor};

use super::{
    ClientSettings, CloseSettings, InterruptSettings, ReadSettings, ReaderSettings, RequestSettings,
    ThreadQuery, ThreadSettings, TurnSettings,
};

/// The call that options are of, where what it takes is not all that their type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `startThread`.
    StartThread,
    /// `resumeThread` and `resumeLatestThread`.
    ResumeThread,
    /// `forkThread`.
    ForkThread,
    /// Any other.
    Other,
}

impl Call {
    /// Whether it takes an option that its type has.
    pub(super) fn takes(self, name: &str) -> bool {
        match self {
            Self::StartThread => super::OpenKind::Start.takes(name),
            Self::ResumeThread => super::OpenKind::Resume.takes(name),
            Self::ForkThread => super::OpenKind::Fork.takes(name),
            Self::Other => true,
        }
    }
}

/// The text of an error of an unknown name, or nothing where it is another error. `beside` are names of options that are no
/// data.
pub(super) fn unknown_name(why: &str, call: Call, beside: &[&str]) -> Option<(String, String)> {
    let rest = why.strip_prefix("unknown field `")?;
    let (name, listed) = rest.split_once('`')?;
    let mut accepted: Vec<&str> =
        listed.split('`').skip(1).step_by(2).filter(|name| call.takes(name)).collect();
    accepted.extend(beside);
    let list = accepted.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let hint = match nearest(name, &accepted) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => match homes(name).as_slice() {
            [] => String::new(),
            homes => format!("; that is an option of {}", homes.join(", ")),
        },
    };
    let takes = match accepted.len() {
        0 => "there are no fields".to_owned(),
        1 => format!("expected {list}"),
        _ => format!("expected one of {list}"),
    };
    Some((name.to_owned(), format!("unknown field `{name}`{hint}, {takes}")))
}

/// The accepted name that is most like one, where any is like it.
fn nearest<'a>(name: &str, accepted: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let given = plain(name);
    let most = (given.len() / 4).clamp(1, 3);
    // A unit is left out as easily as a letter.
    let is_part = |known: &&&str| given.len() >= 4 && plain(known).starts_with(&given);
    if let Some(whole) = accepted.iter().find(is_part) {
        return Some(whole);
    }
    let distances = accepted.iter().map(|known| (distance(&given, &plain(known)), *known));
    let (least, known) = distances.min_by_key(|(distance, _)| *distance)?;
    (least <= most).then_some(known)
}

/// How many letters must be put in, taken out, changed or swapped with the next to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, char) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, known) in other.iter().enumerate() {
            let changed = last.get(column).copied().unwrap_or_default() + usize::from(char != known);
            let added = current.get(column).copied().unwrap_or_default() + 1;
            let taken = last.get(column + 1).copied().unwrap_or_default() + 1;
            let mut least = changed.min(added).min(taken);
            let swaps = row > 0
                && column > 0
                && one.get(row - 1) == Some(known)
                && other.get(column - 1) == Some(char);
            if swaps {
                least = least.min(before.get(column - 1).copied().unwrap_or_default() + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

/// The names of the fields of a type, as it is derived.
macro_rules! fields {
    ($type:ident) => {{
        let mut fields: &'static [&'static str] = &[];
        drop($type::deserialize(Fields(&mut fields)));
        fields
    }};
}

/// The calls that have an option of this name.
fn homes(name: &str) -> Vec<&'static str> {
    let all: [(&str, &[&str]); 9] = [
        ("`new Codex()`", fields!(ClientSettings)),
        ("`startThread`", fields!(ThreadSettings)),
        ("`turn` and `run`", fields!(TurnSettings)),
        ("`listThreads`", fields!(ThreadQuery)),
        ("`stream()`", fields!(ReaderSettings)),
        ("`interrupt`", fields!(InterruptSettings)),
        ("`read`", fields!(ReadSettings)),
        ("`request`", fields!(RequestSettings)),
        ("`close`", fields!(CloseSettings)),
    ];
    all.into_iter().filter(|(_, fields)| fields.contains(&name)).map(|(call, _)| call).collect()
}

/// Reads nothing, and learns what would be read.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(serde::de::Error::custom("nothing is read"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("nothing is read"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, listed: &str, call: Call) -> String {
        let why = format!("unknown field `{name}`, expected one of {listed}");
        unknown_name(&why, call, &["signal"]).unwrap().1
    }

    #[test]
    fn what_was_meant_is_said() {
        let listed = "`model`, `cwd`, `approvalPolicy`";
        for (given, meant) in [
            ("modle", "model"),
            ("Model", "model"),
            ("approval_policy", "approvalPolicy"),
            ("aprovalPolicy", "approvalPolicy"),
            ("singal", "signal"),
        ] {
            let told = told(given, listed, Call::Other);
            assert!(told.starts_with(&format!("unknown field `{given}`; did you mean `{meant}`?")), "{told}");
            assert!(told.ends_with(", expected one of `model`, `cwd`, `approvalPolicy`, `signal`"), "{told}");
        }
    }

    #[test]
    fn whose_it_is_is_said() {
        let told = told("developerInstructions", "`effort`", Call::Other);
        assert!(told.contains("; that is an option of `startThread`, expected"), "{told}");
        let told = super::unknown_name("unknown field `model`, expected `x`", Call::Other, &[]).unwrap().1;
        assert!(told.contains("that is an option of `startThread`, `turn` and `run`"), "{told}");
        let told = super::unknown_name("unknown field `nothing`, there are no fields", Call::Other, &[]);
        assert_eq!(told.unwrap().1, "unknown field `nothing`, there are no fields");
    }

    #[test]
    fn only_what_the_call_takes_is_listed() {
        let listed = "`model`, `lastTurnId`, `serviceName`";
        assert!(
            told("x", listed, Call::StartThread)
                .ends_with("expected one of `model`, `serviceName`, `signal`")
        );
        assert!(
            told("x", listed, Call::ForkThread).ends_with("expected one of `model`, `lastTurnId`, `signal`")
        );
    }

    #[test]
    fn other_errors_are_left_alone() {
        assert_eq!(unknown_name("invalid type: null, expected a string", Call::Other, &[]), None);
    }
}
