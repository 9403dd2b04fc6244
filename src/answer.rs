//! Promises of what the server answers, and arguments that must be there.

use std::future::Future;

use codex_client::Error;
use codex_client::options::parse_argument;
use codex_client::rpc::RawAnswer;
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use serde::de::DeserializeOwned;

use crate::error::to_js;
use crate::hooks::Hooks;
use crate::promise::{parsed, promise};

type Outcome<T> = std::result::Result<T, Error>;

/// The promise of an answer as the server gave it.
pub(crate) fn answer<'env>(
    env: &'env Env,
    asked: impl Future<Output = RawAnswer> + Send + 'static,
) -> Result<Unknown<'env>> {
    promise(env, asked, |env, answer| parsed(env, answer.get().to_owned()))
}

/// The promise of JSON text, as the value that it says.
pub(crate) fn json<'env>(
    env: &'env Env,
    asked: impl Future<Output = Outcome<String>> + Send + 'static,
) -> Result<Unknown<'env>> {
    promise(env, asked, parsed)
}

/// The promise that something was done.
pub(crate) fn done<'env>(
    env: &'env Env,
    asked: impl Future<Output = Outcome<()>> + Send + 'static,
) -> Result<Unknown<'env>> {
    promise(env, asked, |_, ()| Ok(()))
}

/// Reads an argument that must be there; `accepts` says what it takes.
pub(crate) fn argument<T: DeserializeOwned>(
    env: &Env,
    value: Unknown<'_>,
    what: &str,
    accepts: &str,
) -> Result<T> {
    let json = Hooks::of(env)?.encode(env, value, what)?;
    parse_argument(json.as_deref(), what, accepts).map_err(|error| to_js(env, &error))
}
