//! The reader of a turn of `codex exec`.

use std::sync::Arc;

use codex_client::exec::RunReader;
use napi::bindgen_prelude::{Array, JsObjectValue, Object, Unknown};
use napi::{Env, Result};
use tokio_util::sync::CancellationToken;

use crate::hooks::Evaluation;
use crate::promise::{Returned, parsed, promise_or};
use crate::reader::reader_object;
use crate::text::Text;

/// A reader of one turn's events. Beside what every reader has: `result()`, and `cancel()` for a signal.
pub(super) fn run_reader_object<'env>(
    env: &'env Env,
    reader: RunReader,
    cancel: CancellationToken,
) -> Result<Object<'env>> {
    let reader = Arc::new(reader);
    let (leaving, resulting) = (Arc::clone(&reader), Arc::clone(&reader));
    let mut object = reader_object(env, reader, to_array, move |_| {
        let reader = Arc::clone(&leaving);
        async move {
            reader.leave().await;
            Ok(())
        }
    })?;
    let evaluation = Evaluation::current();
    let result = env.create_function_from_closure::<Unknown<'_>, _, _>("result", move |context| {
        let _entered = evaluation.enter();
        let reader = Arc::clone(&resulting);
        promise_or(context.env, async move { reader.result().await }, parsed).map(Returned::from)
    })?;
    let cancel = env.create_function_from_closure::<Unknown<'_>, (), _>("cancel", move |_| {
        cancel.cancel();
        Ok(())
    })?;
    object.set_named_property("result", result)?;
    object.set_named_property("cancel", cancel)?;
    Ok(object)
}

fn to_array<'env>(env: &'env Env, texts: Vec<String>) -> Result<Array<'env>> {
    let mut array = env.create_array(0)?;
    for text in texts {
        array.insert(Text(text))?;
    }
    Ok(array)
}
