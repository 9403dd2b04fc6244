//! What an evaluation of the package gives the native side, and how it is called. What the calls mean is in
//! `environment.rs` and in the files of the features.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use codex_client::api::WeakCodex;
use codex_client::{Codex, Memory};
use napi::bindgen_prelude::{
    Buffer, FnArgs, FromNapiValue, Function, JsObjectValue, JsValue, JsValuesTupleIntoVec, Object, Unknown,
    ValidateNapiValue,
};
use napi::{Env, Result, sys};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use crate::runtime::runtime;
use crate::text::Text;

/// What one JavaScript environment (the main thread, a worker) has on the native side.
struct Environment {
    clients: Arc<Mutex<Vec<WeakCodex>>>,
    ended: CancellationToken,
    /// What each evaluation of the package brought, as far as anybody still holds it.
    evaluations: RefCell<Vec<(Evaluation, WeakObject)>>,
    /// What its clients hold outside of V8, and what V8 was told of it.
    memory: Memory,
    told: Cell<i64>,
}

thread_local! {
    /// The evaluation that is being worked for. An environment has its thread for itself.
    static CURRENT: Cell<Evaluation> = const { Cell::new(Evaluation(0)) };
}

/// One evaluation of the package: a hot reload, a test runner, a second bundle make another, with error classes and
/// a world of objects of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evaluation(u32);

impl Evaluation {
    /// The one that is being worked for.
    pub(crate) fn current() -> Self {
        CURRENT.get()
    }

    /// The one of a number, or the one that is being worked for.
    pub(crate) fn given(number: Option<u32>) -> Self {
        number.map_or_else(Self::current, Self)
    }

    /// Works for this one until the guard is dropped.
    pub(crate) fn enter(self) -> Entered {
        Entered(CURRENT.replace(self))
    }
}

/// Goes back to the evaluation before.
pub(crate) struct Entered(Evaluation);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Has the native side work for an evaluation, and gives the one before.
#[napi(skip_typescript)]
pub(crate) fn enter(evaluation: u32) -> u32 {
    CURRENT.replace(Evaluation(evaluation)).0
}

/// A reference that does not keep its object.
struct WeakObject(sys::napi_ref);

impl WeakObject {
    fn of(env: &Env, object: &Object<'_>) -> Result<Self> {
        let mut reference = std::ptr::null_mut();
        // SAFETY: both handles are of this call; the reference is used on this thread alone.
        let status = unsafe { sys::napi_create_reference(env.raw(), object.raw(), 0, &mut reference) };
        check_status(status)?;
        Ok(Self(reference))
    }

    fn get(&self, env: &Env) -> Option<Object<'static>> {
        let mut value = std::ptr::null_mut();
        // SAFETY: the reference is of this environment, whose thread this is.
        let status = unsafe { sys::napi_get_reference_value(env.raw(), self.0, &mut value) };
        (status == sys::Status::napi_ok && !value.is_null()).then(|| Object::from_raw(env.raw(), value))
    }

    fn delete(self, env: &Env) {
        // SAFETY: as above, and nobody uses it afterwards.
        unsafe { sys::napi_delete_reference(env.raw(), self.0) };
    }
}

fn check_status(status: sys::napi_status) -> Result<()> {
    match status {
        sys::Status::napi_ok => Ok(()),
        status => Err(napi::Error::from_status(status.into())),
    }
}

/// What an evaluation of the package gives the native side.
#[derive(Clone, Copy)]
pub(crate) struct Hooks {
    object: Object<'static>,
    environment: &'static Environment,
}

/// A function that tells a transport what to do: `open`, `write` with bytes, `end`.
pub(crate) type TransportCommand<'env> = Function<'env, FnArgs<(String, Option<Buffer>)>, Unknown<'static>>;

/// A function that takes a log record as JSON.
pub(crate) type RecordSink<'env> = Function<'env, FnArgs<(String,)>, Unknown<'static>>;

/// Registers an evaluation, and gives its number.
pub(crate) fn register(env: &Env, hooks: &Object<'_>) -> Result<u32> {
    if env.get_instance_data::<Environment>()?.is_none() {
        // A worker may end at any moment: its clients end with it.
        let clients: Arc<Mutex<Vec<WeakCodex>>> = Arc::default();
        env.add_env_cleanup_hook(Arc::clone(&clients), |clients| close_all(&clients))?;
        let ended = CancellationToken::new();
        env.add_env_cleanup_hook(ended.clone(), |ended| ended.cancel())?;
        let environment = Environment {
            clients,
            ended,
            evaluations: RefCell::default(),
            memory: Memory::default(),
            told: Cell::new(0),
        };
        env.set_instance_data(environment, (), |_| {})?;
    }
    let mut evaluations = Environment::of(env)?.evaluations.borrow_mut();
    let next = Evaluation(evaluations.last().map_or(1, |(last, _)| last.0 + 1));
    for (evaluation, hooks) in std::mem::take(&mut *evaluations) {
        match hooks.get(env) {
            Some(_) => evaluations.push((evaluation, hooks)),
            None => hooks.delete(env),
        }
    }
    evaluations.push((next, WeakObject::of(env, hooks)?));
    CURRENT.set(next);
    Ok(next.0)
}

/// Tells V8 what is held outside of it. It collects a handle that nobody has any more only when it knows that it is worth
/// the work. Called where native code is at work for JavaScript anyway.
pub(crate) fn tell_memory(env: &Env) {
    if let Ok(environment) = Environment::of(env) {
        let held = environment.memory.held();
        let difference = held - environment.told.replace(held);
        // What can't be told now is told the next time.
        if difference != 0 && env.adjust_external_memory(difference).is_err() {
            environment.told.set(held - difference);
        }
    }
}

fn close_all(clients: &Mutex<Vec<WeakCodex>>) {
    let clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
    for codex in clients.iter().filter_map(WeakCodex::upgrade) {
        if let Ok(runtime) = runtime() {
            runtime.spawn(async move { codex.close().await });
        }
    }
}

impl Environment {
    fn of(env: &Env) -> Result<&'static Self> {
        env.get_instance_data::<Self>()?
            .map(|environment| &*environment)
            .ok_or_else(|| napi::Error::from_reason("codex-node was loaded without its index.js"))
    }

    /// What the evaluation gave that is being worked for. Where that is gone it is the last one.
    fn hooks(&self, env: &Env) -> Option<Object<'static>> {
        let evaluations = self.evaluations.borrow();
        let current = evaluations.iter().find(|(evaluation, _)| *evaluation == Evaluation::current());
        current.into_iter().chain(evaluations.iter().rev()).find_map(|(_, hooks)| hooks.get(env))
    }
}

impl Hooks {
    /// Closes a client when this environment ends.
    pub(crate) fn close_at_end(&self, codex: &Codex) {
        let mut clients = self.environment.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|codex| codex.upgrade().is_some());
        clients.push(codex.downgrade());
    }

    /// Where what clients of this environment hold is counted.
    pub(crate) fn memory(&self) -> Memory {
        self.environment.memory.clone()
    }

    /// Cancelled when this environment ends.
    pub(crate) fn ended(&self) -> &'static CancellationToken {
        &self.environment.ended
    }

    pub(crate) fn of(env: &Env) -> Result<Self> {
        let environment = Environment::of(env)?;
        let object = environment.hooks(env);
        let object = object.ok_or_else(|| napi::Error::from_reason("codex-node was unloaded"))?;
        Ok(Self { object, environment })
    }

    /// Calls one of them.
    pub(crate) fn call<A, R>(&self, env: &Env, name: &str, arguments: A) -> Result<R>
    where
        FnArgs<A>: JsValuesTupleIntoVec + From<A>,
        R: FromNapiValue,
    {
        let hooks = Object::from_raw(env.raw(), self.object.raw());
        let function: Function<'_, FnArgs<A>, R> = hooks.get_named_property(name)?;
        function.call(FnArgs::from(arguments))
    }

    /// Folders from which an installed codex is looked for, upwards.
    pub(crate) fn search_from(&self) -> Result<Vec<PathBuf>> {
        let folders: Vec<String> = self.object.get_named_property("searchFrom")?;
        Ok(folders.into_iter().map(PathBuf::from).collect())
    }

    /// One of them, to be kept.
    pub(crate) fn get<T: FromNapiValue + ValidateNapiValue>(&self, env: &Env, name: &str) -> Result<T> {
        Object::from_raw(env.raw(), self.object.raw()).get_named_property(name)
    }

    /// Its version.
    pub(crate) fn version(&self) -> Result<String> {
        self.object.get_named_property("version")
    }

    /// `JSON.parse`.
    pub(crate) fn parse(&self, env: &Env, json: String) -> Result<Unknown<'static>> {
        self.call(env, "parse", (Text(json),))
    }

    /// Builds an error from its description as JSON.
    pub(crate) fn make_error(&self, env: &Env, json: String) -> Result<Unknown<'static>> {
        self.call(env, "makeError", (Text(json),))
    }

    /// An argument as JSON text; `what` names it in errors.
    pub(crate) fn encode(&self, env: &Env, value: Unknown<'_>, what: &str) -> Result<Option<String>> {
        self.call(env, "encode", (extend(value), what.to_owned()))
    }
}

/// A value as an argument of a stored function, whose type has no lifetime to name. It is used within the call
/// that it came with.
pub(crate) fn extend(value: Unknown<'_>) -> Unknown<'static> {
    // SAFETY: the lifetime is a marker; the handle lives until the native call that got it returns, and the
    // stored functions are called before that.
    unsafe { std::mem::transmute::<Unknown<'_>, Unknown<'static>>(value) }
}
