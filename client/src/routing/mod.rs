//! Which turn a message belongs to; events that came early; output of commands; ends of logins; all else.

mod agents;
mod commands;
mod logins;
mod ring;
mod router;

pub use commands::{Chunk, Commands, Output, OutputNext};
pub use logins::{LoginEnd, Logins};
pub use ring::{Ring, RingNext, RingReader};
pub use router::{Expected, Router, TurnSink};
