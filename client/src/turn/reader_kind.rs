//! What a reader takes of a turn.

/// What a reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderKind {
    /// Events; adjacent deltas of one item joined while the reader is behind.
    JoinedEvents,
    /// Every event as it came.
    EveryEvent,
    /// The assistant's text.
    Text,
    /// That of its answers: of messages that are no commentary.
    FinalText,
    /// That of its commentaries.
    Commentary,
    /// Completed items, as steps.
    Steps,
}

impl ReaderKind {
    /// Whether it takes text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::FinalText | Self::Commentary)
    }

    /// The `mode` of a continuation.
    pub(super) fn mode(self) -> &'static str {
        match self {
            Self::JoinedEvents | Self::EveryEvent => "stream",
            Self::Text | Self::FinalText | Self::Commentary => "text",
            Self::Steps => "steps",
        }
    }
}
