//! What a thread holds: its turns and items, and going back to an earlier turn.

use codex_client::options::{ItemQuery, TurnQuery};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::answer::{answer, argument};
use crate::error::to_js;
use crate::hooks::Hooks;
use crate::pages::pages_iterable;
use crate::promise::or_reject;
use crate::thread::{Thread, string_argument};

#[napi]
impl Thread {
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
}
