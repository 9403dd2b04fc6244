//! A script: what the rig does instead of being polite.

use std::collections::{HashMap, HashSet};

use serde_json::Map;

use crate::action::Action;
use crate::json::Json;
use crate::parse::Parser;

/// The version of codex that the rig claims to be unless told otherwise.
pub(crate) const VERSION: &str = "0.169.0";

const KEYS: [&str; 13] = [
    "on",
    "start",
    "background",
    "onEof",
    "onSigterm",
    "banner",
    "version",
    "userAgentVersion",
    "notCodex",
    "fragments",
    "lifeMs",
    "uniqueIds",
    "comment",
];

/// What happens at the end of stdin, or at SIGTERM.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Ending {
    /// Exit 0, as codex does.
    #[default]
    Exit,
    Ignore,
    /// Play, then exit 0.
    Play(Vec<Action>),
}

/// A parsed script; the default one changes nothing.
#[derive(Debug, Default)]
pub(crate) struct Script {
    on: HashMap<String, Vec<Vec<Action>>>,
    pub(crate) fragments: HashMap<String, Vec<Action>>,
    pub(crate) start: Vec<Action>,
    /// On a thread of its own, beside everything.
    pub(crate) background: Vec<Action>,
    pub(crate) on_eof: Ending,
    pub(crate) on_sigterm: Ending,
    pub(crate) banner: Vec<String>,
    pub(crate) version: Option<String>,
    pub(crate) user_agent_version: Option<String>,
    pub(crate) not_codex: bool,
    pub(crate) life_ms: Option<u64>,
    /// Whether another start of the rig gives other ids.
    pub(crate) unique_ids: bool,
}

impl Script {
    /// Reads a script that may use the fragments of `base`, too.
    pub(crate) fn parse(json: &Json, base: Option<&Self>) -> Result<Self, String> {
        let Json::Object(entries) = json else { return Err("a script is an object".to_owned()) };
        if let Some(key) = entries.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("unknown key {key:?}, expected one of {KEYS:?}"));
        }
        let object = |key: &str| match json.get(key) {
            None => Ok(Map::new()),
            Some(Json::Object(entries)) => Ok(entries.clone()),
            Some(other) => Err(format!("{key}: needs an object, not {other}")),
        };
        let text = |key: &str| match json.get(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(format!("{key}: needs a string, not {other}")),
        };

        let mut known: HashSet<String> = object("fragments")?.into_iter().map(|(name, _)| name).collect();
        known.extend(base.iter().flat_map(|base| base.fragments.keys().cloned()));
        let parser = Parser { fragments: known };

        let mut script = Self {
            version: text("version")?,
            user_agent_version: text("userAgentVersion")?,
            not_codex: json.get("notCodex") == Some(&Json::Bool(true)),
            life_ms: json.get("lifeMs").and_then(Json::as_u64),
            unique_ids: json.get("uniqueIds") == Some(&Json::Bool(true)),
            ..Self::default()
        };
        for (name, body) in object("fragments")? {
            let list = parser.list(&body, &format!("fragments.{name}"))?;
            script.fragments.insert(name, list);
        }
        for (method, calls) in object("on")? {
            let calls = parse_calls(&parser, &method, &calls)?;
            script.on.insert(method, calls);
        }
        for (key, list) in [("start", &mut script.start), ("background", &mut script.background)] {
            if let Some(json) = json.get(key) {
                *list = parser.list(json, key)?;
            }
        }
        for (key, ending) in [("onEof", &mut script.on_eof), ("onSigterm", &mut script.on_sigterm)] {
            *ending = match json.get(key) {
                None => Ending::Exit,
                Some(Json::String(word)) if word == "ignore" => Ending::Ignore,
                Some(list) => Ending::Play(parser.list(list, key)?),
            };
        }
        script.banner = match json.get("banner") {
            None => Vec::new(),
            Some(Json::String(line)) => vec![line.clone()],
            Some(lines) => {
                let lines = lines.as_array().ok_or("banner: needs a string or a list of strings")?;
                lines.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect()
            }
        };
        Ok(script)
    }

    /// The list for the call number `call` of a method, counted from 0; the last one repeats.
    pub(crate) fn list(&self, method: &str, call: usize) -> Option<&[Action]> {
        let calls = self.on.get(method)?;
        calls.get(call).or(calls.last()).map(Vec::as_slice)
    }

    /// The key under which a method is handled: itself, or `*`, which stands for all that are not named.
    pub(crate) fn key<'m>(&self, method: &'m str) -> Option<&'m str> {
        if self.on.contains_key(method) { Some(method) } else { self.on.contains_key("*").then_some("*") }
    }
}

/// An array holds one entry per call; anything else is what every call gets.
fn parse_calls(parser: &Parser, method: &str, calls: &Json) -> Result<Vec<Vec<Action>>, String> {
    let at = format!("on.{method}");
    match calls {
        Json::Array(items) => {
            items.iter().enumerate().map(|(call, list)| parser.list(list, &format!("{at}[{call}]"))).collect()
        }
        single => Ok(vec![parser.list(single, &at)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Ending, Script};
    use crate::json;

    fn parse(text: &str) -> Result<Script, String> {
        let polite = json::parse(include_bytes!("polite/script.json")).unwrap();
        Script::parse(&json::parse(text.as_bytes()).unwrap(), Some(&Script::parse(&polite, None).unwrap()))
    }

    fn check_error(text: &str, expected: &str) {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn the_last_list_repeats() {
        let script =
            parse(r#"{"on":{"turn/start":["never",[{"sleepMs":1},"default"]],"*":"never"}}"#).unwrap();
        assert_eq!(script.list("turn/start", 0), Some([Action::Never].as_slice()));
        assert_eq!(script.list("turn/start", 9), Some([Action::SleepMs(1), Action::Default].as_slice()));
        assert_eq!(script.key("thread/start"), Some("*"));
    }

    #[test]
    fn endings() {
        let script = parse(r#"{"onEof":"ignore","onSigterm":[{"exit":3}]}"#).unwrap();
        assert_eq!(script.on_eof, Ending::Ignore);
        assert_eq!(script.on_sigterm, Ending::Play(vec![Action::Exit(3)]));
    }

    #[test]
    fn errors_name_the_place() {
        check_error(r#"{"no":{}}"#, r#"unknown key "no""#);
        check_error(
            r#"{"on":{"turn/start":[[{"replyy":1}]]}}"#,
            r#"on.turn/start[0][0].replyy: unknown action "replyy""#,
        );
        check_error(r#"{"start":["turnBegim"]}"#, r#"start[0]: unknown action or fragment "turnBegim""#);
        check_error(r#"{"start":[{"flood":{"count":1,"size":2}}]}"#, r#"start[0].flood: unknown key "size""#);
        check_error(r#"{"start":[{"sleepMs":"1"}]}"#, r#"start[0].sleepMs: needs a whole number, not "1""#);
        check_error(r#"{"start":[{"repeat":3}]}"#, r#"start[0].repeat: needs "do""#);
        check_error(
            r#"{"start":[{"reply":{},"delay":1}]}"#,
            r#"start[0].reply: unknown key "delay" beside it"#,
        );
    }
}
