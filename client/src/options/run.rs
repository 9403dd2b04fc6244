use serde_json::{Map, Value};

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

impl RunSettings {
    /// Reads them from JSON text; `beside` are the names of options that are no data.
    pub fn parse(json: Option<&str>, what: &str, beside: &[&str]) -> Result<Self, Error> {
        let all: Map<String, Value> = parse(json, what)?;
        let (turn, thread): (Map<_, _>, Map<_, _>) =
            all.into_iter().partition(|(name, _)| OF_TURN.contains(&name.as_str()));
        let text = |part: Map<String, Value>| Value::Object(part).to_string();
        let beside = [OF_TURN, beside].concat();
        Ok(Self {
            thread: parse_beside(Some(&text(thread)), what, &beside)?,
            turn: parse(Some(&text(turn)), what)?,
        })
    }
}
