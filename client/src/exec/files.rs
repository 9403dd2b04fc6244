use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::{Builder, TempPath};

use crate::{Error, lock};

/// How old a file is that nobody needs any more: codex reads it within seconds.
const STALE: Duration = Duration::from_secs(10 * 60);

static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file for one run of codex, which only this user can read. It goes with this value.
pub(super) struct RunFile {
    path: TempPath,
}

impl RunFile {
    /// Writes a file with a name of its own.
    pub(super) fn new(folder: &Path, prefix: &str, suffix: &str, text: &str) -> Result<Self, Error> {
        Self::write(folder, prefix, suffix, |file| file.write_all(text.as_bytes())).map_err(|error| {
            Error::Spawn(format!(
                "could not write a temporary file for codex in {}: {error}",
                folder.display()
            ))
        })
    }

    /// Copies a file to one with a name of its own, and the same extension.
    pub(super) fn copy(from: &Path, folder: &Path, prefix: &str) -> Result<Self, Error> {
        let suffix = from.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
        let suffix = suffix.filter(|suffix| !suffix.contains(',')).unwrap_or_default();
        Self::write(folder, prefix, &suffix, |file| std::io::copy(&mut File::open(from)?, file).map(drop))
            .map_err(|error| {
                Error::Spawn(format!(
                    "could not copy {} for codex, which takes no comma in a path: {error}",
                    from.display()
                ))
            })
    }

    fn write(
        folder: &Path,
        prefix: &str,
        suffix: &str,
        write: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> std::io::Result<Self> {
        let mut file = Builder::new().prefix(prefix).suffix(suffix).tempfile_in(folder)?;
        write(file.as_file_mut())?;
        let path = file.into_temp_path();
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

/// Removes what processes that were killed have left in a folder.
pub(super) fn remove_stale(folder: &Path, prefix: &str, suffix: &str) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix));
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_ours && age().is_some_and(|age| age > STALE) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
