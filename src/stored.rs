//! Threads that need not be open: list, read, archive, unarchive, delete, name.

use codex_client::options::{ReadSettings, ThreadQuery};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::answer::{answer, done, json};
use crate::codex::Codex;
use crate::error::to_js;
use crate::hooks::Hooks;
use crate::pages::pages_iterable;
use crate::promise::or_reject;
use crate::thread::{Thread, string_argument};

#[napi]
impl Codex {
    /// One page of the stored threads, each once. `threads()` gives those of all pages.
    ///
    /// Wire: `thread/list`.
    #[napi(
        ts_args_type = "query?: ListThreadsOptions",
        ts_return_type = "Promise<Protocol.ThreadListResponse>"
    )]
    pub fn list_threads<'env>(&self, env: &'env Env, query: Unknown<'env>) -> Result<Unknown<'env>> {
        let list = || {
            let query: ThreadQuery = Hooks::of(env)?.settings(env, query)?;
            let codex = self.codex.clone();
            json(env, async move { codex.list_threads(&query).await })
        };
        or_reject(env, list())
    }

    /// All stored threads, each once. A page is asked for when the one before was read; `limit` is its size.
    ///
    /// Wire: `thread/list`.
    #[napi(
        ts_args_type = "query?: ListThreadsOptions & Abortable",
        ts_return_type = "AsyncIterableIterator<Protocol.Thread>"
    )]
    pub fn threads<'env>(&self, env: &'env Env, query: Unknown<'env>) -> Result<Unknown<'env>> {
        let (query, signal) = Hooks::of(env)?.abortable_settings::<ThreadQuery>(env, query)?;
        let pages = self.codex.threads(&query).map_err(|error| to_js(env, &error))?;
        pages_iterable(env, pages, signal)
    }

    /// A thread as the server has stored it.
    ///
    /// Wire: `thread/read`.
    ///
    /// @throws {InvalidRequestError} there is no such thread
    #[napi(
        ts_args_type = "id: string, options?: ReadThreadOptions",
        ts_return_type = "Promise<Protocol.ThreadReadResponse>"
    )]
    pub fn read_thread<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let read = || {
            let id = string_argument(env, id, "id")?;
            let options: ReadSettings = Hooks::of(env)?.settings(env, options)?;
            let codex = self.codex.clone();
            let include = options.include_turns.unwrap_or(false);
            answer(env, async move { codex.read_thread(&id, include).await })
        };
        or_reject(env, read())
    }

    /// Puts a thread away: it is listed with `archived: true` alone and can't be resumed. A turn that runs is
    /// interrupted.
    ///
    /// Wire: `thread/archive`.
    ///
    /// @throws {InvalidRequestError} there is no such thread on disk, or it is archived already
    #[napi(ts_args_type = "id: string", ts_return_type = "Promise<void>")]
    pub fn archive_thread<'env>(&self, env: &'env Env, id: Unknown<'env>) -> Result<Unknown<'env>> {
        let archive = || {
            let id = string_argument(env, id, "id")?;
            let codex = self.codex.clone();
            done(env, async move { codex.archive_thread(&id).await })
        };
        or_reject(env, archive())
    }

    /// Takes an archived thread back.
    ///
    /// Wire: `thread/unarchive`.
    ///
    /// @throws {InvalidRequestError} there is no such archived thread
    #[napi(ts_args_type = "id: string", ts_return_type = "Promise<void>")]
    pub fn unarchive_thread<'env>(&self, env: &'env Env, id: Unknown<'env>) -> Result<Unknown<'env>> {
        let unarchive = || {
            let id = string_argument(env, id, "id")?;
            let codex = self.codex.clone();
            done(env, async move { codex.unarchive_thread(&id).await })
        };
        or_reject(env, unarchive())
    }

    /// Deletes a thread for good.
    ///
    /// Wire: `thread/delete`.
    ///
    /// @throws {InvalidRequestError} there is no such thread on disk
    #[napi(ts_args_type = "id: string", ts_return_type = "Promise<void>")]
    pub fn delete_thread<'env>(&self, env: &'env Env, id: Unknown<'env>) -> Result<Unknown<'env>> {
        let delete = || {
            let id = string_argument(env, id, "id")?;
            let codex = self.codex.clone();
            done(env, async move { codex.delete_thread(&id).await })
        };
        or_reject(env, delete())
    }

    /// Gives a thread a name.
    ///
    /// Wire: `thread/name/set`.
    #[napi(ts_args_type = "id: string, name: string", ts_return_type = "Promise<void>")]
    pub fn set_thread_name<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'env>,
        name: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let set = || {
            let id = string_argument(env, id, "id")?;
            let name = string_argument(env, name, "name")?;
            let codex = self.codex.clone();
            done(env, async move { codex.set_thread_name(&id, &name).await })
        };
        or_reject(env, set())
    }
}

#[napi]
impl Thread {
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
}
