//! The class `Thread`: its turns and its end. What else it does is in the file of the feature.

use codex_client::Error;
use codex_client::options::ReadSettings;
use napi::bindgen_prelude::{JsValue, Null, ToNapiValue, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use crate::arguments::{Arguments, TurnCall};
use crate::error::to_js;
use crate::hooks::Hooks;
use crate::promise::{or_reject, parsed, promise};
use crate::text::Text;
use crate::turn::Turn;

/// One thread: a conversation with the agent. Made by `startThread` and `resumeThread` of `Codex`.
#[napi]
pub struct Thread {
    pub(crate) thread: codex_client::Thread,
}

impl Thread {
    pub(crate) fn new(thread: codex_client::Thread) -> Self {
        Self { thread }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.thread.abandon();
    }
}

#[napi]
impl Thread {
    /// The id of the thread. It outlives this process: `resumeThread` takes it. Of a thread that had no turn when its codex
    /// was lost nothing is stored: its next turn starts it anew, under another id.
    #[napi(getter)]
    pub fn id(&self) -> &str {
        self.thread.id()
    }

    /// The token usage of the thread as the server last told it here (`thread/tokenUsage/updated`), or null
    /// before the first turn.
    #[napi(getter, ts_return_type = "Protocol.ThreadTokenUsage | null")]
    pub fn usage<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        match self.thread.usage() {
            Some(usage) => parsed(env, usage),
            None => Null.into_unknown(env),
        }
    }

    /// Lets go of the thread: codex is told that nobody here follows it, and may unload it. With several handles of one
    /// thread the last does so, and a turn that runs goes on to its end first. Later calls by this handle that need the
    /// thread loaded reject with `ClosedError`. Idempotent.
    ///
    /// Wire: `thread/unsubscribe`.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let thread = self.thread.clone();
        promise(
            env,
            async move {
                thread.close().await;
                Ok(())
            },
            |_, ()| Ok(()),
        )
    }

    /// The same as `close()`, for `await using`.
    #[napi(well_known_symbol = "asyncDispose", ts_return_type = "Promise<void>")]
    pub fn async_dispose<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        self.close(env)
    }

    /// Runs one turn to its end and gives its result. Turns of one thread run in the order of their calls.
    ///
    /// Events are not carried into JavaScript for this; use `turn()` to see them.
    ///
    /// Wire: `turn/start`.
    ///
    /// @throws {TurnFailedError} the turn ended with status `failed`; it carries the partial result
    /// @throws {OutputValidationError} the final message does not fit `outputSchema`
    /// @throws {AbortError} `signal` was aborted; the turn was interrupted
    /// @throws {TurnInactiveError} the turn was silent for longer than `inactivityTimeoutMs`
    /// @throws {TypeError} the input or an option is not what is accepted; nothing was sent
    #[napi(
        ts_generic_types = "S extends Schema | undefined = undefined",
        ts_args_type = "input: Input, options?: TurnOptions<S>",
        ts_return_type = "Promise<TurnResult<Parsed<S>>>"
    )]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        input: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let run = || {
            let arguments = Arguments::take(env, TurnCall::Run, Some(input), options)?;
            let settings = arguments.settings()?;
            let (handlers, cancel) = (Some(arguments.handlers()), arguments.cancel.clone());
            let run = self.thread.run(arguments.input()?, settings, handlers, cancel);
            let run = run.map_err(|error| to_js(env, &error))?;
            arguments
                .settle(promise(env, run, |_, result| Ok(Text(result.to_json())))?, self.thread.secrets())
        };
        or_reject(env, run())
    }

    /// Starts one turn and gives it as soon as the server has accepted it. Turns of one thread run in the order
    /// of their calls: the turn starts when those before it have ended.
    ///
    /// Wire: `turn/start`.
    ///
    /// @throws {IndeterminateError} the server did not answer in time; the turn may run
    /// @throws {AbortError} `signal` was aborted; no turn is left running
    /// @throws {TypeError} the input or an option is not what is accepted; nothing was sent
    #[napi(
        ts_generic_types = "S extends Schema | undefined = undefined",
        ts_args_type = "input: Input, options?: TurnOptions<S>",
        ts_return_type = "Promise<Turn<Parsed<S>>>"
    )]
    pub fn turn<'env>(
        &self,
        env: &'env Env,
        input: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        or_reject(env, begin_turn(env, &self.thread, input, options))
    }

    /// Goes on where the last turn broke off, failed or interrupted: the model gets what there is, and nothing is said to it
    /// anew, so that no command runs twice for that. `retryOnOverload()` does so by itself for a turn that it is given.
    ///
    /// Wire: `turn/start` without input.
    ///
    /// @throws as `turn()`
    #[napi(
        ts_generic_types = "S extends Schema | undefined = undefined",
        ts_args_type = "options?: TurnOptions<S>",
        ts_return_type = "Promise<Turn<Parsed<S>>>"
    )]
    pub fn proceed<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        or_reject(env, proceed(env, &self.thread, options))
    }

    /// What has become of an input that was given a `clientUserMessageId`: not begun, queued, running, or how its turn ended. It asks
    /// the server for what is stored, so that a program that was killed knows what not to do again.
    ///
    /// Wire: `thread/turns/list`, `thread/read`.
    #[napi(ts_args_type = "clientUserMessageId: string", ts_return_type = "Promise<InputOutcome>")]
    pub fn outcome_of<'env>(&self, env: &'env Env, id: Unknown<'env>) -> Result<Unknown<'env>> {
        let outcome = || {
            let id = string_argument(env, id, "clientUserMessageId")?;
            let thread = self.thread.clone();
            promise(env, async move { thread.outcome_of(&id).await }, parsed)
        };
        or_reject(env, outcome())
    }

    /// The turn that runs in the thread, or null: also one that another client of the same server started. What it
    /// has completed comes as events first, then what follows; text deltas from before are not repeated.
    ///
    /// Wire: `thread/resume`.
    #[napi(ts_return_type = "Promise<Turn | null>")]
    pub fn running_turn<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let running = || {
            let (thread, context) = (self.thread.clone(), Hooks::of(env)?.context(env)?);
            let running = async move { thread.running_turn(Some(context)).await };
            promise(env, running, |_, turn| Ok(turn.map(Turn::new)))
        };
        or_reject(env, running())
    }

    /// Reads the thread as the server has stored it; it need not be loaded.
    ///
    /// Wire: `thread/read`.
    #[napi(
        ts_args_type = "options?: ReadThreadOptions",
        ts_return_type = "Promise<Protocol.ThreadReadResponse>"
    )]
    pub fn read<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let read = || {
            let options: ReadSettings = Hooks::of(env)?.settings(env, options)?;
            let thread = self.thread.clone();
            let read = async move { thread.read(options.include_turns.unwrap_or(false)).await };
            promise(env, read, |env, answer| parsed(env, answer.get().to_owned()))
        };
        or_reject(env, read())
    }

    /// Gives the thread a name.
    ///
    /// Wire: `thread/name/set`.
    #[napi(ts_args_type = "name: string", ts_return_type = "Promise<void>")]
    pub fn set_name<'env>(&self, env: &'env Env, name: Unknown<'env>) -> Result<Unknown<'env>> {
        let set = || {
            let name = string_argument(env, name, "name")?;
            let thread = self.thread.clone();
            promise(env, async move { thread.set_name(&name).await }, |_, ()| Ok(()))
        };
        or_reject(env, set())
    }
}

/// Begins a turn in a thread.
pub(crate) fn begin_turn<'env>(
    env: &'env Env,
    thread: &codex_client::Thread,
    input: Unknown<'env>,
    options: Unknown<'env>,
) -> Result<Unknown<'env>> {
    let arguments = Arguments::take(env, TurnCall::Turn, Some(input), options)?;
    let settings = arguments.settings()?;
    let (handlers, cancel) = (Some(arguments.handlers()), arguments.cancel.clone());
    let turn = thread.turn(arguments.input()?, settings, handlers, cancel);
    let turn = turn.map_err(|error| to_js(env, &error))?;
    arguments.settle(promise(env, turn, |_, turn| Ok(Turn::new(turn)))?, thread.secrets())
}

/// Goes on in a thread.
pub(crate) fn proceed<'env>(
    env: &'env Env,
    thread: &codex_client::Thread,
    options: Unknown<'env>,
) -> Result<Unknown<'env>> {
    let arguments = Arguments::take(env, TurnCall::Proceed, None, options)?;
    let (handlers, cancel) = (Some(arguments.handlers()), arguments.cancel.clone());
    let turn = thread.proceed(arguments.settings()?, handlers, cancel);
    let turn = turn.map_err(|error| to_js(env, &error))?;
    arguments.settle(promise(env, turn, |_, turn| Ok(Turn::new(turn)))?, thread.secrets())
}

/// Reads a string; an empty one is the callee's matter.
pub(crate) fn string_argument(env: &Env, value: Unknown<'_>, name: &str) -> Result<String> {
    let wrong = || to_js(env, &Error::InvalidArgument(format!("{name}: must be a string")));
    match value.get_type()? {
        napi::ValueType::String => value.coerce_to_string()?.into_utf8()?.into_owned().map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}
