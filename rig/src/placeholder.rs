//! Fills `$name` and `$name.path` in the strings of a script.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::json::Json;

/// Where the values of placeholders come from.
pub(crate) trait Lookup {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Json>>;
}

impl Lookup for HashMap<String, Json> {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Json>> {
        self.get(name).map(Cow::Borrowed)
    }
}

/// A string that is one placeholder becomes its value; inside a longer string the value stands as text. What names
/// nothing known stays as it is, and `$$` is a dollar sign.
pub(crate) fn fill(json: &Json, values: &impl Lookup) -> Json {
    match json {
        Json::String(text) if text.contains('$') => fill_string(text, values),
        Json::Array(items) => Json::Array(items.iter().map(|item| fill(item, values)).collect()),
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.clone(), fill(value, values))).collect())
        }
        other => other.clone(),
    }
}

/// As [`fill`], for a place where only text can stand.
pub(crate) fn fill_text(text: &str, values: &impl Lookup) -> String {
    match fill_string(text, values) {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

fn fill_string(text: &str, values: &impl Lookup) -> Json {
    if let Some((value, "")) = text.strip_prefix('$').and_then(|rest| placeholder(rest, values)) {
        return value;
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        filled.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            filled.push('$');
            rest = after;
        } else if let Some((value, after)) = placeholder(rest, values) {
            match value {
                Json::String(text) => filled.push_str(&text),
                other => filled.push_str(&other.to_string()),
            }
            rest = after;
        } else {
            filled.push('$');
        }
    }
    filled.push_str(rest);
    Json::String(filled)
}

/// The value named at the start of `rest`, and what follows the name.
fn placeholder<'t>(rest: &'t str, values: &impl Lookup) -> Option<(Json, &'t str)> {
    let (name, mut rest) = word(rest)?;
    let root = values.lookup(name)?;
    let mut value = root.as_ref();
    // A dot after a plain value ends a sentence or starts a file ending; only containers have paths.
    while let (Json::Object(_) | Json::Array(_), Some(path)) = (value, rest.strip_prefix('.')) {
        let Some((key, after)) = word(path) else { break };
        let next = match value {
            Json::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
            object => object.get(key),
        };
        value = next.unwrap_or(&Json::Null);
        rest = after;
    }
    Some((value.clone(), rest))
}

fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Json, fill, fill_text};
    use crate::json;

    fn values() -> HashMap<String, Json> {
        HashMap::from([
            ("id".to_owned(), Json::from(7)),
            ("threadId".to_owned(), Json::from("thread-1")),
            ("params".to_owned(), json::parse(br#"{"input":[{"text":"hi"}],"model":null}"#).unwrap()),
        ])
    }

    fn check(template: &str, expected: &str) {
        let template = json::parse(template.as_bytes()).unwrap();
        assert_eq!(fill(&template, &values()).to_string(), expected);
    }

    #[test]
    fn a_whole_string_becomes_the_value() {
        check(r#"{"id":"$id","t":"$threadId"}"#, r#"{"id":7,"t":"thread-1"}"#);
        check(r#"["$params.input","$params.input.0.text"]"#, r#"[[{"text":"hi"}],"hi"]"#);
    }

    #[test]
    fn inside_a_string_it_is_text() {
        check(
            r#"["item $id of $threadId.","$threadId.jsonl"]"#,
            r#"["item 7 of thread-1.","thread-1.jsonl"]"#,
        );
        assert_eq!(fill_text("$id", &values()), "7");
    }

    #[test]
    fn unknown_names_stay_and_missing_fields_are_null() {
        check(r#"["costs $5 or $foo","$$id","$params.nope","$"]"#, r#"["costs $5 or $foo","$id",null,"$"]"#);
    }
}
