//! What a turn missed while there was no connection, as the events that would have told it.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow, default)]
    items: Vec<&'a RawValue>,
    #[serde(default)]
    status: Value,
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
    let is_over = stored.is_over();
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

/// The event that ends the turn, if what is stored says that it is over.
pub(super) fn ending(turn: &RawValue, thread_id: &str) -> Option<String> {
    let stored: Stored<'_> = serde_json::from_str(turn.get()).ok()?;
    stored.is_over().then(|| turn_event("turn/completed", thread_id, turn))
}

impl Stored<'_> {
    fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), None | Some("inProgress"))
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
        assert!(ending(&turn, "t").unwrap().contains(r#""status":"failed""#));
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
