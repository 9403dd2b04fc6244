//! What is asked to be approved, in one form: whichever method of whichever age it comes by.

use serde_json::{Map, Value, json};

/// What a request is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestIds<'a> {
    pub(super) thread: Option<&'a str>,
    pub(super) turn: Option<&'a str>,
    pub(super) item: Option<&'a str>,
}

/// The fields of the form beside `kind`, `id`, `method` and `params`; none of what is no approval. `changes` are those of
/// the item, where they are known.
pub(super) fn normal_form(
    of: RequestIds<'_>,
    params: &str,
    kind: &str,
    changes: Option<String>,
) -> Option<Map<String, Value>> {
    let params: Map<String, Value> = serde_json::from_str(params).ok()?;
    let given = |name: &str| params.get(name).cloned().unwrap_or_default();
    let mut form = Map::new();
    let mut put = |name: &str, value: Value| drop(form.insert(name.to_owned(), value));
    put("threadId", json!(of.thread));
    put("turnId", json!(of.turn.unwrap_or_default()));
    put("itemId", json!(of.item));
    match kind {
        "command" => {
            put("reason", given("reason"));
            put("command", command(&given("command")));
            put("cwd", given("cwd"));
            put("proposedExecpolicyAmendment", given("proposedExecpolicyAmendment"));
            put("network", given("networkApprovalContext"));
        }
        "fileChange" => {
            put("reason", given("reason"));
            let known = changes.and_then(|changes| serde_json::from_str(&changes).ok());
            put("changes", known.unwrap_or_else(|| legacy_changes(&given("fileChanges"))));
        }
        "mcpToolCall" => {
            let meta = given("_meta");
            let told = |name: &str| meta.get(name).cloned().unwrap_or_default();
            put("reason", given("message"));
            put("server", given("serverName"));
            let asked = || tool_in(params.get("message")?.as_str()?, params.get("serverName")?.as_str()?);
            let tool = meta.get("tool_name").and_then(Value::as_str).or_else(asked);
            put("tool", json!(tool.unwrap_or_default()));
            put("toolDescription", told("tool_description"));
            put("arguments", told("tool_params"));
        }
        _ => return None,
    }
    Some(form)
}

/// The tool that codex before 0.166 names in the question alone.
fn tool_in<'a>(message: &'a str, server: &str) -> Option<&'a str> {
    message
        .strip_prefix("Allow the ")?
        .strip_prefix(server)?
        .strip_prefix(" MCP server to run tool \"")?
        .strip_suffix("\"?")
}

/// A command as one text: an older codex tells its words.
fn command(told: &Value) -> Value {
    match told {
        Value::Array(words) => {
            words.iter().filter_map(Value::as_str).map(quoted).collect::<Vec<_>>().join(" ").into()
        }
        Value::String(_) => told.clone(),
        _ => "".into(),
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What an older codex tells of the changes, by path, as a list.
fn legacy_changes(told: &Value) -> Value {
    let Value::Object(by_path) = told else { return Value::Null };
    let change = |(path, change): (&String, &Value)| {
        let field = |name: &str| change.get(name).cloned().unwrap_or_default();
        let (kind, diff) = match change["type"].as_str() {
            Some("update") => {
                (json!({ "type": "update", "move_path": field("move_path") }), field("unified_diff"))
            }
            other => (json!({ "type": other }), field("content")),
        };
        json!({ "path": path, "kind": kind, "diff": diff })
    };
    by_path.iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_words_is_one_that_a_shell_takes() {
        let told = json!(["git", "commit", "-m", "it's done", ""]);
        assert_eq!(command(&told), r"git commit -m 'it'\''s done' ''");
        assert_eq!(command(&json!("ls -l")), "ls -l");
        assert_eq!(command(&Value::Null), "");
    }

    #[test]
    fn a_tool_is_named_by_itself_or_by_the_question() {
        let tool = |params: Value| {
            let of = RequestIds { thread: Some("t"), turn: None, item: None };
            normal_form(of, &params.to_string(), "mcpToolCall", None).unwrap()["tool"].clone()
        };
        let question = r#"Allow the a "b MCP server to run tool "run "x"?"#;
        assert_eq!(tool(json!({ "serverName": "a \"b", "message": question })), r#"run "x"#);
        let named = json!({ "serverName": "a \"b", "message": question, "_meta": { "tool_name": "y" } });
        assert_eq!(tool(named), "y");
        assert_eq!(tool(json!({ "serverName": "other", "message": question })), "");
        assert_eq!(tool(json!({})), "");
    }

    #[test]
    fn changes_by_path_are_a_list() {
        let told = json!({
            "/a": { "type": "add", "content": "x" },
            "/b": { "type": "update", "unified_diff": "@@", "move_path": null },
        });
        let changes = json!([
            { "path": "/a", "kind": { "type": "add" }, "diff": "x" },
            { "path": "/b", "kind": { "type": "update", "move_path": null }, "diff": "@@" },
        ]);
        assert_eq!(legacy_changes(&told), changes);
        assert_eq!(legacy_changes(&Value::Null), Value::Null);
    }
}
