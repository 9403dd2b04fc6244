//! Which turn a message belongs to; events that came early; all else.

mod agents;
mod backlog;
mod begun;
mod expected;
mod found;
mod owner;
mod ring;
mod route;
mod router;
mod running;
mod sink;
mod wire;

use backlog::Backlog;
pub use begun::Begun;
pub use expected::Expected;
pub use owner::{Claim, Occupied, Owner, Whose};
pub use ring::{Ring, RingReader};
pub use router::Router;
pub use sink::{ThreadSink, TurnSink};
pub use wire::works;
