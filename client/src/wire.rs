//! What carries each message, from the line it came in to the log of its turn. A crate of its own, as it is compiled for
//! speed, and all that stands on it for size.

pub mod error;
pub mod handlers;
pub mod keys;
pub mod memory;
pub mod result;
pub mod routing;
pub mod rpc;
pub mod secrets;
pub mod source;
pub mod sync;
pub mod text;
pub mod trace;
pub mod transport;
pub mod turn;
pub mod turn_status;

pub use error::{Error, RpcError, RpcErrorKind, TurnFailure};
pub use memory::Memory;
pub use secrets::{SecretSources, Secrets};
pub use source::{Next, Source, Waker};
pub use sync::lock;
