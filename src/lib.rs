//! The N-API binding of `codex-client`: one file per JavaScript class. It converts and decides nothing.
//!
//! Events cross as text that V8 parses, in batches; single results cross as one JSON text.

mod codex;
mod environment;
mod error;
mod handlers;
mod logger;
mod notifications;
mod promise;
mod reader;
mod runtime;
mod text;
mod thread;
mod turn;
