//! [`Codex`], [`Thread`] and [`Turn`]: what a binding wraps. A folder for each; nothing here knows of bytes or processes.

pub(crate) mod codex;
pub(crate) mod core;
mod ending;
pub(crate) mod services;
mod task;
pub(crate) mod thread;
pub(crate) mod turn;

pub use self::core::Host;
pub use codex::{Codex, WeakCodex};
pub use services::{AppServer, Command, Login, LoginKind, Pages};
pub use thread::Thread;
pub use turn::{Cancelled, Turn, TurnReader};
