//! The input of a turn.

use codex_client::options::Input;
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};

use crate::error::to_js;
use crate::hooks::Hooks;

/// Reads the input of a turn.
pub(crate) fn input_argument(env: &Env, input: Unknown<'_>) -> Result<Input> {
    let json = Hooks::of(env)?.encode(env, input, "input")?;
    json.map_or_else(|| Err(Input::missing()), |json| Input::parse(&json)).map_err(|error| to_js(env, &error))
}
