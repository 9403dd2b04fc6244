//! Promises: a future's outcome, as it is, with a signal, or as a rejection.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use codex_client::{Error, trace};
use napi::bindgen_prelude::{JsObjectValue, JsValue, ToNapiValue, Unknown};
use napi::{Env, Result, sys};
use tokio_util::sync::CancellationToken;

use crate::error::{Describe, to_js};
use crate::hooks::{Evaluation, Hooks, tell_memory};
use crate::runtime::runtime;

/// Runs a future on the runtime and gives the promise of its outcome, converted on the JavaScript thread.
///
/// Its first step is taken before this returns, so that what it sends has its place in the order of the calls.
pub(crate) fn promise<'env, T, V>(
    env: &'env Env,
    future: impl Future<Output = std::result::Result<T, Error>> + Send + 'static,
    convert: impl FnOnce(&Env, T) -> Result<V> + Send + 'static,
) -> Result<Unknown<'env>>
where
    T: Send + 'static,
    V: ToNapiValue + 'static,
{
    promise_or(env, future, convert)
}

/// The same for a future with errors of its own.
pub(crate) fn promise_or<'env, T, V, E>(
    env: &'env Env,
    future: impl Future<Output = std::result::Result<T, E>> + Send + 'static,
    convert: impl FnOnce(&Env, T) -> Result<V> + Send + 'static,
) -> Result<Unknown<'env>>
where
    T: Send + 'static,
    V: ToNapiValue + 'static,
    E: Describe + From<Error> + Send + 'static,
{
    let (deferred, promise) = env.create_deferred::<V, _>()?;
    let evaluation = Evaluation::current();
    begin(Box::pin(async move {
        let outcome = unless_it_panics(future).await;
        deferred.resolve(move |env| {
            let _entered = evaluation.enter();
            tell_memory(&env);
            match outcome {
                Ok(value) => convert(&env, value),
                Err(error) => Err(to_js(&env, &error)),
            }
        });
    }))?;
    Ok(promise.to_unknown())
}

/// Takes the first step, and has the runtime take the others. Its type is known to nobody here: what stands around each
/// task would else be compiled for each promise that there is.
fn begin(work: Pin<Box<dyn Future<Output = ()> + Send>>) -> Result<()> {
    let runtime = runtime()?;
    let mut work = Box::pin(trace::inherited(work));
    let within = runtime.enter();
    let first = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(within);
    if first.is_pending() {
        runtime.spawn(work);
    }
    Ok(())
}

/// A panic of this library rejects, and neither hangs nor ends the host.
async fn unless_it_panics<T, E: From<Error>>(
    future: impl Future<Output = std::result::Result<T, E>>,
) -> std::result::Result<T, E> {
    let mut future = pin!(future);
    let step = |context: &mut Context<'_>| {
        let step = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        step.unwrap_or_else(|_| Poll::Ready(Err(failed_inside("it panicked"))))
    };
    poll_fn(step).await
}

fn failed_inside<E: From<Error>>(why: &str) -> E {
    Error::Closed(format!("codex-node failed inside, please report it: {why}")).into()
}

/// A promise that an `AbortSignal` can cancel, where one is given.
pub(crate) fn abortable<'env>(
    env: &'env Env,
    promise: Unknown<'env>,
    signal: Option<Unknown<'env>>,
    cancel: CancellationToken,
) -> Result<Unknown<'env>> {
    let Some(signal) = signal else { return Ok(promise) };
    let cancel = env.create_function_from_closure::<Unknown<'_>, (), _>("cancel", move |_| {
        cancel.cancel();
        Ok(())
    })?;
    Hooks::of(env)?.abortable(env, promise, signal, cancel.to_unknown())
}

/// A rejected promise for an error that was found before anything began: asynchronous calls never throw.
pub(crate) fn or_reject<'env>(env: &'env Env, outcome: Result<Unknown<'env>>) -> Result<Unknown<'env>> {
    match outcome {
        Ok(promise) => Ok(promise),
        Err(error) => {
            let (deferred, promise) = env.create_deferred::<(), _>()?;
            deferred.resolve(move |_| Err(error));
            Ok(promise.to_unknown())
        }
    }
}

/// Whether a signal was aborted before the call.
pub(crate) fn is_aborted(signal: Option<&Unknown<'_>>) -> Result<bool> {
    match signal {
        Some(signal) => signal.coerce_to_object()?.get_named_property("aborted"),
        None => Ok(false),
    }
}

/// A JSON text as the value that V8 makes of it.
pub(crate) fn parsed(env: &Env, json: String) -> Result<Unknown<'static>> {
    Hooks::of(env)?.parse(env, json)
}

/// A value that is returned within the call that made it, by a closure whose type has no lifetime to name.
pub(crate) struct Returned(sys::napi_value);

impl From<Unknown<'_>> for Returned {
    fn from(value: Unknown<'_>) -> Self {
        Self(value.raw())
    }
}

impl ToNapiValue for Returned {
    unsafe fn to_napi_value(_: sys::napi_env, value: Self) -> Result<sys::napi_value> {
        Ok(value.0)
    }
}
