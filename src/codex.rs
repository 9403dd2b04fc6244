//! The class `Codex`. How it opens threads, its services, and threads that need not be open have files of their own.

use std::future::Future;
use std::sync::Arc;

use codex_client::Error;
use codex_client::api::Host;
use codex_client::options::{
    Call, ClientInfo, ClientSettings, CloseSettings, ContinueSettings, NotificationSettings,
    ObserverSettings, RequestSettings, RunSettings, ThreadSettings, parse_continuation,
};
use codex_client::routing::RingReader;
use codex_client::server_requests::{CallContext, Handlers};
use codex_client::session::ByteTransport;
use codex_client::turn::Continuation;
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, ToNapiValue, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Arguments, TurnCall};
use crate::environment::{ClientOptions, TakenOptions};
use crate::error::to_js;
use crate::hooks::{Evaluation, Hooks};
use crate::logger::{Registration, register};
use crate::notifications::notifications_object;
use crate::promise::{abortable, is_aborted, or_reject, parsed, promise};
use crate::runtime::runtime;
use crate::text::Text;
use crate::thread::string_argument;
use crate::transport::JsTransport;
use crate::turn::Turn;

/// One connection to one codex app-server, which it starts with the first call. It serves any number of threads
/// and turns at once.
///
/// A pending promise keeps Node alive, an idle `Codex` does not. End it with `close()` or `await using`.
#[napi]
pub struct Codex {
    pub(crate) codex: codex_client::Codex,
    logger: Option<Arc<Registration>>,
}

#[napi]
impl Codex {
    /// Nothing runs yet: the first call connects, or `connect()`.
    ///
    /// @throws {TypeError} an option is not what is accepted; the message names it
    #[napi(constructor, ts_args_type = "options?: CodexOptions")]
    pub fn new(env: Env, options: Unknown<'_>, evaluation: Option<u32>) -> Result<Self> {
        let env = &env;
        let _entered = Evaluation::given(evaluation).enter();
        let hooks = Hooks::of(env)?;
        let ClientOptions { options, transport, token } = hooks.take_client_options(env, options)?;
        let settings: ClientSettings = options.settings(env)?;
        let TakenOptions { apart: logger, handlers, .. } = options;
        let logger = logger.map(|logger| hooks.record_sink(env, logger)).transpose()?;
        let (span, registration) = register(logger.as_ref(), settings.log_level.unwrap_or_default())?;
        let host = Host {
            runtime: runtime()?.handle().clone(),
            client_info: ClientInfo { name: "codex-node".to_owned(), title: None, version: hooks.version()? },
            search_from: hooks.search_from()?,
            program: hooks.program(env)?,
            memory: hooks.memory(),
            transport: transport
                .map(|transport| {
                    JsTransport::new(env, transport).map(|it| Arc::new(it) as Arc<dyn ByteTransport>)
                })
                .transpose()?,
            token,
        };
        let codex =
            codex_client::Codex::new(settings, handlers, host, span).map_err(|error| to_js(env, &error))?;
        hooks.close_at_end(&codex);
        Ok(Self { codex, logger: registration.map(Arc::new) })
    }

    /// What the server said of itself in the handshake.
    ///
    /// @throws {TransportError} there was no handshake yet
    #[napi(getter, ts_return_type = "Metadata")]
    pub fn metadata<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let Some(metadata) = self.codex.metadata() else {
            let why = "there is no metadata before the handshake; await connect() first";
            return Err(to_js(env, &Error::NotConnected(why)));
        };
        let text =
            serde_json::to_string(&*metadata).map_err(|error| napi::Error::from_reason(error.to_string()))?;
        parsed(env, text)
    }

    /// Process id of the running codex, or null.
    #[napi(getter)]
    pub fn pid(&self) -> Option<u32> {
        self.codex.pid()
    }

    /// Starts codex and shakes hands now, if that has not happened yet.
    ///
    /// Wire: `initialize`, `initialized`; with `apiKey` also `account/login/start`.
    ///
    /// @throws {BinaryNotFoundError} no codex was found; it lists every place tried
    /// @throws {UnsupportedVersionError} the codex that was found is too old
    /// @throws {ServerExitedError} codex ended before it answered
    /// @throws {TimeoutError} codex did not answer within `connectTimeoutMs`
    #[napi(ts_return_type = "Promise<Metadata>")]
    pub fn connect<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let codex = self.codex.clone();
        promise(env, async move { codex.connect().await }, |env, metadata| {
            let text = serde_json::to_string(&*metadata);
            parsed(env, text.map_err(|error| napi::Error::from_reason(error.to_string()))?)
        })
    }

    /// Runs one turn on a fresh thread and gives its result. `resumeThread(result.threadId)` goes on from there.
    ///
    /// Wire: `thread/start`, `turn/start`, `thread/unsubscribe`.
    #[napi(
        ts_generic_types = "S extends Schema | undefined = undefined, Schemas extends readonly Schema[] = readonly Schema[]",
        ts_args_type = "input: Input, options?: RunOptions<S, Schemas>",
        ts_return_type = "Promise<TurnResult<Parsed<S>>>"
    )]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        input: Unknown<'env>,
        options: Unknown<'env>,
        keep: Option<bool>,
    ) -> Result<Unknown<'env>> {
        let run = || {
            let arguments = Arguments::take(env, TurnCall::Run, Some(input), options)?;
            let TakenOptions { json, beside, .. } = &arguments.options;
            let settings =
                RunSettings::parse(json.as_deref(), "options", beside).map_err(|error| to_js(env, &error))?;
            let (codex, input) = (self.codex.clone(), arguments.input()?);
            let (handlers, cancel) = (Some(arguments.handlers()), arguments.cancel.clone());
            let run = async move { codex.run(input, settings, handlers, cancel, keep == Some(true)).await };
            arguments.settle(promise(env, run, |_, result| Ok(Text(result.to_json())))?, self.codex.secrets())
        };
        or_reject(env, run())
    }

    /// The turn of a continuation; its readers begin where that one stood, nothing twice and nothing lost. Nothing
    /// is sent. The turn may have ended meanwhile.
    ///
    /// @throws {CodexError} `code: 'CONTINUATION_INVALID'`: it is of another client, thread or turn, or too old
    /// (the last 64 turns that have one are kept)
    /// @throws {AbortError} `signal` was aborted before; the turn was left alone
    #[napi(
        ts_generic_types = "S extends Schema | undefined = undefined",
        ts_args_type = "continuation: TurnContinuation, options?: ContinueTurnOptions<S>",
        ts_return_type = "Promise<Turn<Parsed<S>>>"
    )]
    pub fn continue_turn<'env>(
        &self,
        env: &'env Env,
        continuation: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let go_on = || {
            let arguments = Arguments::take(env, TurnCall::ContinueTurn, Some(continuation), options)?;
            let settings: ContinueSettings = arguments.settings()?;
            let continuation = parse_continuation(arguments.first.as_deref());
            let continuation = continuation.map_err(|error| to_js(env, &error))?;
            let context = Some(Arc::clone(&arguments.context) as CallContext);
            let cancel = arguments.cancel.clone();
            let turn = self.codex.continue_turn(&continuation, &settings, context, cancel);
            arguments.settle(
                promise(env, async move { turn }, |_, turn| Ok(Turn::new(turn)))?,
                self.codex.secrets(),
            )
        };
        or_reject(env, go_on())
    }

    /// Interrupts the turn of a continuation, if it still runs, waits for its end, and gives what was not read.
    ///
    /// Wire: `turn/interrupt`.
    ///
    /// @throws {CodexError} as `continueTurn`
    #[napi(ts_args_type = "continuation: TurnContinuation", ts_return_type = "Promise<CancelledTurn>")]
    pub fn cancel_turn<'env>(&self, env: &'env Env, continuation: Unknown<'env>) -> Result<Unknown<'env>> {
        let cancel = || {
            let continuation = continuation_argument(env, continuation)?;
            let codex = self.codex.clone();
            let cancel = async move { codex.cancel_turn(&continuation).await };
            promise(env, cancel, |env, cancelled| parsed(env, cancelled.to_json()))
        };
        or_reject(env, cancel())
    }

    /// Any method of the protocol, with its parameters and result as the wire has them.
    ///
    /// Methods that only read are repeated, later and later, while the server says that it is overloaded.
    ///
    /// @throws {MethodNotFoundError} this codex does not know the method
    /// @throws {InvalidParamsError} the parameters are wrong
    /// @throws {ServerBusyError} the server is overloaded
    /// @throws {TimeoutError} no answer came in time; the request may have taken effect
    #[napi(
        ts_generic_types = "M extends ClientMethod",
        ts_args_type = "method: M, ...rest: RequestArguments<M>",
        ts_return_type = "Promise<RequestResult<M>>"
    )]
    pub fn request<'env>(
        &self,
        env: &'env Env,
        method: Unknown<'env>,
        params: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let request = || {
            let hooks = Hooks::of(env)?;
            let method = string_argument(env, method, "method")?;
            let params = hooks.encode(env, params, "params")?;
            let (settings, signal) = hooks.abortable_settings::<RequestSettings>(env, options)?;
            if is_aborted(signal.as_ref())? {
                // Nothing may be sent, so the request is not even made.
                return cancellable(env, std::future::pending(), signal, |_, ()| Ok(()));
            }
            let timeout = settings.timeout().map_err(|error| to_js(env, &error))?;
            let request = self.codex.request(&method, params, timeout).map_err(|error| to_js(env, &error))?;
            cancellable(env, request, signal, |env, answer| parsed(env, answer.get().to_owned()))
        };
        or_reject(env, request())
    }

    /// Sends a notification to the server. Resolves when it was handed to the connection.
    #[napi(
        ts_args_type = "method: ClientNotificationMethod, params?: unknown",
        ts_return_type = "Promise<void>"
    )]
    pub fn notify<'env>(
        &self,
        env: &'env Env,
        method: Unknown<'env>,
        params: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let notify = || {
            let method = string_argument(env, method, "method")?;
            let params = Hooks::of(env)?.encode(env, params, "params")?;
            let codex = self.codex.clone();
            promise(env, async move { codex.notify(&method, params).await }, |_, ()| Ok(()))
        };
        or_reject(env, notify())
    }

    /// The notifications that belong to no turn of this client, from now on: of the server, of threads, of turns
    /// that others started, and what still comes for a turn that has ended. What sub-agents do comes by
    /// `Turn.subAgents()`. Bounded: `dropped` counts what a slow reader missed.
    #[napi(ts_args_type = "options?: NotificationOptions", ts_return_type = "NotificationStream")]
    pub fn notifications<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let hooks = Hooks::of(env)?;
        let settings: NotificationSettings = hooks.settings(env, options)?;
        let reader = self.codex.notifications(settings.methods).map_err(|error| to_js(env, &error))?;
        self.observe(env, reader, settings.keep_alive)
    }

    /// The requests from the server and how each was answered, from now on: to watch, not to answer. Bounded as
    /// `notifications()` is.
    #[napi(ts_args_type = "options?: ObserverOptions", ts_return_type = "ServerRequestStream")]
    pub fn server_requests<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let settings: ObserverSettings = Hooks::of(env)?.settings(env, options)?;
        let reader = self.codex.server_requests().map_err(|error| to_js(env, &error))?;
        self.observe(env, reader, settings.keep_alive)
    }

    fn observe<'env>(
        &self,
        env: &'env Env,
        reader: RingReader,
        keep_alive: Option<bool>,
    ) -> Result<Unknown<'env>> {
        let keeps = keep_alive.unwrap_or(true);
        let reader = notifications_object(env, reader, self.codex.clone(), keeps)?;
        let mut how = Object::new(env)?;
        how.set_named_property("keepAlive", keeps)?;
        Hooks::of(env)?.iterate(env, reader.to_unknown(), how.to_unknown())
    }

    /// Ends codex: answers that are on the way are delivered, everything else rejects with `ClosedError`, as do
    /// later calls. Idempotent; resolves when the process and all below it are gone or the line to it is closed, and
    /// listeners and the logger have been told all of it.
    ///
    /// With `graceMs` the turns that run may end first, with `interrupt` they are interrupted then.
    #[napi(ts_args_type = "options?: CloseOptions", ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env, options: Option<Unknown<'env>>) -> Result<Unknown<'env>> {
        or_reject(env, self.end(env, options))
    }

    fn end<'env>(&self, env: &'env Env, options: Option<Unknown<'env>>) -> Result<Unknown<'env>> {
        let options = options.map(|options| Hooks::of(env)?.settings::<CloseSettings>(env, options));
        let options = options.transpose()?.unwrap_or_default();
        let (codex, logger) = (self.codex.clone(), self.logger.clone());
        let close = async move {
            codex.close_well(&options).await;
            if let Some(logger) = logger {
                logger.end().await;
            }
            Ok(())
        };
        let closed = promise(env, close, |_, ()| Ok(()))?;
        Hooks::of(env)?.after_events(env, closed)
    }

    /// The same as `close()`, for `await using`.
    #[napi(well_known_symbol = "asyncDispose", ts_return_type = "Promise<void>")]
    pub fn async_dispose<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        self.close(env, None)
    }
}

type ThreadArguments = (ThreadSettings, Option<Arc<dyn Handlers>>, Option<Unknown<'static>>);

pub(crate) fn thread_settings(env: &Env, options: Unknown<'_>, call: Call) -> Result<ThreadArguments> {
    let options = Hooks::of(env)?.take_options(env, options)?;
    Ok((options.settings_for(env, call)?, options.handlers, options.apart))
}

fn continuation_argument(env: &Env, continuation: Unknown<'_>) -> Result<Continuation> {
    let json = Hooks::of(env)?.encode(env, continuation, "continuation")?;
    parse_continuation(json.as_deref()).map_err(|error| to_js(env, &error))
}

/// A promise whose future is dropped when its signal is aborted.
pub(crate) fn cancellable<'env, T: Send + 'static, V: ToNapiValue + 'static>(
    env: &'env Env,
    future: impl Future<Output = std::result::Result<T, Error>> + Send + 'static,
    signal: Option<Unknown<'env>>,
    convert: impl FnOnce(&Env, T) -> Result<V> + Send + 'static,
) -> Result<Unknown<'env>> {
    let cancel = CancellationToken::new();
    if is_aborted(signal.as_ref())? {
        cancel.cancel();
    }
    let token = cancel.clone();
    let future = async move {
        tokio::select! {
            biased;
            () = token.cancelled() => Err(Error::Aborted { result: None }),
            outcome = future => outcome,
        }
    };
    abortable(env, promise(env, future, convert)?, signal, cancel)
}
