//! Answers: their results read, their errors told apart.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{IN_USE, is_in_use};
use crate::{Error, RpcError, RpcErrorKind};

/// An answer: the result as JSON text, or why there is none.
pub type RawAnswer = Result<Box<RawValue>, Error>;

/// What an answer holds, as far as it is needed.
pub fn read_answer<'a, T: Deserialize<'a>>(method: &str, answer: &'a RawValue) -> Result<T, Error> {
    serde_json::from_str(answer.get()).map_err(|error| unreadable(method, &error))
}

/// The error for an answer that can't be read.
pub fn unreadable(method: &str, error: &serde_json::Error) -> Error {
    Error::unreadable(method, format!("the answer to {method} can't be read: {error}"))
}

/// Whether an error says that there is no thread of the id that the method was given. Its code and data are those of any
/// other refusal; the words are the same from codex 0.163 to 0.171.
fn is_missing_thread(method: &str, message: &str) -> bool {
    const SIGNS: [&str; 6] = [
        "no rollout found for thread id ",
        "no archived rollout found for thread id ",
        "thread not loaded: ",
        "thread not found: ",
        "invalid thread id: ",
        "invalid session id: ",
    ];
    let names_a_thread = ["thread/", "turn/", "review/"].iter().any(|family| method.starts_with(family));
    names_a_thread && SIGNS.iter().any(|sign| message.starts_with(sign))
}

/// Messages longer than this list what the server knows, which helps nobody.
const LONGEST_MESSAGE: usize = 600;

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Tells what a JSON-RPC error means; the server uses -32600 for nearly everything.
pub(super) fn rpc_error(raw: &str, method: &str, codex_version: Option<String>) -> Error {
    let wire: Wire<'_> = serde_json::from_str(raw).unwrap_or_else(|_| Wire {
        code: 0,
        message: format!("the server answered with an error that can't be read: {raw}"),
        data: None,
    });
    let mut message = wire.message;
    let unknown_method = message.contains("unknown variant") && message.contains(&format!("`{method}`"));
    let kind = match wire.code {
        -32600 if unknown_method => RpcErrorKind::MethodNotFound,
        -32600 if message.starts_with("Invalid request: ") => RpcErrorKind::InvalidParams,
        -32600 if is_missing_thread(method, &message) => RpcErrorKind::ThreadNotFound,
        -32600 if is_in_use(&message) => RpcErrorKind::ThreadInUse,
        -32600 if message.starts_with("failed to load configuration") => RpcErrorKind::ConfigLoad,
        -32600 => RpcErrorKind::InvalidRequest,
        -32601 => RpcErrorKind::MethodNotFound,
        -32602 => RpcErrorKind::InvalidParams,
        -32603 => RpcErrorKind::Internal,
        -32001 => RpcErrorKind::ServerBusy,
        _ => RpcErrorKind::Other,
    };
    if unknown_method {
        let version = codex_version.as_deref().unwrap_or("of an unknown version");
        message = format!("codex {version} does not know the method {method}");
    } else if message.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
        message.push_str(" ...");
    }
    if kind == RpcErrorKind::ThreadInUse {
        message = format!("{message}: {IN_USE}");
    }
    let mut error = RpcError {
        kind,
        message: format!("{method}: {message}"),
        rpc_code: wire.code,
        data: wire.data.map(|data| data.get().to_owned()),
        method: method.to_owned(),
        codex_version,
    };
    if error.config_error_code().is_some() {
        error.kind = RpcErrorKind::ConfigWrite;
    }
    Error::Rpc(Arc::new(error))
}
