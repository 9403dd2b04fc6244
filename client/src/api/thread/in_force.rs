//! The settings in force of a thread: the one place where they live.
//!
//! Everything that teaches them ends here: answers that open, resume or fork, turns that were accepted, updates, and what
//! the server tells. What loads the thread again is made of them, and never allows more than they do.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::narrow::{ROOTS, as_loaded, is_within, narrower};

/// The settings that last, and what the answers that open a thread call them.
const LASTING: &[(&str, &str)] = &[
    ("model", "model"),
    ("modelProvider", "modelProvider"),
    ("effort", "reasoningEffort"),
    ("summary", "summary"),
    ("cwd", "cwd"),
    ("sandboxPolicy", "sandbox"),
    ("approvalPolicy", "approvalPolicy"),
    ("approvalsReviewer", "approvalsReviewer"),
    ("personality", "personality"),
    ("serviceTier", "serviceTier"),
    ("collaborationMode", "collaborationMode"),
    ("disabledPluginIds", "disabledPluginIds"),
    ("multiAgentMode", "multiAgentMode"),
    (ROOTS, ROOTS),
];
/// What lasts, and no method that opens a thread has a parameter for.
const UNSAID: &[&str] = &["collaborationMode", "disabledPluginIds", "multiAgentMode"];
/// What says how far the agent may go.
const LIMITS: &[&str] = &["sandboxPolicy", "approvalPolicy", "approvalsReviewer", ROOTS];
/// The sandbox by the name of a profile, where it was chosen so.
pub(super) const PROFILE: &str = "activePermissionProfile";

impl InForce {
    /// The settings in an answer that opens a thread, by its own names.
    pub(crate) fn in_answer(answer: &RawValue) -> Map<String, Value> {
        let fields: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(answer.get()).unwrap_or_default();
        let called = LASTING.iter().map(|(_, called)| *called).chain([PROFILE]);
        let field =
            |called: &str| Some((called.to_owned(), serde_json::from_str(fields.get(called)?.get()).ok()?));
        called.filter_map(field).collect()
    }
}

/// The settings in force of a thread, by the names of `thread/settings/update`.
#[derive(Debug, Default, Clone)]
pub(crate) struct InForce {
    /// As the server has them, as far as is known.
    pub(super) told: Map<String, Value>,
    /// What a reload asks for in the place of that.
    pub(super) asks: Map<String, Value>,
    /// What of `asks` the server has not got: the next turn brings it.
    owed: BTreeSet<String>,
    /// What may have changed by options that were not answered. The server knows what holds: a reload does not say it.
    doubtful: BTreeSet<String>,
    /// What was changed since the last turn: the server writes it down with the next, and a process after it knows it from here
    /// alone.
    unwritten: BTreeSet<String>,
    /// The last `thread/settings/updated` that nobody has read.
    news: Option<Box<str>>,
    /// How many of them came.
    heard: u64,
    /// By which of them a setting was told last.
    told_by: HashMap<String, u64>,
}

/// How the server came to give an answer that opens a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// The thread is new: the options hold.
    New,
    /// The thread was there. If it was loaded, the options were ignored.
    There,
    /// The thread is loaded and followed here: the options were ignored, and the answer may only repeat them.
    Followed,
}

impl InForce {
    /// Takes the answer that opened the thread; `asked` are the options of that, and `since` is [`Self::heard`] of before
    /// it was asked for.
    pub(crate) fn opened(
        &mut self,
        opened: Opened,
        asked: &Map<String, Value>,
        answer: &Map<String, Value>,
        since: u64,
    ) {
        self.hear();
        if opened != Opened::Followed {
            self.asks.clear();
            self.owed.clear();
            self.doubtful.clear();
        }
        if opened == Opened::New {
            self.unwritten.clear();
        }
        for (name, called) in LASTING {
            if self.is_newer(name, since) {
                continue;
            }
            let asked = asked.get(*name).filter(|value| !value.is_null());
            let told = answer.get(*called).filter(|value| !value.is_null());
            match (told, asked) {
                (Some(told), Some(asked)) if opened == Opened::Followed && told == asked => {}
                (Some(told), asked) => {
                    // A new thread is written down as a whole.
                    if asked.is_some() && opened == Opened::There {
                        self.changes(name, told);
                    }
                    self.told.insert((*name).to_owned(), told.clone());
                    self.doubtful.remove(*name);
                    // Of roots the server has the names of its own.
                    let is_limit = LIMITS.contains(name) && *name != ROOTS;
                    let Some(asked) = asked.filter(|_| is_limit && opened != Opened::Followed) else {
                        continue;
                    };
                    let asks = match opened {
                        // What the configuration makes of the same word.
                        _ if is_same_kind(asked, told) => continue,
                        Opened::New => asked.clone(),
                        _ => narrower(name, told, asked),
                    };
                    self.asks.insert((*name).to_owned(), asks);
                }
                (None, Some(asked)) if opened != Opened::Followed => {
                    if opened == Opened::There {
                        self.changes(name, asked);
                    }
                    self.told.insert((*name).to_owned(), asked.clone());
                }
                (None, _) => {}
            }
        }
        self.profile_of_answer(answer, since);
    }

    /// Has what is in force of another thread, or was, and is now asked for anew.
    pub(crate) fn inherit(&mut self, mut from: Self) {
        from.hear();
        from.told.extend(std::mem::take(&mut from.asks));
        (self.told, self.asks) = (from.told, from.asks);
        self.owed.clear();
        self.doubtful.clear();
        self.told_by.clear();
    }

    /// Has something that could not be said with the request that opened the thread.
    pub(crate) fn unsaid(&mut self, name: &str) {
        if let Some(value) = self.known(name).cloned() {
            self.owe(name, value);
        }
    }

    /// The server has loaded the thread anew: what could not be said then is to be told.
    pub(crate) fn reloaded(&mut self) {
        self.hear();
        for name in UNSAID {
            if self.known(name).is_some_and(is_chosen) {
                self.unsaid(name);
            }
        }
    }

    /// Takes the answer that loaded the thread again, or followed it again where it was loaded. What the server allows
    /// beyond what was in force is owed: it is to be told.
    pub(crate) fn restored(&mut self, answer: &Map<String, Value>, since: u64) {
        self.hear();
        for (name, called) in LASTING {
            let told = answer.get(*called).filter(|value| !value.is_null());
            let Some(told) = told.filter(|_| !self.is_newer(name, since)) else { continue };
            let before = self.value(name).cloned();
            self.told.insert((*name).to_owned(), told.clone());
            match before {
                Some(before) if LIMITS.contains(name) && is_short_of(name, told, &before) => {
                    self.owe(name, before);
                }
                // It could not be said, so that the server has its own.
                Some(before) if UNSAID.contains(name) && self.owed.contains(*name) && before != *told => {}
                _ => self.is_told(name),
            }
        }
        self.profile_of_answer(answer, since);
    }

    /// Takes options that were accepted; `since` is [`Self::heard`] of before they were sent.
    pub(crate) fn accepted(&mut self, given: &Map<String, Value>, since: u64) {
        self.hear();
        if let Some(profile) = given.get("permissions").filter(|profile| profile.is_string()) {
            // What it allows the server tells.
            self.told.insert(PROFILE.to_owned(), json!({ "id": profile }));
            self.told.remove("sandboxPolicy");
            self.is_told("sandboxPolicy");
        }
        if self.heard == since && given.get("cwd").is_some_and(Value::is_string) {
            self.moves();
        }
        for (name, value) in lasting(given) {
            let crossed = self.told.get(name).filter(|_| self.heard != since && LIMITS.contains(&name));
            // Of two changes that have crossed it is told next which came last: until then the narrower holds.
            let value = crossed.map_or_else(|| value.clone(), |told| narrower(name, told, value));
            self.changes(name, &value);
            self.told.insert(name.to_owned(), value);
            if name == "sandboxPolicy" {
                self.told.insert(PROFILE.to_owned(), Value::Null);
            }
            self.is_told(name);
        }
    }

    /// A turn was accepted: the server writes down with what it runs.
    pub(crate) fn written(&mut self) {
        self.hear();
        self.unwritten.clear();
    }

    /// Takes options for later turns of which nobody knows whether they were accepted: of limits the narrower of both holds. Of
    /// the rest what was known does, or the server tells: it has written down neither.
    pub(crate) fn update_in_doubt(&mut self, given: &Map<String, Value>) {
        self.hear();
        for (name, value) in lasting(given).filter(|(name, _)| LIMITS.contains(name)) {
            if self.value(name) != Some(value) {
                let value =
                    self.value(name).map_or_else(|| value.clone(), |held| narrower(name, held, value));
                self.owe(name, value);
            }
        }
    }

    /// Takes those of a turn: if it was accepted, the server has written them down.
    pub(crate) fn in_doubt(&mut self, given: &Map<String, Value>) {
        self.update_in_doubt(given);
        for (name, value) in lasting(given).filter(|(name, _)| !LIMITS.contains(name)) {
            if self.value(name) != Some(value) && !self.unwritten.contains(name) {
                self.doubtful.insert(name.to_owned());
            }
        }
        if self.doubtful.contains("cwd") && !given.contains_key(ROOTS) {
            self.moves();
        }
    }

    /// Takes a `thread/settings/updated`: the server's word.
    pub(crate) fn updated(&mut self, line: &str) {
        self.news = Some(line.into());
        self.heard += 1;
    }

    /// How many times the server has told the settings.
    pub(crate) fn heard(&self) -> u64 {
        self.heard
    }

    /// What the server is to be told, by the names of `thread/settings/update` and `turn/start`.
    pub(crate) fn owed(&mut self) -> Map<String, Value> {
        self.hear();
        let field = |name: &String| Some((name.clone(), self.asks.get(name)?.clone()));
        self.owed.iter().filter_map(field).collect()
    }

    /// Spells out a mode that was given as a word: the wire has it with its model.
    pub(crate) fn spell_mode(&mut self, given: &mut Map<String, Value>) {
        let Some(Value::String(word)) = given.get("collaborationMode") else { return };
        self.hear();
        let field =
            |name: &str| given.get(name).filter(|value| !value.is_null()).or_else(|| self.known(name));
        let settings = json!({
            "model": field("model"),
            "reasoning_effort": field("effort"),
            // Those that codex has for the mode.
            "developer_instructions": null,
        });
        let mode = json!({ "mode": word, "settings": settings });
        given.insert("collaborationMode".to_owned(), mode);
    }

    /// What later turns have.
    pub(crate) fn shown(&mut self) -> Map<String, Value> {
        self.hear();
        let value =
            |name: &str| if self.owed.contains(name) { self.asks.get(name) } else { self.told.get(name) };
        LASTING
            .iter()
            .filter(|(name, _)| *name != ROOTS)
            .filter(|(name, _)| !UNSAID.contains(name) || value(name).is_some_and(is_chosen))
            .map(|(name, _)| ((*name).to_owned(), value(name).cloned().unwrap_or_default()))
            .collect()
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.asks.get(name).or_else(|| self.told.get(name))
    }

    pub(super) fn known(&self, name: &str) -> Option<&Value> {
        self.value(name).filter(|value| !value.is_null())
    }

    /// The same, for what opens the thread in a way that keeps what is not said.
    pub(super) fn certain(&self, name: &str) -> Option<&Value> {
        self.known(name).filter(|_| !self.doubtful.contains(name))
    }

    /// It is another from now on.
    fn changes(&mut self, name: &str, value: &Value) {
        if self.told.get(name) != Some(value) {
            self.unwritten.insert(name.to_owned());
        }
    }

    fn owe(&mut self, name: &str, value: Value) {
        self.asks.insert(name.to_owned(), value);
        self.owed.insert(name.to_owned());
    }

    pub(super) fn is_told(&mut self, name: &str) {
        self.asks.remove(name);
        self.owed.remove(name);
        self.doubtful.remove(name);
    }

    fn profile(&mut self, answer: &Map<String, Value>) {
        if let Some(profile) = answer.get(PROFILE) {
            self.told.insert(PROFILE.to_owned(), profile.clone());
        }
    }

    /// Another folder may bring other roots with it: what they are the server tells.
    pub(super) fn moves(&mut self) {
        self.told.remove(ROOTS);
        self.is_told(ROOTS);
    }

    fn profile_of_answer(&mut self, answer: &Map<String, Value>, since: u64) {
        if !self.is_newer(PROFILE, since) {
            self.profile(answer);
        }
    }

    /// Whether the server has told a setting after an answer was asked for: that may be of before.
    fn is_newer(&self, name: &str, since: u64) -> bool {
        self.told_by.get(name).is_some_and(|told_by| *told_by > since)
    }

    pub(super) fn hear(&mut self) {
        #[derive(Deserialize)]
        struct Message {
            params: Params,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Params {
            thread_settings: Map<String, Value>,
        }
        let Some(line) = self.news.take() else { return };
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            return tracing::warn!("settings that the server tells can't be read: those before hold");
        };
        let mut settings = message.params.thread_settings;
        self.profile(&settings);
        if let Some(roots) = settings.get("environments").and_then(roots_of) {
            settings.insert(ROOTS.to_owned(), roots);
        }
        for (name, value) in settings {
            let lasts = is_lasting(&name);
            if lasts || name == PROFILE {
                self.told_by.insert(name.clone(), self.heard);
            }
            if lasts {
                self.is_told(&name);
                self.changes(&name, &value);
                self.told.insert(name, value);
            }
        }
    }
}

fn is_lasting(name: &str) -> bool {
    LASTING.iter().any(|(lasting, _)| *lasting == name)
}

/// What lasts of the options of a turn. Null leaves a setting as it is, but for the service tier, which it resets.
fn lasting(given: &Map<String, Value>) -> impl Iterator<Item = (&'static str, &Value)> {
    let field = |(name, _): &(&'static str, &str)| Some((*name, given.get(*name)?));
    LASTING.iter().filter_map(field).filter(|(name, value)| !value.is_null() || *name == "serviceTier")
}

/// Whether what the server has is not what it is to have: it is wider, or it is only the next narrower that can be said
/// when a thread is loaded.
fn is_short_of(name: &str, told: &Value, wanted: &Value) -> bool {
    if told == wanted {
        return false;
    }
    let is_substitute = name == "sandboxPolicy" && *told == as_loaded(wanted);
    is_substitute || !is_within(name, told, wanted)
}

/// The roots of the environment that is this machine, where there are several.
fn roots_of(environments: &Value) -> Option<Value> {
    let all = environments.as_array()?;
    let local = all.iter().find(|environment| environment["environmentId"] == "local");
    let roots = &local.or_else(|| all.first())?[ROOTS];
    roots.is_array().then(|| roots.clone())
}

/// Whether one of [`UNSAID`] is another than codex begins with.
fn is_chosen(value: &Value) -> bool {
    match value {
        Value::Array(list) => !list.is_empty(),
        Value::String(mode) => mode != "explicitRequestOnly",
        mode => mode["mode"].as_str().is_some_and(|mode| mode != "default"),
    }
}

fn is_same_kind(asked: &Value, told: &Value) -> bool {
    asked == told || (asked["type"].is_string() && asked["type"] == told["type"])
}

#[cfg(test)]
#[path = "in_force_tests.rs"]
mod tests;
