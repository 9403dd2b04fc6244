//! The class `Goal`: what a thread is to reach.

use codex_client::options::GoalSettings;
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::answer::json;
use crate::hooks::Hooks;
use crate::promise::{or_reject, promise};
use crate::thread::Thread;

/// What a thread is to reach. Got by `thread.goal`.
///
/// While a goal is `active` codex begins turns of its own accord, one after the other, until it is reached, blocked or
/// changed. They are no `Turn` of this client: their events are among `codex.notifications()`.
#[napi]
pub struct Goal {
    thread: codex_client::Thread,
}

#[napi]
impl Thread {
    /// What the thread is to reach.
    #[napi(getter)]
    pub fn goal(&self) -> Goal {
        Goal { thread: self.thread.clone() }
    }
}

#[napi]
impl Goal {
    /// Sets a goal, or changes what it says of the one that there is. A new goal needs its `objective`.
    ///
    /// Wire: `thread/goal/set`.
    ///
    /// @throws {InvalidRequestError} there is no goal to change
    #[napi(ts_args_type = "options: GoalOptions", ts_return_type = "Promise<Protocol.ThreadGoal>")]
    pub fn set<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let set = || {
            let settings: GoalSettings = Hooks::of(env)?.settings(env, options)?;
            let thread = self.thread.clone();
            json(env, async move { thread.set_goal(&settings).await })
        };
        or_reject(env, set())
    }

    /// The goal, or null.
    ///
    /// Wire: `thread/goal/get`.
    #[napi(ts_return_type = "Promise<Protocol.ThreadGoal | null>")]
    pub fn get<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let thread = self.thread.clone();
        json(env, async move { Ok(thread.goal().await?.unwrap_or_else(|| "null".to_owned())) })
    }

    /// Gives the goal up; false if there was none.
    ///
    /// Wire: `thread/goal/clear`.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn clear<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let thread = self.thread.clone();
        promise(env, async move { thread.clear_goal().await }, |_, cleared| Ok(cleared))
    }
}
