//! Listeners: `codex.on()`, `once()` and `off()`, and what they are told of the connection.

use codex_client::session::ConnectionEvent;
use napi::bindgen_prelude::{JsValue, This, Unknown};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Result};
use napi_derive::napi;
use serde_json::json;

use crate::codex::Codex;
use crate::error::Describe;
use crate::hooks::Hooks;

#[napi]
impl Codex {
    /// Calls a listener with what happens to the connection, from now on: `connecting`, `connected`, `lost`, `resumed`,
    /// `closed`. Listeners keep neither Node alive nor anything waiting.
    #[napi(
        ts_args_type = "event: 'connection', listener: (event: ConnectionEvent) => void",
        ts_return_type = "this"
    )]
    pub fn on<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        event: Unknown<'env>,
        listener: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        self.listen(env, this, "on", event, listener)
    }

    /// The same for the next event alone.
    #[napi(
        ts_args_type = "event: 'connection', listener: (event: ConnectionEvent) => void",
        ts_return_type = "this"
    )]
    pub fn once<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        event: Unknown<'env>,
        listener: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        self.listen(env, this, "once", event, listener)
    }

    /// Removes a listener.
    #[napi(
        ts_args_type = "event: 'connection', listener: (event: ConnectionEvent) => void",
        ts_return_type = "this"
    )]
    pub fn off<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        event: Unknown<'env>,
        listener: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        self.listen(env, this, "off", event, listener)
    }

    fn listen<'env>(
        &self,
        env: &'env Env,
        this: This<'env>,
        how: &str,
        event: Unknown<'env>,
        listener: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let this = this.object.to_unknown();
        if let Some(deliver) = Hooks::of(env)?.listen(env, this, how, event, listener)? {
            let deliver =
                deliver.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
            self.codex.observe(std::sync::Arc::new(move |event| {
                deliver.call((describe(event),).into(), ThreadsafeFunctionCallMode::NonBlocking);
            }));
        }
        Ok(this)
    }
}

fn describe(event: &ConnectionEvent) -> String {
    let (kind, error) = match event {
        ConnectionEvent::Connecting { attempt } => {
            return json!({ "type": "connecting", "attempt": attempt }).to_string();
        }
        ConnectionEvent::Connected => ("connected", None),
        ConnectionEvent::Lost { error } => ("lost", Some(error)),
        ConnectionEvent::Resumed => ("resumed", None),
        ConnectionEvent::Closed { error } => ("closed", error.as_ref()),
    };
    match error {
        Some(error) => format!(r#"{{"type":"{kind}","error":{}}}"#, error.describe()),
        None => json!({ "type": kind }).to_string(),
    }
}
