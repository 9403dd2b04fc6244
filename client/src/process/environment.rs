use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The variable that names the user's folder.
pub(crate) const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// The environment of a child, with Windows' rule that `PATH` and `Path` are one name.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// What the child gets: `own` over what this process has, or `own` alone without `inherit`.
    pub fn new(own: &BTreeMap<String, String>, inherit: bool) -> Self {
        let mut environment = Self::default();
        if inherit {
            environment.variables = std::env::vars_os().collect();
        }
        for (name, value) in own {
            environment.set(OsStr::new(name), OsString::from(value));
        }
        environment
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(&self.stored_name(OsStr::new(name))).map(OsString::as_os_str)
    }

    /// Sets a variable, whatever the case of its name on Windows.
    pub fn set(&mut self, name: &OsStr, value: OsString) {
        let name = self.stored_name(name);
        self.variables.insert(name, value);
    }

    /// The folder that codex keeps its things in.
    pub fn codex_home(&self) -> Option<PathBuf> {
        let get = |name| self.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        get("CODEX_HOME").or_else(|| Some(get(HOME)?.join(".codex")))
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

    fn stored_name(&self, name: &OsStr) -> OsString {
        if cfg!(windows)
            && let Some(stored) = self.variables.keys().find(|stored| stored.eq_ignore_ascii_case(name))
        {
            return stored.clone();
        }
        name.to_os_string()
    }
}
