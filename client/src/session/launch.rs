//! How a codex process is found and started for a session.

use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::json;

use crate::Error;
use crate::config::argument_pair;
use crate::options::ClientSettings;
use crate::process::{Environment, Executable, Exit, Launch, Surroundings, readable};

/// Finds codex and checks where it is to run: the server itself would only exit.
pub(crate) fn locate(
    settings: &ClientSettings,
    surroundings: &Surroundings,
    search_from: &[PathBuf],
) -> Result<(Executable, Environment), Error> {
    let own = settings.env.clone().unwrap_or_default();
    let environment = surroundings.environment.for_child(&own, settings.inherit_env.unwrap_or(true));
    let launch = Launch {
        surroundings,
        environment: &environment,
        codex_path: settings.codex_path.as_deref().map(|path| ("codexPath", path)),
        folder: settings.cwd.as_deref().map(|cwd| ("cwd", cwd)),
        search_from,
    };
    let executable = launch.locate(true)?;
    Ok((executable, environment))
}

/// The argument list of `codex app-server`.
pub(crate) fn arguments(settings: &ClientSettings, config: &[String]) -> Vec<OsString> {
    if let Some(arguments) = &settings.launch_args {
        return arguments.iter().map(OsString::from).collect();
    }
    let base_url = settings.base_url.as_ref().map(|url| format!("openai_base_url={}", json!(url)));
    let overrides = settings.config_overrides.iter().flatten().cloned();
    let config = config.iter().cloned().chain(base_url).chain(overrides);
    let config = config.flat_map(|value| argument_pair("--config", value));
    [OsString::from("app-server")].into_iter().chain(config).collect()
}

pub(crate) fn exited(exit: Exit) -> Error {
    let blames_config = exit.blames_config();
    let Exit { code, signal, stderr, path } = exit;
    let how = match (code, &signal) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was ended by {signal}"),
        (None, None) => "ended".to_owned(),
    };
    let message = with_stderr(format!("codex at {path} {how}"), &stderr);
    Error::ServerExited { message, code, signal, stderr, path, blames_config }
}

pub(crate) fn with_stderr(message: String, stderr: &str) -> String {
    let told = readable(stderr);
    if told.is_empty() { message } else { format!("{message}; the last it wrote to stderr:\n{told}") }
}
