use std::sync::Arc;

use codex_client::exec::{ExecError, NextEvents, RunReader};
use napi::bindgen_prelude::{JsObjectValue, JsValue, Null, Object, ToNapiValue, Unknown};
use napi::{Env, Result};
use tokio_util::sync::CancellationToken;

use crate::error::to_js;
use crate::promise::{Returned, parsed, promise_or};
use crate::reader::Wake;
use crate::text::Text;

/// A reader of one turn's events: the functions that a reader of `Turn` has, `result()`, and `cancel()` for a signal.
pub(super) fn reader_object<'env>(
    env: &'env Env,
    reader: RunReader,
    cancel: CancellationToken,
) -> Result<Object<'env>> {
    let reader = Arc::new(reader);
    let (leaving, resulting) = (Arc::clone(&reader), Arc::clone(&reader));
    let mut object = Object::new(env)?;
    let next = env.create_function_from_closure::<Unknown<'_>, _, _>("nextBatch", move |context| {
        next_batch(context.env, &reader).map(Returned::from)
    })?;
    let leave = env.create_function_from_closure::<Unknown<'_>, _, _>("leave", move |context| {
        let reader = Arc::clone(&leaving);
        let leave = async move {
            reader.leave().await;
            Ok::<_, ExecError>(())
        };
        promise_or(context.env, leave, |_, ()| Ok(())).map(Returned::from)
    })?;
    let result = env.create_function_from_closure::<Unknown<'_>, _, _>("result", move |context| {
        let reader = Arc::clone(&resulting);
        promise_or(context.env, async move { reader.result().await }, parsed).map(Returned::from)
    })?;
    let cancel = env.create_function_from_closure::<Unknown<'_>, (), _>("cancel", move |_| {
        cancel.cancel();
        Ok(())
    })?;
    object.set_named_property("nextBatch", next)?;
    object.set_named_property("leave", leave)?;
    object.set_named_property("result", result)?;
    object.set_named_property("cancel", cancel)?;
    Ok(object)
}

fn next_batch<'env>(env: &'env Env, reader: &RunReader) -> Result<Unknown<'env>> {
    let (wake, promise) = Wake::new(env)?;
    match reader.next_or_wake(Box::new(move || wake.now())) {
        NextEvents::Batch(texts) => {
            let mut array = env.create_array(0)?;
            for text in texts {
                array.insert(Text(text))?;
            }
            Ok(array.to_unknown())
        }
        NextEvents::Failed(error) => Err(to_js(env, &error)),
        NextEvents::End => Null.into_unknown(env),
        NextEvents::Pending => Ok(promise),
    }
}
