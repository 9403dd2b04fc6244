//! Messages that are kept until it is known whose they are, within a bound.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;
use crate::rpc::with_notification;

/// The most that is kept for one turn, in bytes.
pub(super) const MOST_KEPT: usize = 64 * 1024 * 1024;
/// What a message costs beside its text.
const BESIDE: usize = 32;

/// What was kept.
pub(super) enum Kept {
    Line(Box<str>),
    /// The line was lost here: what was told between is not known.
    Gap,
}

/// What came for a turn that can't take it yet, in its order.
#[derive(Default)]
pub(super) struct Backlog {
    lines: Vec<Kept>,
    bytes: usize,
    overflowed: bool,
    /// How many were let go.
    lost: u64,
}

impl Backlog {
    /// Keeps a message. Beyond the bound all are let go: a turn with a gap is worth nothing.
    pub(super) fn push(&mut self, line: &str) {
        if self.overflowed {
            self.lost += 1;
            return;
        }
        self.bytes += line.len() + BESIDE;
        if self.bytes > MOST_KEPT {
            self.overflowed = true;
            self.lost = self.lines.len() as u64 + 1;
            self.lines = Vec::new();
        } else {
            self.lines.push(Kept::Line(line.into()));
        }
    }

    /// Events are missed from here.
    pub(super) fn gap(&mut self) {
        if matches!(self.lines.last(), Some(Kept::Line(_))) {
            self.lines.push(Kept::Gap);
        }
    }

    /// The server has told what it has of the turn after the last gap: what is here from before that is older. Of an item that
    /// it does not have though it has a later one nothing is left: its model began anew.
    pub(super) fn caught_up(&mut self, stored: &RawValue) {
        let Some(gap) = self.lines.iter().rposition(|kept| matches!(kept, Kept::Gap)) else { return };
        let Ok(turn) = serde_json::from_str::<Stored>(stored.get()) else { return };
        let known: HashSet<_> = turn.items.into_iter().map(|item| item.id).collect();
        let items: Vec<_> = self.lines.iter().take(gap).map(item_of).collect();
        let mut seen = HashSet::new();
        let order: Vec<_> = items.iter().flatten().filter(|item| seen.insert(*item)).collect();
        let Some(last) = order.iter().rposition(|item| known.contains(*item)) else { return };
        let gone: HashSet<_> = order.into_iter().take(last).filter(|item| !known.contains(*item)).collect();
        let mut items = items.iter();
        self.lines.retain(|_| items.next().and_then(Option::as_ref).is_none_or(|item| !gone.contains(item)));
    }

    /// How many were more than can be kept.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// What was kept, or that it was more than can be: why the turn is lost.
    pub(super) fn take(self, turn: &str) -> Result<Vec<Kept>, Error> {
        if !self.overflowed {
            return Ok(self.lines);
        }
        Err(Error::TurnLost {
            message: format!(
                "more than {} MiB of events came for turn {turn} before it could take them; it goes on at the server",
                MOST_KEPT / (1024 * 1024)
            ),
            result: None,
        })
    }
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
}

/// The item that a notification is about.
fn item_of(kept: &Kept) -> Option<String> {
    let Kept::Line(line) = kept else { return None };
    let mut item = None;
    with_notification(line, |notification| item = notification.ids.item.as_deref().map(str::to_owned));
    item
}
