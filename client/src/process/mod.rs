//! Find, start, watch and end codex.

mod child;
mod descendants;
mod find;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod launch;
mod lifeline;
mod limits;
mod stderr;
mod version;
mod words;

pub use crate::environment::Environment;
pub(crate) use crate::environment::HOME;
pub use crate::surroundings::{Program, Surroundings, Taking};
pub use child::{Exit, ExitWatch, Process, SpawnOptions, Spawned, end_all};
pub use find::{Executable, FindOptions, find_codex};
pub(crate) use launch::Launch;
pub(crate) use lifeline::Lifeline;
pub use version::MINIMUM_CODEX_VERSION;
pub(crate) use version::{ask_version, check_version};
pub(crate) use words::readable;
