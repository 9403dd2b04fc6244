//! [`Codex`], [`Thread`] and [`Turn`]: what a binding wraps.

mod account;
mod codex;
mod command;
mod config;
mod continuation;
mod core;
mod defaults;
mod goal;
mod history;
mod interrupt;
mod metadata;
mod models;
mod overload;
mod pages;
mod review;
mod session;
mod start;
mod thread;
mod threads;
mod turn;
mod watch;

pub use account::{Login, LoginKind};
pub use codex::{Codex, WeakCodex};
pub use command::Command;
pub use continuation::Cancelled;
pub use core::Host;
pub use metadata::Metadata;
pub use pages::Pages;
pub use thread::Thread;
pub use turn::{Turn, TurnReader};
