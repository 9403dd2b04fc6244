//! Options of single calls: requests, and the readers of a turn.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::apply;

use super::thread::wire_enum;
use super::wire_fields::TURN_STEER;
use super::{HandedOn, Maybe, present};
use crate::Error;
use crate::turn::ReaderKind;

/// Settings of one request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RequestSettings {
    /// Deadline in milliseconds.
    ///
    /// @default the client's `requestTimeoutMs`
    #[serde(deserialize_with = "present")]
    pub timeout_ms: Option<u64>,
}

impl RequestSettings {
    /// The deadline.
    pub fn timeout(&self) -> Result<Option<Duration>, Error> {
        match self.timeout_ms {
            Some(0) => {
                Err(Error::InvalidArgument("options.timeoutMs: must be at least 1 (milliseconds)".to_owned()))
            }
            timeout => Ok(timeout.map(Duration::from_millis)),
        }
    }
}

/// How a stored thread is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "ReadThreadOptions"))]
pub struct ReadSettings {
    /// Whether its turns come along.
    ///
    /// @default false
    #[serde(deserialize_with = "present")]
    pub include_turns: Option<bool>,
}

/// How a turn is read.
#[apply(Option => #[serde(deserialize_with = "present")])]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "StreamOptions"))]
pub struct ReaderSettings {
    /// Whether adjacent text deltas of one item may be joined while the reader is behind.
    ///
    /// @default true
    pub coalesce: Option<bool>,
    /// The number of an event, its `seq`, which is the last that is known: the reader begins after it.
    ///
    /// @default 0: with the turn's first event
    pub after: Option<u64>,
    /// Whether the turn goes on when the reader leaves before its end and nobody else follows it.
    ///
    /// @default false: the turn is interrupted
    pub leave_running: Option<bool>,
}

/// How the text of a turn is read.
#[apply(Option => #[serde(deserialize_with = "present")])]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "TextOptions"))]
pub struct TextSettings {
    /// Whether the turn goes on when the reader leaves before its end and nobody else follows it.
    ///
    /// @default false: the turn is interrupted
    pub leave_running: Option<bool>,
    /// How long it is at least from one piece to the next, in milliseconds: what comes meanwhile is in the next piece, and the
    /// last comes for certain.
    ///
    /// @default 0: each piece as it comes
    pub every_ms: Option<u32>,
    /// `final_answer`: without commentaries; `commentary`: those alone.
    ///
    /// @default all messages
    #[cfg_attr(test, ts(optional, type = "Protocol.MessagePhase"))]
    pub phase: Option<Phase>,
}

wire_enum! {
    /// What a message of the assistant is for.
    Phase, "snake_case" {
        /// Told while it works.
        Commentary,
        /// Its answer.
        FinalAnswer,
    }
}

impl TextSettings {
    /// What takes it.
    pub fn kind(&self) -> ReaderKind {
        match self.phase {
            None => ReaderKind::Text,
            Some(Phase::Commentary) => ReaderKind::Commentary,
            Some(Phase::FinalAnswer) => ReaderKind::FinalText,
        }
    }
}

/// What goes with input to a running turn.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct SteerSettings {
    /// A name of the program's own for the input: it comes back as `clientId` of the `userMessage` item.
    #[serde(deserialize_with = "present")]
    pub client_user_message_id: Maybe<String>,
    /// What else the protocol has for `turn/steer`.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    pub handed_on: HandedOn,
}

super::hands_on!(SteerSettings, &[TURN_STEER], &["threadId", "expectedTurnId", "input"]);

impl SteerSettings {
    /// Refuses what can't be meant.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let id = self.client_user_message_id.as_ref().and_then(Option::as_deref);
        super::not_empty(&[("clientUserMessageId", id)])
    }

    /// The parameters of `turn/steer` beside the turn and the input.
    pub(crate) fn wire(&self) -> Map<String, Value> {
        let mut wire = Map::new();
        super::thread::put(&mut wire, "clientUserMessageId", &self.client_user_message_id);
        self.handed_on.put(&mut wire, TURN_STEER);
        wire
    }
}

/// How a client is closed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "CloseOptions"))]
pub struct CloseSettings {
    /// How long the turns that run may take to end, in milliseconds. None begins meanwhile: calls that would begin one reject
    /// with `ClosedError`, as do turns that wait for their place. Answers to codex, `steer()` and `interrupt()` go on.
    ///
    /// @default 0
    #[serde(deserialize_with = "present")]
    pub grace_ms: Option<u64>,
    /// Whether the turns that still run after that are interrupted, so that they end with what they have, and their threads
    /// are at rest. Otherwise they reject with `ClosedError`, and are stored as interrupted.
    ///
    /// @default false
    #[serde(deserialize_with = "present")]
    pub interrupt: Option<bool>,
}

/// How a turn is interrupted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "InterruptOptions"))]
pub struct InterruptSettings {
    /// Whether commands that the agent left running in the background, of this turn or an earlier one of its
    /// thread, are ended too. Wire: `thread/backgroundTerminals/clean`.
    ///
    /// @default false
    #[serde(deserialize_with = "present")]
    pub terminate_commands: Option<bool>,
}

/// Which notifications are followed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct NotificationSettings {
    /// Wire names of those to give.
    ///
    /// @default all
    #[serde(deserialize_with = "present")]
    pub methods: Option<Vec<String>>,
    /// Whether waiting for the next keeps Node alive. In a loop in the background it should not: it never ends by
    /// itself, and the program would not either.
    ///
    /// @default true
    #[serde(deserialize_with = "present")]
    pub keep_alive: Option<bool>,
}

/// How the requests from the server are followed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ObserverSettings {
    /// Whether waiting for the next keeps Node alive. In a loop in the background it should not: it never ends by
    /// itself, and the program would not either.
    ///
    /// @default true
    #[serde(deserialize_with = "present")]
    pub keep_alive: Option<bool>,
}
