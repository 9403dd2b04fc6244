//! The reader of notifications outside turns.

use std::sync::Arc;

use codex_client::Codex;
use codex_client::routing::RingReader;
use napi::bindgen_prelude::{Array, JsObjectValue, Object, Unknown};
use napi::{Env, Result};

use crate::reader::{reader_object, wait_unheld};
use crate::text::Text;

/// A reader of the notifications outside turns. Beside what every reader has, `dropped()` is how many it was too slow
/// for. It keeps the client, which feeds it: a loop goes on where the program let go of that.
pub(crate) fn notifications_object<'env>(
    env: &'env Env,
    reader: RingReader,
    codex: Codex,
    keep_alive: bool,
) -> Result<Object<'env>> {
    let reader = Arc::new(reader);
    let (leaving, counting) = (Arc::clone(&reader), Arc::clone(&reader));
    let mut object = reader_object(env, Arc::clone(&reader), to_array, move |_| {
        let _ = &codex;
        leaving.close();
        std::future::ready(Ok(()))
    })?;
    if !keep_alive {
        wait_unheld(env, &mut object, reader, to_array)?;
    }
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
