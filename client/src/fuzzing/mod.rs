//! What is fuzzed: each target takes any bytes, and panics where the code that it feeds is not what a plain
//! implementation says. Not in what is shipped. `fuzz/` has them guided by coverage, `cargo test` by chance.

#[cfg(test)]
mod tests;

use crate::{config, exec, process, rpc, secrets, transport, turn};

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("framing", transport::fuzzing::framing),
    ("websocket", transport::fuzzing::websocket),
    ("envelope", rpc::fuzzing::envelope),
    ("alike", rpc::fuzzing::alike),
    ("deltas", turn::fuzzing::deltas),
    ("strings", turn::fuzzing::strings),
    ("collector", turn::fuzzing::collector),
    ("config", config::fuzzing::config),
    ("arguments", exec::fuzzing::arguments),
    ("redaction", secrets::fuzzing::redaction),
    ("redaction_json", secrets::fuzzing::redaction_json),
    ("stderr", process::fuzzing::stderr),
];
