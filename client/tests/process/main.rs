//! Finding, starting and ending codex, as far as it goes without Node.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes only the test functions themselves for tests"
)]

mod arguments;
mod ending;
mod environment;
mod find;
mod rig;
