//! Messages that are kept until it is known whose they are, within a bound.

use crate::Error;

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
