//! Turns that no input begins: a review, a compaction.

use codex_client::options::{CompactSettings, ReviewSettings, ReviewTarget};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::arguments::{Arguments, TurnCall};
use crate::error::to_js;
use crate::promise::{or_reject, promise};
use crate::text::Text;
use crate::thread::Thread;
use crate::turn::Turn;

#[napi]
impl Thread {
    /// Reviews changes, and gives the turn that does it as soon as the server has accepted it. It waits for the turns
    /// before it, and those after it wait for it. Its `finalResponse` is the review. It takes no `steer()`.
    ///
    /// Wire: `review/start`.
    ///
    /// @throws {TypeError} the target or an option is not what is accepted; nothing was sent
    /// @throws {IndeterminateError} the server did not answer in time; the review may run
    /// @throws {AbortError} `signal` was aborted; no turn is left running
    #[napi(ts_args_type = "target: ReviewTarget, options?: ReviewOptions", ts_return_type = "Promise<Turn>")]
    pub fn review<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let review = || {
            let arguments = Arguments::take(env, TurnCall::Review, Some(target), options)?;
            let target =
                ReviewTarget::parse(arguments.first.as_deref()).map_err(|error| to_js(env, &error))?;
            let settings: ReviewSettings = arguments.settings()?;
            let (handlers, cancel) = (Some(arguments.handlers()), arguments.cancel.clone());
            let review = self.thread.review(&target, &settings, handlers, cancel);
            let review = review.map_err(|error| to_js(env, &error))?;
            arguments.settle(promise(env, review, |_, turn| Ok(Turn::new(turn)))?, self.thread.secrets())
        };
        or_reject(env, review())
    }

    /// Compacts what the model gets of the thread, and resolves when the turn that does it has completed. It waits
    /// for the turns before it, and those after it wait for it.
    ///
    /// Wire: `thread/compact/start`.
    ///
    /// @throws {TurnFailedError} the thread could not be compacted
    /// @throws {AbortError} `signal` was aborted; the turn was interrupted
    #[napi(ts_args_type = "options?: CompactOptions", ts_return_type = "Promise<TurnResult>")]
    pub fn compact<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let compact = || {
            let arguments = Arguments::take(env, TurnCall::Compact, None, options)?;
            let settings: CompactSettings = arguments.settings()?;
            let (handlers, cancel) = (Some(arguments.handlers()), arguments.cancel.clone());
            let compact = self.thread.compact(&settings, handlers, cancel);
            let compact = compact.map_err(|error| to_js(env, &error))?;
            arguments
                .settle(promise(env, compact, |_, result| Ok(Text(result.to_json())))?, self.thread.secrets())
        };
        or_reject(env, compact())
    }
}
