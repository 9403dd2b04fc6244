//! JSON-RPC without its `jsonrpc` field: ids, deadlines, the in-flight cap, requests from the server.

mod connection;
mod envelope;
mod error;
mod pending;

pub use connection::{Call, CallOptions, Connection, Inbox, ServerRequest, only_reads};
pub(crate) use envelope::with_notification;
pub use envelope::{Ids, Notification};
pub use error::RawAnswer;
pub(crate) use error::{read_answer, unreadable};
