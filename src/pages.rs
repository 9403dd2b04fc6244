//! Lists that come page by page, as async iterables.

use std::sync::Arc;

use codex_client::api::Pages;
use napi::bindgen_prelude::{JsValue, ToNapiValue, Unknown};
use napi::{Env, Result};

use crate::codex::cancellable;
use crate::hooks::{Evaluation, Hooks};
use crate::promise::{Returned, or_reject, parsed};

/// An async iterable over the entries of all pages. It asks for a page when the one before was read.
pub(crate) fn pages_iterable<'env>(
    env: &'env Env,
    pages: Pages,
    signal: Option<Unknown<'env>>,
) -> Result<Unknown<'env>> {
    let pages = Arc::new(pages);
    let evaluation = Evaluation::current();
    let next = env.create_function_from_closure::<Unknown<'_>, _, _>("nextPage", move |context| {
        let _entered = evaluation.enter();
        let signal = context.get::<Option<Unknown<'_>>>(0)?;
        let pages = Arc::clone(&pages);
        let page = async move { pages.next().await };
        let promise = cancellable(context.env, page, signal, |env, page| {
            parsed(env, page.unwrap_or_else(|| "null".to_owned()))
        });
        or_reject(context.env, promise).map(Returned::from)
    })?;
    let signal = match signal {
        Some(signal) => signal,
        None => ().into_unknown(env)?,
    };
    Hooks::of(env)?.pages(env, next.to_unknown(), signal)
}
