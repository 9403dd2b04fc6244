//! The settings that later turns of a thread have.

use codex_client::options::DefaultSettings;
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::answer::done;
use crate::hooks::Hooks;
use crate::promise::{or_reject, parsed};
use crate::thread::Thread;

#[napi]
impl Thread {
    /// The settings that the next turn has, as far as the server told them here.
    #[napi(getter, ts_return_type = "ThreadDefaults")]
    pub fn defaults<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        parsed(env, self.thread.defaults())
    }

    /// Changes settings of the thread for later turns. What is left out stays as it is.
    ///
    /// Wire: `thread/settings/update`.
    ///
    /// @throws {TypeError} an option is not what is accepted; nothing was sent
    #[napi(ts_args_type = "options: UpdateDefaultsOptions", ts_return_type = "Promise<void>")]
    pub fn update_defaults<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let update = || {
            let settings: DefaultSettings = Hooks::of(env)?.settings(env, options)?;
            let thread = self.thread.clone();
            done(env, async move { thread.update_defaults(settings).await })
        };
        or_reject(env, update())
    }
}
