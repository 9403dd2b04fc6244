//! Who answers what the server asks: handlers of the turn, of the thread, of the client; else this client declines what
//! is its own, and leaves to others what is theirs.

mod answer;
mod approval_form;
mod decline;
mod dispatcher;
mod ledger;
mod open;
mod request;

pub use crate::handlers::{CallContext, ContextAlone, HandlerFuture, HandlerKind, Handlers};
pub use decline::decline;
pub use dispatcher::Dispatcher;
pub use open::OpenRequests;
