//! What codex does when nothing goes wrong: the defaults that a script overrides.

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;

use crate::json::{self, Json};
use crate::script::{Script, VERSION};

/// The default behaviour, itself a script, and the shapes of thread and turn objects.
pub(crate) struct Polite {
    pub(crate) script: Script,
    pub(crate) thread: Json,
    pub(crate) turn: Json,
    constants: HashMap<String, Json>,
}

impl Polite {
    pub(crate) fn load() -> Result<Self, String> {
        let templates = json::parse(include_bytes!("polite/templates.json"))?;
        let shape = |name| templates.get(name).cloned().ok_or_else(|| format!("no template {name}"));
        let script = Script::parse(&json::parse(include_bytes!("polite/script.json"))?, None)?;
        Ok(Self { script, thread: shape("thread")?, turn: shape("turn")?, constants: HashMap::new() })
    }

    /// Takes from the user's script what the defaults depend on.
    pub(crate) fn adapt(&mut self, script: &Script) {
        let path =
            |path: Option<PathBuf>| Json::from(path.unwrap_or_default().to_string_lossy().into_owned());
        let version = script.user_agent_version.as_ref().or(script.version.as_ref());
        let home = env::var_os("CODEX_HOME").map(PathBuf::from);
        let constants = [
            ("version", version.map_or(VERSION, String::as_str).into()),
            ("codexHome", path(home.or_else(|| env::current_dir().ok().map(|dir| dir.join(".codex"))))),
            ("cwd", path(env::current_dir().ok())),
            ("exe", path(env::current_exe().ok())),
            ("pid", u64::from(std::process::id()).into()),
            ("platformFamily", env::consts::FAMILY.into()),
            ("platformOs", env::consts::OS.into()),
            ("model", "gpt-5.5".into()),
            ("text", "Hello from the rig.".into()),
            ("phase", "final_answer".into()),
            ("message", "the model failed".into()),
            ("codexErrorInfo", "other".into()),
            ("willRetry", Json::Bool(false)),
            ("itemId", "msg-0".into()),
            ("forkedFromId", Json::Null),
        ];
        self.constants = constants.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    }

    pub(crate) fn constants(&self) -> HashMap<String, Json> {
        self.constants.clone()
    }
}
