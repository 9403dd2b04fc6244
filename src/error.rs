//! Errors of the core on their way to JavaScript: class, message and fields. `glue/errors.js` builds them.

use codex_client::Error;
use napi::Env;
use serde_json::{Map, Value, json, value::RawValue};

use crate::hooks::Hooks;

/// An error of the core: its class, message and fields as JSON.
pub(crate) trait Describe {
    fn describe(&self) -> String;
}

/// The error as JavaScript sees it: built by the class that index.js registered.
pub(crate) fn to_js(env: &Env, error: &impl Describe) -> napi::Error {
    let made = Hooks::of(env).and_then(|hooks| hooks.make_error(env, error.describe()));
    match made {
        Ok(error) => napi::Error::from(error),
        Err(error) => error,
    }
}

impl Describe for Error {
    fn describe(&self) -> String {
        describe(self)
    }
}

fn describe(error: &Error) -> String {
    let (class, fields) = class_and_fields(error);
    let mut description = Map::new();
    description.insert("class".to_owned(), class.into());
    description.insert("message".to_owned(), error.to_string().into());
    description.insert("code".to_owned(), error.code().into());
    description.insert("retryable".to_owned(), error.is_retryable().into());
    if let Some(after) = error.retry_after() {
        description
            .insert("retryAfterMs".to_owned(), json!(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)));
    }
    if let Value::Object(fields) = fields {
        description.extend(fields);
    }
    let mut text = Value::Object(description).to_string();
    // What is JSON already is put in as it is: parsing it here would only cost.
    for (name, raw) in raw_fields(error) {
        text.pop();
        text.push_str(&format!(",\"{name}\":{raw}}}"));
    }
    text
}

fn class_and_fields(error: &Error) -> (&'static str, Value) {
    match error {
        Error::InvalidArgument(_) => ("TypeError", Value::Null),
        Error::BinaryNotFound { tried, .. } => ("BinaryNotFoundError", json!({ "tried": tried })),
        Error::Start { path, .. } => ("TransportError", json!({ "path": path })),
        Error::Spawn(_) | Error::Lost(_) | Error::NotConnected(_) => ("TransportError", Value::Null),
        Error::Protocol { method, .. } => ("ProtocolError", json!({ "method": method })),
        Error::File { path, .. } => ("FileError", json!({ "path": path })),
        Error::Connect { status, .. } => ("TransportError", json!({ "status": status })),
        // `code` is the name of the error everywhere; the exit code has a name of its own.
        Error::ServerExited { code, signal, stderr, path, .. } => (
            "ServerExitedError",
            json!({ "exitCode": code, "signal": signal, "stderr": stderr, "path": path }),
        ),
        Error::Closed(_) => ("ClosedError", Value::Null),
        Error::Timeout { method, timeout_ms, path, .. } => {
            let mut fields = json!({ "method": method, "timeoutMs": timeout_ms });
            if let Some(path) = path {
                fields["path"] = path.as_str().into();
            }
            ("TimeoutError", fields)
        }
        Error::Indeterminate { method, .. } => ("IndeterminateError", json!({ "method": method })),
        Error::Rpc(error) => {
            let mut fields = json!({
                "rpcCode": error.rpc_code,
                "method": error.method,
                "codexVersion": error.codex_version,
            });
            use codex_client::RpcErrorKind::{ThreadInUse, ThreadNotFound};
            if matches!(error.kind, ThreadInUse | ThreadNotFound) {
                fields["threadId"] = error.thread_id().into();
            }
            if let Some(code) = error.config_error_code() {
                fields["configErrorCode"] = code.into();
            }
            (rpc_class(error.kind), fields)
        }
        Error::TurnFailed(failure) => (
            "TurnFailedError",
            json!({
                "threadId": failure.result.thread_id,
                "turnId": failure.result.turn_id,
                "additionalDetails": failure.additional_details,
                "httpStatus": failure.http_status,
                "transient": failure.transient,
            }),
        ),
        Error::TurnInactive { continuation, idle_ms } => {
            ("TurnInactiveError", json!({ "continuation": continuation, "idleMs": idle_ms }))
        }
        Error::TurnLost { .. } => ("TurnLostError", Value::Null),
        Error::Continuation(_) => ("CodexError", Value::Null),
        Error::ThreadBusy { thread_id, turn_id } => {
            ("ThreadBusyError", json!({ "threadId": thread_id, "turnId": turn_id }))
        }
        Error::LoginFailed { login_id, .. } => ("LoginFailedError", json!({ "loginId": login_id })),
        Error::Aborted { .. } => ("AbortError", Value::Null),
        Error::UnsupportedVersion { found, path, .. } => (
            "UnsupportedVersionError",
            json!({ "found": found, "minimum": codex_client::MINIMUM_CODEX_VERSION, "path": path }),
        ),
    }
}

fn raw_fields(error: &Error) -> Vec<(&'static str, String)> {
    let null = || RawValue::NULL.get().to_owned();
    match error {
        Error::Rpc(error) => vec![("data", error.data.clone().unwrap_or_else(null))],
        Error::TurnFailed(failure) => vec![
            ("codexErrorInfo", failure.codex_error_info.clone().unwrap_or_else(null)),
            ("result", failure.result.to_json()),
        ],
        Error::TurnLost { result, .. } | Error::Aborted { result } => {
            vec![("result", result.as_ref().map_or_else(null, |result| result.to_json()))]
        }
        _ => Vec::new(),
    }
}

fn rpc_class(kind: codex_client::RpcErrorKind) -> &'static str {
    use codex_client::RpcErrorKind as Kind;
    match kind {
        Kind::Other => "JsonRpcError",
        Kind::InvalidRequest => "InvalidRequestError",
        Kind::ThreadNotFound => "ThreadNotFoundError",
        Kind::ThreadInUse => "ThreadInUseError",
        Kind::ConfigLoad => "ConfigLoadError",
        Kind::MethodNotFound => "MethodNotFoundError",
        Kind::InvalidParams => "InvalidParamsError",
        Kind::ConfigWrite => "ConfigWriteError",
        Kind::Internal => "InternalRpcError",
        Kind::ServerBusy => "ServerBusyError",
    }
}
