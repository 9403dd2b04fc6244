//! The models that codex offers.

use codex_client::options::ModelQuery;
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::answer::json;
use crate::codex::Codex;
use crate::hooks::Hooks;
use crate::promise::or_reject;

#[napi]
impl Codex {
    /// The models that codex knows, those of all pages.
    ///
    /// Wire: `model/list`.
    #[napi(ts_args_type = "options?: ModelQuery", ts_return_type = "Promise<Protocol.Model[]>")]
    pub fn models<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let models = || {
            let query: ModelQuery = Hooks::of(env)?.settings(env, options)?;
            let codex = self.codex.clone();
            json(env, async move { codex.models(&query).await })
        };
        or_reject(env, models())
    }
}
