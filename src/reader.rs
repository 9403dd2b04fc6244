//! What every reader is to JavaScript, and the readers of turns.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use codex_client::api::TurnReader;
use codex_client::turn::{Batch, Continuation, EventReader, Piece};
use codex_client::{Error, Next, Source};
use napi::bindgen_prelude::{
    Array, Float64ArraySlice, Function, JsObjectValue, JsValue, Null, Object, ToNapiValue, Unknown,
};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, JsDeferred, Result, Status};

use crate::error::{Describe, to_js};
use crate::hooks::{Evaluation, tell_memory};
use crate::promise::{Returned, parsed, promise_or};
use crate::runtime::runtime;
use crate::text::{Delta, Text, set_text};

/// So many numbers cost less in a plain array than in a typed one.
const FEW: usize = 32;

/// A reader as the object behind the iterators that JavaScript sees: `nextBatch()` gives what is ready, as `give` makes
/// an array of it, or null at the end, or a promise that is settled when there is something to ask for again; `leave()`
/// gives up the reader's place.
pub(crate) fn reader_object<'env, S, L>(
    env: &'env Env,
    source: Arc<S>,
    give: for<'e> fn(&'e Env, S::Batch) -> Result<Array<'e>>,
    leave: impl Fn(bool) -> L + 'static,
) -> Result<Object<'env>>
where
    S: Source + 'static,
    S::Error: Describe + From<Error> + 'static,
    L: Future<Output = std::result::Result<(), S::Error>> + Send + 'static,
{
    let evaluation = Evaluation::current();
    let mut object = Object::new(env)?;
    let next = env.create_function_from_closure::<Unknown<'_>, _, _>("nextBatch", move |context| {
        let _entered = evaluation.enter();
        next_batch(context.env, &source, give).map(Returned::from)
    })?;
    let leave = env.create_function_from_closure::<bool, _, _>("leave", move |context| {
        let _entered = evaluation.enter();
        promise_or(context.env, leave(context.get(0)?), |_, ()| Ok(())).map(Returned::from)
    })?;
    object.set_named_property("nextBatch", next)?;
    object.set_named_property("leave", leave)?;
    Ok(object)
}

/// A call that keeps nothing alive, to one who waits.
type Call = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true>;

/// Has waiting for a reader not keep Node alive: where nothing is ready `nextBatch()` gives undefined, and what
/// `onWake()` was given is called when there is something to ask for again. `onWake()` without one lets go of it.
pub(crate) fn wait_unheld<'env, S>(
    env: &'env Env,
    object: &mut Object<'env>,
    source: Arc<S>,
    give: for<'e> fn(&'e Env, S::Batch) -> Result<Array<'e>>,
) -> Result<()>
where
    S: Source + 'static,
    S::Error: Describe + 'static,
{
    let waiting: Arc<Mutex<Option<Call>>> = Arc::default();
    let evaluation = Evaluation::current();
    let told = Arc::clone(&waiting);
    let on_wake = env.create_function_from_closure::<Unknown<'_>, (), _>("onWake", move |context| {
        let wake = context.get::<Option<Function<'_, (), Unknown<'static>>>>(0)?;
        let call = wake
            .map(|wake| wake.build_threadsafe_function().callee_handled::<false>().weak::<true>().build());
        *told.lock().unwrap_or_else(PoisonError::into_inner) = call.transpose()?;
        Ok(())
    })?;
    let next = env.create_function_from_closure::<Unknown<'_>, _, _>("nextBatch", move |context| {
        let _entered = evaluation.enter();
        let waiting = Arc::clone(&waiting);
        let wake = move || {
            if let Some(call) = &*waiting.lock().unwrap_or_else(PoisonError::into_inner) {
                call.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        let batch = match source.poll(Some(Box::new(wake))) {
            Next::Batch(batch) => give(context.env, batch)?.to_unknown(),
            Next::Failed(error) => return Err(to_js(context.env, &error)),
            Next::End => Null.into_unknown(context.env)?,
            Next::Pending => ().into_unknown(context.env)?,
        };
        Ok(Returned::from(batch))
    })?;
    object.set_named_property("onWake", on_wake)?;
    object.set_named_property("nextBatch", next)
}

/// A reader of a turn. Leaving it interrupts a turn that nobody follows any more; `continuation()` is where it stands.
pub(crate) fn turn_reader_object<'env>(env: &'env Env, reader: TurnReader) -> Result<Object<'env>> {
    let reader = Arc::new(reader);
    let leaving = Arc::clone(&reader);
    let mut object = reader_object(env, Arc::clone(&reader), to_array, move |leave_running| {
        let reader = Arc::clone(&leaving);
        async move { reader.leave(leave_running).await }
    })?;
    let evaluation = Evaluation::current();
    let continuation = env.create_function_from_closure::<u32, _, _>("continuation", move |context| {
        let _entered = evaluation.enter();
        let taken = context.get::<u32>(0)?;
        continuation_object(context.env, &reader.continuation(taken as usize)).map(Returned::from)
    })?;
    object.set_named_property("continuation", continuation)?;
    Ok(object)
}

/// A reader of what agents do: leaving it changes nothing for them.
pub(crate) fn agents_reader_object<'env>(env: &'env Env, reader: EventReader) -> Result<Object<'env>> {
    let reader = Arc::new(reader);
    let leaving = Arc::clone(&reader);
    reader_object(env, reader, to_array, move |_| {
        leaving.close();
        std::future::ready(Ok(()))
    })
}

/// A continuation as JavaScript holds it.
pub(crate) fn continuation_object<'env>(
    env: &'env Env,
    continuation: &Continuation,
) -> Result<Unknown<'env>> {
    let text =
        serde_json::to_string(continuation).map_err(|error| napi::Error::from_reason(error.to_string()))?;
    parsed(env, text)
}

fn next_batch<'env, S>(
    env: &'env Env,
    source: &Arc<S>,
    give: for<'e> fn(&'e Env, S::Batch) -> Result<Array<'e>>,
) -> Result<Unknown<'env>>
where
    S: Source + 'static,
    S::Error: Describe,
{
    if !source.is_free() {
        // On a busy machine that lasts for milliseconds, which this thread has for others.
        let (wake, woken) = Wake::new(env)?;
        let source = Arc::clone(source);
        runtime()?.spawn(async move {
            source.wait_until_free();
            wake.now();
        });
        return Ok(woken);
    }
    let mut next = source.poll(None);
    tell_memory(env);
    let mut promise = None;
    if matches!(next, Next::Pending) {
        // A waker costs, so the first look is without one. Something may have come between the two.
        let (wake, woken) = Wake::new(env)?;
        next = source.poll(Some(Box::new(move || wake.now())));
        promise = Some(woken);
    }
    match (next, promise) {
        (Next::Batch(batch), _) => give(env, batch).map(|batch| batch.to_unknown()),
        (Next::Failed(error), _) => Err(to_js(env, &error)),
        (Next::Pending, Some(promise)) => Ok(promise),
        (Next::End | Next::Pending, _) => Null.into_unknown(env),
    }
}

type Settle = fn(Env) -> Result<()>;

/// A promise that is settled in any case: also when what would have woken it is gone.
struct Wake(Option<JsDeferred<(), Settle>>);

impl Wake {
    /// The waker and the promise.
    fn new<'env>(env: &'env Env) -> Result<(Self, Unknown<'env>)> {
        let (deferred, promise) = env.create_deferred::<(), Settle>()?;
        Ok((Self(Some(deferred)), promise.to_unknown()))
    }

    fn now(self) {
        drop(self);
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        if let Some(deferred) = self.0.take() {
            deferred.resolve(|_| Ok(()));
        }
    }
}

fn to_array<'env>(env: &'env Env, batch: Batch) -> Result<Array<'env>> {
    let mut array = env.create_array(0)?;
    for piece in batch {
        match piece {
            Piece::Json(text) => array.insert(Text(text))?,
            Piece::Text(text) => array.insert(Delta(text))?,
            Piece::Deltas { template, text, ends, emitted_at_ms, seq } => {
                let mut deltas = Object::new(env)?;
                set_text(&mut deltas, "template", template)?;
                deltas.set_named_property("text", Delta(text))?;
                deltas
                    .set_named_property("ends", numbers(env, ends.into_iter().map(f64::from).collect())?)?;
                deltas.set_named_property("at", numbers(env, emitted_at_ms)?)?;
                deltas.set_named_property("seq", seq as f64)?;
                array.insert(deltas)?;
            }
        }
    }
    Ok(array)
}

/// Numbers as an array; a typed one, which is dear to make, where there are many.
fn numbers<'env>(env: &'env Env, numbers: Vec<f64>) -> Result<Unknown<'env>> {
    if numbers.len() <= FEW {
        return Array::from_vec(env, numbers).map(|array| array.to_unknown());
    }
    let numbers = Float64ArraySlice::copy_from(env, numbers)?;
    numbers.into_unknown(env)
}
