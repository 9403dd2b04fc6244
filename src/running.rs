//! What the glue asks of turns and their threads together.

use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::codex::Codex;
use crate::promise::or_reject;
use crate::thread::{Thread, begin_turn, proceed};
use crate::turn::Turn;

/// Goes on with what a turn broke off, in its thread.
#[napi(skip_typescript)]
pub(crate) fn proceed_turn<'env>(
    env: &'env Env,
    turn: &Turn,
    options: Unknown<'env>,
) -> Result<Unknown<'env>> {
    or_reject(env, proceed(env, turn.turn.thread(), options))
}

/// Asks more in the thread of a turn.
#[napi(skip_typescript)]
pub(crate) fn ask_turn<'env>(
    env: &'env Env,
    turn: &Turn,
    input: Unknown<'env>,
    options: Unknown<'env>,
) -> Result<Unknown<'env>> {
    or_reject(env, begin_turn(env, turn.turn.thread(), input, options))
}

/// The thread that a turn of a client alone has kept.
#[napi(skip_typescript)]
pub(crate) fn kept_thread(codex: &Codex, id: String) -> Option<Thread> {
    codex.codex.kept_thread(&id).map(Thread::new)
}

/// The turn of this client that runs in a thread.
#[napi(skip_typescript)]
pub(crate) fn current_turn(thread: &Thread) -> Option<Turn> {
    thread.thread.current_turn().map(Turn::new)
}

/// The id of the turn that runs in a thread as far as is known, whoever began it.
#[napi(skip_typescript)]
pub(crate) fn active_turn(thread: &Thread) -> Option<String> {
    thread.thread.active_turn()
}

/// The turns of a client that run.
#[napi(skip_typescript)]
pub(crate) fn running_turns(codex: &Codex) -> Vec<Turn> {
    codex.codex.turns().into_iter().map(Turn::new).collect()
}

/// What tells a turn of a client from all others while anybody holds it.
#[napi(skip_typescript)]
pub(crate) fn turn_key(turn: &Turn) -> f64 {
    turn.turn.key() as f64
}
