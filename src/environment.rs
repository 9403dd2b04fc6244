use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use codex_client::Codex;
use codex_client::api::WeakCodex;
use codex_client::options::{parse, parse_beside};
use codex_client::requests::{HandlerKind, Handlers};
use napi::bindgen_prelude::{Buffer, FnArgs, Function, FunctionRef, JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::error::to_js;
use crate::handlers::{CallerFunction, JsHandlers};
use crate::runtime::runtime;
use crate::text::Text;

/// What one JavaScript environment (the main thread, a worker) gives the native side.
pub(crate) struct Hooks {
    /// The folder of the package.
    pub(crate) folder: PathBuf,
    /// Its version.
    pub(crate) version: String,
    clients: Arc<Mutex<Vec<WeakCodex>>>,
    ended: CancellationToken,
    parse: FunctionRef<FnArgs<(Text<String>,)>, Unknown<'static>>,
    make_error: FunctionRef<FnArgs<(Text<String>,)>, Unknown<'static>>,
    encode: FunctionRef<FnArgs<(Unknown<'static>, String)>, Option<String>>,
    encode_options: FunctionRef<FnArgs<(Unknown<'static>, String, String)>, Object<'static>>,
    encode_handled: FunctionRef<FnArgs<(Unknown<'static>, String, String)>, Object<'static>>,
    encode_output: FunctionRef<FnArgs<(Unknown<'static>, String)>, Object<'static>>,
    abortable: FunctionRef<FnArgs<(Unknown<'static>, Unknown<'static>, Unknown<'static>)>, Unknown<'static>>,
    of_turn: FunctionRef<FnArgs<(Unknown<'static>, Unknown<'static>)>, Unknown<'static>>,
    with_output:
        FunctionRef<FnArgs<(Unknown<'static>, Unknown<'static>, Option<Unknown<'static>>)>, Unknown<'static>>,
    iterate: FunctionRef<FnArgs<(Unknown<'static>, Unknown<'static>)>, Unknown<'static>>,
    continuation: FunctionRef<FnArgs<(Unknown<'static>, Unknown<'static>)>, Unknown<'static>>,
    pages: FunctionRef<FnArgs<(Unknown<'static>, Unknown<'static>)>, Unknown<'static>>,
    record_sink: FunctionRef<FnArgs<(Unknown<'static>,)>, RecordSink<'static>>,
    listen: FunctionRef<ListenArguments, Option<RecordSink<'static>>>,
    after_events: FunctionRef<FnArgs<(Unknown<'static>,)>, Unknown<'static>>,
    attach_transport: FunctionRef<FnArgs<(Unknown<'static>, Object<'static>)>, TransportCommand<'static>>,
}

/// Client, how, event, listener.
type ListenArguments = FnArgs<(Unknown<'static>, String, Unknown<'static>, Unknown<'static>)>;

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
    /// The names of all options that are no data.
    pub(crate) beside: Vec<&'static str>,
}

impl Handled {
    /// What is data, checked.
    pub(crate) fn settings<T: DeserializeOwned + Default>(&self, env: &Env) -> Result<T> {
        parse_beside(self.json.as_deref(), "options", &self.beside).map_err(|error| to_js(env, &error))
    }
}

/// A function that tells a transport what to do: `open`, `write` with bytes, `end`.
pub(crate) type TransportCommand<'env> = Function<'env, FnArgs<(String, Option<Buffer>)>, Unknown<'static>>;

/// A function that takes a log record as JSON.
pub(crate) type RecordSink<'env> = Function<'env, FnArgs<(String,)>, Unknown<'static>>;

/// Registers what only JavaScript can do. Called once by each environment, before anything else.
#[napi(skip_typescript)]
pub(crate) fn initialize(env: Env, hooks: Object<'_>) -> Result<()> {
    macro_rules! function {
        ($name:literal) => {
            hooks.get_named_property::<Function<'_, _, _>>($name)?.create_ref()?
        };
    }
    crate::logger::install();
    // A worker may end at any moment: its clients end with it.
    let clients: Arc<Mutex<Vec<WeakCodex>>> = Arc::default();
    env.add_env_cleanup_hook(Arc::clone(&clients), |clients| close_all(&clients))?;
    let ended = CancellationToken::new();
    env.add_env_cleanup_hook(ended.clone(), |ended| ended.cancel())?;
    let hooks = Hooks {
        clients,
        ended,
        folder: PathBuf::from(hooks.get_named_property::<String>("folder")?),
        version: hooks.get_named_property("version")?,
        parse: function!("parse"),
        make_error: function!("makeError"),
        encode: function!("encode"),
        encode_options: function!("encodeOptions"),
        encode_handled: function!("encodeHandled"),
        encode_output: function!("encodeOutput"),
        abortable: function!("abortable"),
        of_turn: function!("ofTurn"),
        with_output: function!("withOutput"),
        iterate: function!("iterate"),
        continuation: function!("continuationOf"),
        pages: function!("pages"),
        record_sink: function!("recordSink"),
        listen: function!("listen"),
        after_events: function!("afterEvents"),
        attach_transport: function!("attachTransport"),
    };
    env.set_instance_data(hooks, (), |_| {})
}

fn close_all(clients: &Mutex<Vec<WeakCodex>>) {
    let clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
    for codex in clients.iter().filter_map(WeakCodex::upgrade) {
        if let Ok(runtime) = runtime() {
            runtime.spawn(async move { codex.close().await });
        }
    }
}

impl Hooks {
    /// Closes a client when this environment ends.
    pub(crate) fn close_at_end(&self, codex: &Codex) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|codex| codex.upgrade().is_some());
        clients.push(codex.downgrade());
    }

    /// Cancelled when this environment ends.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    pub(crate) fn of(env: &Env) -> Result<&'static Self> {
        env.get_instance_data::<Self>()?
            .map(|hooks| &*hooks)
            .ok_or_else(|| napi::Error::from_reason("codex-node was loaded without its index.js"))
    }

    /// `JSON.parse`.
    pub(crate) fn parse(&self, env: &Env, json: String) -> Result<Unknown<'static>> {
        self.parse.borrow_back(env)?.call((Text(json),).into())
    }

    /// Builds an error from its description as JSON.
    pub(crate) fn make_error(&self, env: &Env, json: String) -> Result<Unknown<'static>> {
        self.make_error.borrow_back(env)?.call((Text(json),).into())
    }

    /// An argument as JSON text; `what` names it in errors.
    pub(crate) fn encode(&self, env: &Env, value: Unknown<'_>, what: &str) -> Result<Option<String>> {
        self.encode.borrow_back(env)?.call((extend(value), what.to_owned()).into())
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
        let pair = self.encode_options.borrow_back(env)?.call(arguments.into())?;
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
        let parts = self.encode_handled.borrow_back(env)?.call(arguments.into())?;
        let kinds = parts.get_element::<Option<Vec<String>>>(2)?;
        let caller = parts.get_element::<Option<CallerFunction<'_>>>(3)?;
        let tools = parts.get_element::<Option<Vec<String>>>(4)?.unwrap_or_default();
        let handlers = kinds
            .zip(caller)
            .map(|(kinds, caller)| JsHandlers::shared(&kinds, tools, &caller))
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
            beside,
        })
    }

    /// Options with a signal and the schema of a final message among them: what is data, the signal, and how the
    /// message is read.
    pub(crate) fn output_settings<T: DeserializeOwned + Default>(
        &self,
        env: &Env,
        options: Unknown<'_>,
    ) -> Result<(T, Option<Unknown<'static>>, Option<Unknown<'static>>)> {
        let parts =
            self.encode_output.borrow_back(env)?.call((extend(options), "options".to_owned()).into())?;
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
        self.abortable.borrow_back(env)?.call((extend(promise), extend(signal), extend(cancel)).into())
    }

    /// Has the final message of the result parsed that a promise gives, or of the turn.
    pub(crate) fn with_output(
        &self,
        env: &Env,
        promise: Unknown<'_>,
        output: Unknown<'_>,
        signal: Option<Unknown<'_>>,
    ) -> Result<Unknown<'static>> {
        self.with_output.borrow_back(env)?.call((extend(promise), extend(output), signal.map(extend)).into())
    }

    /// Ties a promise to what a turn was started with: its signal, and the schema of its final message.
    pub(crate) fn of_turn(
        &self,
        env: &Env,
        promise: Unknown<'_>,
        turn: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.of_turn.borrow_back(env)?.call((extend(promise), extend(turn)).into())
    }

    /// An async iterator over a native reader.
    pub(crate) fn iterate(
        &self,
        env: &Env,
        reader: Unknown<'_>,
        options: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.iterate.borrow_back(env)?.call((extend(reader), extend(options)).into())
    }

    /// The continuation of the reader that a turn's user made last, or `none`.
    pub(crate) fn continuation(
        &self,
        env: &Env,
        turn: Unknown<'_>,
        none: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.continuation.borrow_back(env)?.call((extend(turn), extend(none)).into())
    }

    /// An async iterator over the entries of pages.
    pub(crate) fn pages(
        &self,
        env: &Env,
        next: Unknown<'_>,
        signal: Unknown<'_>,
    ) -> Result<Unknown<'static>> {
        self.pages.borrow_back(env)?.call((extend(next), extend(signal)).into())
    }

    /// A logger as a function that takes a record as JSON, and never throws.
    pub(crate) fn record_sink(&self, env: &Env, logger: Unknown<'_>) -> Result<RecordSink<'static>> {
        self.record_sink.borrow_back(env)?.call((extend(logger),).into())
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
        self.listen.borrow_back(env)?.call(arguments.into())
    }

    /// A promise that resolves when listeners have been told what was said before it.
    pub(crate) fn after_events(&self, env: &Env, promise: Unknown<'_>) -> Result<Unknown<'static>> {
        self.after_events.borrow_back(env)?.call((extend(promise),).into())
    }

    /// Connects a transport to what takes its bytes, and gives what it is told through.
    pub(crate) fn attach_transport(
        &self,
        env: &Env,
        transport: Unknown<'_>,
        inlet: Object<'_>,
    ) -> Result<TransportCommand<'static>> {
        let inlet = Object::from_raw(env.raw(), inlet.raw());
        self.attach_transport.borrow_back(env)?.call((extend(transport), inlet).into())
    }
}

/// A value as an argument of a stored function, whose type has no lifetime to name. It is used within the call
/// that it came with.
fn extend(value: Unknown<'_>) -> Unknown<'static> {
    // SAFETY: the lifetime is a marker; the handle lives until the native call that got it returns, and the
    // stored functions are called before that.
    unsafe { std::mem::transmute::<Unknown<'_>, Unknown<'static>>(value) }
}
