//! JSON-RPC without its `jsonrpc` field: ids, deadlines, the in-flight cap, requests from the server.

mod alike;
mod connection;
mod empty_params;
mod envelope;
mod error;
mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod incoming;
mod methods;
mod pending;

pub use connection::{Call, CallOptions, Connection, Inbox, ServerRequest};
pub use empty_params::EMPTY_PARAMS;
pub use envelope::with_notification;
pub use envelope::{Ids, Notification};
pub use error::RawAnswer;
pub use error::{read_answer, unreadable};
pub use fields::{field, texts};
pub use incoming::Incoming;
pub use methods::is_delta;
pub use methods::only_reads;
