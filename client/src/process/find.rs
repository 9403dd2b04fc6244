//! Where codex is: the option, the variable, the installed package, `PATH`. Nothing is started here.

use std::path::{Component, Path, PathBuf};

use super::{Environment, Surroundings};
use crate::Error;

/// A codex executable that can be started without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// The program.
    pub path: PathBuf,
    /// The folder of helper programs that belongs in front of its `PATH`.
    pub path_folder: Option<PathBuf>,
}

/// Where to look.
#[derive(Debug)]
pub struct FindOptions<'a> {
    /// The option that names the executable, and its value.
    pub codex_path: Option<(&'a str, &'a Path)>,
    /// Whose relative paths are meant.
    pub surroundings: &'a Surroundings,
    /// The environment of the child: `CODEX_PATH` and `PATH` are read from it.
    pub environment: &'a Environment,
    /// Folders from which `node_modules/@openai/codex` is looked for, upwards.
    pub search_from: &'a [PathBuf],
}

const PROGRAM: &str = if cfg!(windows) { "codex.exe" } else { "codex" };
/// A launcher script is a few hundred bytes; a native executable is megabytes.
const LONGEST_SHIM: u64 = 16 * 1024;

/// Why a script is passed over where only the system's own executables start.
const NOT_OURS: &str =
    "is a script, but not npm's launcher, and would need a shell; give the executable as codexPath";

/// Finds codex: the option, `CODEX_PATH`, the installed package, `PATH`.
pub fn find_codex(options: &FindOptions<'_>) -> Result<Executable, Error> {
    let mut tried = Vec::new();
    if let Some((name, path)) = options.codex_path {
        let origin = format!("the option {name}");
        let path = options.surroundings.absolute(path);
        return from_path(&path, &origin, &mut tried).ok_or_else(|| missing(Some(&origin), tried));
    }
    if let Some(path) = options.environment.get("CODEX_PATH").filter(|path| !path.is_empty()) {
        let origin = "the environment variable CODEX_PATH";
        let path = options.surroundings.absolute(Path::new(path));
        return from_path(&path, origin, &mut tried).ok_or_else(|| missing(Some(origin), tried));
    }
    for start in options.search_from {
        for folder in start.ancestors() {
            let archived = folder.join("node_modules/@openai/codex");
            let package = unpacked(&archived);
            // Of an archive only what holds executables may have been unpacked: the platform's package.
            let is_there = package.join("package.json").is_file() || is_in_archive(&archived);
            if is_there && let Some(found) = from_package(&package, &mut tried) {
                return Ok(found);
            }
        }
        tried.push(format!("node_modules/@openai/codex in {} and the folders above it", start.display()));
    }
    if let Some(path) = options.environment.get("PATH") {
        // A relative one is the working directory or lies in it, which may be anybody's.
        for folder in std::env::split_paths(path).filter(|folder| folder.is_absolute()) {
            for name in names_on_path() {
                let candidate = folder.join(name);
                if is_program(&candidate)
                    && let Some(found) = from_path(&candidate, "PATH", &mut tried)
                {
                    if cfg!(windows) && is_script(&found.path) {
                        tried.push(format!("{} (PATH, {NOT_OURS})", found.path.display()));
                        continue;
                    }
                    return Ok(found);
                }
            }
        }
    }
    tried.push("codex on PATH".to_owned());
    Err(missing(None, tried))
}

fn missing(origin: Option<&str>, tried: Vec<String>) -> Error {
    let subject = match origin {
        Some(origin) => format!("{origin} does not lead to a codex executable"),
        None => "no codex executable was found".to_owned(),
    };
    let message = format!(
        "{subject}. Tried: {}. Install it with `npm install @openai/codex`, or set the option codexPath or the \
         environment variable CODEX_PATH to the executable",
        tried.join("; ")
    );
    Error::BinaryNotFound { message, tried }
}

fn names_on_path() -> &'static [&'static str] {
    if cfg!(windows) { &["codex.exe", "codex.cmd", "codex.ps1", "codex"] } else { &["codex"] }
}

/// Whether a shell would take this file on `PATH` for a command.
fn is_program(path: &Path) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    #[cfg(unix)]
    let allowed = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let allowed = true;
    metadata.is_file() && allowed
}

/// Whether Windows can't start a file without a shell.
fn is_script(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    !["exe", "com"].iter().any(|program| extension.eq_ignore_ascii_case(program))
}

/// An executable, or the native one behind npm's launcher script.
fn from_path(path: &Path, origin: &str, tried: &mut Vec<String>) -> Option<Executable> {
    let path = unpacked(path);
    let Ok(real) = path.canonicalize().map(without_verbatim_prefix) else {
        tried.push(format!("{} ({origin}, does not exist)", path.display()));
        return None;
    };
    if !real.is_file() {
        tried.push(format!("{} ({origin}, is not a file)", path.display()));
        return None;
    }
    match launcher_package(&path, &real) {
        Some(package) => from_package(&package, tried),
        // As it was named: a version manager's link leads to one program that looks at the name.
        None => {
            let path_folder = helper_folder(&real);
            Some(Executable { path, path_folder })
        }
    }
}

/// The `@openai/codex` package whose `bin/codex.js` this file is or starts.
fn launcher_package(path: &Path, real: &Path) -> Option<PathBuf> {
    if real.file_name()? == "codex.js" {
        return Some(real.parent()?.parent()?.to_path_buf());
    }
    if real.metadata().ok()?.len() > LONGEST_SHIM {
        return None;
    }
    let text = std::fs::read_to_string(real).ok()?;
    let end = text.find("codex.js")? + "codex.js".len();
    if !is_launcher(&text) {
        return None;
    }
    let line = text[..end].lines().next_back()?;
    // Inside quotes a path may hold spaces, outside with a backslash before each.
    let quote = ['"', '\''].into_iter().find(|quote| line.matches(*quote).count() % 2 == 1);
    let script = match quote {
        Some(quote) => line.rsplit(quote).next()?.to_owned(),
        None => line.replace("\\ ", "\0").rsplit(['"', '\'', ' ', '=']).next()?.replace('\0', " "),
    };
    let relative = script
        .trim_start_matches("$basedir")
        .trim_start_matches("%~dp0")
        .trim_start_matches("%dp0%")
        .replace('\\', "/");
    let script = if script.len() == relative.len() && Path::new(&relative).is_absolute() {
        PathBuf::from(relative)
    } else {
        path.parent()?.join(relative.trim_start_matches('/'))
    };
    let script = script.canonicalize().map(without_verbatim_prefix).ok()?;
    Some(script.parent()?.parent()?.to_path_buf())
}

/// Whether a script does nothing but start another: what a package manager writes, or a single command. What somebody
/// wrote to do more (set a variable, say) is not passed by.
fn is_launcher(text: &str) -> bool {
    let commands = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    ["$basedir", "%~dp0", "%dp0%"].iter().any(|own_folder| text.contains(own_folder)) || commands.count() == 1
}

/// The native executable of an installed `@openai/codex`.
fn from_package(package: &Path, tried: &mut Vec<String>) -> Option<Executable> {
    let Some((triple, platform)) = platform() else {
        tried.push(format!("{} (codex has no build for this platform)", package.display()));
        return None;
    };
    let real = package.canonicalize().map(without_verbatim_prefix).unwrap_or_else(|_| package.to_path_buf());
    let name = format!("codex-{platform}");
    let mut vendors = vec![real.join("node_modules/@openai").join(&name), real.with_file_name(&name)];
    vendors.extend(real.ancestors().map(|folder| folder.join("node_modules/@openai").join(&name)));
    vendors.push(package.with_file_name(&name));
    vendors.push(real);
    for vendor in vendors {
        let root = unpacked(&vendor).join("vendor").join(triple);
        if let Some(found) = from_vendor(&root) {
            return Some(found);
        }
    }
    tried.push(format!(
        "{} (its platform package @openai/{name} is not installed; optional dependencies may be switched off)",
        package.display()
    ));
    None
}

/// `vendor/<triple>`: since 0.14x with a description of its layout, before that `codex/codex` and `path`.
fn from_vendor(root: &Path) -> Option<Executable> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Layout {
        entrypoint: Option<PathBuf>,
        path_dir: Option<PathBuf>,
    }
    let layout = std::fs::read(root.join("codex-package.json")).ok();
    let layout: Option<Layout> = layout.and_then(|text| serde_json::from_slice(&text).ok());
    let (entry, folder) = match layout {
        Some(layout) => (layout.entrypoint, layout.path_dir),
        None => (None, None),
    };
    let entries =
        [entry, Some(PathBuf::from("bin").join(PROGRAM)), Some(PathBuf::from("codex").join(PROGRAM))];
    let path = entries.into_iter().flatten().map(|entry| root.join(entry)).find(|path| path.is_file())?;
    let folders = [folder, Some(PathBuf::from("codex-path")), Some(PathBuf::from("path"))];
    let path_folder =
        folders.into_iter().flatten().map(|folder| root.join(folder)).find(|path| path.is_dir());
    Some(Executable { path, path_folder })
}

/// The helper folder of a native executable that was named directly but lies in a package.
fn helper_folder(executable: &Path) -> Option<PathBuf> {
    let root = executable.parent()?.parent()?;
    from_vendor(root).filter(|found| found.path == executable)?.path_folder
}

/// The Rust target and the npm name of the platform's package.
fn platform() -> Option<(&'static str, &'static str)> {
    Some(match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux" | "android", "x86_64") => ("x86_64-unknown-linux-musl", "linux-x64"),
        ("linux" | "android", "aarch64") => ("aarch64-unknown-linux-musl", "linux-arm64"),
        ("macos", "x86_64") => ("x86_64-apple-darwin", "darwin-x64"),
        ("macos", "aarch64") => ("aarch64-apple-darwin", "darwin-arm64"),
        ("windows", "x86_64") => ("x86_64-pc-windows-msvc", "win32-x64"),
        ("windows", "aarch64") => ("aarch64-pc-windows-msvc", "win32-arm64"),
        _ => return None,
    })
}

/// A program inside Electron's archive can't be started; its unpacked twin can.
fn unpacked(path: &Path) -> PathBuf {
    let swap = |component: Component<'_>| -> PathBuf {
        match component.as_os_str().to_str() {
            Some(name) if name.ends_with(".asar") => format!("{name}.unpacked").into(),
            _ => component.as_os_str().into(),
        }
    };
    if is_in_archive(path) {
        let twin: PathBuf = path.components().map(swap).collect();
        if twin.exists() {
            return twin;
        }
    }
    path.to_path_buf()
}

fn is_in_archive(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_string_lossy().ends_with(".asar"))
}

/// `\\?\C:\...` and `\\?\UNC\server\...` are what Windows canonicalises to, and what many programs do not take.
fn without_verbatim_prefix(path: PathBuf) -> PathBuf {
    match path.to_str().and_then(plain) {
        Some(plain) => PathBuf::from(plain),
        None => path,
    }
}

/// The plain form of a verbatim path that has one: a volume without a letter has none.
fn plain(verbatim: &str) -> Option<String> {
    let rest = verbatim.strip_prefix(r"\\?\")?;
    if let Some(share) = rest.strip_prefix(r"UNC\") {
        return Some(format!(r"\\{share}"));
    }
    let is_drive = rest.as_bytes().get(1..3) == Some(br":\");
    is_drive.then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbatim_paths_of_windows_become_plain_ones() {
        for (verbatim, expected) in [
            (r"\\?\C:\a b\codex.exe", Some(r"C:\a b\codex.exe")),
            (r"\\?\UNC\server\share\codex.exe", Some(r"\\server\share\codex.exe")),
            (r"\\?\Volume{1}\codex.exe", None),
            (r"C:\codex.exe", None),
            (r"\\server\share", None),
            ("/usr/bin/codex", None),
        ] {
            assert_eq!(plain(verbatim).as_deref(), expected, "{verbatim}");
        }
    }

    #[test]
    fn windows_starts_no_scripts() {
        for (name, expected) in [
            ("codex.exe", false),
            ("CODEX.EXE", false),
            ("codex.cmd", true),
            ("codex.ps1", true),
            ("codex", true),
        ] {
            assert_eq!(is_script(Path::new(name)), expected, "{name}");
        }
    }
}
