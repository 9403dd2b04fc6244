//! A target of fuzzing: an argument list says what the options do, for who reads it as `codex exec` does.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here is found")]

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::arguments::Arguments;
use super::options::{ExecThreadSettings, given};
use crate::process::Surroundings;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    config: Vec<String>,
    overrides: Vec<String>,
    base_url: Option<String>,
    profile: Option<String>,
    thread: ExecThreadSettings,
    thread_id: Option<String>,
    output_schema: Option<PathBuf>,
    cyber_access_program: Option<String>,
    images: Vec<PathBuf>,
}

/// Options of one turn as JSON.
pub(crate) fn arguments(data: &[u8]) {
    let Ok(options) = serde_json::from_slice::<Given>(data) else { return };
    // What is refused before.
    if options.thread_id.as_ref().is_some_and(|id| id.starts_with('-')) {
        return;
    }
    let surroundings = Surroundings { folder: Some("/caller".into()), ..Surroundings::default() };
    let arguments = Arguments {
        config: &options.config,
        overrides: &options.overrides,
        base_url: options.base_url.as_deref(),
        profile: options.profile.as_deref(),
        thread: &options.thread,
        thread_id: options.thread_id.as_deref(),
        output_schema: options.output_schema.as_deref(),
        cyber_access_program: options.cyber_access_program.as_deref(),
        images: &options.images,
        extra: &[],
        surroundings: &surroundings,
    };
    let list: Vec<String> =
        arguments.list().into_iter().map(|argument| argument.into_string().unwrap()).collect();
    let [exec, json, rest @ ..] = list.as_slice() else { panic!("{list:?}") };
    assert_eq!((exec.as_str(), json.as_str()), ("exec", "--experimental-json"));
    assert_eq!(read(rest), expected(&options), "{list:?}");
}

/// The named values, in their order.
fn read(mut list: &[String]) -> Vec<(String, String)> {
    let mut named = Vec::new();
    while let [name, rest @ ..] = list {
        list = rest;
        if name == "--skip-git-repo-check" {
            named.push((name.clone(), String::new()));
        } else if let Some((name, value)) = name.split_once('=') {
            named.push((name.to_owned(), value.to_owned()));
        } else {
            let [value, rest @ ..] = rest else { panic!("{name} has no value") };
            assert!(!value.starts_with('-'), "{value} is taken for an option");
            list = rest;
            named.push((name.clone(), value.clone()));
        }
        let (name, _) = &named[named.len() - 1];
        assert!(name.starts_with("--") || name == "resume", "{name} is a prompt");
    }
    for (_, value) in named.iter_mut().filter(|(name, _)| name == "--add-dir") {
        *value = path(Path::new(&*value)).to_str().unwrap().to_owned();
    }
    // Values are TOML, and what is compared is what they mean.
    for (_, value) in named.iter_mut().filter(|(name, _)| name == "--config") {
        if let Some((key, toml)) = value.split_once('=')
            && let Ok(table) = format!("x = {toml}").parse::<toml::Table>()
        {
            *value = format!("{key}={}", serde_json::to_value(&table["x"]).unwrap());
        }
    }
    named
}

/// A path without what means nothing in it.
fn path(path: &Path) -> PathBuf {
    path.components().collect()
}

fn expected(options: &Given) -> Vec<(String, String)> {
    let thread = &options.thread;
    let mut named = Vec::new();
    let mut add = |name: &str, value: Option<&str>| {
        named.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    };
    let config = |key: &str, value: Option<&str>| value.map(|value| format!("{key}={}", Value::from(value)));
    let raw: Vec<String> = options.config.iter().chain(&options.overrides).cloned().collect();
    let raw = read(&raw.into_iter().flat_map(|value| [format!("--config={value}")]).collect::<Vec<_>>());
    raw.iter().for_each(|(name, value)| add(name, Some(value)));
    add("--config", config("openai_base_url", options.base_url.as_deref()).as_deref());
    add("--profile", options.profile.as_deref());
    add("--model", given(&thread.model));
    add("--thread-source", thread.thread_source.as_deref().filter(|_| options.thread_id.is_none()));
    add("--sandbox", given(&thread.sandbox_mode));
    add("--cd", given(&thread.working_directory));
    let is_elsewhere = given(&thread.working_directory).is_some();
    for folder in thread.additional_directories.iter().flatten() {
        let from = if is_elsewhere { "/caller" } else { "" };
        add("--add-dir", path(&Path::new(from).join(folder)).to_str());
    }
    add("--skip-git-repo-check", Some("").filter(|_| thread.skip_git_repo_check == Some(true)));
    add("--output-schema", options.output_schema.as_deref().and_then(|path| path.to_str()));
    add("--cyber-access-program", options.cyber_access_program.as_deref());
    let effort = config("model_reasoning_effort", given(&thread.model_reasoning_effort));
    add("--config", effort.as_deref());
    let network =
        thread.network_access_enabled.map(|is| format!("sandbox_workspace_write.network_access={is}"));
    add("--config", network.as_deref());
    let search = given(&thread.web_search_mode)
        .or(thread.web_search_enabled.map(|is| if is { "live" } else { "disabled" }));
    add("--config", config("web_search", search).as_deref());
    add("--config", config("approval_policy", given(&thread.approval_policy)).as_deref());
    add("resume", options.thread_id.as_deref());
    options.images.iter().for_each(|image| add("--image", image.to_str()));
    named
}
