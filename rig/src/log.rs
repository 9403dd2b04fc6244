//! The record of what happened, one JSON line each, that tests read.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::json::{Json, object};

/// Appends to the file named by `CODEX_RIG_LOG`, or does nothing.
#[derive(Default)]
pub(crate) struct Log(Option<Mutex<File>>);

impl Log {
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.map(|file| Self(Some(Mutex::new(file)))).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(crate) fn entry<const N: usize>(&self, fields: [(&str, Json); N]) {
        if self.0.is_some() {
            self.write(object(fields).to_string().as_bytes());
        }
    }

    /// A line of the client as it came; `json` says whether it may stand in the log unquoted.
    pub(crate) fn incoming(&self, line: &[u8], json: bool) {
        if self.0.is_none() {
        } else if json {
            self.write(&[b"{\"in\":", line, b"}"].concat());
        } else {
            self.entry([
                ("in", String::from_utf8_lossy(line).into_owned().into()),
                ("ignored", Json::Bool(true)),
            ]);
        }
    }

    fn write(&self, entry: &[u8]) {
        if let Some(file) = &self.0 {
            // One write per entry: a test may read the file while the rig runs, or after it was killed.
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&[entry, b"\n"].concat());
        }
    }
}
