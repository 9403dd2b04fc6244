//! A target of fuzzing: what configuration becomes is, for a parser of TOML, what it was.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here is found")]

use serde_json::{Map, Value};

use super::{ConfigArguments, LargeNumbers, file};
use crate::keys::is_bare;

/// What a parser of TOML takes, which is less deep than what one of JSON takes.
const DEEPEST: usize = 40;

/// Configuration as JSON.
pub(crate) fn config(data: &[u8]) {
    let Ok(config) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    if config.iter().any(|(key, value)| key.matches('.').count() + depth(value) > DEEPEST) {
        return;
    }
    let numbers = if data.len().is_multiple_of(2) { LargeNumbers::AsFloats } else { LargeNumbers::Refused };
    let Ok(flat) = ConfigArguments::new(&config, numbers) else { return };
    let mut given = Vec::new();
    for argument in &flat.arguments {
        let (path, toml) = argument.split_once('=').unwrap();
        let value = read(&format!("x = {toml}"))["x"].clone();
        assert!(are_at(&config, path).iter().any(|at| same(at, &value)), "{argument}");
        leaves(&value, &mut given);
    }
    for (path, value) in &flat.apart {
        assert!(are_at(&config, path).contains(&value), "{path}");
        leaves(value, &mut given);
    }
    let mut all = Vec::new();
    config.values().for_each(|value| leaves(value, &mut all));
    given.sort_unstable();
    all.sort_unstable();
    // Dotted keys may say again what was said before.
    let is_said_once = config.keys().all(|key| is_bare(key));
    assert!(!is_said_once || given == all, "nothing is lost: {given:?} of {all:?}");

    let written = file(&flat.apart, numbers).unwrap();
    let mut expected = Value::Object(Map::new());
    for (path, value) in &flat.apart {
        put(&mut expected, path, value);
    }
    assert!(same(&expected, &read(&written)), "{written} for {expected}");
}

fn read(toml: &str) -> Value {
    let table: toml::Table = toml.parse().unwrap_or_else(|error| panic!("{toml}: {error}"));
    serde_json::to_value(table).unwrap()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(table) => 1 + table.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// All that a dotted path may mean, where keys hold dots themselves.
fn are_at<'v>(table: &'v Map<String, Value>, path: &str) -> Vec<&'v Value> {
    let mut found: Vec<&Value> = table.get(path).into_iter().collect();
    for (dot, _) in path.match_indices('.') {
        if let Some(Value::Object(inner)) = table.get(&path[..dot]) {
            found.extend(are_at(inner, &path[dot + 1..]));
        }
    }
    found
}

/// Sets a value as codex does with an argument.
fn put(table: &mut Value, path: &str, value: &Value) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    if !table.is_object() {
        *table = Value::Object(Map::new());
    }
    match rest {
        Some(rest) => put(&mut table[first], rest, value),
        None => table[first] = value.clone(),
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one == other,
            (None, None) => one.as_f64() == other.as_f64(),
            _ => false,
        },
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

fn leaves(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, into)),
        Value::Object(table) => table.values().for_each(|value| leaves(value, into)),
        Value::Number(number) if number.as_i64().is_none() => {
            into.push(format!("{:?}", number.as_f64()));
        }
        leaf => into.push(leaf.to_string()),
    }
}
