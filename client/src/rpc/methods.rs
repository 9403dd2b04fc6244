//! What is known of a method by its name alone.

/// Whether a method only reads, so that asking again does no harm.
pub fn only_reads(method: &str) -> bool {
    ["/list", "/read"].iter().any(|end| method.ends_with(end))
}

/// Whether a notification says a piece of a text.
pub fn is_delta(method: &str) -> bool {
    method.ends_with("/delta") || method.ends_with("Delta")
}

/// Whether asking twice comes to the same as asking once, also over the next line. What a line was told to follow no more
/// ended with it, and may be followed over the next.
pub(super) fn is_repeatable(method: &str) -> bool {
    only_reads(method) || matches!(method, "thread/resume" | "turn/interrupt")
}
