//! A turn as its user holds it: how it begins, is watched over, interrupted, continued. What it holds is in `turn/`.

mod attach;
mod continuation;
pub(crate) mod interrupt;
pub(crate) mod review;
pub(crate) mod start;
#[expect(clippy::module_inception, reason = "a file is named after its main item")]
mod turn;
pub(crate) mod watch;

pub use continuation::Cancelled;
pub use turn::{Turn, TurnReader};
