//! One `codex exec` per turn: arguments, TOML, JSONL events. Uses [`crate::process`], and nothing of `rpc`.

mod arguments;
mod codex;
mod error;
mod events;
mod files;
mod json;
mod options;
mod run;
mod state;
mod thread;
mod usage;

pub use codex::{Codex, ExecHost};
pub use error::ExecError;
pub use files::remove_all;
pub use options::{ExecInput, ExecSettings, ExecThreadSettings, ExecTurnSettings};
pub use state::RunReader;
pub use thread::Thread;
