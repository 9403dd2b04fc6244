//! Calls of a program's handlers, and what they return. Which handler is asked is decided in the core.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use codex_client::server_requests::{CallContext, HandlerFuture, HandlerKind, Handlers};
use napi::bindgen_prelude::{FnArgs, Function, FunctionRef, Unknown};
use napi::threadsafe_function::{ThreadsafeCallContext, ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status};
use napi_derive::napi;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Runs a function in the context that it was made in.
pub(crate) type Within = Function<'static, FnArgs<(Unknown<'static>,)>, Unknown<'static>>;
/// Kind of handler (none: abort), number of the call, the request as JSON, and what to run it in.
type Arguments = FnArgs<(String, f64, String, Option<Within>)>;
/// The same on its way.
type Asking = (String, f64, String, Option<Arc<Context>>);
/// A call into JavaScript that does not keep Node alive: the turn that waits for the answer does.
type Caller = ThreadsafeFunction<Asking, Unknown<'static>, Arguments, Status, false, true>;
/// A function that asks handlers.
pub(crate) type CallerFunction<'env> = Function<'env, Arguments, Unknown<'static>>;

/// The context of a call: AsyncLocalStorage and the like.
pub(crate) struct Context(FunctionRef<FnArgs<(Unknown<'static>,)>, Unknown<'static>>);

impl Context {
    /// That of a function that runs others in it.
    pub(crate) fn new(within: &Within) -> Result<Arc<Self>> {
        Ok(Arc::new(Self(within.create_ref()?)))
    }

    fn get(&self, env: &Env) -> Result<Within> {
        let within = self.0.borrow_back(env)?;
        // SAFETY: the lifetime is a marker; the handle is used within the call that this is made for.
        Ok(unsafe { std::mem::transmute::<Function<'_, _, _>, Within>(within) })
    }
}

type Outcome = std::result::Result<String, String>;

/// The calls that JavaScript has not settled, of all environments: their numbers are unique.
static CALLS: Mutex<Option<HashMap<u64, oneshot::Sender<Outcome>>>> = Mutex::new(None);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The handlers of a client, a thread or a turn.
pub(crate) struct JsHandlers {
    kinds: Vec<HandlerKind>,
    /// The names of the tools that they run.
    tools: Vec<String>,
    caller: Arc<Caller>,
    /// Where the call was made that they were given to.
    context: Arc<Context>,
}

impl JsHandlers {
    /// Handlers of these kinds behind a function of `glue/handlers.js`.
    pub(crate) fn shared(
        kinds: &[String],
        tools: Vec<String>,
        caller: &CallerFunction<'_>,
        context: Arc<Context>,
    ) -> Result<Arc<dyn Handlers>> {
        let caller = caller.build_threadsafe_function().callee_handled::<false>().weak::<true>();
        let caller = caller.build_callback(|asking: ThreadsafeCallContext<Asking>| {
            let (kind, id, json, context) = asking.value;
            let within = context.map(|context| context.get(&asking.env)).transpose()?;
            Ok(FnArgs::from((kind, id, json, within)))
        })?;
        let kinds =
            HandlerKind::ALL.into_iter().filter(|kind| kinds.iter().any(|name| name == kind.option()));
        Ok(Arc::new(Self { kinds: kinds.collect(), tools, caller: Arc::new(caller), context }))
    }
}

impl Handlers for JsHandlers {
    fn has(&self, kind: HandlerKind) -> bool {
        self.kinds.contains(&kind)
    }

    fn has_tool(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool == name)
    }

    fn context(&self) -> Option<CallContext> {
        Some(Arc::clone(&self.context) as CallContext)
    }

    fn call(
        &self,
        kind: HandlerKind,
        request: String,
        context: Option<CallContext>,
        cancel: CancellationToken,
    ) -> HandlerFuture {
        let call = Running { id: NEXT.fetch_add(1, Ordering::Relaxed), caller: Arc::clone(&self.caller) };
        let (sender, receiver) = oneshot::channel();
        calls(|calls| calls.insert(call.id, sender));
        let context = context.and_then(|context| context.downcast::<Context>().ok());
        let asking = (kind.option().to_owned(), call.id as f64, request, context);
        let status = self.caller.call(asking, ThreadsafeFunctionCallMode::NonBlocking);
        Box::pin(async move {
            // Dropped with this future, which aborts the handler's signal if it has not answered.
            let _call = call;
            if status != Status::Ok {
                return Err("the JavaScript environment has ended".to_owned());
            }
            tokio::select! {
                outcome = receiver => outcome.unwrap_or_else(|_| Err("the handler was lost".to_owned())),
                () = cancel.cancelled() => Err("the answer is not wanted any more".to_owned()),
            }
        })
    }
}

/// A call that may still be settled.
struct Running {
    id: u64,
    caller: Arc<Caller>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if calls(|calls| calls.remove(&self.id)).is_some() {
            let abort = (String::new(), self.id as f64, String::new(), None);
            self.caller.call(abort, ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// What a handler returned, as JSON, or what it threw.
#[napi(skip_typescript)]
pub(crate) fn settle_handler(id: f64, json: Option<String>, error: Option<String>) {
    if let Some(sender) = calls(|calls| calls.remove(&(id as u64))) {
        let _ = sender.send(json.ok_or_else(|| error.unwrap_or_else(|| "the handler failed".to_owned())));
    }
}

fn calls<T>(then: impl FnOnce(&mut HashMap<u64, oneshot::Sender<Outcome>>) -> T) -> T {
    then(CALLS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}
