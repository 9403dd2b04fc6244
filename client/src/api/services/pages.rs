//! Lists that the server gives page by page, read one entry at a time. What an entry means is not known here.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use tokio::sync::Mutex;

use crate::Error;
use crate::api::core::Core;
use crate::api::thread::found::Found;
use crate::rpc::read_answer;

/// A list that the server gives page by page, one entry after the other and each once: after a revert the server
/// names a thread twice.
pub struct Pages {
    core: Arc<Core>,
    method: &'static str,
    state: Mutex<State>,
}

struct State {
    params: Map<String, Value>,
    seen: HashSet<String>,
    done: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    next_cursor: Option<String>,
}

/// What tells entries apart: items of different turns may have the same id.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: Option<String>,
    turn_id: Option<String>,
    item: Option<Identified>,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
}

impl Pages {
    /// The list that a method gives for parameters, which may hold a cursor to begin at.
    pub(crate) fn new(core: Arc<Core>, method: &'static str, params: Map<String, Value>) -> Self {
        Self { core, method, state: Mutex::new(State { params, seen: HashSet::new(), done: false }) }
    }

    /// The entries of the next page that were not there before, as a JSON array; `None` is the end.
    pub async fn next(&self) -> Result<Option<String>, Error> {
        let mut state = self.state.lock().await;
        while !state.done {
            let answer = match self.core.ask(self.method, state.params.clone()).await {
                Err(error) if is_unsupported(&error) && self.is_of_fresh_thread(&state.params).await? => {
                    state.done = true;
                    continue;
                }
                answer => answer?,
            };
            let page: Page<'_> = read_answer(self.method, &answer)?;
            let before = state.params.get("cursor").and_then(Value::as_str);
            // A cursor that leads to itself would lead nowhere else.
            state.done = page.next_cursor.is_none() || page.next_cursor.as_deref() == before;
            state.params.insert("cursor".to_owned(), page.next_cursor.into());
            let fresh = unseen(&page.data, &mut state.seen);
            if !fresh.is_empty() {
                return Ok(Some(array(&fresh)));
            }
        }
        Ok(None)
    }

    /// Whether it is of a thread that has had no turn: codex does not list what it has not stored.
    async fn is_of_fresh_thread(&self, params: &Map<String, Value>) -> Result<bool, Error> {
        let Some(thread) = params.get("threadId").and_then(Value::as_str) else { return Ok(false) };
        let answer = self.core.ask("thread/read", params_of(thread)).await?;
        Ok(read_answer::<Found>("thread/read", &answer)?.is_fresh())
    }
}

/// Whether codex refuses to list what a thread holds, as it does before the first turn.
pub(crate) fn is_unsupported(error: &Error) -> bool {
    let signs = ["is not supported yet", "is not materialized yet"];
    matches!(error, Error::Rpc(error) if signs.iter().any(|sign| error.message.contains(sign)))
}

fn params_of(thread: &str) -> Map<String, Value> {
    Map::from_iter([("threadId".to_owned(), thread.into())])
}

/// One page of a list with each entry once, everything else as it came.
pub(crate) fn without_repetition(answer: &RawValue) -> String {
    let Ok(mut page) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(answer.get()) else {
        return answer.get().to_owned();
    };
    let data = page.get("data").and_then(|data| serde_json::from_str::<Vec<&RawValue>>(data.get()).ok());
    let data = data.map(|data| array(&unseen(&data, &mut HashSet::new())));
    if let Some(data) = data.and_then(|data| RawValue::from_string(data).ok()) {
        page.insert("data".to_owned(), data);
    }
    serde_json::to_string(&page).unwrap_or_else(|_| answer.get().to_owned())
}

fn unseen<'a>(data: &[&'a RawValue], seen: &mut HashSet<String>) -> Vec<&'a RawValue> {
    let is_new = |raw: &&&RawValue| {
        let Ok(entry) = serde_json::from_str::<Entry>(raw.get()) else { return true };
        let id = entry.item.map(|item| item.id).or(entry.id);
        id.is_none_or(|id| seen.insert(format!("{}/{id}", entry.turn_id.unwrap_or_default())))
    };
    data.iter().filter(is_new).copied().collect()
}

fn array(entries: &[&RawValue]) -> String {
    let entries: Vec<&str> = entries.iter().map(|entry| entry.get()).collect();
    format!("[{}]", entries.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(page: &str) -> String {
        without_repetition(&RawValue::from_string(page.to_owned()).unwrap())
    }

    #[test]
    fn an_entry_that_is_there_twice_is_given_once() {
        assert_eq!(
            once(
                r#"{"data":[{"id":"a","n":1},{"id":"b"},{"id":"a","n":2}],"nextCursor":"c","later":{"x":1}}"#
            ),
            r#"{"data":[{"id":"a","n":1},{"id":"b"}],"later":{"x":1},"nextCursor":"c"}"#
        );
        let items = r#"{"data":[{"turnId":"1","item":{"id":"a"}},{"turnId":"2","item":{"id":"a"}}]}"#;
        assert_eq!(once(items), items, "an item of another turn is another item");
        assert_eq!(once(r#"{"data":[5,{"id":7},{}]}"#), r#"{"data":[5,{"id":7},{}]}"#);
        assert_eq!(once("[1]"), "[1]");
    }
}
