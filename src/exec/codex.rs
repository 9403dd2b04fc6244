//! The native side of `Codex` of `codex-node/exec`.

use codex_client::exec::{self, ExecHost, ExecSettings};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::error::to_js;
use crate::hooks::{Evaluation, Hooks};
use crate::runtime::runtime;

/// Starts `codex exec`, once for each turn.
#[napi(js_name = "ExecCodex")]
pub struct ExecCodex {
    pub(super) codex: exec::Codex,
}

#[napi]
impl ExecCodex {
    /// Checks the options; nothing is looked for or started.
    #[napi(constructor, ts_args_type = "options?: object")]
    pub fn new(env: Env, options: Unknown<'_>, evaluation: Option<u32>) -> Result<Self> {
        let _entered = Evaluation::given(evaluation).enter();
        let hooks = Hooks::of(&env)?;
        let settings: ExecSettings = hooks.settings(&env, options)?;
        let host = ExecHost {
            runtime: runtime()?.handle().clone(),
            search_from: hooks.search_from()?,
            memory: hooks.memory(),
        };
        let codex = exec::Codex::new(settings, host).map_err(|error| to_js(&env, &error))?;
        Ok(Self { codex })
    }
}
