//! Find, start, watch and end codex.

mod child;
mod descendants;
mod environment;
mod find;
mod launch;
mod lifeline;
mod limits;
mod stderr;
mod surroundings;
mod words;

pub use child::{Exit, ExitWatch, Process, SpawnOptions, Spawned, end_all};
pub use environment::Environment;
pub(crate) use environment::HOME;
pub use find::{Executable, FindOptions, find_codex};
pub(crate) use launch::Launch;
pub(crate) use lifeline::Lifeline;
pub use surroundings::{Program, Surroundings, Taking};
pub(crate) use words::readable;
