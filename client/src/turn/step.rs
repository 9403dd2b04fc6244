use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    thread_id: String,
    turn_id: String,
    #[serde(borrow)]
    item: &'a RawValue,
}

/// The step that an `item/completed` stands for, as JSON; none where it has no item that can be read.
///
/// An item that can't be a step is none: its completion must not be lost for lack of an id, so an unknown one gets
/// an empty text and its own type.
pub(super) fn step_json(line: &str) -> Option<String> {
    let Params { thread_id, turn_id, item: raw } = serde_json::from_str::<Message<'_>>(line).ok()?.params;
    let item: Value = serde_json::from_str(raw.get()).ok()?;
    let item_type = item.get("type").and_then(Value::as_str).unwrap_or_default();
    Some(format!(
        r#"{{"threadId":{},"turnId":{},"itemId":{},"stepType":{},"itemType":{},"text":{},"data":{}}}"#,
        json!(thread_id),
        json!(turn_id),
        json!(item.get("id").and_then(Value::as_str).unwrap_or_default()),
        json!(step_type(item_type)),
        json!(item_type),
        json!(text(item_type, &item)),
        raw.get(),
    ))
}

fn step_type(item_type: &str) -> &str {
    match item_type {
        "reasoning" => "thinking",
        "commandExecution" => "exec",
        "agentMessage" => "codex",
        "mcpToolCall" | "dynamicToolCall" | "webSearch" | "collabAgentToolCall" => "tool",
        "fileChange" => "file",
        other => other,
    }
}

/// What a person would be shown of an item, in plain text.
fn text(item_type: &str, item: &Value) -> String {
    let field = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let lines = |name: &str, part: fn(&Value) -> Option<&str>| -> String {
        let parts = item.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(part);
        parts.collect::<Vec<_>>().join("\n")
    };
    match item_type {
        "reasoning" => match lines("summary", Value::as_str) {
            summary if summary.is_empty() => lines("content", Value::as_str),
            summary => summary,
        },
        "commandExecution" => field("command"),
        "fileChange" => lines("changes", |change| change.get("path")?.as_str()),
        "mcpToolCall" => format!("{}.{}", field("server"), field("tool")),
        "dynamicToolCall" | "collabAgentToolCall" => field("tool"),
        "webSearch" => field("query"),
        "userMessage" => lines("content", |part| part.get("text")?.as_str()),
        _ => field("text"),
    }
}
