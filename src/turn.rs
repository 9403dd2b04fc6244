use std::sync::Arc;

use codex_client::options::{ReaderSettings, parse};
use codex_client::turn::ReaderKind;
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, This, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use crate::environment::Hooks;
use crate::error::to_js;
use crate::promise::{or_reject, parsed, promise};
use crate::reader::reader_object;
use crate::thread::input_argument;

/// One turn: what the agent does with one input. Made by `Thread.turn`.
///
/// It can be read by any number of readers, each from the turn's first event, while it runs and afterwards.
#[napi]
pub struct Turn {
    turn: Arc<codex_client::Turn>,
}

impl Turn {
    pub(crate) fn new(turn: codex_client::Turn) -> Self {
        Self { turn: Arc::new(turn) }
    }
}

#[napi]
impl Turn {
    /// The id of the turn.
    #[napi(getter)]
    pub fn id(&self) -> &str {
        self.turn.id()
    }

    /// The id of its thread.
    #[napi(getter)]
    pub fn thread_id(&self) -> &str {
        self.turn.thread_id()
    }

    /// Every notification of this turn in the server's order, from the first; ends after `turn/completed`.
    ///
    /// While the reader is behind, adjacent text deltas of one item are joined into one event. With
    /// `{coalesce: false}` each comes as the server sent it.
    ///
    /// Leaving the loop early interrupts the turn, unless somebody else reads it or waits for its result, or
    /// `{leaveRunning: true}` was given.
    #[napi(ts_args_type = "options?: StreamOptions", ts_return_type = "TurnStream<TurnEvent>")]
    pub fn stream<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        options: Option<Unknown<'env>>,
    ) -> Result<Unknown<'env>> {
        self.iterate(env, this.object, options, false)
    }

    /// The same as `stream()`.
    #[napi(well_known_symbol = "asyncIterator", ts_return_type = "TurnStream<TurnEvent>")]
    pub fn async_iterator<'env>(&self, env: &'env Env, this: This<'env>) -> Result<Unknown<'env>> {
        self.iterate(env, this.object, None, false)
    }

    /// The assistant's text as it comes, and nothing else: joined, in chunks of whatever was ready.
    ///
    /// @throws {TurnFailedError} the turn failed; what it had said came before
    #[napi(ts_args_type = "options?: TextOptions", ts_return_type = "TurnStream<string>")]
    pub fn text<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        options: Option<Unknown<'env>>,
    ) -> Result<Unknown<'env>> {
        self.iterate(env, this.object, options, true)
    }

    /// Waits for the end of the turn and gives its result. May be called beside a stream, and more than once.
    ///
    /// @throws {TurnFailedError} the turn ended with status `failed`; it carries the partial result
    #[napi(ts_return_type = "Promise<TurnResult>")]
    pub fn run<'env>(&self, env: &'env Env, this: This<'env>) -> Result<Unknown<'env>> {
        let turn = Arc::clone(&self.turn);
        // It counts as somebody who waits from now on.
        let waiting = turn.wait();
        let promise = promise(env, async move { turn.result(waiting).await }, |env, result| {
            parsed(env, result.to_json())
        })?;
        Hooks::of(env)?.of_turn(env, promise, this.object.to_unknown())
    }

    /// Adds input to the running turn.
    ///
    /// Wire: `turn/steer`.
    ///
    /// @throws {JsonRpcError} the turn has ended or takes no input; the input was not used
    #[napi(ts_args_type = "input: Input", ts_return_type = "Promise<void>")]
    pub fn steer<'env>(&self, env: &'env Env, input: Unknown<'env>) -> Result<Unknown<'env>> {
        let steer = || {
            let input = input_argument(env, input)?;
            let turn = Arc::clone(&self.turn);
            promise(env, async move { turn.steer(input).await }, |_, ()| Ok(()))
        };
        or_reject(env, steer())
    }

    /// Interrupts the turn and waits until it has ended; its result has the status `interrupted`. A turn that
    /// has ended stays as it is. Commands that the agent left running in the background go on.
    ///
    /// Wire: `turn/interrupt`.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn interrupt<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let turn = Arc::clone(&self.turn);
        promise(env, async move { turn.interrupt().await }, |_, ()| Ok(()))
    }

    fn iterate<'env>(
        &self,
        env: &'env Env,
        this: Object<'env>,
        options: Option<Unknown<'env>>,
        text: bool,
    ) -> Result<Unknown<'env>> {
        let hooks = Hooks::of(env)?;
        let (json, _) = hooks.encode_options(env, options, "signal")?;
        let settings: ReaderSettings =
            parse(json.as_deref(), "options").map_err(|error| to_js(env, &error))?;
        let kind = match (text, settings.coalesce) {
            (true, None) => ReaderKind::Text,
            (true, Some(_)) => {
                let why = "options.coalesce: text() does not take it, its chunks are always joined";
                return Err(to_js(env, &codex_client::Error::InvalidArgument(why.to_owned())));
            }
            (false, Some(false)) => ReaderKind::EveryEvent,
            (false, _) => ReaderKind::JoinedEvents,
        };
        let reader = reader_object(env, self.turn.reader(kind))?;
        let mut how = Object::new(env)?;
        how.set_named_property("text", text)?;
        how.set_named_property("leaveRunning", settings.leave_running.unwrap_or(false))?;
        how.set_named_property("turn", this)?;
        hooks.iterate(env, reader.to_unknown(), how.to_unknown())
    }
}
