//! A thread: its state, how it is opened, stored, loaded again, and what it holds. Its turns are in `api/turn`.

mod busy;
pub(crate) mod defaults;
pub(crate) mod found;
mod goal;
mod history;
pub(crate) mod in_force;
pub(crate) mod lease;
mod load;
mod narrow;
mod open;
mod outcome;
pub(crate) mod restore;
pub(crate) mod resumed;
pub(crate) mod state;
mod stored;
#[expect(clippy::module_inception, reason = "a file is named after its main item")]
mod thread;
pub(crate) mod under_way;

pub use thread::Thread;
