//! What a `Thread` does beside its turns: its history, its place among the threads, its settings.

use codex_client::options::{
    Call, CompactSettings, DefaultSettings, ItemQuery, ReviewSettings, ReviewTarget, TurnQuery,
};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use crate::answer::{answer, argument, done};
use crate::codex::{cancellable, thread_settings};
use crate::environment::Handled;
use crate::error::to_js;
use crate::hooks::Hooks;
use crate::pages::pages_iterable;
use crate::promise::{abortable, is_aborted, or_reject, parsed, promise};
use crate::thread::{Thread, string_argument};
use crate::turn::Turn;

#[napi]
impl Thread {
    /// A new thread with the turns of this one, or those up to `lastTurnId`.
    ///
    /// Wire: `thread/fork`.
    ///
    /// @throws {InvalidRequestError} the thread is ephemeral, or has no turn yet
    #[napi(
        ts_generic_types = "Schemas extends readonly Schema[]",
        ts_args_type = "options?: ForkThreadOptions<Schemas>",
        ts_return_type = "Promise<Thread>"
    )]
    pub fn fork<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let fork = || {
            let (settings, handlers, signal) = thread_settings(env, options, Call::ForkThread)?;
            let thread = self.thread.clone();
            let fork = async move { thread.fork(settings, handlers).await };
            cancellable(env, fork, signal, |_, thread| Ok(Thread::new(thread)))
        };
        or_reject(env, fork())
    }

    /// Puts the thread away: it is listed with `archived: true` alone, and takes no turn until `unarchive()`. A turn
    /// that runs is interrupted.
    ///
    /// Wire: `thread/archive`.
    ///
    /// @throws {InvalidRequestError} the thread is not on disk, or archived already
    #[napi(ts_return_type = "Promise<void>")]
    pub fn archive<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let thread = self.thread.clone();
        done(env, async move { thread.archive().await })
    }

    /// Takes the archived thread back; its next turn loads it.
    ///
    /// Wire: `thread/unarchive`.
    ///
    /// @throws {InvalidRequestError} the thread is not archived
    #[napi(ts_return_type = "Promise<void>")]
    pub fn unarchive<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let thread = self.thread.clone();
        done(env, async move { thread.unarchive().await })
    }

    /// Deletes the thread for good.
    ///
    /// Wire: `thread/delete`.
    ///
    /// @throws {InvalidRequestError} the thread is not on disk
    #[napi(ts_return_type = "Promise<void>")]
    pub fn delete<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let thread = self.thread.clone();
        done(env, async move { thread.delete().await })
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

    /// The turns of the thread, the newest first unless told otherwise. A page is asked for when the one before was
    /// read.
    ///
    /// Wire: `thread/turns/list`.
    ///
    /// @throws {InvalidRequestError} (when read) the thread is ephemeral
    #[napi(
        ts_args_type = "query?: TurnQuery & Abortable",
        ts_return_type = "AsyncIterableIterator<Protocol.Turn>"
    )]
    pub fn turns<'env>(&self, env: &'env Env, query: Unknown<'env>) -> Result<Unknown<'env>> {
        let (query, signal) = Hooks::of(env)?.abortable_settings::<TurnQuery>(env, query)?;
        let pages = self.thread.turns(&query).map_err(|error| to_js(env, &error))?;
        pages_iterable(env, pages, signal)
    }

    /// The items of the thread, or of one turn, the oldest first unless told otherwise. A page is asked for when the
    /// one before was read.
    ///
    /// Wire: `thread/items/list`.
    ///
    /// @throws {JsonRpcError} (when read) the thread is ephemeral
    #[napi(
        ts_args_type = "query?: ItemQuery & Abortable",
        ts_return_type = "AsyncIterableIterator<Protocol.ThreadItemEntry>"
    )]
    pub fn items<'env>(&self, env: &'env Env, query: Unknown<'env>) -> Result<Unknown<'env>> {
        let (query, signal) = Hooks::of(env)?.abortable_settings::<ItemQuery>(env, query)?;
        let pages = self.thread.items(&query).map_err(|error| to_js(env, &error))?;
        pages_iterable(env, pages, signal)
    }

    /// Drops the last turns from the history: the model will not know of them. Files that they changed stay as they
    /// are. A review or a compaction counts as one turn.
    ///
    /// Wire: `thread/turns/list`, `thread/revert`.
    ///
    /// @throws {ThreadBusyError} a turn runs or waits to
    /// @throws {TypeError} the thread has fewer turns
    /// @throws {InvalidRequestError} the thread is ephemeral
    #[napi(ts_args_type = "numTurns: number", ts_return_type = "Promise<Protocol.ThreadRevertResponse>")]
    pub fn rollback<'env>(&self, env: &'env Env, num_turns: Unknown<'env>) -> Result<Unknown<'env>> {
        let rollback = || {
            let num_turns: u32 =
                argument(env, num_turns, "numTurns", "it takes a whole number that is at least 1")?;
            let thread = self.thread.clone();
            answer(env, async move { thread.rollback(num_turns).await })
        };
        or_reject(env, rollback())
    }

    /// Drops a turn and all later ones from the history: the model will not know of them. Files that they changed stay
    /// as they are.
    ///
    /// Wire: `thread/revert`.
    ///
    /// @throws {ThreadBusyError} a turn runs or waits to
    /// @throws {InvalidRequestError} the thread has no such turn, or is ephemeral
    #[napi(ts_args_type = "beforeTurnId: string", ts_return_type = "Promise<Protocol.ThreadRevertResponse>")]
    pub fn revert<'env>(&self, env: &'env Env, before_turn_id: Unknown<'env>) -> Result<Unknown<'env>> {
        let revert = || {
            let before = string_argument(env, before_turn_id, "beforeTurnId")?;
            let thread = self.thread.clone();
            answer(env, async move { thread.revert(&before).await })
        };
        or_reject(env, revert())
    }

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
