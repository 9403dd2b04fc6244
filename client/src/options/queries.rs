//! Queries: which threads, turns, items and models are listed, and which turns go.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::apply;

use super::thread::wire_enum;
use super::wire_fields::THREAD_LIST;
use super::{HandedOn, Maybe, present};
use crate::Error;

/// Which stored threads are listed.
#[apply(Maybe => #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")])]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "ListThreadsSettings"))]
pub struct ThreadQuery {
    /// Whether the archived threads are listed instead of the others.
    ///
    /// @default false
    pub archived: Maybe<bool>,
    /// Where to go on: `nextCursor` of the page before.
    pub cursor: Maybe<String>,
    /// Only threads of this folder, or of one of these. The path must be the one that the thread was started with.
    #[cfg_attr(test, ts(optional, type = "string | string[] | null"))]
    pub cwd: Maybe<Folders>,
    /// How many threads a page holds.
    ///
    /// @default codex's own
    pub limit: Maybe<u32>,
    /// Only threads of these providers; an empty list is all.
    pub model_providers: Maybe<Vec<String>>,
    /// What the threads are sorted by.
    ///
    /// @default 'created_at'
    #[cfg_attr(test, ts(optional, type = "Protocol.ThreadSortKey | null"))]
    pub sort_key: Maybe<ThreadSortKey>,
    /// In which direction.
    ///
    /// @default 'desc': the newest first
    #[cfg_attr(test, ts(optional, type = "Protocol.SortDirection | null"))]
    pub sort_direction: Maybe<SortDirection>,
    /// Only threads that such a program began.
    ///
    /// @default the interactive ones, this package's among them
    #[cfg_attr(test, ts(optional, type = "Protocol.ThreadSourceKind[] | null"))]
    pub source_kinds: Maybe<Vec<ThreadSourceKind>>,
    /// Only threads whose title holds this text.
    pub search_term: Maybe<String>,
    /// What else the protocol has for `thread/list`.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    pub handed_on: HandedOn,
}

super::hands_on!(ThreadQuery, &[THREAD_LIST], &[]);

/// Which turns of a thread are listed.
#[apply(Maybe => #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")])]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct TurnQuery {
    /// Where to begin: a cursor of an answer to `thread/turns/list`.
    pub cursor: Maybe<String>,
    /// How much of their items the turns hold.
    ///
    /// @default 'summary'
    #[cfg_attr(test, ts(optional, type = "Protocol.TurnItemsView | null"))]
    pub items_view: Maybe<TurnItemsView>,
    /// How many turns are fetched at once.
    ///
    /// @default codex's own
    pub limit: Maybe<u32>,
    /// In which direction.
    ///
    /// @default 'desc': the newest first
    #[cfg_attr(test, ts(optional, type = "Protocol.SortDirection | null"))]
    pub sort_direction: Maybe<SortDirection>,
}

/// Which items of a thread are listed.
#[apply(Maybe => #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")])]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ItemQuery {
    /// Where to begin: a cursor of an answer to `thread/items/list`.
    pub cursor: Maybe<String>,
    /// How many items are fetched at once.
    ///
    /// @default codex's own
    pub limit: Maybe<u32>,
    /// In which direction.
    ///
    /// @default 'asc': the oldest first
    #[cfg_attr(test, ts(optional, type = "Protocol.SortDirection | null"))]
    pub sort_direction: Maybe<SortDirection>,
    /// Only items of this turn.
    pub turn_id: Maybe<String>,
}

/// Which models are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ModelQuery {
    /// Whether models are listed too that are not offered to users.
    ///
    /// @default false
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub include_hidden: Maybe<bool>,
}

/// One folder, or several.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "a path is a string; give one or an array of them")]
pub enum Folders {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

wire_enum! {
    /// What threads are sorted by.
    ThreadSortKey, "snake_case" {
        /// When they were begun.
        CreatedAt,
        /// When they were last written to.
        UpdatedAt,
        /// When something of note last happened in them.
        RecencyAt,
        /// The place that the user gave them.
        SectionPosition,
    }
}

wire_enum! {
    /// In which direction a list goes.
    SortDirection, "lowercase" {
        /// Upwards.
        Asc,
        /// Downwards.
        Desc,
    }
}

wire_enum! {
    /// How much of its items a turn holds.
    TurnItemsView, "camelCase" {
        /// Nothing.
        NotLoaded,
        /// What was asked and answered.
        Summary,
        /// Everything.
        Full,
    }
}

wire_enum! {
    /// What kind of program began a thread.
    ThreadSourceKind, "camelCase" {
        /// The terminal program.
        Cli,
        /// A client of app-server that names no other source: this package, editors.
        Vscode,
        /// `codex exec`.
        Exec,
        /// A client of app-server.
        AppServer,
        /// Any sub-agent.
        SubAgent,
        /// The reviewer.
        SubAgentReview,
        /// The one that compacts.
        SubAgentCompact,
        /// An agent that an agent spawned.
        SubAgentThreadSpawn,
        /// Another sub-agent.
        SubAgentOther,
        /// It is not known.
        Unknown,
    }
}

impl ThreadQuery {
    /// The parameters of `thread/list`.
    pub(crate) fn wire(&self) -> Result<Map<String, Value>, Error> {
        check_limit(&self.limit)?;
        let mut wire = object(Self::serialize(self, serde_json::value::Serializer))?;
        self.handed_on.put(&mut wire, THREAD_LIST);
        Ok(wire)
    }
}

impl TurnQuery {
    /// The parameters of `thread/turns/list` beside the thread.
    pub(crate) fn wire(&self) -> Result<Map<String, Value>, Error> {
        check_limit(&self.limit)?;
        fields(self)
    }
}

impl ItemQuery {
    /// The parameters of `thread/items/list` beside the thread.
    pub(crate) fn wire(&self) -> Result<Map<String, Value>, Error> {
        check_limit(&self.limit)?;
        if self.turn_id.as_ref().and_then(Option::as_ref).is_some_and(|turn| turn.trim().is_empty()) {
            return Err(Error::InvalidArgument(
                "options.turnId: must not be empty; leave it out instead".into(),
            ));
        }
        fields(self)
    }
}

fn check_limit(limit: &Maybe<u32>) -> Result<(), Error> {
    match limit {
        Some(Some(0)) => Err(Error::InvalidArgument("options.limit: must be at least 1".to_owned())),
        _ => Ok(()),
    }
}

/// Options whose fields are those of the wire.
pub(crate) fn fields<T: Serialize>(options: &T) -> Result<Map<String, Value>, Error> {
    object(serde_json::to_value(options))
}

fn object(options: Result<Value, serde_json::Error>) -> Result<Map<String, Value>, Error> {
    match options {
        Ok(Value::Object(fields)) => Ok(fields),
        other => Err(Error::InvalidArgument(format!("options: can't be sent: {other:?}"))),
    }
}
