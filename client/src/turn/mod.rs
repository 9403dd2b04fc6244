//! A turn's log and its readers; the result.

mod agents;
mod batch;
mod collector;
mod deltas;
mod event_log;
mod failure;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod log;
mod observed;
mod raw_text;
mod reader;
mod reader_kind;
mod spoken;
mod state;
mod step;
mod stored;
mod view;

pub use crate::result::{Continuation, Slice, TurnResult};
pub use crate::turn_status::TurnStatus;
pub use batch::{Batch, Piece};
pub use deltas::LogText;
pub use event_log::{MOST_KEPT_BYTES, place_of};
pub use reader::EventReader;
pub use reader_kind::ReaderKind;
pub use state::{Phase, TurnEnd, TurnState};
pub use stored::{Proof, proof};
pub use view::{ResultWaiter, View};

#[cfg(test)]
mod given_tests;
