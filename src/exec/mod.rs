//! The classes of `codex-node/exec`. exec/index.js makes its public face of them.

mod codex;
mod error;
mod reader;
mod thread;
