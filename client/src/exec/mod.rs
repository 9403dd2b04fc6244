//! One `codex exec` per turn: arguments, TOML, JSONL events. Uses [`crate::process`], and nothing of `rpc`.

mod arguments;
mod codex;
mod core;
mod error;
mod events;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod json;
mod options;
mod pipes;
mod reader;
mod run;
mod state;
mod thread;
mod thread_id;
mod thread_state;
mod usage;

pub use codex::Codex;
pub use core::ExecHost;
pub use error::ExecError;
pub use files::remove_all;
pub use options::{ExecInput, ExecSettings, ExecThreadSettings, ExecTurnSettings};
pub use reader::RunReader;
pub use thread::Thread;
