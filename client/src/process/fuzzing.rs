//! A target of fuzzing: what is kept and logged of stderr shows no secret, wherever it is cut.

use super::stderr::StderrTail;
use crate::Secrets;

/// Long enough that a part of it is not in a text by chance.
const SECRET: &str = "k33p-this+to=yourself&now";

/// What codex writes: `S` is the secret, `C` one of which the rest is read later, `L` and a byte much of something else, and
/// `F` the end of what is read at once.
pub(crate) fn stderr(data: &[u8]) {
    // An `L` is much.
    let data = &data[..data.len().min(512)];
    let tail = StderrTail::new(Secrets::new([SECRET.to_owned()]));
    let (mut logged, mut chunk) = (String::new(), Vec::new());
    for (at, byte) in data.iter().enumerate() {
        match byte {
            b'S' => chunk.extend_from_slice(SECRET.as_bytes()),
            b'C' => {
                let (first, second) = SECRET.split_at(at % SECRET.len());
                chunk.extend_from_slice(first.as_bytes());
                logged += &tail.take(&std::mem::take(&mut chunk));
                chunk.extend_from_slice(second.as_bytes());
            }
            b'L' => {
                let count = usize::from(data.get(at + 1).copied().unwrap_or_default()) * 100;
                chunk.extend(std::iter::repeat_n(b'X', count));
            }
            b'F' => logged += &tail.take(&std::mem::take(&mut chunk)),
            other if SECRET.as_bytes().contains(other) => {}
            other => chunk.push(*other),
        }
    }
    logged += &tail.take(&chunk);
    let text = tail.text();
    for shown in [&logged, &text] {
        for start in 0..=SECRET.len() - 8 {
            let part = &SECRET[start..start + 8];
            assert!(!shown.contains(part), "{part:?} in {shown:?}");
        }
    }
}
