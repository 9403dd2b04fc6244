//! One message out, one message in. It imports errors and secrets alone: what it opens, and whom it tells, is handed to it.

use std::time::Duration;

mod address;
mod bound;
mod dial;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod lines;
mod names;
mod proxy;
mod reach;
mod signs;
mod stdio;
mod stream;
mod trust;
mod websocket;

pub use address::Address;
#[cfg(unix)]
pub(crate) use address::socket_path;
pub use bound::{Answered, TooMuch};
pub(crate) use bound::{Bounded, DEFAULT_MESSAGE_BYTES, MOST_MESSAGE_BYTES};
pub use dial::{Bearer, Dial, TokenFuture, TokenSource};
pub(crate) use lines::read_lines;
pub use proxy::Proxies;
pub use stdio::{Bounds, run_carried_lines, run_lines};
pub use stream::{Bytes, Stream};
pub use trust::Trust;
pub use websocket::{Socket, run_websocket};

/// Readers are woken at once, but no sooner after the last time: waking costs more than many messages do.
const WAKE_PAUSE: Duration = Duration::from_millis(1);

/// Takes the messages of a transport, on its reading task. Must not block.
pub trait Inbound: Send {
    /// One JSON text.
    fn message(&mut self, text: &str);
    /// Something that is no message: skipped, and told to whoever debugs.
    fn garbage(&mut self, bytes: &[u8]);
    /// What was ready has been delivered: the moment to wake readers.
    fn idle(&mut self);
}
