//! Errors of `codex exec` on their way to JavaScript.

use codex_client::RpcErrorKind;
use codex_client::exec::ExecError;
use serde_json::{Value, json};

use crate::error::Describe;

impl Describe for ExecError {
    fn describe(&self) -> String {
        let (class, fields, result) = match self {
            Self::Common(error) => return error.describe(),
            Self::TurnFailed { thread_id, result, .. } => {
                ("TurnFailedError", json!({ "threadId": thread_id }), Some(result.as_str()))
            }
            Self::Aborted { result } => ("AbortError", json!({}), Some(result.as_deref().unwrap_or("null"))),
            Self::ThreadNotFound { thread_id, .. } => {
                let fields = json!({
                    "threadId": thread_id,
                    "rpcCode": RpcErrorKind::INVALID_REQUEST,
                    "data": null,
                    "method": "exec resume",
                    "codexVersion": null,
                });
                ("ThreadNotFoundError", fields, None)
            }
            Self::ThreadInUse { thread_id, .. } => {
                ("ThreadInUseError", json!({ "threadId": thread_id }), None)
            }
            Self::Unread(_) => ("CodexError", json!({}), None),
        };
        let mut description = fields;
        description["class"] = class.into();
        description["message"] = self.to_string().into();
        description["code"] = self.code().into();
        description["retryable"] = Value::Bool(matches!(self, Self::ThreadInUse { .. }));
        let mut text = description.to_string();
        // What is JSON already is put in as it is.
        if let Some(result) = result {
            text.pop();
            text.push_str(&format!(",\"result\":{result}}}"));
        }
        text
    }
}
