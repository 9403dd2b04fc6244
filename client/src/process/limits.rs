//! What a system takes of arguments and environment, in words: its own error names nothing.

use std::ffi::{OsStr, OsString};

use super::Environment;
use crate::Error;

/// What Windows takes for a whole command line, in UTF-16 units with the NUL at its end.
const WINDOWS_LINE: usize = 32_767;
/// What Linux takes for one argument or variable, with the NUL at its end.
const LINUX_ONE: usize = 128 * 1024;

/// One thing that a program is started with.
struct Part {
    name: String,
    bytes: usize,
}

/// Why a program can't be started with this, where Windows would cut it or say nothing of use.
pub(super) fn check(arguments: &[OsString], environment: &Environment) -> Result<(), Error> {
    let mut before: &OsStr = OsStr::new("");
    for argument in arguments {
        if argument.as_encoded_bytes().contains(&0) {
            let name = option(before, argument).replace('\0', "\\0");
            return Err(Error::InvalidArgument(format!("{name}: holds a NUL character")));
        }
        before = argument;
    }
    // Quotes, and a space before each.
    let units = |argument: &OsString| argument.to_string_lossy().encode_utf16().count() + 3;
    if cfg!(windows) && arguments.iter().map(units).sum::<usize>() >= WINDOWS_LINE - 1_024 {
        return Err(too_long(arguments, environment));
    }
    Ok(())
}

/// The error for a system that found it too long.
pub(super) fn too_long(arguments: &[OsString], environment: &Environment) -> Error {
    let parts = parts(arguments, environment);
    let in_all: usize = parts.iter().map(|part| part.bytes).sum();
    let Some(longest) = parts.into_iter().max_by_key(|part| part.bytes) else {
        return Error::InvalidArgument("what codex is started with is too long for this system".to_owned());
    };
    let limit = if cfg!(windows) {
        format!("Windows takes {WINDOWS_LINE} characters for the whole command line")
    } else if cfg!(target_os = "linux") && longest.bytes >= LINUX_ONE {
        format!("Linux takes {} for one argument or variable", LINUX_ONE - 1)
    } else {
        format!("with all arguments and variables they are {in_all}, and this system takes less (ARG_MAX)")
    };
    Error::InvalidArgument(format!(
        "{}: {} bytes are too long to start codex with; {limit}",
        longest.name, longest.bytes
    ))
}

fn parts(arguments: &[OsString], environment: &Environment) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut before: &OsStr = OsStr::new("");
    for argument in arguments {
        parts.push(Part { name: option(before, argument), bytes: argument.len() });
        before = argument;
    }
    for (name, value) in environment.iter() {
        let name_of = format!("options.env: the variable {}", name.to_string_lossy());
        parts.push(Part { name: name_of, bytes: name.len() + 1 + value.len() });
    }
    parts
}

/// The option that an argument comes from.
fn option(before: &OsStr, argument: &OsStr) -> String {
    let text = argument.to_string_lossy();
    let (flag, value) = match text.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), value.to_owned()),
        _ => (before.to_string_lossy().into_owned(), text.into_owned()),
    };
    match flag.as_str() {
        "--config" if value.starts_with("openai_base_url=") => "options.baseUrl".to_owned(),
        "--config" => {
            let key: String = value.split('=').next().unwrap_or_default().chars().take(100).collect();
            format!("options.configOverrides: `{key}`")
        }
        "--model" => "options.model".to_owned(),
        "--cd" => "options.workingDirectory".to_owned(),
        "--add-dir" => "options.additionalDirectories".to_owned(),
        "--thread-source" => "options.threadSource".to_owned(),
        "--cyber-access-program" => "options.cyberAccessProgram".to_owned(),
        "--sandbox" => "options.sandboxMode".to_owned(),
        "--image" => "input: the path of an image".to_owned(),
        "resume" => "id".to_owned(),
        _ => "options.launchArgs or options.extraArgs: an argument".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(arguments: &[&str], variable: &str) -> String {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let mut environment = Environment::default();
        environment.set("BIG".as_ref(), variable.into());
        too_long(&arguments, &environment).to_string()
    }

    #[test]
    fn the_longest_is_named_by_its_option_and_with_the_limit() {
        let long = "x".repeat(200_000);
        for (arguments, name) in [
            (
                vec!["app-server".to_owned(), "--config".to_owned(), format!("a.b={long}")],
                "options.configOverrides: `a.b`",
            ),
            (vec!["exec".to_owned(), format!("--cd=-{long}")], "options.workingDirectory"),
            (vec!["exec".to_owned(), "--model".to_owned(), long.clone()], "options.model"),
        ] {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let message = message(&arguments, "small");
            assert!(message.starts_with(&format!("{name}: 200")), "{message}");
        }
        let message = message(&["exec"], &long);
        assert!(message.starts_with("options.env: the variable BIG: 200004 bytes"), "{message}");
        if cfg!(target_os = "linux") {
            assert!(message.ends_with("Linux takes 131071 for one argument or variable"), "{message}");
        }
    }
}
