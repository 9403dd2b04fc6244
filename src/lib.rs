//! The N-API binding of `codex-client`: one file per JavaScript class. It converts and decides nothing.
//!
//! Events cross as text that V8 parses, in batches; single results cross as one JSON text.
#![cfg_attr(test, allow(dead_code, reason = "napi registers nothing in a test build"))]

mod account;
mod answer;
mod arguments;
mod codex;
mod command;
mod config;
mod connection;
mod defaults;
mod ended;
mod environment;
mod error;
mod exec;
mod goal;
mod handlers;
mod history;
mod hooks;
mod input;
mod logger;
mod models;
mod notifications;
mod open;
mod pages;
mod promise;
mod reader;
mod review;
mod running;
mod runtime;
mod secrets;
mod serve;
mod stored;
mod surroundings;
mod text;
mod thread;
mod token;
mod trace;
mod transport;
mod turn;
