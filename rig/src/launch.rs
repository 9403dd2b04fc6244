//! Which script this process plays, and its log.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Map;

use crate::json::{self, Json};
use crate::log::Log;

/// How the log's first line of each run begins; runs are counted by it.
const RUN: &str = "{\"run\":";

/// Opens the log, writes its first line, and gives the script of this run.
pub(crate) fn launch(args: &[String], counts: bool) -> Result<(Json, Log), String> {
    let log_path = env::var_os("CODEX_RIG_LOG").map(PathBuf::from);
    let earlier = log_path.as_deref().map_or(0, runs_in);
    let log = log_path.as_deref().map_or(Ok(Log::default()), Log::open)?;
    let run = if counts { Json::from(earlier as u64) } else { Json::Null };
    let argv = args.iter().map(|arg| Json::from(arg.as_str())).collect();
    let cwd = env::current_dir().unwrap_or_default().to_string_lossy().into_owned();
    let variables = env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), Json::from(value.to_string_lossy().into_owned()))
    });
    log.entry([
        // Not a run that is counted: a look at the version.
        (if counts { "run" } else { "asked" }, run),
        ("argv", Json::Array(argv)),
        ("pid", u64::from(std::process::id()).into()),
        ("cwd", cwd.into()),
        ("env", Json::Object(variables.collect())),
    ]);

    let script = read_script()?;
    let Some(runs) = script.get("runs") else { return Ok((script, log)) };
    if log_path.is_none() {
        return Err("runs: needs CODEX_RIG_LOG, by which they are counted".to_owned());
    }
    let runs = runs.as_array().ok_or("runs: needs a list of scripts")?;
    let script = runs.get(earlier).or(runs.last()).ok_or("runs: is empty")?;
    Ok((script.clone(), log))
}

/// From `CODEX_RIG_SCRIPT`, else from the file `<executable>.rig.json`, else nothing.
fn read_script() -> Result<Json, String> {
    let parse = |text: &[u8]| json::parse(text).map_err(|error| format!("the script is no JSON: {error}"));
    let path = match env::var("CODEX_RIG_SCRIPT") {
        Ok(text) if text.trim_start().starts_with('{') => return parse(text.as_bytes()),
        Ok(path) if !path.is_empty() => PathBuf::from(path),
        _ => {
            let exe = env::current_exe().unwrap_or_default();
            let beside = exe.with_file_name(format!(
                "{}.rig.json",
                exe.file_stem().unwrap_or_default().to_string_lossy()
            ));
            if !beside.exists() {
                return Ok(Json::Object(Map::new()));
            }
            beside
        }
    };
    parse(&fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn runs_in(log: &Path) -> usize {
    fs::read(log).map_or(0, |log| {
        log.split(|byte| *byte == b'\n').filter(|line| line.starts_with(RUN.as_bytes())).count()
    })
}
