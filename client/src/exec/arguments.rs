//! The argument list of one turn.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::options::{ExecThreadSettings, given};
use crate::config::{argument_pair, toml_text};
use crate::process::Surroundings;

/// What the argument list of one turn is made of.
pub(super) struct Arguments<'a> {
    /// Values of `--config` that come first.
    pub(super) config: &'a [String],
    /// Raw values of `--config`.
    pub(super) overrides: &'a [String],
    /// Base URL of the OpenAI API.
    pub(super) base_url: Option<&'a str>,
    /// Name of the configuration file that holds the secrets.
    pub(super) profile: Option<&'a str>,
    pub(super) thread: &'a ExecThreadSettings,
    /// The thread to go on with.
    pub(super) thread_id: Option<&'a str>,
    pub(super) output_schema: Option<&'a Path>,
    pub(super) cyber_access_program: Option<&'a str>,
    pub(super) images: &'a [PathBuf],
    /// What the caller adds, as it is.
    pub(super) extra: &'a [String],
    /// Whose paths they are.
    pub(super) surroundings: &'a Surroundings,
}

impl Arguments<'_> {
    /// Everything after the program's name, in the one order that the CLI takes: what stands before `resume` is not
    /// known behind it, and `--image` takes all that follows.
    pub(super) fn list(&self) -> Vec<OsString> {
        let mut list: Vec<OsString> = vec!["exec".into(), "--experimental-json".into()];
        let thread = self.thread;
        for value in self.config.iter().chain(self.overrides) {
            pair(&mut list, "--config", value);
        }
        if let Some(url) = self.base_url {
            pair(&mut list, "--config", format!("openai_base_url={}", toml_text(url)));
        }
        if let Some(profile) = self.profile {
            pair(&mut list, "--profile", profile);
        }
        if let Some(model) = given(&thread.model) {
            pair(&mut list, "--model", model);
        }
        if let Some(source) = thread.thread_source.as_ref().filter(|_| self.thread_id.is_none()) {
            pair(&mut list, "--thread-source", source);
        }
        if let Some(mode) = given(&thread.sandbox_mode) {
            pair(&mut list, "--sandbox", mode);
        }
        if let Some(folder) = given(&thread.working_directory) {
            pair(&mut list, "--cd", folder);
        }
        for folder in thread.additional_directories.iter().flatten() {
            pair(&mut list, "--add-dir", self.as_the_caller_means(folder));
        }
        if thread.skip_git_repo_check == Some(true) {
            list.push("--skip-git-repo-check".into());
        }
        if let Some(file) = self.output_schema {
            pair(&mut list, "--output-schema", file);
        }
        if let Some(program) = self.cyber_access_program {
            pair(&mut list, "--cyber-access-program", program);
        }
        if let Some(effort) = given(&thread.model_reasoning_effort) {
            pair(&mut list, "--config", format!("model_reasoning_effort={}", toml_text(effort)));
        }
        if let Some(access) = thread.network_access_enabled {
            pair(&mut list, "--config", format!("sandbox_workspace_write.network_access={access}"));
        }
        let search = given(&thread.web_search_mode).or(match thread.web_search_enabled {
            Some(true) => Some("live"),
            Some(false) => Some("disabled"),
            None => None,
        });
        if let Some(search) = search {
            pair(&mut list, "--config", format!("web_search={}", toml_text(search)));
        }
        if let Some(policy) = given(&thread.approval_policy) {
            pair(&mut list, "--config", format!("approval_policy={}", toml_text(policy)));
        }
        list.extend(self.extra.iter().map(OsString::from));
        if let Some(id) = self.thread_id {
            pair(&mut list, "resume", id);
        }
        for image in self.images {
            pair(&mut list, "--image", image);
        }
        list
    }
}

impl Arguments<'_> {
    /// A folder from where the caller is. codex would take it from the working directory that it is given.
    fn as_the_caller_means(&self, folder: &str) -> OsString {
        let path = Path::new(folder);
        match given(&self.thread.working_directory) {
            Some(_) if !path.has_root() => self.surroundings.absolute(path).into_os_string(),
            _ => folder.into(),
        }
    }
}

fn pair(list: &mut Vec<OsString>, name: &str, value: impl Into<OsString>) {
    list.extend(argument_pair(name, value));
}
