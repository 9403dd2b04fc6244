//! The client.

use std::sync::Arc;

use super::core::{Core, ExecConfig, ExecHost};
use super::options::{ExecSettings, ExecThreadSettings, given};
use super::thread::Thread;
use super::thread_state::ThreadState;
use crate::config::{self, ConfigArguments, LargeNumbers};
use crate::options::id;
use crate::{Error, SecretSources, Secrets};

/// Starts `codex exec`, once for each turn. Cheap to make and to clone; nothing runs between turns.
#[derive(Clone)]
pub struct Codex {
    core: Arc<Core>,
}

impl Codex {
    /// Checks the settings; nothing is looked for or started.
    pub fn new(settings: ExecSettings, host: ExecHost) -> Result<Self, Error> {
        let config = settings.config()?;
        if settings.command_prefix.is_some() && settings.prefix().first().is_none_or(String::is_empty) {
            let why = "options.commandPrefix: must begin with a program, such as ['sudo', '-u', 'agent']";
            return Err(Error::InvalidArgument(why.to_owned()));
        }
        let nul = |name: &str| Err(Error::InvalidArgument(format!("options.{name}: holds a NUL character")));
        if given(&settings.api_key).is_some_and(|key| key.contains('\0')) {
            return nul("apiKey");
        }
        for (name, value) in settings.env.iter().flatten() {
            if name.contains('\0') || value.as_ref().is_some_and(|value| value.contains('\0')) {
                return nul(&format!("env.{}", name.replace('\0', "\\0")));
            }
        }
        let flat = ConfigArguments::new(&config, LargeNumbers::AsFloats)?;
        let secrets = Secrets::of(&SecretSources {
            config: Some(&config),
            overrides: settings.config_overrides.as_deref().unwrap_or_default(),
            urls: given(&settings.base_url).into_iter().collect(),
            credentials: given(&settings.api_key).into_iter().collect(),
            ..SecretSources::default()
        });
        let config = ExecConfig {
            file: config::file(&flat.apart, LargeNumbers::AsFloats)?,
            arguments: flat.arguments,
        };
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
