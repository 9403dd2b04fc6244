//! What is put into files for one run of codex. It goes with the run, with the end of this process, by the lifeline
//! where that is killed, and what is left all the same with a later run.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::Builder;

use crate::{Error, lock};

/// How old something is that nobody needs any more: codex reads it within seconds.
const STALE: Duration = Duration::from_secs(10 * 60);
const FOLDER_PREFIX: &str = "codex-node-run-";

/// What is there, and what could not be removed: Windows keeps what another process has open.
static LEFT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file or folder which only this user can read. It goes with this value.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn new(path: PathBuf) -> Self {
        lock(&LEFT).push(path.clone());
        Self { path }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if remove(&self.path) {
            lock(&LEFT).retain(|path| *path != self.path);
        }
    }
}

/// A file for one run.
pub(super) struct RunFile {
    temporary: Temporary,
}

impl RunFile {
    /// Writes a file with a name of its own.
    pub(super) fn new(folder: &Path, prefix: &str, suffix: &str, text: &str) -> Result<Self, Error> {
        let written =
            Builder::new().prefix(prefix).suffix(suffix).tempfile_in(folder).and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.into_temp_path().keep().map_err(|error| error.error)
            });
        let path = written.map_err(|error| failed(folder, &error))?;
        Ok(Self { temporary: Temporary::new(path) })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.temporary.path
    }
}

/// A folder for the files of one run, made with the first of them.
pub(super) struct RunFolder {
    parent: PathBuf,
    files: Vec<PathBuf>,
    temporary: Option<Temporary>,
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // By their names: to read a folder takes a descriptor, and there may be none.
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

impl RunFolder {
    /// Where it will be.
    pub(super) fn new(parent: PathBuf) -> Self {
        Self { parent, files: Vec::new(), temporary: None }
    }

    /// Where it is, if there is anything in it.
    pub(super) fn path(&self) -> Option<&Path> {
        self.temporary.as_ref().map(|temporary| &*temporary.path)
    }

    /// Writes a file.
    pub(super) fn write(&mut self, prefix: &str, suffix: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.name(prefix, suffix)?;
        std::fs::write(&path, text).map_err(|error| failed(&self.parent, &error))?;
        Ok(path)
    }

    /// Copies a file, which keeps its extension.
    pub(super) fn copy(&mut self, from: &Path, prefix: &str) -> Result<PathBuf, Error> {
        let suffix = from.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
        let suffix = suffix.filter(|suffix| !suffix.contains(',')).unwrap_or_default();
        let path = self.name(prefix, &suffix)?;
        if path.as_os_str().as_encoded_bytes().contains(&b',') {
            let parent = self.parent.display();
            let why =
                format!("codex takes no comma in the path of an image; name another in TMPDIR than {parent}");
            return Err(Error::file(&self.parent, why));
        }
        // The content alone: a copy of the permissions may be one that codex can't read.
        let copied =
            File::open(from).and_then(|mut from| std::io::copy(&mut from, &mut File::create(&path)?));
        copied.map_err(|error| {
            let path = from.display();
            let why = format!("could not copy {path} for codex, which takes no comma in a path: {error}");
            Error::file(from, why)
        })?;
        Ok(path)
    }

    fn name(&mut self, prefix: &str, suffix: &str) -> Result<PathBuf, Error> {
        let name = format!("{prefix}{}{suffix}", self.files.len() + 1);
        let file = self.folder()?.join(name);
        self.files.push(file.clone());
        Ok(file)
    }

    /// Where it is; made if it is not there yet.
    fn folder(&mut self) -> Result<PathBuf, Error> {
        if let Some(folder) = &self.temporary {
            return Ok(folder.path.clone());
        }
        // What was killed together with its lifeline could not remove its own.
        remove_stale(&self.parent, FOLDER_PREFIX, "");
        let folder = Builder::new().prefix(FOLDER_PREFIX).tempdir_in(&self.parent);
        let folder = folder.map_err(|error| failed(&self.parent, &error))?;
        Ok(self.temporary.insert(Temporary::new(folder.keep())).path.clone())
    }
}

/// Removes everything that is left. For the end of the host process, which runs no destructors, and for what another
/// process had open.
pub fn remove_all() {
    for path in lock(&LEFT).drain(..) {
        remove(&path);
    }
}

/// Tries again to remove what could not be removed, now that a codex has ended.
pub(super) fn remove_again(paths: &[PathBuf]) {
    for path in paths {
        if remove(path) {
            lock(&LEFT).retain(|left| left != path);
        }
    }
}

/// Removes what processes that were killed have left in a folder.
pub(super) fn remove_stale(folder: &Path, prefix: &str, suffix: &str) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix));
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_ours && age().is_some_and(|age| age > STALE) {
            remove(&entry.path());
        }
    }
}

/// Whether a file or a folder with all that is in it is gone.
fn remove(path: &Path) -> bool {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {
            std::fs::remove_dir(path).or_else(|_| std::fs::remove_dir_all(path))
        }
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.is_ok_and(|()| true)
        || matches!(path.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

fn failed(folder: &Path, error: &std::io::Error) -> Error {
    let why = format!("could not write a temporary file for codex in {}: {error}", folder.display());
    Error::file(folder, why)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "nobody sets variables here")]
mod tests {
    use super::*;

    #[test]
    fn all_files_of_a_run_go_with_their_folder() {
        let parent = tempfile::tempdir().unwrap();
        let image = parent.path().join("a,b.png");
        std::fs::write(&image, "pixels").unwrap();
        let mut folder = RunFolder::new(parent.path().to_owned());
        assert_eq!(folder.path(), None, "nothing is made for nothing");
        let schema = folder.write("schema-", ".json", "{}").unwrap();
        let copy = folder.copy(&image, "image-").unwrap();
        assert_eq!(std::fs::read_to_string(&schema).unwrap(), "{}");
        assert_eq!(std::fs::read_to_string(&copy).unwrap(), "pixels");
        assert_eq!((schema.parent(), copy.parent()), (folder.path(), folder.path()));
        drop(folder);
        let names: Vec<_> =
            parent.path().read_dir().unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["a,b.png"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_could_not_be_removed_is_removed_when_it_can_be() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, away) = (parent.path().join("folder"), parent.path().join("away"));
        std::fs::create_dir(&folder).unwrap();
        let file = RunFile::new(&folder, "codex-node-", ".toml", "a secret").unwrap();
        let path = file.path().to_owned();
        let is_left = || lock(&LEFT).contains(&path);
        // Where a file is in the place of its folder it can't be removed, and whether it is there can't be said.
        std::fs::rename(&folder, &away).unwrap();
        std::fs::write(&folder, "").unwrap();
        drop(file);
        remove_again(std::slice::from_ref(&path));
        assert!(is_left());
        std::fs::remove_file(&folder).unwrap();
        std::fs::rename(&away, &folder).unwrap();
        assert!(path.exists());
        remove_again(std::slice::from_ref(&path));
        assert!(!path.exists() && !is_left());
    }

    #[test]
    fn what_is_stale_goes_with_a_later_run_and_what_is_young_may_be_in_use() {
        let parent = tempfile::tempdir().unwrap();
        for (name, age) in [("codex-node-run-old", 3600), ("codex-node-run-new", 1), ("of-the-user", 3600)] {
            let folder = parent.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("file"), "").unwrap();
            let then = std::time::SystemTime::now() - Duration::from_secs(age);
            File::open(&folder).unwrap().set_modified(then).unwrap();
        }
        let mut folder = RunFolder::new(parent.path().to_owned());
        folder.write("a", "", "").unwrap();
        assert!(!parent.path().join("codex-node-run-old").exists());
        assert!(parent.path().join("codex-node-run-new").exists());
        assert!(parent.path().join("of-the-user").exists());
    }
}
