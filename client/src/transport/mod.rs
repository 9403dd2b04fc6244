//! One message out, one message in. It imports errors and secrets alone: what it opens, and whom it tells, is handed to it.

use std::pin::Pin;
use std::time::Duration;

mod bound;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod lines;
mod signs;
mod stdio;
mod stream;
mod websocket;

pub use bound::{Answered, TooMuch};
pub use bound::{Bounded, DEFAULT_MESSAGE_BYTES, MOST_MESSAGE_BYTES};
pub use lines::read_lines;
pub use signs::{Signs, Watched};
pub use stdio::{Bounds, Reader, Writer, run_carried_lines, run_lines};
pub use stream::{Bytes, Stream};
pub use websocket::{Socket, run_websocket};

/// Readers are woken at once, but no sooner after the last time: waking costs more than many messages do.
const WAKE_PAUSE: Duration = Duration::from_millis(1);

/// What carries messages until it ends: boxed where it is made, and so compiled here for speed, whoever polls it.
pub type Carrying<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Takes the messages of a transport, on its reading task. Must not block.
pub trait Inbound: Send {
    /// One JSON text.
    fn message(&mut self, text: &str);
    /// Something that is no message: skipped, and told to whoever debugs.
    fn garbage(&mut self, bytes: &[u8]);
    /// What was ready has been delivered: the moment to wake readers.
    fn idle(&mut self);
}

impl<I: Inbound + ?Sized> Inbound for Box<I> {
    fn message(&mut self, text: &str) {
        (**self).message(text);
    }

    fn garbage(&mut self, bytes: &[u8]) {
        (**self).garbage(bytes);
    }

    fn idle(&mut self) {
        (**self).idle();
    }
}
