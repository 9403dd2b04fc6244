//! A turn's result, gathered from its notifications. Who waits for it is not known here.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure::failure;
use super::raw_text::string;
#[cfg(test)]
use crate::TurnFailure;
use crate::result::{Slice, TurnResult};
use crate::rpc::Notification;
use crate::turn_status::TurnStatus;
use crate::{Error, Secrets};

/// Gathers a turn's result from its notifications; `turn/completed` itself holds only a summary.
#[derive(Debug, Default)]
pub(super) struct Collector {
    items: Vec<Slice>,
    /// How many bytes the items hold.
    bytes: usize,
    /// The last agent message of phase `final_answer`, and the last without a phase.
    final_answer: Option<Slice>,
    last_message: Option<Slice>,
    /// The plan that was completed last.
    plan: Option<Slice>,
    usage: Option<Slice>,
    /// The changes of file-change items that are not complete: their approval requests do not hold them.
    file_changes: HashMap<String, Slice>,
    fatal: Option<Box<RawValue>>,
    /// The items that have begun and are not complete.
    open: HashSet<Box<str>>,
    /// Those of them that may have an effect, and whether one of those that are complete had.
    acting: HashSet<Box<str>>,
    has_acted: bool,
    /// What no error may show: providers quote what they were sent.
    secrets: Secrets,
}

/// What a notification means to its turn.
#[derive(Debug, Default)]
pub(super) struct TurnUpdate {
    /// The whole message, where it was kept.
    pub(super) line: Option<Arc<str>>,
    /// Text of an agent message that is complete now.
    pub(super) message: Option<String>,
    pub(super) started: bool,
    /// An error that will not be retried: the turn is about to end.
    pub(super) fatal: bool,
    /// The turn as `turn/completed` describes it.
    pub(super) completed: Option<Completion>,
}

/// What `turn/completed` says.
#[derive(Debug)]
pub(super) enum Completion {
    /// How the turn ended.
    Told(WireTurn),
    /// That it ended, but not how.
    Unreadable,
}

#[derive(Deserialize)]
struct Message<T> {
    params: T,
}

#[derive(Deserialize)]
struct Completed<'a> {
    #[serde(borrow)]
    item: &'a RawValue,
}

#[derive(Deserialize)]
struct Started<'a> {
    #[serde(borrow)]
    item: Item<'a>,
}

#[derive(Deserialize)]
struct FileChange<'a> {
    id: String,
    #[serde(borrow)]
    changes: &'a RawValue,
}

#[derive(Deserialize)]
struct Usage<'a> {
    #[serde(borrow, rename = "tokenUsage")]
    token_usage: &'a RawValue,
}

/// Fields of any type: what is not a string has no meaning here.
#[derive(Deserialize, Default)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorParams {
    error: Box<RawValue>,
    #[serde(default)]
    will_retry: bool,
}

#[derive(Deserialize)]
struct TurnParams {
    turn: WireTurn,
}

/// The protocol's `Turn`, as far as a result needs it.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireTurn {
    pub(super) status: Option<Box<RawValue>>,
    pub(super) error: Option<Box<RawValue>>,
    started_at: Option<Box<RawValue>>,
    completed_at: Option<Box<RawValue>>,
    duration_ms: Option<Box<RawValue>>,
}

impl Collector {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { secrets, ..Self::default() }
    }

    /// Reads the few notifications that make up a result.
    pub(super) fn read(&mut self, notification: &Notification<'_>) -> TurnUpdate {
        let mut meaning = TurnUpdate::default();
        match notification.method {
            "turn/started" => meaning.started = true,
            "item/started" => {
                if let Some(item) = notification.ids.item.as_deref() {
                    self.open.insert(item.into());
                    if params::<Started<'_>>(notification.line).is_some_and(|started| started.item.may_act())
                    {
                        self.acting.insert(item.into());
                    }
                }
                if !notification.line.contains("\"fileChange\"") {
                    return meaning;
                }
                let line: Arc<str> = notification.line.into();
                if let Some(started) = params::<Completed<'_>>(&line)
                    && let Ok(item) = serde_json::from_str::<FileChange<'_>>(started.item.get())
                    && let Some(changes) = Slice::new(&line, item.changes.get())
                {
                    self.file_changes.insert(item.id, changes);
                }
                meaning.line = Some(line);
            }
            "item/completed" => {
                if let Some(item) = notification.ids.item.as_deref() {
                    self.file_changes.remove(item);
                    self.open.remove(item);
                    self.acting.remove(item);
                }
                let line: Arc<str> = notification.line.into();
                if let Some(completed) = params::<Completed<'_>>(&line) {
                    meaning.message = self.item(&line, completed.item);
                }
                meaning.line = Some(line);
            }
            "thread/tokenUsage/updated" => {
                let line: Arc<str> = notification.line.into();
                if let Some(usage) = params::<Usage<'_>>(&line) {
                    self.usage = Slice::new(&line, usage.token_usage.get());
                }
                meaning.line = Some(line);
            }
            "error" => {
                if let Some(error) = params::<ErrorParams>(notification.line)
                    && !error.will_retry
                {
                    self.fatal = Some(error.error);
                    meaning.fatal = true;
                }
            }
            "turn/completed" => {
                let turn = params::<TurnParams>(notification.line).map(|params| params.turn);
                let told = turn.filter(WireTurn::has_ended);
                meaning.completed = Some(told.map_or(Completion::Unreadable, Completion::Told));
            }
            _ => {}
        }
        meaning
    }

    /// The changes of a file-change item that is not complete, as JSON.
    pub(super) fn file_changes(&self, item: &str) -> Option<String> {
        self.file_changes.get(item).map(|changes| changes.json().to_owned())
    }

    /// Whether a `thread/tokenUsage/updated` says what the last one did.
    pub(super) fn has_usage(&self, notification: &Notification<'_>) -> bool {
        let told = params::<Usage<'_>>(notification.line);
        told.zip(self.usage.as_ref()).is_some_and(|(told, known)| told.token_usage.get() == known.json())
    }

    /// The items that came, and whether each is complete.
    pub(super) fn known(&self) -> HashMap<String, bool> {
        let complete = self.items.iter().filter_map(|item| Some((item_id(item.json())?, true)));
        let open = self.open.iter().map(|item| (item.to_string(), false));
        open.chain(complete).collect()
    }

    /// How many bytes it holds, but for a few.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The messages that told what is known: of the items that are complete, and of the usage.
    pub(super) fn told(&self) -> impl Iterator<Item = &Arc<str>> {
        self.items.iter().chain(&self.usage).map(Slice::line)
    }

    /// Whether no item is complete.
    pub(super) fn has_no_items(&self) -> bool {
        self.items.is_empty()
    }

    fn item(&mut self, line: &Arc<str>, raw: &RawValue) -> Option<String> {
        self.items.extend(Slice::new(line, raw.get()));
        self.bytes += line.len() + size_of::<Slice>();
        let item: Item<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        self.has_acted |= item.may_act();
        let kind = item.kind.and_then(string);
        let is_plan = kind.as_deref() == Some("plan");
        if !is_plan && kind.as_deref() != Some("agentMessage") {
            return None;
        }
        let text = item.text.filter(|text| text.get().starts_with('"'))?;
        let slice = Slice::new(line, text.get());
        if is_plan {
            self.plan = slice;
            return None;
        }
        match item.phase.and_then(string).as_deref() {
            Some("final_answer") => self.final_answer = slice,
            None => self.last_message = slice,
            // Commentary, and whatever a later codex calls what is not its answer.
            Some(_) => {}
        }
        string(text).map(Cow::into_owned)
    }

    /// The result so far.
    pub(super) fn result(&self, thread_id: &str, turn_id: &str, status: TurnStatus) -> TurnResult {
        TurnResult {
            thread_id: thread_id.to_owned(),
            turn_id: turn_id.to_owned(),
            status,
            final_response: self.final_answer.clone().or_else(|| self.last_message.clone()),
            items: self.items.clone(),
            plan: self.plan.clone(),
            usage: self.usage.clone(),
            started_at: None,
            completed_at: None,
            duration_ms: None,
        }
    }

    /// The result of a turn that the server says is over; a failed one is an error.
    pub(super) fn end(&self, thread_id: &str, turn_id: &str, turn: &WireTurn) -> Result<TurnResult, Error> {
        let number = |value: &Option<Box<RawValue>>| value.as_ref().map(|value| value.get().to_owned());
        // Without a word for it nobody can call it a success.
        let status = turn.status().map_or(TurnStatus::InProgress, |word| TurnStatus::of(&word));
        let mut result = self.result(thread_id, turn_id, status);
        result.started_at = number(&turn.started_at);
        result.completed_at = number(&turn.completed_at);
        result.duration_ms = number(&turn.duration_ms);
        match result.status {
            TurnStatus::Failed => Err(self.failure(turn.error.as_deref().or(self.fatal.as_deref()), result)),
            _ => Ok(result),
        }
    }

    /// The failure of a turn that said it would not retry, and then nothing.
    pub(super) fn fatal(&self, thread_id: &str, turn_id: &str) -> Option<Error> {
        let error = self.fatal.as_deref()?;
        Some(self.failure(Some(error), self.result(thread_id, turn_id, TurnStatus::Failed)))
    }

    fn failure(&self, error: Option<&RawValue>, result: TurnResult) -> Error {
        let error = error.map(|error| self.secrets.redact_json(error.get()));
        failure(error.as_deref(), self.hidden(result), self.has_acted || !self.acting.is_empty())
    }

    /// A result as an error holds it.
    pub(super) fn hidden(&self, result: TurnResult) -> TurnResult {
        result.hiding(&self.secrets)
    }
}

impl WireTurn {
    /// A turn with a word for how it ended.
    pub(super) fn ended(turn: &RawValue) -> Option<Self> {
        serde_json::from_str::<Self>(turn.get()).ok().filter(Self::has_ended)
    }

    fn has_ended(&self) -> bool {
        self.status().is_some_and(|word| word != "inProgress")
    }

    /// The server's word for how it ended.
    fn status(&self) -> Option<Cow<'_, str>> {
        self.status.as_deref().and_then(string)
    }
}

impl Item<'_> {
    /// Whether it may have had an effect, as a command, a change or a call has. One that was declined had none; one that
    /// nobody knows may have.
    fn may_act(&self) -> bool {
        const WORDS: [&str; 12] = [
            "userMessage",
            "hookPrompt",
            "agentMessage",
            "functionCallOutput",
            "plan",
            "reasoning",
            "webSearch",
            "imageView",
            "enteredReviewMode",
            "exitedReviewMode",
            "contextCompaction",
            "sleep",
        ];
        let is_word = self.kind.and_then(string).is_some_and(|kind| WORDS.contains(&&*kind));
        !is_word && self.status.and_then(string).as_deref() != Some("declined")
    }
}

/// The text of the agent message that an event completes.
pub(super) fn completed_message(notification: &Notification<'_>) -> Option<String> {
    Collector::default().read(notification).message
}

fn item_id(item: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Identified {
        id: String,
    }
    Some(serde_json::from_str::<Identified>(item).ok()?.id)
}

fn params<'a, T: Deserialize<'a>>(line: &'a str) -> Option<T> {
    serde_json::from_str::<Message<T>>(line).ok().map(|message| message.params)
}

#[cfg(test)]
#[path = "collector_tests.rs"]
mod tests;
