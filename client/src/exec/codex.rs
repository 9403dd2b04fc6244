use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::config::ExecConfig;
use super::options::{ExecSettings, ExecThreadSettings, given};
use super::thread::{Thread, ThreadState};
use crate::options::id;
use crate::{Error, Secrets};

/// What the host gives.
#[derive(Debug, Clone)]
pub struct ExecHost {
    /// Where turns run.
    pub runtime: Handle,
    /// Folders from which `node_modules/@openai/codex` is looked for, upwards.
    pub search_from: Vec<PathBuf>,
}

/// Starts `codex exec`, once for each turn. Cheap to make and to clone; nothing runs between turns.
#[derive(Clone)]
pub struct Codex {
    core: Arc<Core>,
}

/// What the turns of one [`Codex`] share.
pub(super) struct Core {
    pub(super) settings: ExecSettings,
    pub(super) config: ExecConfig,
    pub(super) secrets: Secrets,
    pub(super) host: ExecHost,
}

impl Codex {
    /// Checks the settings; nothing is looked for or started.
    pub fn new(settings: ExecSettings, host: ExecHost) -> Result<Self, Error> {
        let config = settings.config.as_deref().map(ExecConfig::new).transpose()?.unwrap_or_default();
        let api_key = given(&settings.api_key).map(str::to_owned);
        let secrets = Secrets::new(config.secret_texts.iter().cloned().chain(api_key));
        Ok(Self { core: Arc::new(Core { settings, config, secrets, host }) })
    }

    /// A thread that begins with its first turn.
    pub fn start_thread(&self, settings: ExecThreadSettings) -> Thread {
        Thread::new(Arc::clone(&self.core), settings, ThreadState::fresh())
    }

    /// A thread that was started before.
    pub fn resume_thread(&self, thread_id: &str, settings: ExecThreadSettings) -> Result<Thread, Error> {
        id(thread_id, "id")?;
        if thread_id.starts_with('-') {
            // codex would take it for an option.
            return Err(Error::InvalidArgument(format!("id: `{thread_id}` is not the id of a thread")));
        }
        Ok(Thread::new(Arc::clone(&self.core), settings, ThreadState::resumed(thread_id)))
    }
}
