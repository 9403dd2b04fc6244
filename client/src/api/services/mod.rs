//! What a client offers beside threads: account, configuration, commands, models, a server to share.

mod account;
mod command;
mod config;
mod models;
pub(crate) mod pages;
mod serve;

pub use account::{Login, LoginKind};
pub use command::Command;
pub use pages::Pages;
pub use serve::AppServer;
