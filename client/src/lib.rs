//! Client of `codex app-server`: starts it, speaks its JSON-RPC protocol, and gives threads and turns.
//!
//! Data flows one way, and each layer knows only the ones above it in this list:
//!
//! - [`config`]: the option `config` as arguments, and what can be none
//! - [`process`]: find, start, watch and end codex; the stderr tail
//! - [`transport`]: one message out, one message in
//! - [`dial`]: a server that runs elsewhere is reached
//! - [`rpc`]: ids, deadlines, the in-flight cap, requests from the server, the sticky end of a connection
//! - `handlers`: what a program answers the server with
//! - [`routing`]: whose a message or a request is; events that came early; notifications outside turns
//! - [`turn`]: a turn's log and its readers; the result
//! - [`server_requests`]: who answers what the server asks
//! - [`session`]: one connection to one server: start or dial it, handshake, reconnect
//! - [`api`]: [`Codex`], [`Thread`] and [`Turn`]
//!
//! Beside them, on [`process`] alone:
//!
//! - [`exec`]: one `codex exec` per turn
//!
//! There is no Node in this crate; the N-API binding wraps it.

pub mod api;
pub mod config;
pub mod dial;
mod environment;
pub mod exec;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod options;
pub mod process;
pub mod server_requests;
pub mod session;
mod surroundings;
mod token;

pub use api::{Codex, Thread, Turn};
pub(crate) use codex_client_wire::{error, handlers, keys, memory, result, secrets, source, sync, text};
pub use codex_client_wire::{routing, rpc, trace, transport, turn};
pub use error::{Error, RpcError, RpcErrorKind, TurnFailure};
pub use memory::Memory;
pub use process::MINIMUM_CODEX_VERSION;
pub use secrets::{SecretSources, Secrets};
pub use session::Metadata;
pub use source::{Next, Source, Waker};
pub(crate) use sync::lock;
pub use token::signed_bearer_token;
