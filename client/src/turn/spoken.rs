//! What of the assistant's messages a reader of text was given: of each the prefix without a gap, known by its content.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::Xxh3;

use super::reader_kind::ReaderKind;

/// The messages that are not complete.
#[derive(Default)]
pub(super) struct Spoken {
    messages: HashMap<Box<str>, Prefix>,
    /// Those that are no answer but told while the agent works.
    commentaries: HashSet<Box<str>>,
    /// The message that spoke last, of all and of those that are an answer or a commentary alike.
    last: Option<Box<str>>,
    last_alike: [Option<Box<str>>; 2],
    /// Events were missed: a message whose beginning was not seen since may be in its middle.
    has_gap: bool,
}

/// What text is of the assistant's, for readers of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Voice {
    /// Whether it is of a commentary; else of an answer, or of what has no phase.
    commentary: bool,
    /// Whether another message came before, of any kind and of the same.
    separated: bool,
    separated_alike: bool,
}

impl Voice {
    /// What stands before the text for a reader; none where that is not given the text.
    pub(super) fn before(self, kind: ReaderKind) -> Option<&'static str> {
        let separated = match kind {
            ReaderKind::FinalText if self.commentary => return None,
            ReaderKind::Commentary if !self.commentary => return None,
            ReaderKind::FinalText | ReaderKind::Commentary => self.separated_alike,
            _ => self.separated,
        };
        Some(if separated { "\n\n" } else { "" })
    }

    /// Whether a message begins with it.
    pub(super) fn begins(self) -> bool {
        self.separated || self.separated_alike
    }
}

/// What was given of a message.
#[derive(Default)]
struct Prefix {
    bytes: usize,
    content: Box<Xxh3>,
    /// What comes next may not go on where this ends.
    is_cut: bool,
}

impl Spoken {
    /// Of messages that began before anything was kept.
    pub(super) fn in_the_middle() -> Self {
        Self { has_gap: true, ..Self::default() }
    }

    /// Events were missed.
    pub(super) fn gap(&mut self) {
        self.has_gap = true;
        for message in self.messages.values_mut() {
            message.is_cut = true;
        }
    }

    /// Other messages have spoken before: what has been said here so far, of other messages than theirs, comes after it.
    pub(super) fn goes_on_after<'v>(&mut self, before: &Self, said: impl Iterator<Item = &'v mut Voice>) {
        let [answer, comment] = &before.last_alike;
        let (mut last, mut alike) = (before.last.clone(), [answer.clone(), comment.clone()]);
        for voice in said {
            voice.separated |= last.take().is_some();
            voice.separated_alike |= alike[usize::from(voice.commentary)].take().is_some();
        }
        self.last = self.last.take().or(last);
        for (own, before) in self.last_alike.iter_mut().zip(alike) {
            *own = own.take().or(before);
        }
    }

    /// What a pause of a message is: it separates nothing.
    pub(super) fn silence(&self, item: &str) -> Voice {
        Voice { commentary: self.commentaries.contains(item), separated: false, separated_alike: false }
    }

    /// What text of a message is.
    pub(super) fn voice(&mut self, item: &str) -> Voice {
        let commentary = self.commentaries.contains(item);
        let separates = |last: &mut Option<Box<str>>| {
            let separated = last.as_deref().is_some_and(|last| last != item);
            if last.is_none() || separated {
                *last = Some(item.into());
            }
            separated
        };
        let separated = separates(&mut self.last);
        let [answer, comment] = &mut self.last_alike;
        let separated_alike = separates(if commentary { comment } else { answer });
        Voice { commentary, separated, separated_alike }
    }

    /// An item begins.
    pub(super) fn begins(&mut self, item: &str, commentary: bool) {
        if commentary {
            self.commentaries.insert(item.into());
        }
        // Without a gap its first words say as much.
        if self.has_gap && !self.messages.contains_key(item) {
            self.messages.insert(item.into(), Prefix::default());
        }
    }

    /// More of a message. False if it is not to be given: it may not go on where what was given ends, or of which message
    /// it is can't be told. It comes with the complete message then.
    pub(super) fn says(&mut self, item: Option<&str>, text: &str) -> bool {
        let Some(item) = item else { return false };
        if let Some(message) = self.messages.get_mut(item) {
            return message.takes(text);
        }
        let mut message = Prefix { is_cut: self.has_gap, ..Prefix::default() };
        let given = message.takes(text);
        self.messages.insert(item.into(), message);
        given
    }

    /// Some of a message came and can't be given.
    pub(super) fn cuts(&mut self, item: &str) {
        self.messages.entry(item.into()).or_default().is_cut = true;
    }

    /// A message is complete: what of its text is still to be given. Nothing where it contradicts what was.
    pub(super) fn completes<'t>(&mut self, item: &str, text: Option<&'t str>) -> Option<&'t str> {
        let given = self.messages.remove(item).unwrap_or_default();
        let text = text?;
        let rest = text.get(given.bytes..)?;
        // By the length alone another text would do as well.
        let is_same =
            xxhash_rust::xxh3::xxh3_128(&text.as_bytes()[..given.bytes]) == given.content.digest128();
        (is_same && !rest.is_empty()).then_some(rest)
    }
}

impl Prefix {
    fn takes(&mut self, text: &str) -> bool {
        if !self.is_cut {
            self.bytes += text.len();
            self.content.update(text.as_bytes());
        }
        !self.is_cut
    }
}
