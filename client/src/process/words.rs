//! What codex wrote to stderr, in words for a person.

/// What codex writes at each start that is no reason for anything.
const HARMLESS: &[&str] = &[
    "WARNING: proceeding, even though we could not create PATH aliases",
    "Reading prompt from stdin...",
    "could not find system bubblewrap",
];

/// A text without the colours of a terminal, and without lines that are no reason for anything.
pub(crate) fn readable(stderr: &str) -> String {
    let plain = without_colours(stderr);
    let lines = plain.lines().map(str::trim_end);
    let telling = lines.filter(|line| !HARMLESS.iter().any(|harmless| line.contains(harmless)));
    telling.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// A text without escape sequences.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        // `ESC [ parameters letter`; of any other, the sign alone.
        rest = match escaped.strip_prefix('[') {
            Some(sequence) => {
                let end = sequence.find(|char: char| ('\u{40}'..='\u{7e}').contains(&char));
                end.and_then(|end| sequence.get(end + 1..)).unwrap_or_default()
            }
            None => escaped,
        };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn colours_and_what_is_harmless_are_left_out() {
        let stderr = "WARNING: proceeding, even though we could not create PATH aliases: x\n\
                      \u{1b}[2m2026\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m codex: no \u{1b}[1;32mhome\u{1b}[m  \n";
        assert_eq!(readable(stderr), "2026 ERROR codex: no home");
        assert_eq!(readable("Reading prompt from stdin...\n"), "");
        assert_eq!(readable("half \u{1b}[3"), "half");
    }
}
