//! The option `config` as codex takes it: `--config` arguments, and apart from them what no argument may or can hold.

mod argument;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod toml;

use serde_json::{Map, Value};

pub(crate) use self::argument::argument_pair;
pub(crate) use self::toml::{file, text as toml_text};
use crate::Error;
use crate::keys::is_bare;
use crate::secrets::{holds_secret, secret_texts};

/// A value that takes more is no argument. Linux allows 128 KiB for one.
const LONGEST_VALUE: usize = if cfg!(windows) { 4 * 1024 } else { 64 * 1024 };
/// How much all of them may take: the environment counts as well, and Windows has 32 Ki characters for everything.
const LONGEST_IN_ALL: usize = if cfg!(windows) { 12 * 1024 } else { 256 * 1024 };

/// How whole numbers are taken that TOML does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LargeNumbers {
    /// They would silently become numbers of another kind.
    Refused,
    /// As a program for `@openai/codex-sdk` may expect.
    AsFloats,
}

/// Configuration as codex takes it.
#[derive(Debug, Default)]
pub struct ConfigArguments {
    /// The values of `--config`, each `dotted.key=<TOML>`.
    pub arguments: Vec<String>,
    /// What must not show in the process list, and what is too long for it, with dotted keys.
    pub apart: Map<String, Value>,
    /// Which of them are no secrets.
    long: Vec<String>,
}

impl ConfigArguments {
    /// Flattens a configuration object.
    pub fn new(config: &Map<String, Value>, numbers: LargeNumbers) -> Result<Self, Error> {
        let mut flat = Flat { numbers, apart: Map::new(), plain: Vec::new() };
        for key in config.keys() {
            check_path(key)?;
        }
        flat.table(config, "")?;
        let Flat { apart, plain, .. } = flat;
        let mut all = Self { arguments: Vec::new(), apart, long: Vec::new() };
        all.share_out(plain);
        Ok(all)
    }

    /// Every secret in it.
    pub fn secret_texts(&self) -> Vec<String> {
        secret_texts(&self.apart)
    }

    /// The first of what goes apart, and why it does.
    pub fn first_apart(&self) -> Option<(&str, &'static str)> {
        let key = self.apart.keys().next()?;
        let why = match self.long.contains(key) {
            true => "too long for an argument",
            false => "a secret, and would show in the list of processes",
        };
        Some((key, why))
    }

    /// Makes arguments of what can be one, the shortest first where not all of them can.
    fn share_out(&mut self, plain: Vec<Plain>) {
        let mut lengths: Vec<usize> = plain.iter().map(|plain| plain.argument.len()).collect();
        lengths.sort_unstable();
        let mut in_all = 0;
        let longest = lengths.into_iter().take_while(|length| {
            // Each has a `--config` before it, and a pointer.
            in_all += length + 32;
            *length <= LONGEST_VALUE && in_all <= LONGEST_IN_ALL
        });
        let longest = longest.last().unwrap_or_default();
        let mut left = LONGEST_IN_ALL;
        for Plain { path, value, argument } in plain {
            let takes = argument.len() + 32;
            if argument.len() <= longest && takes <= left {
                left -= takes;
                self.arguments.push(argument);
            } else {
                self.long.push(path.clone());
                self.apart.insert(path, value);
            }
        }
    }
}

/// A value that may be an argument.
struct Plain {
    path: String,
    value: Value,
    argument: String,
}

struct Flat {
    numbers: LargeNumbers,
    apart: Map<String, Value>,
    plain: Vec<Plain>,
}

impl Flat {
    fn table(&mut self, table: &Map<String, Value>, prefix: &str) -> Result<(), Error> {
        for (key, value) in table {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                _ if holds_secret(&path, value) => {
                    // What can't be said is refused here, and not where it is sent.
                    toml::value(value, &path, self.numbers)?;
                    self.apart.insert(path, value.clone());
                }
                // A quoted segment is not understood by codex, so a table with such a key goes out whole.
                Value::Object(inner) if !inner.is_empty() && inner.keys().all(|key| is_bare(key)) => {
                    self.table(inner, &path)?;
                }
                _ => {
                    let argument = format!("{path}={}", toml::value(value, &path, self.numbers)?);
                    self.plain.push(Plain { path, value: value.clone(), argument });
                }
            }
        }
        Ok(())
    }
}

/// Refuses a key of the outermost table that codex would take for another: it stands before the first `=` of an
/// argument, and codex cuts it at its dots, whatever is quoted.
fn check_path(path: &str) -> Result<(), Error> {
    let wrong = |why: &str| Err(Error::InvalidArgument(format!("options.config: {why}")));
    if path.is_empty() {
        return wrong("a key is empty; give it a name");
    }
    for (at, segment) in path.split('.').enumerate() {
        let name = |c: char| !c.is_control() && !matches!(c, '=' | '"' | '\'');
        if segment.is_empty() || segment.trim() != segment || !segment.chars().all(name) {
            return wrong(&format!(
                "`{}` is no key, nor several with dots between them; nest tables: {{ projects: {{ '/a.b': ... }} }}",
                path.escape_debug()
            ));
        }
        if at == 0 && !is_bare(segment) {
            return wrong(&format!(
                "`{}` is no key: the first part of one is made of letters, digits, `-` and `_`",
                path.escape_debug()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
