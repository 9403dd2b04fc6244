//! What the server is answered where nobody answers it: no, in the shape of its method.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The declining answer to a request from the server, in the shape of its method.
///
/// `Err` is a JSON-RPC error code and message, for methods whose answer has no way to say no.
///
/// `failed` is what the handler threw, where there is one.
pub fn decline(method: &str, failed: Option<&str>) -> Result<Value, (i64, String)> {
    let why = match failed {
        None => "declined: this client has no handler for it".to_owned(),
        // What it threw may tell of a token.
        Some(_) if method == "account/chatgptAuthTokens/refresh" => {
            "declined: the handler of this client failed".to_owned()
        }
        Some(error) => format!("declined: the handler of this client failed: {error}"),
    };
    Ok(match method {
        "item/commandExecution/requestApproval" | "item/fileChange/requestApproval" => {
            json!({ "decision": "decline" })
        }
        "item/tool/requestUserInput" => json!({ "answers": {} }),
        "mcpServer/elicitation/request" => json!({ "action": "decline", "content": null, "_meta": null }),
        "item/permissions/requestApproval" => json!({ "permissions": {}, "scope": "turn" }),
        "item/tool/call" => {
            json!({ "contentItems": [{ "type": "inputText", "text": why }], "success": false })
        }
        "applyPatchApproval" | "execCommandApproval" => {
            json!({ "decision": { "denied": { "rejection": why } } })
        }
        // It asks for no permission, only for the time, and is gone in codex 0.171.
        "currentTime/read" => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            json!({ "currentTimeAt": now.as_secs() })
        }
        "account/chatgptAuthTokens/refresh" | "attestation/generate" => {
            return Err((-32000, format!("{method} {why}")));
        }
        _ if failed.is_some() => return Err((-32000, format!("{method} {why}"))),
        _ => return Err((-32601, format!("the client does not know the method {method}"))),
    })
}
