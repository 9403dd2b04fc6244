//! What a completed item is as a step.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::deltas::well_formed;
use super::raw_text::string;

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

/// The fields of an item, or of a part of one, each as its text: however deep they go, nobody descends.
type Fields<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

/// The step that an `item/completed` stands for, as JSON; none where it has no item.
///
/// An item that can't be a step is none: its completion must not be lost for lack of an id, so an unknown one gets
/// an empty text and its own type.
pub(super) fn step_json(line: &str) -> Option<String> {
    let Params { thread_id, turn_id, item: raw } = serde_json::from_str::<Message<'_>>(line).ok()?.params;
    // The item itself goes on as it came.
    let readable = well_formed(raw.get());
    let item: Fields<'_> = serde_json::from_str(&readable).ok()?;
    let item_type = field(&item, "type").unwrap_or_default();
    Some(format!(
        r#"{{"threadId":{},"turnId":{},"itemId":{},"stepType":{},"itemType":{},"text":{},"data":{}}}"#,
        json!(thread_id),
        json!(turn_id),
        json!(field(&item, "id").unwrap_or_default()),
        json!(step_type(&item_type)),
        json!(item_type),
        json!(text(&item_type, &item)),
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
fn text(item_type: &str, item: &Fields<'_>) -> String {
    let own = |name: &str| field(item, name).unwrap_or_default().into_owned();
    match item_type {
        "reasoning" => match lines(item, "summary", string) {
            summary if summary.is_empty() => lines(item, "content", string),
            summary => summary,
        },
        "commandExecution" => own("command"),
        "fileChange" => lines(item, "changes", |change| part(change, "path")),
        "mcpToolCall" => format!("{}.{}", own("server"), own("tool")),
        "dynamicToolCall" => own("tool"),
        "collabAgentToolCall" => match own("prompt") {
            prompt if prompt.is_empty() => own("tool"),
            prompt => format!("{}: {prompt}", own("tool")),
        },
        "subAgentActivity" => format!("{} {}", own("agentPath"), own("kind")),
        "webSearch" => own("query"),
        "imageView" => own("path"),
        // The image itself is in `result`.
        "imageGeneration" => match own("savedPath") {
            path if path.is_empty() => own("revisedPrompt"),
            path => path,
        },
        "sleep" => item.get("durationMs").map(|ms| format!("{} ms", ms.get())).unwrap_or_default(),
        "hookPrompt" => lines(item, "fragments", |fragment| part(fragment, "text")),
        "functionCallOutput" => match own("output") {
            output if output.is_empty() => lines(item, "output", said),
            output => output,
        },
        "enteredReviewMode" | "exitedReviewMode" => own("review"),
        "contextCompaction" => "context compacted".to_owned(),
        "userMessage" => lines(item, "content", said),
        _ => own("text"),
    }
}

/// What a person would be shown of a part of a message: its text, else what it is the name or the place of. A picture that
/// is in its URL has no place.
fn said(content: &RawValue) -> Option<Cow<'_, str>> {
    let fields: Fields<'_> = serde_json::from_str(content.get()).ok()?;
    let named = ["text", "name", "path", "url", "image_url", "fileId"];
    let (name, shown) = named.iter().find_map(|name| Some((name, string(fields.get(*name)?)?)))?;
    let is_data = matches!(*name, "url" | "image_url") && shown.starts_with("data:");
    if is_data {
        let kind = fields.get("type").and_then(|kind| string(kind)).unwrap_or_default();
        return Some(format!("[{}]", kind.trim_start_matches("input_")).into());
    }
    Some(shown)
}

fn field<'a>(item: &Fields<'a>, name: &str) -> Option<Cow<'a, str>> {
    item.get(name).and_then(|raw| string(raw))
}

/// A field of one entry of a list.
fn part<'a>(entry: &'a RawValue, name: &str) -> Option<Cow<'a, str>> {
    field(&serde_json::from_str::<Fields<'_>>(entry.get()).ok()?, name)
}

fn lines<'a>(item: &Fields<'a>, name: &str, line: fn(&'a RawValue) -> Option<Cow<'a, str>>) -> String {
    let entries = item.get(name).and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok());
    entries.unwrap_or_default().into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::step_json;

    fn step_of(item: &str) -> serde_json::Value {
        let line = format!(
            r#"{{"method":"item/completed","params":{{"threadId":"t","turnId":"u","item":{item}}}}}"#
        );
        let step = step_json(&line).unwrap();
        // What comes along is as it came, and may be more than this parser takes.
        let (step, data) = step.split_once(r#","data":"#).unwrap();
        assert_eq!(data, format!("{item}}}"));
        serde_json::from_str(&format!("{step}}}")).unwrap()
    }

    #[test]
    fn half_a_surrogate_pair_loses_no_step() {
        let step = step_of(r#"{"type":"agentMessage","id":"m","text":"a\ud800b\\ud800","\udc00":1}"#);
        assert_eq!(step["text"], "a\u{fffd}b\\ud800");
        assert_eq!(step["stepType"], "codex");
    }

    #[test]
    fn however_deep_an_item_goes_it_is_a_step() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let step =
            step_of(&format!(r#"{{"type":"mcpToolCall","id":"m","server":"s","tool":"t","result":{deep}}}"#));
        assert_eq!(step["text"], "s.t");
    }

    #[test]
    fn parts_are_lines() {
        let step = step_of(r#"{"type":"reasoning","id":"r","summary":["a","b",1],"content":["c"]}"#);
        assert_eq!(step["text"], "a\nb");
        let step =
            step_of(r#"{"type":"fileChange","id":"f","changes":[{"path":"x"},{"path":"y","diff":{}}]}"#);
        assert_eq!(step["text"], "x\ny");
    }
}
