use std::collections::BTreeMap;
use std::ffi::OsStr;

use codex_client::process::Environment;
use serde_json::json;

use crate::rig::{Child, folder, options};

fn own() -> BTreeMap<String, String> {
    BTreeMap::from([("A".to_owned(), "1".to_owned())])
}

#[test]
fn p5_variables_are_merged_over_the_inherited_ones() {
    let environment = Environment::new(&own(), true);
    assert_eq!(environment.get("A"), Some(OsStr::new("1")));
    assert_eq!(environment.get("PATH"), std::env::var_os("PATH").as_deref());
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    assert_eq!(environment.get(home), std::env::var_os(home).as_deref());

    let environment = Environment::new(&BTreeMap::from([("PATH".to_owned(), "/own".to_owned())]), true);
    let paths = environment.iter().filter(|(name, _)| name.eq_ignore_ascii_case("PATH")).count();
    assert_eq!((environment.get("PATH"), paths), (Some(OsStr::new("/own")), 1));
}

#[test]
fn p5_without_inheriting_there_is_nothing_else() {
    let environment = Environment::new(&own(), false);
    assert_eq!(environment.iter().collect::<Vec<_>>(), [(&"A".into(), &"1".into())]);
}

#[tokio::test]
async fn p5_a_child_gets_its_environment_and_no_other() {
    let folder = folder();
    let log = folder.path().join("log");
    let script = json!({ "start": [{ "line": {} }] }).to_string();
    let mut own = own();
    own.insert("CODEX_RIG_SCRIPT".to_owned(), script);
    own.insert("CODEX_RIG_LOG".to_owned(), log.to_str().unwrap().to_owned());
    if cfg!(windows) {
        // Without it no program starts.
        own.insert("SystemRoot".to_owned(), std::env::var("SystemRoot").unwrap());
    }
    let mut options = options(&json!({}));
    options.environment = Environment::new(&own, false);
    options.executable.path_folder = Some(folder.path().to_path_buf());
    let mut child = Child::spawn(options);
    child.line().await;
    child.end().await;

    let log = std::fs::read_to_string(log).unwrap();
    let start: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    own.insert("PATH".to_owned(), folder.path().to_str().unwrap().to_owned());
    assert_eq!(start["env"], json!(own));
}

#[test]
fn the_helper_folder_comes_first_on_the_path() {
    let path = std::env::join_paths(["/a", "/b"]).unwrap();
    let own = BTreeMap::from([("PATH".to_owned(), path.to_str().unwrap().to_owned())]);
    let mut environment = Environment::new(&own, false);
    environment.prepend_path("/helpers".as_ref());
    let expected = std::env::join_paths(["/helpers", "/a", "/b"]).unwrap();
    assert_eq!(environment.get("PATH"), Some(expected.as_os_str()));
}
