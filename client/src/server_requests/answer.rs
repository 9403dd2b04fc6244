//! What a handler returned, in the shape of the method that it answers.

use serde_json::{Map, Value, json};

use super::HandlerKind;

const REJECTION: &str = "rejected by the client";

/// The answer on the wire, or why what the handler returned is none.
pub(super) fn wire_answer(kind: HandlerKind, method: &str, given: Value) -> Result<Value, String> {
    match kind {
        HandlerKind::Approval => approval(method, given),
        HandlerKind::UserInput => user_input(given),
        HandlerKind::Elicitation => elicitation(given),
        HandlerKind::Permissions => permissions(given),
        HandlerKind::Tool | HandlerKind::ToolCall => Ok(tool_call(given)),
        HandlerKind::AuthTokensRefresh => tokens(given),
        HandlerKind::Any => match given {
            Value::Object(_) => Ok(given),
            other => Err(format!("{other} is no answer; return the method's result, an object")),
        },
    }
}

/// An approval without the rule that it came from, where the program says one: `{decision, rule}`.
pub(super) fn without_rule(kind: HandlerKind, given: Value) -> (Value, Option<String>) {
    match given {
        Value::Object(mut object) if kind == HandlerKind::Approval && object.contains_key("decision") => {
            let rule = object.get("rule").and_then(Value::as_str).map(str::to_owned);
            (object.remove("decision").unwrap_or_default(), rule)
        }
        given => (given, None),
    }
}

/// Whose turn it is to say what is accepted.
fn refuse<T>(given: &Value, accepted: &str) -> Result<T, String> {
    Err(format!("{given} is no answer; return {accepted}"))
}

fn approval(method: &str, given: Value) -> Result<Value, String> {
    const COMMAND: &str = "'accept', 'acceptForSession', 'decline', 'cancel', \
                           {acceptWithExecpolicyAmendment: string[]} or {applyNetworkPolicyAmendment: {host, action}}";
    const FILES: &str = "'accept', 'acceptForSession', 'decline' or 'cancel'";
    if method == "mcpServer/elicitation/request" {
        return mcp_approval(&given);
    }
    let legacy = !method.starts_with("item/");
    let command = matches!(method, "item/commandExecution/requestApproval" | "execCommandApproval");
    let decision = match &given {
        Value::String(word) => match (word.as_str(), legacy) {
            ("accept" | "acceptForSession" | "decline" | "cancel", false) => given.clone(),
            ("accept", true) => json!("approved"),
            ("acceptForSession", true) => json!("approved_for_session"),
            ("decline", true) => json!({ "denied": { "rejection": REJECTION } }),
            ("cancel", true) => json!("abort"),
            _ => return refuse(&given, if command { COMMAND } else { FILES }),
        },
        Value::Object(amendment) if command => match amended(amendment, legacy) {
            Some(decision) => decision,
            None => return refuse(&given, COMMAND),
        },
        _ => return refuse(&given, if command { COMMAND } else { FILES }),
    };
    Ok(json!({ "decision": decision }))
}

/// Whether a tool of an MCP server may be called, which is asked as an elicitation.
fn mcp_approval(given: &Value) -> Result<Value, String> {
    let (action, meta) = match given.as_str() {
        Some(word @ ("accept" | "decline" | "cancel")) => (word, Value::Null),
        Some("acceptForSession") => ("accept", json!({ "persist": "session" })),
        _ => return refuse(given, "'accept', 'acceptForSession', 'decline' or 'cancel'"),
    };
    Ok(json!({ "action": action, "content": null, "_meta": meta }))
}

/// The amendment that was given alone or as the wire has it.
fn amended(given: &Map<String, Value>, legacy: bool) -> Option<Value> {
    let inner = |value: &Value, name: &str| value.get(name).unwrap_or(value).clone();
    if let Some(value) = given.get("acceptWithExecpolicyAmendment") {
        let amendment = inner(value, "execpolicy_amendment");
        let words = amendment.as_array().is_some_and(|words| words.iter().all(Value::is_string));
        return words.then(|| match legacy {
            true => {
                json!({ "approved_execpolicy_amendment": { "proposed_execpolicy_amendment": amendment } })
            }
            false => json!({ "acceptWithExecpolicyAmendment": { "execpolicy_amendment": amendment } }),
        });
    }
    let amendment = inner(given.get("applyNetworkPolicyAmendment")?, "network_policy_amendment");
    amendment.is_object().then(|| match legacy {
        true => json!({ "network_policy_amendment": { "network_policy_amendment": amendment } }),
        false => json!({ "applyNetworkPolicyAmendment": { "network_policy_amendment": amendment } }),
    })
}

/// `{answers: {id: {answers}}}`, or shorter `{id: text}` and `{id: texts}`.
fn user_input(given: Value) -> Result<Value, String> {
    const ACCEPTED: &str = "an object of question ids and answers, each a string or an array of strings";
    let Value::Object(object) = &given else { return refuse(&given, ACCEPTED) };
    let by_id = match object.get("answers") {
        Some(Value::Object(inner)) => inner,
        _ => object,
    };
    let mut answers = Map::new();
    for (id, answer) in by_id {
        let answer = answer.get("answers").unwrap_or(answer);
        let texts = match answer {
            Value::String(text) => json!([text]),
            Value::Array(texts) if texts.iter().all(Value::is_string) => answer.clone(),
            _ => return refuse(&given, ACCEPTED),
        };
        answers.insert(id.clone(), json!({ "answers": texts }));
    }
    Ok(json!({ "answers": answers }))
}

fn elicitation(given: Value) -> Result<Value, String> {
    const ACCEPTED: &str = "'accept', 'decline', 'cancel' or {action, content?, _meta?}";
    let answer = match &given {
        Value::String(action) => json!({ "action": action, "content": null, "_meta": null }),
        Value::Object(object) => json!({
            "action": object.get("action"),
            "content": object.get("content"),
            "_meta": object.get("_meta"),
        }),
        _ => return refuse(&given, ACCEPTED),
    };
    match answer["action"].as_str() {
        Some("accept" | "decline" | "cancel") => Ok(answer),
        _ => refuse(&given, ACCEPTED),
    }
}

fn permissions(given: Value) -> Result<Value, String> {
    const ACCEPTED: &str = "'decline' or {permissions, scope?: 'turn' | 'session', strictAutoReview?}";
    match &given {
        Value::String(word) if word == "decline" => Ok(json!({ "permissions": {}, "scope": "turn" })),
        Value::Object(object) => {
            let scope = object.get("scope").cloned().unwrap_or_else(|| json!("turn"));
            let known = matches!(scope.as_str(), Some("turn" | "session"));
            let Some(granted @ Value::Object(_)) = object.get("permissions").filter(|_| known) else {
                return refuse(&given, ACCEPTED);
            };
            let mut answer = json!({ "permissions": granted, "scope": scope });
            if let Some(strict @ Value::Bool(_)) = object.get("strictAutoReview") {
                answer["strictAutoReview"] = strict.clone();
            }
            Ok(answer)
        }
        _ => refuse(&given, ACCEPTED),
    }
}

fn tokens(given: Value) -> Result<Value, String> {
    let has = |name: &str| given.get(name).is_some_and(Value::is_string);
    if !has("accessToken") || !has("chatgptAccountId") {
        // What was returned may hold a token, so it is not shown.
        return Err("that is no answer; return {accessToken, chatgptAccountId, chatgptPlanType?}".to_owned());
    }
    Ok(json!({
        "accessToken": given["accessToken"],
        "chatgptAccountId": given["chatgptAccountId"],
        "chatgptPlanType": given.get("chatgptPlanType"),
    }))
}

/// Text, content items, `{contentItems, success}`, `{content, isError}` as tools of MCP give it, or any JSON, which the
/// model gets as text.
fn tool_call(given: Value) -> Value {
    let text = |text: String| json!([{ "type": "inputText", "text": text }]);
    let (items, success) = match given {
        Value::Null => (text(String::new()), true),
        Value::String(words) => (text(words), true),
        Value::Array(items) if is_content(&items) => (items.iter().map(content_or_text).collect(), true),
        Value::Object(ref object) if object.get("contentItems").is_some_and(Value::is_array) => {
            let success = object.get("success").and_then(Value::as_bool).unwrap_or(true);
            (object.get("contentItems").cloned().unwrap_or_default(), success)
        }
        Value::Object(ref object) if mcp_content(object).is_some() => {
            let failed = object.get("isError").and_then(Value::as_bool).unwrap_or(false);
            (mcp_content(object).unwrap_or_default(), !failed)
        }
        Value::Object(_) if content_item(&given).is_some() => {
            (content_item(&given).into_iter().collect(), true)
        }
        other => (text(other.to_string()), true),
    };
    json!({ "contentItems": items, "success": success })
}

/// Whether a list is content and no data: words and content items, or whatever there is about an image or a sound. The bytes
/// of those are nothing that the model could read.
fn is_content(items: &[Value]) -> bool {
    let of_type = |item: &Value| content_item(item)?.get("type")?.as_str().map(str::to_owned);
    let kinds: Vec<_> = items.iter().map(of_type).collect();
    let is_seen = |kind: &Option<String>| kind.as_deref().is_some_and(|kind| kind != "inputText");
    kinds.iter().any(is_seen)
        || (kinds.iter().any(Option::is_some)
            && items.iter().zip(&kinds).all(|(item, kind)| kind.is_some() || item.is_string()))
}

fn content_or_text(item: &Value) -> Value {
    content_item(item).unwrap_or_else(|| {
        let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
        json!({ "type": "inputText", "text": text })
    })
}

/// The content of a result in the shape that MCP gives those of tools; none of what only looks like it.
fn mcp_content(result: &Map<String, Value>) -> Option<Value> {
    const FIELDS: [&str; 4] = ["content", "structuredContent", "isError", "_meta"];
    let content = result.get("content")?.as_array()?;
    let items = content.iter().map(mcp_item).collect::<Option<Vec<_>>>()?;
    let is_one = result.keys().all(|name| FIELDS.contains(&name.as_str()))
        && result.get("isError").is_none_or(Value::is_boolean);
    if items.is_empty()
        && let Some(structured) = result.get("structuredContent")
    {
        return is_one.then(|| json!([{ "type": "inputText", "text": structured.to_string() }]));
    }
    is_one.then(|| items.into())
}

fn mcp_item(item: &Value) -> Option<Value> {
    let field = |name: &str| item.get(name).and_then(Value::as_str);
    Some(match field("type")? {
        "audio" => {
            let url = format!("data:{};base64,{}", field("mimeType")?, field("data")?);
            json!({ "type": "inputAudio", "audioUrl": url })
        }
        "resource" => {
            let resource = item.get("resource")?;
            let text = resource.get("text").and_then(Value::as_str).map(str::to_owned);
            json!({ "type": "inputText", "text": text.unwrap_or_else(|| resource.to_string()) })
        }
        "resource_link" => json!({ "type": "inputText", "text": item.to_string() }),
        _ => return content_item(item),
    })
}

/// A content item of the wire, also from the form that inputs have.
fn content_item(item: &Value) -> Option<Value> {
    let field = |name: &str| item.get(name).and_then(Value::as_str);
    Some(match field("type")? {
        "inputText" if field("text").is_some() => item.clone(),
        "inputImage" if field("imageUrl").is_some() => item.clone(),
        "inputAudio" if field("audioUrl").is_some() => item.clone(),
        "text" => json!({ "type": "inputText", "text": field("text")? }),
        "image" => {
            let url = match (field("url"), field("data")) {
                (Some(url), None) => url.to_owned(),
                (None, Some(data)) => format!("data:{};base64,{data}", field("mimeType")?),
                _ => return None,
            };
            json!({ "type": "inputImage", "imageUrl": url })
        }
        _ => return None,
    })
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
