//! What the package does for the native side, call by call. Who it is done for is in `hooks.rs`.

use std::sync::Arc;

use codex_client::dial::TokenSource;
use codex_client::options::{Call, parse, parse_for};
use codex_client::process::Surroundings;
use codex_client::server_requests::{HandlerKind, Handlers};
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use serde::de::DeserializeOwned;

use crate::error::to_js;
use crate::handlers::{CallerFunction, Context, JsHandlers, Within};
use crate::hooks::{Hooks, RecordSink, TransportCommand, extend};
use crate::surroundings::JsProgram;
use crate::token::{JsToken, TokenFunction};

/// Options as `glue/options.js` takes them.
pub(crate) struct TakenOptions {
    /// What is data, as JSON text.
    pub(crate) json: Option<String>,
    /// The signal or the logger.
    pub(crate) apart: Option<Unknown<'static>>,
    /// The handlers.
    pub(crate) handlers: Option<Arc<dyn Handlers>>,
    /// The names of all options that are no data.
    pub(crate) beside: Vec<&'static str>,
}

impl TakenOptions {
    /// Those that take no handlers.
    pub(crate) fn data(taken: &Object<'_>, apart: &'static str) -> Result<Self> {
        let json = taken.get_named_property("json")?;
        Ok(Self { json, apart: taken.get_named_property("apart")?, handlers: None, beside: vec![apart] })
    }

    /// Those that may have handlers, which were given where the call is made.
    pub(crate) fn read(
        taken: &Object<'_>,
        apart: &'static str,
        context: Option<Arc<Context>>,
    ) -> Result<Self> {
        let Self { json, apart: given, .. } = Self::data(taken, apart)?;
        let caller: Option<CallerFunction<'_>> = taken.get_named_property("caller")?;
        let handlers = caller.map(|caller| {
            let kinds: Vec<String> = taken.get_named_property("kinds")?;
            let tools: Option<Vec<String>> = taken.get_named_property("tools")?;
            let context = context.map_or_else(|| Context::new(&taken.get_named_property("context")?), Ok)?;
            JsHandlers::shared(&kinds, tools.unwrap_or_default(), &caller, context)
        });
        let beside = HandlerKind::ALL.map(HandlerKind::option).into_iter().chain([apart]).collect();
        Ok(Self { json, apart: given, handlers: handlers.transpose()?, beside })
    }

    /// What is data, checked.
    pub(crate) fn settings<T: DeserializeOwned + Default>(&self, env: &Env) -> Result<T> {
        self.settings_for(env, Call::Other)
    }

    /// The same, of a call that takes less than the type has.
    pub(crate) fn settings_for<T: DeserializeOwned + Default>(&self, env: &Env, call: Call) -> Result<T> {
        parse_for(call, self.json.as_deref(), "options", &self.beside).map_err(|error| to_js(env, &error))
    }
}

/// What is for a client alone.
pub(crate) struct ClientOptions {
    pub(crate) options: TakenOptions,
    /// What carries its bytes.
    pub(crate) transport: Option<Unknown<'static>>,
    /// What gives its tokens.
    pub(crate) token: Option<Arc<dyn TokenSource>>,
}

/// Registers what only JavaScript can do, and gives the number of this evaluation. Called once by each, before
/// anything else. What it gives is held here only for as long as somebody in JavaScript holds it.
#[napi(skip_typescript)]
pub(crate) fn initialize(env: Env, hooks: Object<'_>) -> Result<u32> {
    crate::logger::install();
    crate::runtime::end_with_process();
    crate::hooks::register(&env, &hooks)
}

impl Hooks {
    /// How the program is at the call that is being carried out.
    pub(crate) fn surroundings(&self, env: &Env) -> Result<Surroundings> {
        let taken: String = self.call(env, "surroundings", ((),))?;
        Surroundings::read(&taken).map_err(|error| to_js(env, &error))
    }

    /// Whoever makes the calls.
    pub(crate) fn program(&self, env: &Env) -> Result<Arc<JsProgram>> {
        JsProgram::new(env, &self.get(env, "surroundings")?).map(Arc::new)
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
        let taken: Object<'static> = self.call(env, "encodeOptions", arguments)?;
        let options = TakenOptions::data(&taken, "signal")?;
        Ok((options.settings(env)?, options.apart))
    }

    /// Options among which there may be handlers, and a signal.
    pub(crate) fn take_options(&self, env: &Env, options: Unknown<'_>) -> Result<TakenOptions> {
        TakenOptions::read(&self.taken(env, options, "signal")?, "signal", None)
    }

    /// The options of a client, and a logger among them.
    pub(crate) fn take_client_options(&self, env: &Env, options: Unknown<'_>) -> Result<ClientOptions> {
        let taken = self.taken(env, options, "logger")?;
        let mut options = TakenOptions::read(&taken, "logger", None)?;
        options.beside.push("transport");
        let token: Option<TokenFunction<'_>> = taken.get_named_property("token")?;
        Ok(ClientOptions {
            options,
            transport: taken.get_named_property("transport")?,
            token: token.map(|give| JsToken::shared(&give)).transpose()?,
        })
    }

    fn taken(&self, env: &Env, options: Unknown<'_>, apart: &'static str) -> Result<Object<'static>> {
        self.call(env, "takeOptions", (extend(options), "options".to_owned(), apart.to_owned()))
    }

    /// Where the call is made that is being carried out.
    pub(crate) fn context(&self, env: &Env) -> Result<Arc<Context>> {
        Context::new(&self.call::<_, Within>(env, "context", ((),))?)
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
