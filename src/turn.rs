//! The class `Turn`.

use std::sync::Arc;

use codex_client::api::TurnReader;
use codex_client::options::{InterruptSettings, ReaderSettings, SteerSettings, TextSettings};
use codex_client::turn::ReaderKind;
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, ObjectFinalize, This, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use crate::error::to_js;
use crate::hooks::{Hooks, tell_memory};
use crate::input::input_argument;
use crate::promise::{or_reject, parsed, promise};
use crate::reader::{agents_reader_object, continuation_object, turn_reader_object};

/// One turn: what the agent does with one input. Made by `Thread.turn`.
///
/// It can be read by any number of readers, each from the turn's first event, while it runs and afterwards.
#[napi(custom_finalize)]
pub struct Turn {
    pub(crate) turn: Arc<codex_client::Turn>,
}

impl Turn {
    pub(crate) fn new(turn: codex_client::Turn) -> Self {
        Self { turn: Arc::new(turn) }
    }
}

impl ObjectFinalize for Turn {
    /// Its log goes with the last handle: V8 is told at once.
    fn finalize(self, env: Env) -> Result<()> {
        drop(self);
        tell_memory(&env);
        Ok(())
    }
}

fn only_stream(env: &Env, option: &str) -> napi::Error {
    to_js(env, &codex_client::Error::InvalidArgument(format!("options.{option}: only stream() takes it")))
}

/// What a reader of a turn gives.
#[derive(Clone, Copy)]
enum What {
    Events,
    Steps,
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

    /// How far it is, in the server's word: `inProgress`, `completed`, `interrupted`, `failed`; `lost` where its end could not
    /// be learnt, as that of a codex that died.
    #[napi(
        getter,
        ts_return_type = "'inProgress' | 'completed' | 'interrupted' | 'failed' | 'lost' | (string & {})"
    )]
    pub fn status(&self) -> String {
        self.turn.status()
    }

    /// Every notification of this turn in the server's order, from the first; ends after `turn/completed`.
    ///
    /// While the reader is behind, adjacent text deltas of one item are joined into one event. With
    /// `{coalesce: false}` each comes as the server sent it.
    ///
    /// Each has a number, `seq`, the same for all readers: of joined ones, that of the last. `{after: seq}` begins
    /// behind the event of that number, also where another reader got it, and after the turn has ended.
    ///
    /// Leaving the loop early interrupts the turn, unless somebody else reads it or waits for its result, or
    /// `{leaveRunning: true}` was given.
    #[napi(ts_args_type = "options?: StreamOptions", ts_return_type = "TurnStream<TurnEvent>")]
    pub fn stream<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        self.iterate(env, this.object, Some(options), What::Events)
    }

    /// The same as `stream()`.
    #[napi(well_known_symbol = "asyncIterator", ts_return_type = "TurnStream<TurnEvent>")]
    pub fn async_iterator<'env>(&self, env: &'env Env, this: This<'env>) -> Result<Unknown<'env>> {
        self.iterate(env, this.object, None, What::Events)
    }

    /// The assistant's text as it comes, and nothing else: joined, in chunks of whatever was ready.
    ///
    /// Joined, the chunks of a message are its text, also where a line dropped meanwhile: what may not go on where the
    /// text so far ends comes with the complete message. Where a server completes a message with another text than it
    /// had told, nothing is repeated; the true text is that of its `item/completed` and of `finalResponse`.
    ///
    /// @throws {TurnFailedError} the turn failed; what it had said came before
    #[napi(ts_args_type = "options?: TextOptions", ts_return_type = "TurnStream<string>")]
    pub fn text<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let settings: TextSettings = Hooks::of(env)?.settings(env, options)?;
        let mut how = self.how(env, this.object, settings.leave_running)?;
        how.set_named_property("text", true)?;
        how.set_named_property("everyMs", settings.every_ms.unwrap_or(0))?;
        self.read(env, self.turn.reader(settings.kind()), how)
    }

    /// The completed items of the turn, each as a step: what the agent thought, ran, said, called and changed.
    ///
    /// @throws {TurnFailedError} the turn failed; its steps came before
    #[napi(ts_args_type = "options?: StepOptions", ts_return_type = "TurnStream<Step>")]
    pub fn steps<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        self.iterate(env, this.object, Some(options), What::Steps)
    }

    /// What the agents do that this turn spawned, and those that they spawned: every notification of their threads,
    /// each with its own `threadId`, from the first. They never end or change this turn. Ends when the turn has
    /// ended and none of them works any more; leaving it early changes nothing.
    #[napi(ts_return_type = "Reader<TurnEvent>")]
    pub fn sub_agents<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let reader = agents_reader_object(env, self.turn.agents_reader())?;
        let mut how = Object::new(env)?;
        how.set_named_property("leaveRunning", true)?;
        Hooks::of(env)?.iterate(env, reader.to_unknown(), how.to_unknown())
    }

    /// Where the reader stands that was made last, as plain JSON: `codex.continueTurn()` goes on from there, also
    /// when this object is gone. A reader has a `continuation()` of its own.
    #[napi(ts_return_type = "TurnContinuation")]
    pub fn continuation<'env>(&self, env: &'env Env, this: This<'env>) -> Result<Unknown<'env>> {
        let none = continuation_object(env, &self.turn.continuation())?;
        Hooks::of(env)?.continuation(env, this.object.to_unknown(), none)
    }

    /// The same as `result()`.
    #[napi(ts_return_type = "Promise<TurnResult<Parsed>>")]
    pub fn run<'env>(&self, env: &'env Env, this: This<'env>) -> Result<Unknown<'env>> {
        self.result(env, this)
    }

    /// How many bytes of memory the events take that are kept for readers, as long as this object is: in proportion to
    /// their text.
    #[napi(getter)]
    pub fn kept_bytes(&self) -> f64 {
        self.turn.kept_bytes() as f64
    }

    /// Waits for the end of the turn and gives its result. May be called beside a stream, and more than once.
    ///
    /// @throws {TurnFailedError} the turn ended with status `failed`; it carries the partial result
    /// @throws {OutputValidationError} the final message does not fit `outputSchema`
    #[napi(ts_return_type = "Promise<TurnResult<Parsed>>")]
    pub fn result<'env>(&self, env: &'env Env, this: This<'env>) -> Result<Unknown<'env>> {
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
    /// @throws {IndeterminateError} the server did not answer in time; the input may have been taken
    #[napi(ts_args_type = "input: Input, options?: SteerOptions", ts_return_type = "Promise<void>")]
    pub fn steer<'env>(
        &self,
        env: &'env Env,
        input: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let steer = || {
            let settings: SteerSettings = Hooks::of(env)?.settings(env, options)?;
            let input = input_argument(env, input)?;
            let turn = Arc::clone(&self.turn);
            promise(env, async move { turn.steer_with(input, &settings).await }, |_, ()| Ok(()))
        };
        or_reject(env, steer())
    }

    /// Interrupts the turn and waits until it has ended; its result has the status `interrupted`. A turn that
    /// has ended stays as it is.
    ///
    /// A command that runs goes on in the background of codex, where it may be of use to the next turn; its output
    /// then comes by `codex.notifications()`. `{terminateCommands: true}` ends it, and the others of the thread.
    ///
    /// Wire: `turn/interrupt`, `thread/backgroundTerminals/clean`.
    #[napi(ts_args_type = "options?: InterruptOptions", ts_return_type = "Promise<void>")]
    pub fn interrupt<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let interrupt = || {
            let settings: InterruptSettings = Hooks::of(env)?.settings(env, options)?;
            let terminate = settings.terminate_commands.unwrap_or(false);
            let turn = Arc::clone(&self.turn);
            promise(env, async move { turn.interrupt(terminate).await }, |_, ()| Ok(()))
        };
        or_reject(env, interrupt())
    }

    fn iterate<'env>(
        &self,
        env: &'env Env,
        this: Object<'env>,
        options: Option<Unknown<'env>>,
        what: What,
    ) -> Result<Unknown<'env>> {
        let hooks = Hooks::of(env)?;
        let settings: ReaderSettings = match options {
            Some(options) => hooks.settings(env, options)?,
            None => ReaderSettings::default(),
        };
        let kind = match (what, settings.coalesce) {
            (What::Events, Some(false)) => ReaderKind::EveryEvent,
            (What::Events, _) => ReaderKind::JoinedEvents,
            (What::Steps, None) => ReaderKind::Steps,
            (What::Steps, Some(_)) => return Err(only_stream(env, "coalesce")),
        };
        let reader = match (what, settings.after) {
            (_, None) => self.turn.reader(kind),
            (What::Events, Some(seq)) => {
                self.turn.reader_after(kind, seq).map_err(|error| to_js(env, &error))?
            }
            (What::Steps, Some(_)) => return Err(only_stream(env, "after")),
        };
        let how = self.how(env, this, settings.leave_running)?;
        self.read(env, reader, how)
    }

    fn how<'env>(
        &self,
        env: &'env Env,
        this: Object<'env>,
        leave_running: Option<bool>,
    ) -> Result<Object<'env>> {
        let mut how = Object::new(env)?;
        how.set_named_property("leaveRunning", leave_running.unwrap_or(false))?;
        how.set_named_property("turn", this)?;
        Ok(how)
    }

    fn read<'env>(&self, env: &'env Env, reader: TurnReader, how: Object<'env>) -> Result<Unknown<'env>> {
        let reader = turn_reader_object(env, reader)?;
        Hooks::of(env)?.iterate(env, reader.to_unknown(), how.to_unknown())
    }
}
