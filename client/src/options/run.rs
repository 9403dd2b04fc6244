//! Options of one turn on a fresh thread, taken apart into those of the thread and those of the turn.

use serde_json::{Map, Value};

use super::wire_fields::{THREAD_START, TURN_START};
use super::{ThreadSettings, TurnSettings, parse, parse_beside};
use crate::Error;

/// The options that are the turn's alone; all others are the thread's, whose turns have them.
const OF_TURN: &[&str] =
    &["inactivityTimeoutMs", "summary", "sandboxPolicy", "serviceTierForTurn", "outputSchema", "source"];

/// Settings of one turn on a fresh thread: those of both in one object.
#[derive(Debug, Clone, Default)]
pub struct RunSettings {
    /// Of the thread.
    pub thread: ThreadSettings,
    /// Of its turn.
    pub turn: TurnSettings,
}

fn is_of_turn(name: &str) -> bool {
    // What either may say is said once, with the thread, which has it for its turns.
    OF_TURN.contains(&name)
        || (TURN_START.contains(&name) && !THREAD_START.contains(&name) && name != "effort")
}

impl RunSettings {
    /// Reads them from JSON text; `beside` are the names of options that are no data.
    pub fn parse(json: Option<&str>, what: &str, beside: &[&str]) -> Result<Self, Error> {
        let all: Map<String, Value> = parse(json, what)?;
        let extra = all.get("extra").cloned();
        let (mut turn, thread): (Map<_, _>, Map<_, _>) =
            all.into_iter().partition(|(name, _)| is_of_turn(name));
        // Nobody knows which of the two it is for; what a codex does not know it leaves alone.
        turn.extend(extra.map(|extra| ("extra".to_owned(), extra)));
        let text = |part: Map<String, Value>| Value::Object(part).to_string();
        let beside = [OF_TURN, beside].concat();
        Ok(Self {
            thread: parse_beside(Some(&text(thread)), what, &beside)?,
            turn: parse(Some(&text(turn)), what)?,
        })
    }
}
