//! Where codex is found, and which way goes before which.

use std::path::{Path, PathBuf};

use codex_client::Error;
use codex_client::process::{Executable, FindOptions, Surroundings, find_codex};

const PROGRAM: &str = if cfg!(windows) { "codex.exe" } else { "codex" };

/// The Rust target and the npm name of this machine's platform package.
fn platform() -> (&'static str, &'static str) {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => ("x86_64-unknown-linux-musl", "codex-linux-x64"),
        ("linux", "aarch64") => ("aarch64-unknown-linux-musl", "codex-linux-arm64"),
        ("macos", "x86_64") => ("x86_64-apple-darwin", "codex-darwin-x64"),
        ("macos", "aarch64") => ("aarch64-apple-darwin", "codex-darwin-arm64"),
        ("windows", "x86_64") => ("x86_64-pc-windows-msvc", "codex-win32-x64"),
        ("windows", "aarch64") => ("aarch64-pc-windows-msvc", "codex-win32-arm64"),
        other => panic!("codex has no build for {other:?}"),
    }
}

/// A folder to install codex in.
struct Place {
    root: PathBuf,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = crate::rig::outside();
        Self { root: folder.path().canonicalize().unwrap(), _folder: folder }
    }

    fn file(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A file that may be started; it never is.
    fn program(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = self.file(path, "\u{7f}ELF");
        executable(&path);
        path
    }

    /// A launcher script.
    fn shim(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.file(path, text);
        executable(&path);
        path
    }

    /// `@openai/codex` as npm installs it below a folder, its platform package beside it. Gives `codex.js`.
    fn package(&self, below: &str) -> PathBuf {
        let modules = Path::new(below).join("node_modules/@openai");
        self.file(modules.join("codex/package.json"), "{}");
        self.shim(modules.join("codex/bin/codex.js"), "#!/usr/bin/env node\n")
    }

    /// The platform package below `node_modules/@openai`. Gives its executable.
    fn vendor(&self, below: &str) -> Executable {
        let (triple, name) = platform();
        let root = Path::new(below).join("node_modules/@openai").join(name).join("vendor").join(triple);
        let layout = format!(r#"{{"layoutVersion":1,"entrypoint":"bin/{PROGRAM}","pathDir":"codex-path"}}"#);
        self.file(root.join("codex-package.json"), &layout);
        let helper = self.program(root.join("codex-path/rg"));
        Executable {
            path: self.program(root.join("bin").join(PROGRAM)),
            path_folder: helper.parent().map(Path::to_path_buf),
        }
    }

    fn installed(&self, below: &str) -> (PathBuf, Executable) {
        (self.package(below), self.vendor(below))
    }

    fn find(&self, search: &Search<'_>) -> Result<Executable, Error> {
        let folders = std::env::join_paths(search.path.iter().map(|folder| self.root.join(folder))).unwrap();
        let variable = search.variable.map(|path| ("CODEX_PATH".into(), path.into()));
        let environment = [("PATH".into(), folders)].into_iter().chain(variable).collect();
        let search_from: Vec<PathBuf> = search.from.iter().map(|folder| self.root.join(folder)).collect();
        find_codex(&FindOptions {
            codex_path: search.option.map(|path| ("codexPath", path)),
            surroundings: &Surroundings::default(),
            environment: &environment,
            search_from: &search_from,
        })
    }
}

#[derive(Default)]
struct Search<'a> {
    option: Option<&'a Path>,
    variable: Option<&'a Path>,
    from: &'a [&'a str],
    path: &'a [&'a str],
}

fn by_option(option: &Path) -> Search<'_> {
    Search { option: Some(option), ..Search::default() }
}

fn executable(path: &Path) {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    #[cfg(not(unix))]
    let _ = path;
}

fn plain(path: PathBuf) -> Executable {
    Executable { path, path_folder: None }
}

fn not_found(result: Result<Executable, Error>) -> (String, Vec<String>) {
    match result {
        Err(Error::BinaryNotFound { message, tried }) => (message, tried),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_way_goes_before_the_next() {
    let place = Place::new();
    let option = place.program("option/mine");
    let variable = place.program("variable/mine");
    let (_, package) = place.installed("project");
    let on_path = place.program(Path::new("path").join(PROGRAM));
    let mut search = Search {
        option: Some(&option),
        variable: Some(&variable),
        from: &["project/node_modules/codex-node"],
        path: &["path"],
    };
    assert_eq!(place.find(&search).unwrap(), plain(option.clone()));
    search.option = None;
    assert_eq!(place.find(&search).unwrap(), plain(variable.clone()));
    search.variable = None;
    assert_eq!(place.find(&search).unwrap(), package);
    search.from = &[];
    assert_eq!(place.find(&search).unwrap(), plain(on_path));
}

#[test]
fn p1_every_place_that_was_tried_is_named_with_the_fix() {
    let place = Place::new();
    place.package("project");
    let search = Search {
        from: &["project/node_modules/codex-node", "elsewhere"],
        path: &["path"],
        ..Search::default()
    };
    let (message, tried) = not_found(place.find(&search));
    for part in [
        "project/node_modules/@openai/codex",
        "project/node_modules/codex-node",
        "elsewhere",
        "codex on PATH",
    ] {
        let part = part.replace('/', std::path::MAIN_SEPARATOR_STR);
        assert!(tried.iter().any(|place| place.contains(&part)), "{part} is not in {tried:?}");
    }
    assert!(message.contains(&format!("@openai/{} is not installed", platform().1)), "{message}");
    assert!(tried.iter().all(|place| message.contains(place)), "{message}");
    for fix in ["npm install @openai/codex", "codexPath", "CODEX_PATH"] {
        assert!(message.contains(fix), "{fix} is not in {message}");
    }
}

#[test]
fn p1_a_place_that_was_asked_for_is_the_only_one_tried() {
    let place = Place::new();
    place.program(Path::new("path").join(PROGRAM));
    let missing = place.root.join("nowhere");
    let folder = place.root.clone();
    for (wrong, why) in [(&missing, "does not exist"), (&folder, "is not a file")] {
        for (search, origin) in [
            (Search { path: &["path"], ..by_option(wrong) }, "the option codexPath"),
            (Search { variable: Some(wrong), path: &["path"], ..Search::default() }, "CODEX_PATH"),
        ] {
            let (message, tried) = not_found(place.find(&search));
            assert!(message.contains(origin) && message.contains(why), "{message}");
            assert!(tried.len() == 1 && tried[0].contains(wrong.to_str().unwrap()), "{tried:?}");
        }
    }
}

#[test]
fn the_first_program_on_the_path_counts() {
    let place = Place::new();
    place.file(Path::new("text").join("readme"), "");
    std::fs::create_dir_all(place.root.join("folder").join(PROGRAM)).unwrap();
    let second = place.program(Path::new("second").join(PROGRAM));
    place.program(Path::new("third").join(PROGRAM));
    let search = Search { path: &["gone", "text", "folder", "second", "third"], ..Search::default() };
    assert_eq!(place.find(&search).unwrap(), plain(second));
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_started_is_no_program() {
    let place = Place::new();
    place.file("first/codex", "notes about codex");
    let second = place.program("second/codex");
    let search = Search { path: &["first", "second"], ..Search::default() };
    assert_eq!(place.find(&search).unwrap(), plain(second));
}

#[test]
fn p2_a_path_to_codex_js_leads_to_the_native_executable() {
    let place = Place::new();
    let (script, native) = place.installed("project");
    assert_eq!(place.find(&by_option(&script)).unwrap(), native);
}

#[cfg(unix)]
#[test]
fn p2_a_link_to_codex_js_leads_to_the_native_executable() {
    let place = Place::new();
    let (script, native) = place.installed("prefix/lib");
    std::fs::create_dir_all(place.root.join("prefix/bin")).unwrap();
    std::os::unix::fs::symlink(script, place.root.join("prefix/bin/codex")).unwrap();
    let search = Search { path: &["prefix/bin"], ..Search::default() };
    assert_eq!(place.find(&search).unwrap(), native);
}

#[test]
fn p2_a_launcher_script_leads_to_the_native_executable() {
    // As pnpm and npm write them.
    let sh = |script: &str| {
        format!(
            "#!/bin/sh\nbasedir=$(dirname \"$(echo \"$0\" | sed -e 's,\\\\,/,g')\")\n\n\
             case `uname` in\n    *CYGWIN*) basedir=`cygpath -w \"$basedir\"`;;\nesac\n\n\
             if [ -z \"$NODE_PATH\" ]; then\n  export NODE_PATH=\"/x/.pnpm/node_modules\"\nfi\n\
             if [ -x \"$basedir/node\" ]; then\n  exec \"$basedir/node\"  \"{script}\" \"$@\"\nelse\n  \
             exec node  \"{script}\" \"$@\"\nfi\n"
        )
    };
    let cmd = "@ECHO off\r\nGOTO start\r\n:find_dp0\r\nSET dp0=%~dp0\r\nEXIT /b\r\n:start\r\nSETLOCAL\r\n\
               CALL :find_dp0\r\n\r\nIF EXIST \"%dp0%\\node.exe\" (\r\n  SET \"_prog=%dp0%\\node.exe\"\r\n) ELSE (\r\n  \
               SET \"_prog=node\"\r\n  SET PATHEXT=%PATHEXT:;.JS;=;%\r\n)\r\n\r\nendLocal & goto #_undefined_# 2>NUL \
               || title %COMSPEC% & \"%_prog%\"  \"%dp0%\\node_modules\\@openai\\codex\\bin\\codex.js\" %*\r\n";
    let ps1 = "#!/usr/bin/env pwsh\n$basedir=Split-Path $MyInvocation.MyCommand.Definition -Parent\n\
               & \"$basedir/node$exe\"  \"$basedir/node_modules/@openai/codex/bin/codex.js\" $args\n";
    let pnpm_cmd = "@SETLOCAL\r\n@IF EXIST \"%~dp0\\node.exe\" (\r\n  \"%~dp0\\node.exe\"  \
                    \"%~dp0\\node_modules\\@openai\\codex\\bin\\codex.js\" %*\r\n)\r\n";
    let place = Place::new();
    let (script, native) = place.installed("prefix");
    let (spaced_script, spaced_native) = place.installed("prefix/with two spaces");
    let absolute = script.to_str().unwrap();
    let spaced = spaced_script.to_str().unwrap();
    for (name, text, expected) in [
        ("codex", sh("$basedir/node_modules/@openai/codex/bin/codex.js"), &native),
        ("sub/codex", sh("$basedir/../node_modules/@openai/codex/bin/codex.js"), &native),
        ("absolute", sh(absolute), &native),
        ("spaced", sh("$basedir/with two spaces/node_modules/@openai/codex/bin/codex.js"), &spaced_native),
        ("spaced-absolute", sh(spaced), &spaced_native),
        ("plain", format!("#!/bin/sh\nexec node {} \"$@\"\n", absolute.replace(' ', "\\ ")), &native),
        (
            "plain-spaced",
            format!("#!/bin/sh\nexec node {} \"$@\"\n", spaced.replace(' ', "\\ ")),
            &spaced_native,
        ),
        ("single", format!("#!/bin/sh\nexec node '{spaced}' \"$@\"\n"), &spaced_native),
        ("codex.cmd", cmd.to_owned(), &native),
        ("pnpm.cmd", pnpm_cmd.to_owned(), &native),
        ("codex.ps1", ps1.to_owned(), &native),
    ] {
        let shim = place.shim(Path::new("prefix").join(name), &text);
        assert_eq!(place.find(&by_option(&shim)).ok().as_ref(), Some(expected), "{name}");
    }
    let on_path = if cfg!(windows) { &["prefix"] } else { &["prefix/sub"] };
    assert_eq!(place.find(&Search { path: on_path, ..Search::default() }).unwrap(), native);
}

#[test]
fn a_small_script_that_starts_something_else_is_taken_as_it_is() {
    let place = Place::new();
    let script = place.shim("wrapper", "#!/bin/sh\nexec /opt/codex \"$@\"\n");
    assert_eq!(place.find(&by_option(&script)).unwrap(), plain(script));
}

#[test]
fn a_script_that_does_more_than_start_the_launcher_is_taken_as_it_is() {
    let place = Place::new();
    let (launcher, native) = place.installed("prefix");
    let start = format!("exec node '{}' \"$@\"\n", launcher.display());
    let script = place.shim("wrapper", &format!("#!/bin/sh\nexport RUST_LOG=debug\n{start}"));
    assert_eq!(place.find(&by_option(&script)).unwrap(), plain(script));
    let script = place.shim("starter", &format!("#!/bin/sh\n# Nothing else.\n\n{start}"));
    assert_eq!(place.find(&by_option(&script)).unwrap(), native);
}

#[test]
fn p3_of_an_archive_its_unpacked_twin_is_used() {
    let place = Place::new();
    place.file("app.asar", "an archive");
    let (_, native) = place.installed("app.asar.unpacked");
    let inside = place.root.join("app.asar/node_modules/@openai/codex/bin/codex.js");
    assert_eq!(place.find(&by_option(&inside)).unwrap(), native);
    let search = Search { from: &["app.asar/node_modules/codex-node"], ..Search::default() };
    assert_eq!(place.find(&search).unwrap(), native);
}

#[test]
fn p3_the_platform_package_may_be_all_that_was_unpacked() {
    let place = Place::new();
    place.file("app.asar", "an archive");
    let native = place.vendor("app.asar.unpacked");
    let search = Search { from: &["app.asar/node_modules/codex-node"], ..Search::default() };
    assert_eq!(place.find(&search).unwrap(), native);
}

#[test]
fn p3_an_archive_that_nothing_was_unpacked_of_has_no_codex() {
    let place = Place::new();
    place.file("app.asar", "an archive");
    let search = Search { from: &["app.asar/node_modules/codex-node"], ..Search::default() };
    let (_, tried) = not_found(place.find(&search));
    assert!(tried.iter().any(|place| place.contains("app.asar")), "{tried:?}");
}

#[test]
fn the_package_is_found_from_any_folder_below_its_own() {
    let place = Place::new();
    let (_, native) = place.installed("project");
    let deep = Search { from: &["project/packages/app/node_modules/codex-node"], ..Search::default() };
    assert_eq!(place.find(&deep).unwrap(), native);
    // The nearest one, and the first folder that has one.
    let (_, nearer) = place.installed("project/packages/app");
    assert_eq!(place.find(&deep).unwrap(), nearer);
    let two = Search { from: &["nowhere", "project"], ..Search::default() };
    assert_eq!(place.find(&two).unwrap(), native);
}

#[test]
fn the_platform_package_is_found_wherever_a_package_manager_puts_it() {
    let nested = Place::new();
    nested.package("project");
    let native = nested.vendor("project/node_modules/@openai/codex");
    let search = Search { from: &["project"], ..Search::default() };
    assert_eq!(nested.find(&search).unwrap(), native);

    #[cfg(unix)]
    {
        // pnpm: the package is a link into a store, where its dependencies lie beside it.
        let store = Place::new();
        let (script, native) = store.installed("project/node_modules/.pnpm/codex@1");
        std::fs::create_dir_all(store.root.join("project/node_modules/@openai")).unwrap();
        let package = script.ancestors().nth(2).unwrap();
        std::os::unix::fs::symlink(package, store.root.join("project/node_modules/@openai/codex")).unwrap();
        assert_eq!(store.find(&search).unwrap(), native);
    }
}

#[test]
fn older_layouts_are_known() {
    let (triple, name) = platform();
    for root in [
        format!("project/node_modules/@openai/{name}/vendor/{triple}"),
        format!("project/node_modules/@openai/codex/vendor/{triple}"),
    ] {
        let place = Place::new();
        place.package("project");
        let path = place.program(Path::new(&root).join("codex").join(PROGRAM));
        let helper = place.program(Path::new(&root).join("path/rg"));
        let expected = Executable { path: path.clone(), path_folder: helper.parent().map(Path::to_path_buf) };
        assert_eq!(place.find(&Search { from: &["project"], ..Search::default() }).unwrap(), expected);
        // Named directly it keeps its helpers.
        assert_eq!(place.find(&by_option(&path)).unwrap(), expected);
    }
}

#[test]
fn a_native_executable_named_directly_keeps_its_helpers() {
    let place = Place::new();
    let (_, native) = place.installed("project");
    assert_eq!(place.find(&by_option(&native.path)).unwrap(), native);
}
