//! Who answers what the server asks: handlers of the turn, of the thread, of the client, or nobody, which declines.

mod answer;
mod context;
mod decline;
mod dispatcher;
mod kind;

pub use context::{CallContext, ContextAlone};
pub use decline::decline;
pub use dispatcher::{Dispatcher, HandlerFuture, Handlers};
pub use kind::HandlerKind;
