//! Turns that no input begins: a review, a compaction.

use codex_client::options::{CompactSettings, ReviewSettings, ReviewTarget};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use crate::environment::Handled;
use crate::error::to_js;
use crate::hooks::Hooks;
use crate::promise::{abortable, is_aborted, or_reject, parsed, promise};
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
            let hooks = Hooks::of(env)?;
            let target = hooks.encode(env, target, "target")?;
            let target = ReviewTarget::parse(target.as_deref()).map_err(|error| to_js(env, &error))?;
            let handled = hooks.encode_handled(env, options, "signal")?;
            let settings: ReviewSettings = handled.settings(env)?;
            let Handled { apart: signal, handlers, .. } = handled;
            let cancel = CancellationToken::new();
            if is_aborted(signal.as_ref())? {
                cancel.cancel();
            }
            let handlers = handlers.map_or_else(|| hooks.context_alone(env), Ok)?;
            let review = self.thread.review(&target, &settings, Some(handlers), cancel.clone());
            let review = review.map_err(|error| to_js(env, &error))?;
            let promise = promise(env, review, |_, turn| Ok(Turn::new(turn)))?;
            abortable(env, promise, signal, cancel)
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
            let (settings, signal) = Hooks::of(env)?.abortable_settings::<CompactSettings>(env, options)?;
            let cancel = CancellationToken::new();
            if is_aborted(signal.as_ref())? {
                cancel.cancel();
            }
            let compact = self
                .thread
                .compact(&settings, Some(Hooks::of(env)?.context_alone(env)?), cancel.clone())
                .map_err(|error| to_js(env, &error))?;
            let promise = promise(env, compact, |env, result| parsed(env, result.to_json()))?;
            abortable(env, promise, signal, cancel)
        };
        or_reject(env, compact())
    }
}
