//! Which turn a message belongs to; events that came early; all else.

mod agents;
mod ring;
mod router;

pub use ring::{Ring, RingReader};
pub use router::{Expected, Router, ThreadSink, TurnSink};
