//! What the package does for the native side, call by call. Who it is done for is in `hooks.rs`.

use std::sync::Arc;

use codex_client::options::{Call, parse, parse_beside, parse_for};
use codex_client::process::Surroundings;
use codex_client::requests::{ContextAlone, HandlerKind, Handlers};
use codex_client::transport::TokenSource;
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use serde::de::DeserializeOwned;

use crate::error::to_js;
use crate::handlers::{CallerFunction, Context, JsHandlers, Within};
use crate::hooks::{Hooks, RecordSink, TransportCommand, extend};
use crate::surroundings::JsProgram;
use crate::token::{JsToken, TokenFunction};

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
