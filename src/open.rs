//! How threads are opened: started, resumed, forked.

use codex_client::options::Call;
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::codex::{Codex, cancellable, thread_settings};
use crate::promise::or_reject;
use crate::thread::{Thread, string_argument};

#[napi]
impl Codex {
    /// A new thread.
    ///
    /// Wire: `thread/start`.
    #[napi(
        ts_generic_types = "Schemas extends readonly Schema[]",
        ts_args_type = "options?: StartThreadOptions<Schemas>",
        ts_return_type = "Promise<Thread>"
    )]
    pub fn start_thread<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let start = || {
            let (settings, handlers, signal) = thread_settings(env, options, Call::StartThread)?;
            let codex = self.codex.clone();
            let start = async move { codex.start_thread(settings, handlers).await };
            cancellable(env, start, signal, |_, thread| Ok(Thread::new(thread)))
        };
        or_reject(env, start())
    }

    /// A thread that was started before, by this process or another.
    ///
    /// Its settings are taken when codex loads it. Of a thread that this client has open already codex ignores them;
    /// handlers and `tools` count all the same. `updateDefaults()` changes the settings of an open thread.
    ///
    /// Wire: `thread/resume`.
    #[napi(
        ts_generic_types = "Schemas extends readonly Schema[]",
        ts_args_type = "id: string, options?: ResumeThreadOptions<Schemas>",
        ts_return_type = "Promise<Thread>"
    )]
    pub fn resume_thread<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let resume = || {
            let id = string_argument(env, id, "id")?;
            let (settings, handlers, signal) = thread_settings(env, options, Call::ResumeThread)?;
            let codex = self.codex.clone();
            let resume = async move { codex.resume_thread(&id, settings, handlers).await };
            cancellable(env, resume, signal, |_, thread| Ok(Thread::new(thread)))
        };
        or_reject(env, resume())
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
}

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
}
