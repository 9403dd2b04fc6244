//! Texts and lines by the million.

use std::sync::Arc;

use memchr::memmem;

/// About so many bytes are handed on at once.
const BLOCK: usize = 256 << 10;
const NUMBER: &[u8] = b"00000000 ";

/// `pattern` repeated to at most `bytes` bytes, no character cut.
pub(crate) fn filler(pattern: &str, bytes: usize) -> String {
    if pattern.is_empty() {
        return String::new();
    }
    let mut text = pattern.repeat(bytes.div_ceil(pattern.len()));
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}

/// The text of a numbered event, to be numbered line by line.
pub(crate) fn numbered_filler(pattern: &str, bytes: usize) -> String {
    format!("00000000 {}", filler(pattern, bytes.saturating_sub(NUMBER.len())))
}

/// One line many times, made in blocks.
pub(crate) struct Lines {
    line: Vec<u8>,
    /// Where the eight digits stand, if each line has a number of its own.
    digits: Option<usize>,
    block: Arc<[u8]>,
    pub(crate) per_block: u64,
    next: u64,
}

impl Lines {
    pub(crate) fn new(line: Vec<u8>, numbered: bool, count: u64, most_per_block: u64) -> Self {
        let fitting = (BLOCK / line.len().max(1)) as u64;
        let per_block = fitting.min(count).min(most_per_block).max(1);
        let digits = if numbered { memmem::find(&line, NUMBER) } else { None };
        let block = Arc::from(line.repeat(per_block as usize));
        Self { line, digits, block, per_block, next: 0 }
    }

    /// The block of the next `count` lines, at most `per_block`, and how much of it to send.
    pub(crate) fn next(&mut self, count: u64) -> (Arc<[u8]>, usize) {
        let len = self.line.len() * count as usize;
        let Some(digits) = self.digits else { return (Arc::clone(&self.block), len) };
        let mut block = self.block[..len].to_vec();
        for line in block.chunks_exact_mut(self.line.len()) {
            let mut number = self.next;
            for digit in line[digits..digits + 8].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
            self.next += 1;
        }
        (Arc::from(block), len)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, filler, numbered_filler};

    #[test]
    fn fillers_cut_no_character() {
        assert_eq!(filler("ab", 5), "ababa");
        assert_eq!(filler("é", 5), "éé");
        assert_eq!(filler("", 5), "");
        assert_eq!(numbered_filler("x", 12), "00000000 xxx");
    }

    #[test]
    fn numbers_run_on_over_blocks() {
        let mut lines = Lines::new(b"[00000000 ]\n".to_vec(), true, 100, 2);
        assert_eq!(lines.per_block, 2);
        assert_eq!(&*lines.next(2).0, b"[00000000 ]\n[00000001 ]\n");
        assert_eq!(&*lines.next(1).0, b"[00000002 ]\n");
    }
}
