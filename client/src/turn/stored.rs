//! A turn as the server has stored it: what that proves about its end, and what it tells one who missed events. All who
//! are given a stored turn ask here.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

/// What a stored turn proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It runs, or did a moment ago.
    Running,
    /// Nothing: it may still run, or have ended in another way than is written there. It is to be read again.
    Nothing,
    /// It has ended, as is written there.
    Over,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Stored<'a> {
    #[serde(borrow, default)]
    items: Vec<&'a RawValue>,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    completed_at: Value,
}

/// What a stored turn proves about its end.
///
/// codex writes turns down a moment after they happened. Until then one that runs, or has just completed, is stored as
/// interrupted, and has no `completedAt`.
pub fn proof(turn: &RawValue) -> Proof {
    serde_json::from_str::<Stored<'_>>(turn.get()).map_or(Proof::Nothing, |stored| stored.proof())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredItem {
    id: String,
    status: Option<Value>,
    started_at_ms: Option<Value>,
    completed_at_ms: Option<Value>,
}

/// The events that are missing, in their order, as messages. `known` says of each item that came whether it was
/// complete.
pub(super) fn missed(
    turn: &RawValue,
    thread_id: &str,
    turn_id: &str,
    has_started: bool,
    known: &HashMap<String, bool>,
) -> Vec<String> {
    let Ok(stored) = serde_json::from_str::<Stored<'_>>(turn.get()) else { return Vec::new() };
    let mut events = Vec::new();
    if !has_started {
        events.push(turn_event("turn/started", thread_id, turn));
    }
    let is_over = stored.proof() == Proof::Over;
    for raw in &stored.items {
        let Ok(item) = serde_json::from_str::<StoredItem>(raw.get()) else { continue };
        let is_complete = is_over || item.is_complete();
        let event = |method: &str, at: &str, time: &Option<Value>| {
            let ids = json!({ "threadId": thread_id, "turnId": turn_id, at: time });
            let ids = ids.to_string();
            format!(r#"{{"method":"{method}","params":{{"item":{},{}}}"#, raw.get(), &ids[1..])
        };
        match known.get(&item.id) {
            Some(true) => {}
            _ if is_complete => events.push(event("item/completed", "completedAtMs", &item.completed_at_ms)),
            Some(false) => {}
            None => events.push(event("item/started", "startedAtMs", &item.started_at_ms)),
        }
    }
    events
}

/// The event that begins a turn of which nothing is stored yet.
pub(super) fn beginning(thread_id: &str, turn_id: &str) -> String {
    let turn = json!({
        "id": turn_id, "items": [], "itemsView": "notLoaded", "status": "inProgress",
        "error": null, "startedAt": null, "completedAt": null, "durationMs": null,
    });
    json!({ "method": "turn/started", "params": { "threadId": thread_id, "turn": turn } }).to_string()
}

/// The event that ends the turn.
pub(super) fn ending(turn: &RawValue, thread_id: &str) -> String {
    turn_event("turn/completed", thread_id, turn)
}

/// Whether items have numbers in the place of their ids: codex before 0.166 gives them while a turn runs.
pub(super) fn is_numbered(turn: &RawValue) -> bool {
    let number = |item: &&RawValue| {
        let item = serde_json::from_str::<StoredItem>(item.get()).ok();
        let id = item.and_then(|item| item.id.strip_prefix("item-").map(str::to_owned));
        id.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    serde_json::from_str::<Stored<'_>>(turn.get()).is_ok_and(|stored| stored.items.iter().any(number))
}

impl Stored<'_> {
    fn proof(&self) -> Proof {
        match self.status.as_str() {
            Some("inProgress") => Proof::Running,
            Some("interrupted") if self.completed_at.is_null() => Proof::Nothing,
            Some(_) => Proof::Over,
            None => Proof::Nothing,
        }
    }
}

impl StoredItem {
    /// A codex before 0.166 does not say when an item was completed, but of most whether it is in progress. The others
    /// it stores when they are complete: a message that still grows is not there.
    fn is_complete(&self) -> bool {
        if self.started_at_ms.is_some() {
            return self.completed_at_ms.as_ref().is_some_and(Value::is_number);
        }
        self.status.as_ref().and_then(Value::as_str) != Some("inProgress")
    }
}

fn turn_event(method: &str, thread_id: &str, turn: &RawValue) -> String {
    let mut turn: Map<String, Value> = serde_json::from_str(turn.get()).unwrap_or_default();
    // The real event holds a summary at most.
    turn.insert("items".to_owned(), json!([]));
    turn.insert("itemsView".to_owned(), json!("notLoaded"));
    json!({ "method": method, "params": { "threadId": thread_id, "turn": turn } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(turn: &str, known: &[(&str, bool)]) -> Vec<String> {
        let known = known.iter().map(|(id, complete)| ((*id).to_owned(), *complete)).collect();
        let turn = RawValue::from_string(turn.to_owned()).unwrap();
        let events = missed(&turn, "t", "u", true, &known);
        let name = |event: &String| {
            let event: Value = serde_json::from_str(event).unwrap();
            let item = event["params"]["item"]["id"].as_str().unwrap_or_default().to_owned();
            format!("{} {item}", event["method"].as_str().unwrap())
        };
        events.iter().map(name).collect()
    }

    #[test]
    fn w2_each_item_that_was_missed_is_told_once_and_in_order() {
        let turn = r#"{"id":"u","status":"inProgress","items":[
            {"id":"a","startedAtMs":1,"completedAtMs":2},{"id":"b","startedAtMs":1,"completedAtMs":2},
            {"id":"c","startedAtMs":1,"completedAtMs":2},{"id":"d","startedAtMs":1,"completedAtMs":null},
            {"id":"e","startedAtMs":1,"completedAtMs":null}]}"#;
        let told = methods(turn, &[("a", true), ("b", false), ("d", false)]);
        assert_eq!(told, ["item/completed b", "item/completed c", "item/started e"]);
    }

    #[test]
    fn w2_a_turn_that_is_over_is_told_to_its_end() {
        let turn = r#"{"id":"u","status":"failed","items":[{"id":"a","status":"inProgress"}]}"#;
        assert_eq!(methods(turn, &[]), ["item/completed a"]);
        let turn = RawValue::from_string(turn.to_owned()).unwrap();
        assert!(ending(&turn, "t").contains(r#""status":"failed""#));
    }

    #[test]
    fn what_a_stored_turn_proves() {
        let proves = |turn: &str| proof(&RawValue::from_string(turn.to_owned()).unwrap());
        for (turn, expected) in [
            (r#"{"status":"inProgress"}"#, Proof::Running),
            (r#"{"status":"completed","completedAt":null}"#, Proof::Over),
            (r#"{"status":"failed"}"#, Proof::Over),
            (r#"{"status":"superseded"}"#, Proof::Over),
            (r#"{"status":"interrupted","completedAt":7}"#, Proof::Over),
            (r#"{"status":"interrupted","completedAt":null}"#, Proof::Nothing),
            (r#"{"status":"interrupted"}"#, Proof::Nothing),
            (r#"{"status":5}"#, Proof::Nothing),
            ("{}", Proof::Nothing),
            ("null", Proof::Nothing),
            (r#""completed""#, Proof::Nothing),
        ] {
            assert_eq!(proves(turn), expected, "{turn}");
        }
    }

    #[test]
    fn a_turn_that_may_still_run_is_not_told_to_its_end() {
        let turn = r#"{"id":"u","status":"interrupted","items":[{"id":"a","startedAtMs":1,"completedAtMs":2},
            {"id":"b","startedAtMs":1,"completedAtMs":null}]}"#;
        assert_eq!(methods(turn, &[]), ["item/completed a", "item/started b"]);
    }

    #[test]
    fn a_codex_that_tells_no_times_is_taken_at_its_word() {
        let turn = r#"{"id":"u","status":"inProgress","items":[
            {"id":"a"},{"id":"b","status":"completed"},{"id":"c","status":"inProgress"},{"id":"d"}]}"#;
        assert_eq!(
            methods(turn, &[]),
            ["item/completed a", "item/completed b", "item/started c", "item/completed d"]
        );
    }
}
