//! A turn's log and its readers; the result.

mod agents;
mod collector;
mod deltas;
mod log;
mod reader;
mod recovery;
mod result;
mod state;
mod step;

pub use deltas::LogText;
pub use log::{Batch, Piece};
pub use reader::{EventReader, Next, ReaderKind};
pub use result::{Continuation, Slice, TurnResult, TurnStatus};
pub use state::{Phase, TurnEnd, TurnState, View, Waiting};
