//! What JavaScript passes on without the secrets of a client.

use napi_derive::napi;

use crate::codex::Codex;

/// The text of a JSON value with the secrets of a client redacted.
#[napi(skip_typescript)]
pub(crate) fn redact(codex: &Codex, json: String) -> String {
    codex.codex.secrets().redact_json(&json).into_owned()
}
