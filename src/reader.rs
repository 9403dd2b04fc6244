use std::sync::Arc;

use codex_client::api::TurnReader;
use codex_client::turn::{Batch, Continuation, Next, Piece};
use napi::bindgen_prelude::{
    Array, Float64ArraySlice, JsObjectValue, JsValue, Null, Object, ToNapiValue, Unknown,
};
use napi::{Env, JsDeferred, Result};

use crate::error::to_js;
use crate::promise::{Returned, parsed, promise};
use crate::text::{Delta, Text, set_text};

/// So many numbers cost less in a plain array than in a typed one.
const FEW: usize = 32;

/// A reader of one turn as the object behind the iterators that JavaScript sees: `nextBatch()` gives what is ready,
/// or null at the end, or a promise that is settled when there is something to ask for again; `leave()` gives up
/// the reader's place, and interrupts a turn that nobody follows any more; `continuation()` is where it stands.
pub(crate) fn reader_object<'env>(env: &'env Env, reader: TurnReader) -> Result<Object<'env>> {
    let reader = Arc::new(reader);
    let mut object = bare_reader_object(env, &reader)?;
    let continuation = env.create_function_from_closure::<u32, _, _>("continuation", move |context| {
        let taken = context.get::<u32>(0)?;
        continuation_object(context.env, &reader.continuation(taken as usize)).map(Returned::from)
    })?;
    object.set_named_property("continuation", continuation)?;
    Ok(object)
}

/// The same for a reader that can't be continued.
pub(crate) fn bare_reader_object<'env>(env: &'env Env, reader: &Arc<TurnReader>) -> Result<Object<'env>> {
    let (reader, leaving) = (Arc::clone(reader), Arc::clone(reader));
    let mut object = Object::new(env)?;
    let next = env.create_function_from_closure::<Unknown<'_>, _, _>("nextBatch", move |context| {
        next_batch(context.env, &reader).map(Returned::from)
    })?;
    let leave = env.create_function_from_closure::<bool, _, _>("leave", move |context| {
        let leave_running: bool = context.get(0)?;
        let reader = Arc::clone(&leaving);
        promise(context.env, async move { reader.leave(leave_running).await }, |_, ()| Ok(()))
            .map(Returned::from)
    })?;
    object.set_named_property("nextBatch", next)?;
    object.set_named_property("leave", leave)?;
    Ok(object)
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

fn next_batch<'env>(env: &'env Env, reader: &TurnReader) -> Result<Unknown<'env>> {
    let mut next = reader.events().try_next();
    let mut promise = None;
    if matches!(next, Next::Pending) {
        // A waker costs, so the first look is without one. Something may have come between the two.
        let (wake, woken) = Wake::new(env)?;
        next = reader.events().next_or_wake(Box::new(move || wake.now()));
        promise = Some(woken);
    }
    match (next, promise) {
        (Next::Batch(batch), _) => to_array(env, batch).map(|batch| batch.to_unknown()),
        (Next::Failed(error), _) => Err(to_js(env, &error)),
        (Next::Pending, Some(promise)) => Ok(promise),
        (Next::End | Next::Pending, _) => Null.into_unknown(env),
    }
}

type Settle = fn(Env) -> Result<()>;

/// A promise that is settled in any case: also when what would have woken it is gone.
pub(crate) struct Wake(Option<JsDeferred<(), Settle>>);

impl Wake {
    /// The waker and the promise.
    pub(crate) fn new<'env>(env: &'env Env) -> Result<(Self, Unknown<'env>)> {
        let (deferred, promise) = env.create_deferred::<(), Settle>()?;
        Ok((Self(Some(deferred)), promise.to_unknown()))
    }

    pub(crate) fn now(self) {
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
            Piece::Deltas { template, text, ends, emitted_at_ms } => {
                let mut deltas = Object::new(env)?;
                set_text(&mut deltas, "template", template)?;
                deltas.set_named_property("text", Delta(text))?;
                deltas
                    .set_named_property("ends", numbers(env, ends.into_iter().map(f64::from).collect())?)?;
                deltas.set_named_property("at", numbers(env, emitted_at_ms)?)?;
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
