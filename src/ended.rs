//! The end of what outlives the call that began it, told to JavaScript without keeping Node alive.

use std::future::Future;
use std::sync::Arc;

use napi::Result;
use napi::bindgen_prelude::{Function, Unknown};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;

use crate::command::CommandProcess;
use crate::runtime::runtime;
use crate::turn::Turn;

/// Calls a function when a turn has ended.
#[napi(skip_typescript)]
pub(crate) fn turn_ended(turn: &Turn, then: Function<'_, (), Unknown<'static>>) -> Result<()> {
    tell(turn.turn.ended(), &then)
}

/// Calls a function when a command has ended.
#[napi(skip_typescript)]
pub(crate) fn command_ended(
    command: &CommandProcess,
    then: Function<'_, (), Unknown<'static>>,
) -> Result<()> {
    let output = Arc::clone(command.command.output());
    tell(async move { drop(output.ended().await) }, &then)
}

fn tell(
    ended: impl Future<Output = ()> + Send + 'static,
    then: &Function<'_, (), Unknown<'static>>,
) -> Result<()> {
    let then = then.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
    runtime()?.spawn(async move {
        ended.await;
        then.call((), ThreadsafeFunctionCallMode::NonBlocking);
    });
    Ok(())
}
