//! What the turns of one `Codex` share.

use std::path::PathBuf;

use tokio::runtime::Handle;

use super::options::ExecSettings;
use crate::process::{Environment, Surroundings};
use crate::{Memory, Secrets};

/// What the host gives.
#[derive(Debug, Clone)]
pub struct ExecHost {
    /// Where turns run.
    pub runtime: Handle,
    /// Folders from which `node_modules/@openai/codex` is looked for, upwards.
    pub search_from: Vec<PathBuf>,
    /// Where what turns hold is counted.
    pub memory: Memory,
}

/// What the turns of one [`Codex`](super::Codex) share.
pub(super) struct Core {
    pub(super) settings: ExecSettings,
    pub(super) config: ExecConfig,
    pub(super) secrets: Secrets,
    pub(super) host: ExecHost,
}

/// The option `config`.
pub(super) struct ExecConfig {
    /// The values of `--config`.
    pub(super) arguments: Vec<String>,
    /// A `config.toml` of what must not show in the process list or is too long for it, or nothing.
    pub(super) file: String,
}

impl Core {
    /// What codex finds around it: the environment of the options, else that of the program.
    pub(super) fn environment(&self, surroundings: &Surroundings) -> Environment {
        let own = self.settings.env.clone().unwrap_or_default();
        surroundings.environment.for_child(&own, self.settings.env.is_none())
    }
}
