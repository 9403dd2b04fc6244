//! What of the environment a child gets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use codex_client::Error;
use codex_client::process::{Environment, Process, Surroundings};
use serde_json::json;

use crate::rig::{Child, folder, inherited, options};

fn own() -> BTreeMap<String, Option<String>> {
    BTreeMap::from([("A".to_owned(), Some("1".to_owned()))])
}

fn of(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

#[test]
fn p5_variables_are_merged_over_the_inherited_ones() {
    let inherited = of(&[("PATH", "/inherited"), ("B", "2")]);
    let environment = inherited.for_child(&own(), true);
    for (name, value) in [("A", "1"), ("B", "2"), ("PATH", "/inherited")] {
        assert_eq!(environment.get(name), Some(OsStr::new(value)));
    }
    let path = BTreeMap::from([("PATH".to_owned(), Some("/own".to_owned()))]);
    let environment = inherited.for_child(&path, true);
    let paths = environment.iter().filter(|(name, _)| name.eq_ignore_ascii_case("PATH")).count();
    assert_eq!((environment.get("PATH"), paths), (Some(OsStr::new("/own")), 1));
}

#[test]
fn s9_a_variable_that_is_unset_is_not_inherited() {
    let inherited = of(&[("A", "0"), ("B", "2")]);
    let unset = BTreeMap::from([("A".to_owned(), None), ("C".to_owned(), None)]);
    assert_eq!(inherited.for_child(&unset, true), of(&[("B", "2")]));
    assert_eq!(inherited.for_child(&unset, false), of(&[]));
}

#[test]
fn p5_without_inheriting_there_is_nothing_else() {
    let environment = of(&[("B", "2")]).for_child(&own(), false);
    assert_eq!(environment.iter().collect::<Vec<_>>(), [(&"A".into(), &"1".into())]);
}

#[tokio::test]
async fn p5_a_child_gets_its_environment_and_no_other() {
    let folder = folder();
    let log = folder.path().join("log");
    let script = json!({ "start": [{ "line": {} }] }).to_string();
    let mut own = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
    own.insert("CODEX_RIG_SCRIPT".to_owned(), script);
    own.insert("CODEX_RIG_LOG".to_owned(), log.to_str().unwrap().to_owned());
    let mut options = options(&json!({}));
    options.environment = own.iter().map(|(name, value)| (name.into(), value.into())).collect();
    options.executable.path_folder = Some(folder.path().to_path_buf());
    let mut child = Child::spawn(options);
    child.line().await;
    child.end().await;

    let log = std::fs::read_to_string(log).unwrap();
    let start: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    own.insert("PATH".to_owned(), folder.path().to_str().unwrap().to_owned());
    if cfg!(windows) {
        // No program works without these.
        for (name, value) in &own {
            assert_eq!(start["env"][name], json!(value));
        }
        assert!(start["env"]["SYSTEMROOT"].is_string(), "{start}");
    } else {
        assert_eq!(start["env"], json!(own));
    }
}

#[tokio::test]
async fn a_variable_that_no_process_can_be_given_is_named() {
    for (name, value) in [("A\0B", "1"), ("A", "1\0")] {
        let mut options = options(&json!({}));
        options.environment.set(OsStr::new(name), value.into());
        let Err(Error::InvalidArgument(message)) = Process::spawn(options) else { panic!("it was started") };
        assert!(message.starts_with("process.env: `A"), "{message}");
    }
}

#[test]
fn the_helper_folder_comes_first_on_the_path() {
    let path = std::env::join_paths(["/a", "/b"]).unwrap();
    let mut environment = of(&[("PATH", path.to_str().unwrap())]);
    environment.prepend_path("/helpers".as_ref());
    let expected = std::env::join_paths(["/helpers", "/a", "/b"]).unwrap();
    assert_eq!(environment.get("PATH"), Some(expected.as_os_str()));
}

#[test]
fn s9_temporary_files_go_where_the_program_says() {
    if cfg!(windows) {
        assert_eq!(of(&[("temp", r"C:\x")]).temporary_folder(), Path::new(r"C:\x"));
    } else {
        assert_eq!(of(&[("TMPDIR", "/x")]).temporary_folder(), Path::new("/x"));
        assert_eq!(of(&[("TMPDIR", "")]).temporary_folder(), Path::new("/tmp"));
    }
    assert!(inherited().temporary_folder().is_dir());
}

#[cfg(unix)]
#[test]
fn paths_are_those_of_the_program() {
    let json = r#"{"variables":[["HOME","/h"]],"folder":"/work"}"#;
    let there = Surroundings::read(json).unwrap();
    assert_eq!(there.environment.codex_home().as_deref(), Some(Path::new("/h/.codex")));
    assert_eq!(there.absolute(Path::new("./a/b")), Path::new("/work/a/b"));
    assert_eq!(there.absolute(Path::new("/a")), Path::new("/a"));
    assert_eq!(there.folder_of(None).as_deref(), Some(Path::new("/work")));
    assert_eq!(there.folder_of(Some("a")).as_deref(), Some(Path::new("/work/a")));
}
