use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::{Builder, TempPath};

use crate::{Error, lock};

static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file for one run of codex, which only this user can read. It goes with this value.
pub(super) struct RunFile {
    path: TempPath,
}

impl RunFile {
    /// Writes a file with a name of its own.
    pub(super) fn new(folder: &Path, prefix: &str, suffix: &str, text: &str) -> Result<Self, Error> {
        let written =
            Builder::new().prefix(prefix).suffix(suffix).tempfile_in(folder).and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                Ok(file.into_temp_path())
            });
        let path = written.map_err(|error| {
            Error::Spawn(format!(
                "could not write a temporary file for codex in {}: {error}",
                folder.display()
            ))
        })?;
        lock(&FILES).push(path.to_path_buf());
        Ok(Self { path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        lock(&FILES).retain(|path| *path != *self.path);
    }
}

/// Removes every file that is left. For the end of the host process, which runs no destructors.
pub fn remove_all() {
    for path in lock(&FILES).drain(..) {
        let _ = std::fs::remove_file(path);
    }
}
