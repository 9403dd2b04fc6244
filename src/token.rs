//! Tokens that a program gives for each connection.

use std::sync::Arc;
use std::time::Duration;

use codex_client::Error;
use codex_client::dial::{TokenFuture, TokenSource};
use napi::bindgen_prelude::{Function, Promise};
use napi::threadsafe_function::ThreadsafeFunction;
use napi::{Result, Status};

/// A function of `glue/token.js`. It does not keep Node alive: who waits for the connection does.
pub(crate) type TokenFunction<'env> = Function<'env, (), Promise<String>>;

type Give = ThreadsafeFunction<(), Promise<String>, (), Status, false, true>;

/// A token that JavaScript gives for each connection.
pub(crate) struct JsToken(Arc<Give>);

impl JsToken {
    /// Takes what was taken out of the `token` option.
    pub(crate) fn shared(give: &TokenFunction<'_>) -> Result<Arc<dyn TokenSource>> {
        let give = give.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
        Ok(Arc::new(Self(Arc::new(give))))
    }
}

impl TokenSource for JsToken {
    fn token(&self) -> TokenFuture {
        let give = Arc::clone(&self.0);
        Box::pin(async move {
            let given = async { give.call_async_catch(()).await?.await }.await;
            let given =
                given.map_err(|_| Error::Closed("the JavaScript environment has ended".to_owned()))?;
            match given.split_at_checked(1) {
                Some(("+", token)) => Ok(token.to_owned()),
                Some(("-", kind)) => Err(Error::InvalidArgument(format!(
                    "options.token: the function gave what is no string but {kind}"
                ))),
                _ => Err(Error::Connect {
                    message: format!(
                        "options.token: the function gave no token: {}",
                        given.trim_start_matches('!')
                    ),
                    status: None,
                    retry: Some(Duration::ZERO),
                }),
            }
        })
    }
}
