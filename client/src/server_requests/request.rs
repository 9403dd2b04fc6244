//! A request from the server, read as far as it must be, and how it was answered.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::approval_form::{RequestIds, normal_form};
use super::decline::decline;
use crate::routing::TurnSink;
use crate::rpc::{ServerRequest, field, texts};

/// Whose handlers answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    Turn,
    Thread,
    Client,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Thread => "thread",
            Self::Client => "client",
        }
    }
}

/// A request.
pub(super) struct ParsedRequest {
    pub(super) request: ServerRequest,
    params: Box<RawValue>,
    pub(super) thread: Option<String>,
    pub(super) turn: Option<String>,
    /// The item that it is about.
    pub(super) item: Option<String>,
}

/// How a request was answered.
#[derive(Debug)]
pub(super) enum RequestOutcome {
    By {
        scope: Scope,
        answer: Value,
        /// The rule of the program that it came from.
        rule: Option<String>,
    },
    /// A tool was called here, and failed: the model is told, which can do something about it.
    Failed { scope: Scope, error: String },
    /// In the shape of its method, because nobody here had an answer.
    Declined { error: Option<String> },
    /// Not by this client, or it has become void.
    Elsewhere,
    /// It was another client's to answer, and this one does not wait for that any more.
    Left { error: Option<String> },
}

/// A result as JSON, or a JSON-RPC error.
pub(super) type Response = Result<String, (i64, String)>;

impl ParsedRequest {
    pub(super) fn read(request: ServerRequest) -> Self {
        let params = field(&request.line, "params").unwrap_or(RawValue::NULL).to_owned();
        // Each by itself: one of another shape must not hide whose the request is.
        let [thread, conversation, turn, item, call] =
            texts(params.get(), ["threadId", "conversationId", "turnId", "itemId", "callId"]);
        Self { request, params, thread: thread.or(conversation), turn, item: item.or(call) }
    }

    /// The request as its handler sees it.
    pub(super) fn for_handler(&self, turn: Option<&Arc<dyn TurnSink>>, turn_id: Option<&str>) -> String {
        let kind = self.kind();
        let ids = self.thread.as_ref().zip(self.item.as_ref()).filter(|_| kind == Some("fileChange"));
        let changes = ids.and_then(|(thread, item)| turn?.file_changes(thread, item));
        let place = RequestIds {
            thread: self.thread.as_deref(),
            turn: self.turn.as_deref().or(turn_id),
            item: self.item.as_deref(),
        };
        let form = kind.and_then(|kind| normal_form(place, self.params.get(), kind, changes));
        request(self, kind, form)
    }

    /// Its parameters.
    pub(super) fn params(&self) -> &RawValue {
        &self.params
    }

    /// Whether it asks if a tool of an MCP server may be called.
    pub(super) fn is_mcp_approval(&self) -> bool {
        self.kind() == Some("mcpToolCall")
    }

    /// What one handler's requests are told apart by.
    fn kind(&self) -> Option<&'static str> {
        match self.request.method.as_str() {
            "item/commandExecution/requestApproval" | "execCommandApproval" => Some("command"),
            "item/fileChange/requestApproval" | "applyPatchApproval" => Some("fileChange"),
            "mcpServer/elicitation/request" => {
                let params: Value = serde_json::from_str(self.params.get()).ok()?;
                let approval = params.get("_meta").and_then(|meta| meta.get("codex_approval_kind"));
                if approval.and_then(Value::as_str) == Some("mcp_tool_call") {
                    return Some("mcpToolCall");
                }
                match params.get("mode").and_then(Value::as_str) {
                    Some("url") => Some("url"),
                    Some("openai/userVerification") => Some("userVerification"),
                    _ => Some("form"),
                }
            }
            _ => None,
        }
    }

    /// The dynamic tool that is called.
    pub(super) fn tool(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Call {
            tool: String,
            namespace: Option<String>,
        }
        if !self.is_tool_call() {
            return None;
        }
        let call: Call = serde_json::from_str(self.params.get()).ok()?;
        call.namespace.is_none().then_some(call.tool)
    }

    /// Whether the server asks again what it has asked over an earlier line.
    pub(super) fn is_repeated_by(&self, other: &Self) -> bool {
        let ids = |asked: &'_ Self| (asked.thread.clone(), asked.turn.clone(), asked.item.clone());
        // What names no thread is of one line: another server may ask the same.
        self.thread.is_some()
            && self.request.method == other.request.method
            && (self.request.line == other.request.line || (self.item.is_some() && ids(self) == ids(other)))
    }

    pub(super) fn is_tool_call(&self) -> bool {
        self.request.method == "item/tool/call"
    }

    /// What it takes to remember it, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.request.line.len() + self.params.get().len()
    }

    /// What is to be sent, if anything.
    pub(super) fn response(&self, answered: &RequestOutcome) -> Option<Response> {
        match answered {
            RequestOutcome::By { answer, .. } => Some(Ok(answer.to_string())),
            RequestOutcome::Elsewhere | RequestOutcome::Left { .. } => None,
            RequestOutcome::Failed { error, .. } => Some(Ok(tool_failure(error).to_string())),
            RequestOutcome::Declined { error: Some(error) } if self.is_tool_call() => {
                Some(Ok(tool_failure(error).to_string()))
            }
            RequestOutcome::Declined { error } => {
                let declined = decline(&self.request.method, error.as_deref());
                Some(
                    declined
                        .map(|answer| answer.to_string())
                        .map_err(|(code, text)| (code, text.to_string())),
                )
            }
        }
    }

    pub(super) fn record(&self, answered: &RequestOutcome) -> String {
        let rule = match answered {
            RequestOutcome::By { rule, .. } => rule.as_ref(),
            _ => None,
        };
        let failure = match answered {
            RequestOutcome::Failed { error, .. } => Some(tool_failure(error)),
            _ => None,
        };
        let (by, answer, error) = match answered {
            RequestOutcome::By { scope, answer, .. } => (scope.word(), Some(answer), None),
            RequestOutcome::Failed { scope, error } => (scope.word(), failure.as_ref(), Some(error)),
            RequestOutcome::Declined { error } => ("nobody", None, error.as_ref()),
            RequestOutcome::Elsewhere => ("elsewhere", None, None),
            RequestOutcome::Left { error } => ("left", None, error.as_ref()),
        };
        // A fresh token is nobody's to watch.
        let answer = answer.filter(|_| self.request.method != "account/chatgptAuthTokens/refresh");
        format!(
            r#"{{"id":{},"method":{},"params":{},"answeredBy":"{by}","answer":{},"rule":{},"error":{}}}"#,
            self.request.id.get(),
            json!(self.request.method),
            self.params.get(),
            json!(answer),
            json!(rule),
            json!(error),
        )
    }
}

/// What the model is told of a tool that failed.
fn tool_failure(error: &str) -> Value {
    json!({ "contentItems": [{ "type": "inputText", "text": error }], "success": false })
}

/// The request as JSON, with its form.
fn request(asked: &ParsedRequest, kind: Option<&str>, form: Option<Map<String, Value>>) -> String {
    let mut parts = vec![
        format!(r#""id":{}"#, asked.request.id.get()),
        format!(r#""method":{}"#, json!(asked.request.method)),
    ];
    parts.extend(kind.map(|kind| format!(r#""kind":"{kind}""#)));
    for (name, value) in form.into_iter().flatten() {
        parts.push(format!("{}:{value}", json!(name)));
    }
    let params: &RawValue = asked.params();
    parts.push(format!(r#""params":{}"#, params.get()));
    format!("{{{}}}", parts.join(","))
}
