//! What is looked for and looked at before codex is started, whichever way of it: as app-server, to share, or as exec.

use std::path::{Path, PathBuf};

use super::find::{Executable, FindOptions, find_codex};
use super::{Environment, Surroundings};
use crate::Error;

/// A codex that is to be started.
pub(crate) struct Launch<'a> {
    /// The program that asks for it.
    pub(crate) surroundings: &'a Surroundings,
    /// What codex gets.
    pub(crate) environment: &'a Environment,
    /// The option that names the executable, and its value.
    pub(crate) codex_path: Option<(&'a str, &'a str)>,
    /// The option that names the folder to work in, and its value.
    pub(crate) folder: Option<(&'a str, &'a str)>,
    /// Folders from which an installed codex is looked for.
    pub(crate) search_from: &'a [PathBuf],
}

impl Launch<'_> {
    /// Finds the executable, and refuses a folder that is none: codex would only exit. So does app-server where its
    /// home is none; `codex exec` says so by itself.
    pub(crate) fn locate(&self, needs_home: bool) -> Result<Executable, Error> {
        if let Some((name, folder)) = self.folder {
            let path = self.surroundings.absolute(Path::new(folder));
            if !path.is_dir() {
                let message = format!("options.{name}: {folder} is not a folder; create it or name another");
                return Err(Error::file(&path, message));
            }
        }
        if needs_home {
            self.check_home()?;
        }
        find_codex(&FindOptions {
            codex_path: self.codex_path.map(|(name, path)| (name, Path::new(path))),
            surroundings: self.surroundings,
            environment: self.environment,
            search_from: self.search_from,
        })
    }

    fn check_home(&self) -> Result<(), Error> {
        let Some(home) = self.environment.given("CODEX_HOME") else { return Ok(()) };
        let folder = self.surroundings.folder_of(self.folder.map(|(_, folder)| folder));
        let path = folder.unwrap_or_default().join(home);
        if path.is_dir() {
            return Ok(());
        }
        let message = format!(
            "CODEX_HOME is set to {}, which is not a folder; create it, or unset CODEX_HOME",
            home.to_string_lossy()
        );
        Err(Error::file(&path, message))
    }
}
