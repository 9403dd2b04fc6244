//! Whose a path is that is not absolute: the caller's, where codex runs beside it.

use std::path::Path;

use serde_json::Value;

use super::{
    CommandSettings, ConfigBatchSettings, ConfigReadSettings, ConfigWriteSettings, DefaultSettings, Folders,
    HandedOn, Input, SandboxPolicy, ThreadQuery, ThreadSettings, TurnSettings,
};
use crate::Error;
use crate::surroundings::Program;

/// Where the codex is that paths are sent to.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// Started here by this program: it shares the files, and may run in another folder.
    Here(&'a dyn Program),
    /// Behind a URL or a transport: its files are its own.
    Elsewhere,
}

impl Place<'_> {
    /// A path as codex is to have it. The program is asked for its folder only where that counts.
    fn put(self, path: &mut String) {
        // An empty one is refused by its own check.
        if let Self::Here(program) = self
            && !path.trim().is_empty()
            && is_relative(path)
            && let Some(absolute) = program.absolute(Path::new(path)).to_str()
        {
            *path = absolute.to_owned();
        }
    }

    /// The same for one that codex takes only where it is absolute.
    fn put_absolute(self, name: &str, path: &mut String) -> Result<(), Error> {
        self.put(path);
        if matches!(self, Self::Elsewhere) && is_relative(path) {
            return Err(Error::InvalidArgument(format!(
                "{name}: `{path}` is not absolute, and the server runs elsewhere, where this program's folders are not \
                 known; give the whole path that it has there"
            )));
        }
        Ok(())
    }

    /// Refuses a path that is relative elsewhere.
    pub(crate) fn known(self, name: &str, path: &str) -> Result<(), Error> {
        self.put_absolute(name, &mut path.to_owned())
    }

    fn put_all(self, name: &str, paths: &mut Option<Vec<String>>) -> Result<(), Error> {
        let mut paths = paths.iter_mut().flatten().enumerate();
        paths.try_for_each(|(at, path)| self.put_absolute(&format!("{name}[{at}]"), path))
    }

    fn put_maybe(self, path: &mut Option<Option<String>>) {
        path.iter_mut().flatten().for_each(|path| self.put(path));
    }
}

fn put_policy(place: Place<'_>, policy: &mut Option<Option<SandboxPolicy>>) -> Result<(), Error> {
    if let Some(Some(SandboxPolicy::WorkspaceWrite { writable_roots, .. })) = policy {
        place.put_all("options.sandboxPolicy.writableRoots", writable_roots)?;
    }
    Ok(())
}

/// Whether a path is relative on every system: a server elsewhere may run another.
fn is_relative(path: &str) -> bool {
    let has_drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    !Path::new(path).has_root() && !path.starts_with(['/', '\\']) && !has_drive
}

/// Options or an input with paths in them.
pub(crate) trait Placed: Sized {
    /// The same with its paths as codex is to have them.
    fn placed(self, place: Place<'_>) -> Result<Self, Error>;
}

/// The roots among what is handed on: codex takes absolute ones alone.
fn put_roots(place: Place, handed_on: &mut HandedOn) -> Result<(), Error> {
    const ROOTS: &str = "runtimeWorkspaceRoots";
    let Some(Value::Array(roots)) = handed_on.fields.get_mut(ROOTS) else { return Ok(()) };
    for (at, root) in roots.iter_mut().enumerate() {
        if let Value::String(path) = root {
            place.put_absolute(&format!("options.{ROOTS}[{at}]"), path)?;
        }
    }
    Ok(())
}

impl Placed for ThreadSettings {
    fn placed(mut self, place: Place<'_>) -> Result<Self, Error> {
        place.put_maybe(&mut self.cwd);
        put_roots(place, &mut self.handed_on)?;
        place.put_all("options.additionalDirectories", &mut self.additional_directories)?;
        Ok(self)
    }
}

impl Placed for TurnSettings {
    fn placed(mut self, place: Place<'_>) -> Result<Self, Error> {
        place.put_maybe(&mut self.cwd);
        put_roots(place, &mut self.handed_on)?;
        put_policy(place, &mut self.sandbox_policy)?;
        Ok(self)
    }
}

impl Placed for DefaultSettings {
    fn placed(mut self, place: Place<'_>) -> Result<Self, Error> {
        place.put_maybe(&mut self.cwd);
        put_policy(place, &mut self.sandbox_policy)?;
        Ok(self)
    }
}

impl Placed for ThreadQuery {
    fn placed(mut self, place: Place<'_>) -> Result<Self, Error> {
        match &mut self.cwd {
            Some(Some(Folders::One(folder))) => place.put(folder),
            Some(Some(Folders::Several(folders))) => folders.iter_mut().for_each(|folder| place.put(folder)),
            _ => {}
        }
        Ok(self)
    }
}

impl Placed for CommandSettings {
    fn placed(mut self, place: Place<'_>) -> Result<Self, Error> {
        place.put_maybe(&mut self.cwd);
        put_policy(place, &mut self.sandbox_policy)?;
        Ok(self)
    }
}

impl Placed for ConfigReadSettings {
    fn placed(mut self, place: Place<'_>) -> Result<Self, Error> {
        place.put_maybe(&mut self.cwd);
        Ok(self)
    }
}

impl Placed for ConfigWriteSettings {
    fn placed(mut self, place: Place<'_>) -> Result<Self, Error> {
        place.put_maybe(&mut self.file_path);
        Ok(self)
    }
}

impl Placed for ConfigBatchSettings {
    fn placed(mut self, place: Place<'_>) -> Result<Self, Error> {
        place.put_maybe(&mut self.file_path);
        Ok(self)
    }
}

impl Placed for Input {
    /// A file that codex is to read and that is not there is an error here: codex would tell the model, and go on.
    fn placed(mut self, place: Place<'_>) -> Result<Self, Error> {
        let Self::User(items) = &mut self else { return Ok(self) };
        for (at, item) in items.iter_mut().enumerate() {
            let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
            let is_file = matches!(kind, "localImage" | "localAudio");
            let Some(Value::String(path)) = item.get_mut("path") else { continue };
            // A mention may be one of `app://` or `plugin://`.
            if !path.contains("://") {
                place.put(path);
            }
            if is_file && matches!(place, Place::Here(_)) && !Path::new(&*path).is_file() {
                return Err(Error::InvalidArgument(format!("input[{at}].path: there is no file {path}")));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::surroundings::Surroundings;

    #[expect(clippy::disallowed_methods, reason = "a test has no caller whose folder it could take")]
    fn here(path: &str) -> String {
        std::path::absolute(path).unwrap().to_string_lossy().into_owned()
    }

    fn policy(roots: &[&str]) -> TurnSettings {
        let policy = json!({ "type": "workspaceWrite", "writableRoots": roots });
        serde_json::from_value(json!({ "sandboxPolicy": policy })).unwrap()
    }

    #[test]
    fn a_relative_path_is_the_callers_where_codex_is_ours() {
        let settings = ThreadSettings {
            cwd: Some(Some("sub".to_owned())),
            additional_directories: Some(vec!["beside".to_owned(), "/elsewhere".to_owned()]),
            ..ThreadSettings::default()
        };
        let placed = settings.clone().placed(Place::Here(&Surroundings::default())).unwrap();
        assert_eq!(placed.cwd, Some(Some(here("sub"))));
        assert_eq!(placed.additional_directories, Some(vec![here("beside"), "/elsewhere".to_owned()]));
        let placed = policy(&["sub"]).placed(Place::Here(&Surroundings::default())).unwrap();
        assert_eq!(json!(placed.sandbox_policy), json!(policy(&[&here("sub")]).sandbox_policy));
    }

    #[test]
    fn elsewhere_it_is_sent_as_it_is_or_refused_with_the_reason() {
        let settings = ThreadSettings { cwd: Some(Some("sub".to_owned())), ..ThreadSettings::default() };
        assert_eq!(settings.placed(Place::Elsewhere).unwrap().cwd, Some(Some("sub".to_owned())));
        for absolute in ["/a", r"C:\a", r"\\server\a"] {
            assert!(policy(&[absolute]).placed(Place::Elsewhere).is_ok());
        }
        let refused = policy(&["/a", "sub"]).placed(Place::Elsewhere).unwrap_err().to_string();
        assert!(
            refused.starts_with("options.sandboxPolicy.writableRoots[1]: `sub` is not absolute"),
            "{refused}"
        );
    }

    #[test]
    fn what_an_input_names_is_made_absolute_and_must_be_there() {
        let input = |json: Value| Input::parse(&json.to_string()).unwrap();
        let file = json!({ "type": "localImage", "path": "Cargo.toml" });
        let skill = json!({ "type": "skill", "name": "s", "path": "skills/s" });
        let app = json!({ "type": "mention", "name": "a", "path": "app://a" });
        let Ok(Input::User(items)) =
            input(json!([file, skill, app])).placed(Place::Here(&Surroundings::default()))
        else {
            panic!("refused")
        };
        let paths: Vec<&str> = items.iter().filter_map(|item| item["path"].as_str()).collect();
        assert_eq!(paths, [&*here("Cargo.toml"), &*here("skills/s"), "app://a"]);
        let missing = json!([{ "type": "text", "text": "x" }, { "type": "localAudio", "path": "none.wav" }]);
        let error =
            input(missing.clone()).placed(Place::Here(&Surroundings::default())).unwrap_err().to_string();
        assert_eq!(error, format!("input[1].path: there is no file {}", here("none.wav")));
        assert!(input(missing).placed(Place::Elsewhere).is_ok());
    }
}
