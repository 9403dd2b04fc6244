//! Where a call was made: what handlers that are asked on its behalf run in.

use std::any::Any;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::dispatcher::{HandlerFuture, Handlers};
use super::kind::HandlerKind;

/// What the program around the client had about it when it made a call, to be had about what comes of the call too.
pub type CallContext = Arc<dyn Any + Send + Sync>;

/// The context of a call that brings no handlers.
pub struct ContextAlone(pub CallContext);

impl Handlers for ContextAlone {
    fn has(&self, _: HandlerKind) -> bool {
        false
    }

    fn context(&self) -> Option<CallContext> {
        Some(Arc::clone(&self.0))
    }

    fn call(&self, _: HandlerKind, _: String, _: Option<CallContext>, _: CancellationToken) -> HandlerFuture {
        Box::pin(async { Err("there is no handler".to_owned()) })
    }
}
