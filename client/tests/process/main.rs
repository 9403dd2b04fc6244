//! Finding, starting and ending codex, as far as it goes without Node.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy takes only the test functions themselves for tests"
)]

mod arguments;
mod ending;
mod environment;
mod find;
mod rig;
