//! One connection to one server: start it or dial it, handshake, reconnect, and tell of it. What a thread is, it does not
//! know: threads come back through [`Restore`].

mod commands;
mod endpoint;
mod events;
mod launch;
mod logins;
mod metadata;
mod overload;
mod reconnect;
#[expect(clippy::module_inception, reason = "a file is named after its main item")]
mod session;

pub use commands::{Chunk, Commands, Output};
pub use endpoint::{ByteReader, ByteTransport, ByteWriter};
pub use events::{ConnectionEvent, Observer};
pub use logins::{LoginEnd, Logins};
pub use metadata::Metadata;

pub(crate) use endpoint::{Endpoint, Plan, Remote};
pub(crate) use events::Events;
pub(crate) use launch::{exited, locate, with_stderr};
pub(crate) use overload::retry_overload;
pub(crate) use reconnect::Restore;
pub(crate) use session::{Services, Session};
