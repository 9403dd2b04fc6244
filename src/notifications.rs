use std::sync::Arc;

use codex_client::routing::{RingNext, RingReader};
use napi::bindgen_prelude::{JsObjectValue, JsValue, Null, Object, ToNapiValue, Unknown};
use napi::{Env, Result};

use crate::promise::{Returned, promise};
use crate::reader::Wake;
use crate::text::Text;

/// A reader of the notifications outside turns as the object behind the iterator that JavaScript sees: the same
/// functions as a turn's reader has, and `dropped()`, how many it was too slow for.
pub(crate) fn notifications_object<'env>(env: &'env Env, reader: RingReader) -> Result<Object<'env>> {
    let reader = Arc::new(reader);
    let (leaving, counting) = (Arc::clone(&reader), Arc::clone(&reader));
    let mut object = Object::new(env)?;
    let next = env.create_function_from_closure::<Unknown<'_>, _, _>("nextBatch", move |context| {
        next_batch(context.env, &reader).map(Returned::from)
    })?;
    let leave = env.create_function_from_closure::<bool, _, _>("leave", move |context| {
        leaving.close();
        promise(context.env, async { Ok(()) }, |_, ()| Ok(())).map(Returned::from)
    })?;
    let dropped = env.create_function_from_closure::<Unknown<'_>, _, _>("dropped", move |_| {
        Ok(counting.dropped() as f64)
    })?;
    object.set_named_property("nextBatch", next)?;
    object.set_named_property("leave", leave)?;
    object.set_named_property("dropped", dropped)?;
    Ok(object)
}

fn next_batch<'env>(env: &'env Env, reader: &RingReader) -> Result<Unknown<'env>> {
    let (wake, promise) = Wake::new(env)?;
    match reader.next_or_wake(Box::new(move || wake.now())) {
        RingNext::Batch(lines) => {
            let mut array = env.create_array(0)?;
            array.insert(Text(format!("[{}]", lines.join(","))))?;
            Ok(array.to_unknown())
        }
        RingNext::End => Null.into_unknown(env),
        RingNext::Pending => Ok(promise),
    }
}
