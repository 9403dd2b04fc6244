//! What a call takes of the program that makes it: its variables and its folder, once, at the call.

use std::future::{Future, ready};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use futures_util::FutureExt;
use serde::Deserialize;

use crate::Error;
use crate::environment::Environment;

/// The program as it is when it makes a call. All that is started or opened for the call goes by this.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Its environment variables.
    pub environment: Environment,
    /// Its working directory, where it still exists.
    pub folder: Option<PathBuf>,
}

/// Surroundings that are being taken.
pub type Taking = Pin<Box<dyn Future<Output = Result<Surroundings, Error>> + Send>>;

/// The program around the client.
pub trait Program: Send + Sync {
    /// How it is now: at once on the thread that makes calls, else as soon as that thread comes to it.
    fn surroundings(&self) -> Taking;

    /// A path as the program means it now. Asked on the thread that makes calls; elsewhere it goes by the folder of the
    /// process.
    fn absolute(&self, path: &Path) -> PathBuf {
        let taken = self.surroundings().now_or_never();
        taken.and_then(Result::ok).unwrap_or_default().absolute(path)
    }
}

/// A program that stays as it is.
impl Program for Surroundings {
    fn surroundings(&self) -> Taking {
        Box::pin(ready(Ok(self.clone())))
    }
}

impl Surroundings {
    /// Reads them from JSON text: `{"variables": [[name, value], ...], "folder": path}`.
    pub fn read(json: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Taken {
            variables: Vec<(String, String)>,
            folder: Option<PathBuf>,
        }
        let taken: Taken = serde_json::from_str(json)
            .map_err(|error| Error::InvalidArgument(format!("process.env: could not be read: {error}")))?;
        let variables = taken.variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Ok(Self { environment: variables.collect(), folder: taken.folder })
    }

    /// Where a child runs: the folder that was asked for, else the program's own.
    pub fn folder_of(&self, cwd: Option<&str>) -> Option<PathBuf> {
        cwd.map(|cwd| self.absolute(Path::new(cwd))).or_else(|| self.folder.clone())
    }

    /// The folder for temporary files.
    pub fn temporary_folder(&self) -> PathBuf {
        self.absolute(&self.environment.temporary_folder())
    }

    /// A path as the program means it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the folder of the process counts where the program names none"
    )]
    pub fn absolute(&self, path: &Path) -> PathBuf {
        let path = match &self.folder {
            Some(folder) => folder.join(path),
            None => path.to_path_buf(),
        };
        std::path::absolute(&path).unwrap_or(path)
    }
}
