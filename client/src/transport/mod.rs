//! One message out, one message in.

mod lines;
mod stdio;

pub(crate) use lines::read_lines;
pub use stdio::run_stdio;

/// Takes the messages of a transport, on its reading task. Must not block.
pub trait Inbound: Send {
    /// One JSON text.
    fn message(&mut self, text: &str);
    /// Something that is no message: skipped, and told to whoever debugs.
    fn garbage(&mut self, bytes: &[u8]);
    /// What was ready has been delivered: the moment to wake readers.
    fn idle(&mut self);
}
