//! Parts of a text, by where they stand in it.

use std::ops::Range;

/// Where a part that was borrowed from a text stands in it. None for what was borrowed from another.
pub fn range_of(text: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let range = start..start + part.len();
    text.get(range.clone()).map(|_| range)
}

#[cfg(test)]
mod tests {
    use super::range_of;

    #[test]
    fn a_part_of_another_text_stands_nowhere() {
        let text = "one two";
        assert_eq!(range_of(text, &text[4..]), Some(4..7));
        assert_eq!(range_of(text, text), Some(0..7));
        assert_eq!(range_of(&text[..3], &text[4..]), None);
        assert_eq!(range_of(&text[4..], &text[..3]), None);
    }
}
