//! `serve()` and the class `AppServer`.

use std::sync::Arc;

use codex_client::api;
use codex_client::options::{ServeSettings, SignedTokenSettings};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use crate::codex::cancellable;
use crate::error::to_js;
use crate::hooks::Hooks;
use crate::promise::{or_reject, promise};
use crate::runtime::runtime;

/// A codex app-server that listens for clients of several programs, made by `serve()`. It ends with `close()`, and with
/// the program that started it, however that ends.
#[napi]
pub struct AppServer {
    server: Arc<api::AppServer>,
    closing: CancellationToken,
}

#[napi]
impl AppServer {
    /// Where it listens, for the option `url` of a client.
    #[napi(getter)]
    pub fn url(&self) -> String {
        self.server.url().to_owned()
    }

    /// The capability token that a client has to show, for its option `token`.
    #[napi(getter)]
    pub fn token(&self) -> String {
        self.server.token().to_owned()
    }

    /// A file that holds the token, which only this user can read. It goes with the server.
    #[napi(getter)]
    pub fn token_file(&self) -> String {
        self.server.token_file().display().to_string()
    }

    /// Ends the server: running turns too. Idempotent; resolves when the process and all below it are gone.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let (server, closing) = (Arc::clone(&self.server), self.closing.clone());
        let close = async move {
            closing.cancel();
            server.close().await;
            Ok(())
        };
        promise(env, close, |_, ()| Ok(()))
    }

    /// The same as `close()`, for `await using`.
    #[napi(well_known_symbol = "asyncDispose", ts_return_type = "Promise<void>")]
    pub fn async_dispose<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        self.close(env)
    }
}

/// Starts a codex app-server that several programs can connect to, on a free port of 127.0.0.1 or on a unix socket,
/// with a capability token.
///
/// @throws {BinaryNotFoundError} no codex was found; it lists every place tried
/// @throws {ServerExitedError} codex ended before it listened
/// @throws {TimeoutError} codex did not listen within `connectTimeoutMs`
#[napi(ts_args_type = "options?: ServeOptions", ts_return_type = "Promise<AppServer>")]
pub(crate) fn serve<'env>(env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
    let start = || {
        let hooks = Hooks::of(env)?;
        let (settings, signal) = hooks.abortable_settings::<ServeSettings>(env, options)?;
        let search_from = hooks.search_from()?;
        let ended = hooks.ended().clone();
        let surroundings = hooks.surroundings(env)?;
        let start = async move { api::AppServer::start(settings, &search_from, &surroundings).await };
        cancellable(env, start, signal, move |_, server| {
            let (server, closing) = (Arc::new(server), CancellationToken::new());
            // It lives until it is closed, whether anybody still holds the object or not.
            let (kept, closed) = (Arc::clone(&server), closing.clone());
            runtime()?.spawn(async move {
                tokio::select! {
                    () = closed.cancelled() => {}
                    () = ended.cancelled() => kept.close().await,
                    () = kept.ended() => {}
                }
            });
            Ok(AppServer { server, closing })
        })
    };
    or_reject(env, start())
}

/// A bearer token for a server that was started with `--ws-auth signed-bearer-token`: a JWT signed with HS256.
///
/// @throws {TypeError} an option is not what is accepted; the message names it
#[napi(ts_args_type = "options: SignedTokenOptions")]
pub(crate) fn signed_bearer_token(env: Env, options: Unknown<'_>) -> Result<String> {
    let settings: SignedTokenSettings = Hooks::of(&env)?.settings(&env, options)?;
    codex_client::signed_bearer_token(&settings).map_err(|error| to_js(&env, &error))
}
