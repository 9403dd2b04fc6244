//! Find, start, watch and end codex.

mod child;
mod config;
mod descendants;
mod environment;
mod find;
mod lifeline;
mod stderr;

pub use child::{Exit, ExitWatch, Process, SpawnOptions, Spawned, end_all};
pub use config::{ConfigArguments, config_arguments};
pub(crate) use config::{SHORTEST_SECRET, holds_secret, is_bare, secret_texts, secret_variables};
pub use environment::Environment;
pub(crate) use environment::HOME;
pub use find::{Executable, FindOptions, find_codex};
pub(crate) use lifeline::Lifeline;
