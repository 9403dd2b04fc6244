use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use codex_client::api::WeakCodex;
use codex_client::options::{Call, parse, parse_beside, parse_for};
use codex_client::process::Surroundings;
use codex_client::requests::{ContextAlone, HandlerKind, Handlers};
use codex_client::transport::TokenSource;
use codex_client::{Codex, Memory};
use napi::bindgen_prelude::{
    Buffer, FnArgs, FromNapiValue, Function, JsObjectValue, JsValue, JsValuesTupleIntoVec, Object, Unknown,
};
use napi::{Env, Result, sys};
use napi_derive::napi;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::error::to_js;
use crate::handlers::{CallerFunction, Context, JsHandlers, Within};
use crate::runtime::runtime;
use crate::surroundings::JsProgram;
use crate::text::Text;
use crate::token::{JsToken, TokenFunction};

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

/// Options taken apart.
pub(crate) struct Handled {
    /// What is data, as JSON text.
    pub(crate) json: Option<String>,
    /// The signal or the logger.
    pub(crate) apart: Option<Unknown<'static>>,
    /// The handlers.
    pub(crate) handlers: Option<Arc<dyn Handlers>>,
    /// How the final message is read, where options ask for it.
    pub(crate) output: Option<Unknown<'static>>,
    /// What carries the bytes of a client.
    pub(crate) transport: Option<Unknown<'static>>,
    /// What gives the tokens of a client.
    pub(crate) token: Option<Arc<dyn TokenSource>>,
    /// The names of all options that are no data.
    pub(crate) beside: Vec<&'static str>,
}

impl Handled {
    /// What is data, checked.
    pub(crate) fn settings<T: DeserializeOwned + Default>(&self, env: &Env) -> Result<T> {
        self.settings_for(env, Call::Other)
    }

    /// The same, of a call that takes less than the type has.
    pub(crate) fn settings_for<T: DeserializeOwned + Default>(&self, env: &Env, call: Call) -> Result<T> {
        parse_for(call, self.json.as_deref(), "options", &self.beside).map_err(|error| to_js(env, &error))
    }
}

/// A function that tells a transport what to do: `open`, `write` with bytes, `end`.
pub(crate) type TransportCommand<'env> = Function<'env, FnArgs<(String, Option<Buffer>)>, Unknown<'static>>;

/// A function that takes a log record as JSON.
pub(crate) type RecordSink<'env> = Function<'env, FnArgs<(String,)>, Unknown<'static>>;

/// Registers what only JavaScript can do, and gives the number of this evaluation. Called once by each, before
/// anything else. What it gives is held here only for as long as somebody in JavaScript holds it.
#[napi(skip_typescript)]
pub(crate) fn initialize(env: Env, hooks: Object<'_>) -> Result<u32> {
    crate::logger::install();
    crate::runtime::end_with_process();
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
    let mut evaluations = Environment::of(&env)?.evaluations.borrow_mut();
    let next = Evaluation(evaluations.last().map_or(1, |(last, _)| last.0 + 1));
    for (evaluation, hooks) in std::mem::take(&mut *evaluations) {
        match hooks.get(&env) {
            Some(_) => evaluations.push((evaluation, hooks)),
            None => hooks.delete(&env),
        }
    }
    evaluations.push((next, WeakObject::of(&env, &hooks)?));
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
    fn call<A, R>(&self, env: &Env, name: &str, arguments: A) -> Result<R>
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

    /// How the program is at the call that is being carried out.
    pub(crate) fn surroundings(&self, env: &Env) -> Result<Surroundings> {
        let taken: String = self.call(env, "surroundings", ((),))?;
        Surroundings::read(&taken).map_err(|error| to_js(env, &error))
    }

    /// Whoever makes the calls.
    pub(crate) fn program(&self, env: &Env) -> Result<Arc<JsProgram>> {
        let hooks = Object::from_raw(env.raw(), self.object.raw());
        JsProgram::new(env, &hooks.get_named_property("surroundings")?).map(Arc::new)
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

    /// Options that are data alone, checked.
    pub(crate) fn settings<T: DeserializeOwned + Default>(
        &self,
        env: &Env,
        options: Unknown<'_>,
    ) -> Result<T> {
        let json = self.encode(env, options, "options")?;
        parse(json.as_deref(), "options").map_err(|error| to_js(env, &error))
    }

    /// Options with a signal among them.
    pub(crate) fn abortable_settings<T: DeserializeOwned + Default>(
        &self,
        env: &Env,
        options: Unknown<'_>,
    ) -> Result<(T, Option<Unknown<'static>>)> {
        let arguments = (extend(options), "options".to_owned(), "signal".to_owned());
        let pair: Object<'static> = self.call(env, "encodeOptions", arguments)?;
        let json = pair.get_element::<Option<String>>(0)?;
        let settings = parse_beside(json.as_deref(), "options", &["signal"]);
        Ok((settings.map_err(|error| to_js(env, &error))?, pair.get_element(1)?))
    }

    /// Options among which there may be handlers.
    pub(crate) fn encode_handled(
        &self,
        env: &Env,
        options: Unknown<'_>,
        apart: &'static str,
    ) -> Result<Handled> {
        let arguments = (extend(options), "options".to_owned(), apart.to_owned());
        let parts: Object<'static> = self.call(env, "encodeHandled", arguments)?;
        let kinds = parts.get_element::<Option<Vec<String>>>(2)?;
        let caller = parts.get_element::<Option<CallerFunction<'_>>>(3)?;
        let tools = parts.get_element::<Option<Vec<String>>>(4)?.unwrap_or_default();
        let handlers = kinds
            .zip(caller)
            .map(|(kinds, caller)| JsHandlers::shared(&kinds, tools, &caller, self.context(env)?))
            .transpose()?;
        let carrier = (apart == "logger").then_some("transport");
        let beside = HandlerKind::ALL.map(HandlerKind::option).into_iter().chain([apart]).chain(carrier);
        let beside = beside.collect();
        Ok(Handled {
            json: parts.get_element(0)?,
            apart: parts.get_element(1)?,
            handlers,
            output: parts.get_element(5)?,
            transport: parts.get_element(6)?,
            token: parts
                .get_element::<Option<TokenFunction<'_>>>(7)?
                .map(|give| JsToken::shared(&give))
                .transpose()?,
            beside,
        })
    }

    /// Where the call is made that is being carried out.
    pub(crate) fn context(&self, env: &Env) -> Result<Arc<Context>> {
        Context::new(&self.call::<_, Within>(env, "context", ((),))?)
    }

    /// The same for a call that brings no handlers.
    pub(crate) fn context_alone(&self, env: &Env) -> Result<Arc<dyn Handlers>> {
        Ok(Arc::new(ContextAlone(self.context(env)?)))
    }

    /// Options with a signal and the schema of a final message among them: what is data, the signal, and how the
    /// message is read.
    pub(crate) fn output_settings<T: DeserializeOwned + Default>(
        &self,
        env: &Env,
        options: Unknown<'_>,
    ) -> Result<(T, Option<Unknown<'static>>, Option<Unknown<'static>>)> {
        let parts: Object<'static> =
            self.call(env, "encodeOutput", (extend(options), "options".to_owned()))?;
        let json = parts.get_element::<Option<String>>(0)?;
        let settings = parse_beside(json.as_deref(), "options", &["signal"]);
        let settings = settings.map_err(|error| to_js(env, &error))?;
        Ok((settings, parts.get_element(1)?, parts.get_element(2)?))
    }

    /// Ties a promise to an abort signal.
    pub(crate) fn abortable(
        &self,
        env: &Env,
        promise: Unknown<'_>,
        signal: Unknown<'_>,
        cancel: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.call(env, "abortable", (extend(promise), extend(signal), extend(cancel)))
    }

    /// Remembers with what options a turn began, for whoever goes on with it.
    pub(crate) fn begun(
        &self,
        env: &Env,
        promise: Unknown<'_>,
        options: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.call(env, "begun", (extend(promise), extend(options)))
    }

    /// Has the final message of the result parsed that a promise gives, or of the turn.
    pub(crate) fn with_output(
        &self,
        env: &Env,
        promise: Unknown<'_>,
        output: Unknown<'_>,
        signal: Option<Unknown<'_>>,
    ) -> Result<Unknown<'static>> {
        self.call(env, "withOutput", (extend(promise), extend(output), signal.map(extend)))
    }

    /// Ties a promise to what a turn was started with: its signal, and the schema of its final message.
    pub(crate) fn of_turn(
        &self,
        env: &Env,
        promise: Unknown<'_>,
        turn: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.call(env, "ofTurn", (extend(promise), extend(turn)))
    }

    /// An async iterator over a native reader.
    pub(crate) fn iterate(
        &self,
        env: &Env,
        reader: Unknown<'_>,
        options: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.call(env, "iterate", (extend(reader), extend(options)))
    }

    /// The continuation of the reader that a turn's user made last, or `none`.
    pub(crate) fn continuation(
        &self,
        env: &Env,
        turn: Unknown<'_>,
        none: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.call(env, "continuationOf", (extend(turn), extend(none)))
    }

    /// An async iterator over the entries of pages.
    pub(crate) fn pages(
        &self,
        env: &Env,
        next: Unknown<'_>,
        signal: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.call(env, "pages", (extend(next), extend(signal)))
    }

    /// A logger as a function that takes a record as JSON, and never throws.
    pub(crate) fn record_sink(&self, env: &Env, logger: Unknown<'_>) -> Result<RecordSink<'static>> {
        self.call(env, "recordSink", (extend(logger),))
    }
}

impl Hooks {
    /// Adds or removes a listener of a client. With the first comes the function that takes what happens as JSON.
    pub(crate) fn listen(
        &self,
        env: &Env,
        codex: Unknown<'_>,
        how: &str,
        event: Unknown<'_>,
        listener: Unknown<'_>,
    ) -> Result<Option<RecordSink<'static>>> {
        let arguments = (extend(codex), how.to_owned(), extend(event), extend(listener));
        self.call(env, "listen", arguments)
    }

    /// A promise that resolves when listeners have been told what was said before it.
    pub(crate) fn after_events(&self, env: &Env, promise: Unknown<'_>) -> Result<Unknown<'static>> {
        self.call(env, "afterEvents", (extend(promise),))
    }

    /// Connects a transport to what takes its bytes, and gives what it is told through.
    pub(crate) fn attach_transport(
        &self,
        env: &Env,
        transport: Unknown<'_>,
        inlet: Object<'_>,
    ) -> Result<TransportCommand<'static>> {
        let inlet = Object::from_raw(env.raw(), inlet.raw());
        self.call(env, "attachTransport", (extend(transport), inlet))
    }
}

/// A value as an argument of a stored function, whose type has no lifetime to name. It is used within the call
/// that it came with.
fn extend(value: Unknown<'_>) -> Unknown<'static> {
    // SAFETY: the lifetime is a marker; the handle lives until the native call that got it returns, and the
    // stored functions are called before that.
    unsafe { std::mem::transmute::<Unknown<'_>, Unknown<'static>>(value) }
}
