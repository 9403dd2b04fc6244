//! What `Codex` does with threads that need not be open, and with models.

use codex_client::options::{Call, ModelQuery, ReadSettings, ThreadQuery};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::answer::{answer, done, json};
use crate::codex::{Codex, cancellable, thread_settings};
use crate::error::to_js;
use crate::hooks::Hooks;
use crate::pages::pages_iterable;
use crate::promise::or_reject;
use crate::thread::{Thread, string_argument};

#[napi]
impl Codex {
    /// A new thread with the turns of another, or those up to `lastTurnId`. The other stays as it is.
    ///
    /// Wire: `thread/fork`.
    ///
    /// @throws {InvalidRequestError} there is no such thread on disk; ephemeral threads have none
    #[napi(
        ts_generic_types = "Schemas extends readonly Schema[]",
        ts_args_type = "id: string, options?: ForkThreadOptions<Schemas>",
        ts_return_type = "Promise<Thread>"
    )]
    pub fn fork_thread<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let fork = || {
            let id = string_argument(env, id, "id")?;
            let (settings, handlers, signal) = thread_settings(env, options, Call::ForkThread)?;
            let codex = self.codex.clone();
            let fork = async move { codex.fork_thread(&id, settings, handlers).await };
            cancellable(env, fork, signal, |_, thread| Ok(Thread::new(thread)))
        };
        or_reject(env, fork())
    }

    /// Resumes the thread of a folder that was written to last; null where there is none. The folder is `cwd`, else
    /// the client's, else that of this process.
    ///
    /// Wire: `thread/list`, `thread/resume`.
    #[napi(
        ts_generic_types = "Schemas extends readonly Schema[]",
        ts_args_type = "options?: ResumeThreadOptions<Schemas>",
        ts_return_type = "Promise<Thread | null>"
    )]
    pub fn resume_latest_thread<'env>(
        &self,
        env: &'env Env,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let resume = || {
            let (settings, handlers, signal) = thread_settings(env, options, Call::ResumeThread)?;
            let codex = self.codex.clone();
            let resume = async move { codex.resume_latest_thread(settings, handlers).await };
            cancellable(env, resume, signal, |_, thread| Ok(thread.map(Thread::new)))
        };
        or_reject(env, resume())
    }

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
