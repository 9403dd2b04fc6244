//! How a server that runs elsewhere is reached: its address, proxies and certificates, up to an open websocket.

mod address;
#[expect(clippy::module_inception, reason = "it is what the others are for")]
mod dial;
mod names;
mod proxy;
mod reach;
mod trust;

pub use address::Address;
#[cfg(unix)]
pub use address::socket_path;
pub use dial::{Bearer, Dial, TokenFuture, TokenSource};
pub use proxy::Proxies;
pub use trust::Trust;
