//! The class `Config`: codex's configuration, read and written.

use codex_client::options::{ConfigBatchSettings, ConfigEdit, ConfigReadSettings, ConfigWriteSettings};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;
use serde_json::Value;

use crate::answer::{answer, argument};
use crate::codex::Codex;
use crate::hooks::Hooks;
use crate::promise::or_reject;
use crate::thread::string_argument;

/// Codex's configuration. Got by `codex.config`.
#[napi]
pub struct Config {
    codex: codex_client::Codex,
}

#[napi]
impl Codex {
    /// Codex's configuration.
    #[napi(getter)]
    pub fn config(&self) -> Config {
        Config { codex: self.codex.clone() }
    }
}

#[napi]
impl Config {
    /// The configuration as it counts, and where each value comes from.
    ///
    /// Wire: `config/read`.
    #[napi(
        ts_args_type = "options?: ConfigReadOptions",
        ts_return_type = "Promise<Protocol.ConfigReadResponse>"
    )]
    pub fn read<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let read = || {
            let settings: ConfigReadSettings = Hooks::of(env)?.settings(env, options)?;
            let codex = self.codex.clone();
            answer(env, async move { codex.read_config(&settings).await })
        };
        or_reject(env, read())
    }

    /// Writes one value; null removes what is there. The answer has the version of the file that it made: give it as
    /// the `expectedVersion` of the next write, which then fails if somebody else has written in between.
    ///
    /// Wire: `config/value/write`.
    ///
    /// @throws {ConfigWriteError} the file has changed, the value is not valid, or the file may not be written
    #[napi(
        ts_args_type = "keyPath: string, value: ConfigValue | null, options?: ConfigWriteOptions",
        ts_return_type = "Promise<Protocol.ConfigWriteResponse>"
    )]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        key_path: Unknown<'env>,
        value: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let write = || {
            let hooks = Hooks::of(env)?;
            let key_path = string_argument(env, key_path, "keyPath")?;
            let value = hooks.encode(env, value, "value")?;
            let value: Option<Value> = value
                .map(|json| serde_json::from_str(&json))
                .transpose()
                .map_err(|error| napi::Error::from_reason(error.to_string()))?;
            let settings: ConfigWriteSettings = hooks.settings(env, options)?;
            let codex = self.codex.clone();
            answer(env, async move { codex.write_config(&key_path, value, &settings).await })
        };
        or_reject(env, write())
    }

    /// Writes several values, all or none.
    ///
    /// Wire: `config/batchWrite`.
    ///
    /// @throws {ConfigWriteError} the file has changed, a value is not valid, or the file may not be written
    #[napi(
        ts_args_type = "edits: ConfigEdit[], options?: ConfigBatchOptions",
        ts_return_type = "Promise<Protocol.ConfigWriteResponse>"
    )]
    pub fn batch_write<'env>(
        &self,
        env: &'env Env,
        edits: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let write = || {
            let edits: Vec<ConfigEdit> =
                argument(env, edits, "edits", "it takes an array of {keyPath, value, mergeStrategy?}")?;
            let settings: ConfigBatchSettings = Hooks::of(env)?.settings(env, options)?;
            let codex = self.codex.clone();
            answer(env, async move { codex.write_config_batch(&edits, &settings).await })
        };
        or_reject(env, write())
    }

    /// What an administrator requires of the configuration.
    ///
    /// Wire: `configRequirements/read`.
    #[napi(ts_return_type = "Promise<Protocol.ConfigRequirementsReadResponse>")]
    pub fn requirements<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let codex = self.codex.clone();
        answer(env, async move { codex.config_requirements().await })
    }
}
