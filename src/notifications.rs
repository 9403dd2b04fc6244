use std::sync::Arc;

use codex_client::routing::RingReader;
use napi::bindgen_prelude::{Array, JsObjectValue, Object, Unknown};
use napi::{Env, Result};

use crate::reader::reader_object;
use crate::text::Text;

/// A reader of the notifications outside turns. Beside what every reader has, `dropped()` is how many it was too slow
/// for.
pub(crate) fn notifications_object<'env>(env: &'env Env, reader: RingReader) -> Result<Object<'env>> {
    let reader = Arc::new(reader);
    let (leaving, counting) = (Arc::clone(&reader), Arc::clone(&reader));
    let mut object = reader_object(env, reader, to_array, move |_| {
        leaving.close();
        std::future::ready(Ok(()))
    })?;
    let dropped = env.create_function_from_closure::<Unknown<'_>, _, _>("dropped", move |_| {
        Ok(counting.dropped() as f64)
    })?;
    object.set_named_property("dropped", dropped)?;
    Ok(object)
}

fn to_array<'env>(env: &'env Env, lines: Vec<Arc<str>>) -> Result<Array<'env>> {
    let mut array = env.create_array(0)?;
    array.insert(Text(format!("[{}]", lines.join(","))))?;
    Ok(array)
}
