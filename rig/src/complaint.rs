//! How the rig says that it can't do what it is asked for.

use std::io::{self, Write};

/// The exit code for a script that cannot be played.
pub(crate) const BAD_SCRIPT: i32 = 70;

pub(crate) fn complain(error: &str) {
    let _ = writeln!(io::stderr(), "scripted-app-server: {error}");
}
