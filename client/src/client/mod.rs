//! [`Codex`], [`Thread`] and [`Turn`]: what a binding wraps.

mod codex;
mod continuation;
mod core;
mod interrupt;
mod metadata;
mod overload;
mod session;
mod start;
mod thread;
mod turn;
mod watch;

pub use codex::{Codex, WeakCodex};
pub use continuation::Cancelled;
pub use core::Host;
pub use metadata::Metadata;
pub use thread::Thread;
pub use turn::{Turn, TurnReader};
