//! Environment variables as the program around this crate sees them. Those of the process itself are read by nobody
//! here: on Unix that is a race with whoever sets one, which ends the process.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::Error;

/// The variable that names the user's folder.
pub(crate) const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
/// The variables that name the folder for temporary files, the first that is set.
const TEMPORARY: &[&str] = if cfg!(windows) { &["TMP", "TEMP", "USERPROFILE"] } else { &["TMPDIR"] };

/// What every program on Windows has.
const REQUIRED: [&str; 11] = [
    "HOMEDRIVE",
    "HOMEPATH",
    "LOGONSERVER",
    "PATH",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "USERDOMAIN",
    "USERNAME",
    "USERPROFILE",
    "WINDIR",
];

/// Environment variables, with Windows' rule that `PATH` and `Path` are one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl FromIterator<(OsString, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(variables: I) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            // Of two names that are one the first counts, as for a child of Node.
            if !environment.variables.contains_key(&environment.stored_name(&name)) {
                environment.variables.insert(name, value);
            }
        }
        environment
    }
}

impl Environment {
    /// What a child gets: `own` over these variables, or `own` alone without `inherit`. `None` takes one away.
    pub fn for_child(&self, own: &BTreeMap<String, Option<String>>, inherit: bool) -> Self {
        let mut environment = if inherit { self.clone() } else { Self::default() };
        for (name, value) in own {
            match value {
                Some(value) => environment.set(OsStr::new(name), OsString::from(value)),
                None => environment.unset(OsStr::new(name)),
            }
        }
        environment
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(&self.stored_name(OsStr::new(name))).map(OsString::as_os_str)
    }

    /// The value of a variable that is set and not empty.
    pub fn given(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Sets a variable, whatever the case of its name on Windows.
    pub fn set(&mut self, name: &OsStr, value: OsString) {
        let name = self.stored_name(name);
        self.variables.insert(name, value);
    }

    /// Takes a variable away, whatever the case of its name on Windows.
    pub fn unset(&mut self, name: &OsStr) {
        let name = self.stored_name(name);
        self.variables.remove(&name);
    }

    /// The folder that codex keeps its things in.
    pub fn codex_home(&self) -> Option<PathBuf> {
        let get = |name| self.given(name).map(PathBuf::from);
        get("CODEX_HOME").or_else(|| Some(get(HOME)?.join(".codex")))
    }

    /// The folder for temporary files.
    pub fn temporary_folder(&self) -> PathBuf {
        match TEMPORARY.iter().find_map(|name| self.given(name)) {
            Some(folder) => PathBuf::from(folder),
            None if cfg!(windows) => {
                self.given("SYSTEMROOT").map_or_else(|| r"C:\Windows".into(), PathBuf::from).join("Temp")
            }
            None => PathBuf::from("/tmp"),
        }
    }

    /// Every variable.
    pub fn iter(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter()
    }

    /// Puts a folder in front of `PATH`.
    pub fn prepend_path(&mut self, folder: &Path) {
        let mut folders = vec![folder.to_path_buf()];
        if let Some(path) = self.get("PATH") {
            folders.extend(std::env::split_paths(path));
        }
        if let Ok(path) = std::env::join_paths(folders) {
            self.set(OsStr::new("PATH"), path);
        }
    }

    /// Adds what a program on Windows does not work without, as Node does for every child: without `SYSTEMROOT`, say,
    /// there are no sockets.
    pub(super) fn complete(&mut self, known: impl Fn(&str) -> Option<OsString>) {
        for name in REQUIRED {
            if self.get(name).is_none()
                && let Some(value) = known(name)
            {
                self.set(OsStr::new(name), value);
            }
        }
    }

    /// Refuses what no process can be given.
    pub(super) fn check(&self) -> Result<(), Error> {
        let holds_nul = |text: &OsStr| text.as_encoded_bytes().contains(&0);
        match self.variables.iter().find(|(name, value)| holds_nul(name) || holds_nul(value)) {
            Some((name, _)) => Err(Error::InvalidArgument(format!(
                "process.env: `{}` holds a NUL character, which no process can be given",
                name.to_string_lossy().replace('\0', "\\0")
            ))),
            None => Ok(()),
        }
    }

    fn stored_name(&self, name: &OsStr) -> OsString {
        if cfg!(windows)
            && let Some(stored) = self.variables.keys().find(|stored| stored.eq_ignore_ascii_case(name))
        {
            return stored.clone();
        }
        name.to_os_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_program_needs_is_added_and_what_was_given_stays() {
        let mut environment = Environment::default();
        environment.set("TEMP".as_ref(), "given".into());
        environment.complete(|name| (name != "LOGONSERVER").then(|| format!("the {name}").into()));
        assert_eq!(environment.get("TEMP"), Some(OsStr::new("given")));
        assert_eq!(environment.get("SYSTEMROOT"), Some(OsStr::new("the SYSTEMROOT")));
        assert_eq!(environment.get("LOGONSERVER"), None);
        assert_eq!(environment.iter().count(), REQUIRED.len() - 1);
    }
}
