//! Lines out of a stream of bytes. What a line says is not known here.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::bound::TooMuch;
use super::{Inbound, WAKE_PAUSE};

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// A buffer that one long line made larger than this is given back.
const KEEP_BYTES: usize = 1024 * 1024;

/// Reads lines until the end of the input. A line that is longer than `most` ends it with [`TooMuch`].
pub async fn read_lines(
    mut input: impl AsyncRead + Unpin,
    most: usize,
    inbound: &mut impl Inbound,
) -> std::io::Result<()> {
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * READ_BYTES);
    let mut may_wake = Instant::now();
    let mut delivered = false;
    loop {
        if delivered && Instant::now() >= may_wake {
            inbound.idle();
            delivered = false;
            may_wake = Instant::now() + WAKE_PAUSE;
        }
        buffer.reserve(READ_BYTES);
        let searched = buffer.len();
        let read = input.read_buf(&mut buffer);
        let count = match delivered {
            true => match timeout_at(may_wake, read).await {
                Ok(count) => count?,
                Err(_) => continue,
            },
            false => read.await?,
        };
        if count == 0 {
            break;
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &buffer[searched..]) {
            let line = &buffer[start..searched + end];
            if line.len() > most {
                return Err(TooMuch::InMessage(most).into());
            }
            deliver(line, inbound);
            start = searched + end + 1;
        }
        if start > 0 {
            delivered = true;
            buffer.drain(..start);
            if buffer.capacity() > KEEP_BYTES {
                buffer.shrink_to(2 * READ_BYTES);
            }
        }
        if buffer.len() > most {
            return Err(TooMuch::InMessage(most).into());
        }
    }
    deliver(&buffer, inbound);
    inbound.idle();
    Ok(())
}

fn deliver(line: &[u8], inbound: &mut impl Inbound) {
    let line = line.trim_ascii();
    if line.is_empty() {
        return;
    }
    let text = if line.starts_with(b"{") { line } else { without_colours(line) };
    match std::str::from_utf8(text) {
        Ok(text) if text.starts_with('{') => inbound.message(text),
        _ => inbound.garbage(line),
    }
}

/// A line without the escape sequences that it begins with: who coloured the line before may end that here.
fn without_colours(mut line: &[u8]) -> &[u8] {
    while let Some(rest) = after_sequence(line) {
        line = rest.trim_ascii_start();
    }
    line
}

/// What follows the escape sequence that a line begins with.
fn after_sequence(line: &[u8]) -> Option<&[u8]> {
    let sequence = line.strip_prefix(b"\x1b")?;
    let after = |last: usize| sequence.get(last + 1..);
    match sequence.first()? {
        b'[' => after(1 + sequence[1..].iter().position(|byte| (0x40..=0x7e).contains(byte))?),
        // A title, a link: to the bell, or to an escape and a backslash.
        b']' => match sequence.iter().position(|byte| matches!(byte, 0x07 | 0x1b))? {
            end if sequence[end] == 0x1b => after(end + 1),
            end => after(end),
        },
        _ => after(sequence.iter().position(|byte| !(0x20..=0x2f).contains(byte))?),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[derive(Default)]
    struct Seen {
        messages: Vec<String>,
        garbage: usize,
        wakes: usize,
    }

    impl Inbound for Seen {
        fn message(&mut self, text: &str) {
            self.messages.push(text.to_owned());
        }
        fn garbage(&mut self, _: &[u8]) {
            self.garbage += 1;
        }
        fn idle(&mut self) {
            self.wakes += 1;
        }
    }

    /// An input that gives `step` bytes a read.
    struct Slowly<'a>(&'a [u8], usize);

    impl AsyncRead for Slowly<'_> {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            into: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let count = self.1.min(self.0.len()).min(into.remaining());
            into.put_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            std::task::Poll::Ready(Ok(()))
        }
    }

    async fn read(input: &[u8], step: usize) -> Seen {
        let mut seen = Seen::default();
        read_lines(Slowly(input, step), usize::MAX, &mut seen).await.unwrap();
        seen
    }

    #[tokio::test]
    async fn f2_characters_split_between_reads_stay_whole() {
        let text = "{\"a\":\"€ 😀\"}";
        let seen = read(format!("{text}\r\n{text}\n").as_bytes(), 1).await;
        assert_eq!(seen.messages, [text, text]);
    }

    #[tokio::test]
    async fn f3_garbage_is_skipped() {
        let seen = read(b"Welcome!\n\x1b[1m\xff\xfe\n\n{\"a\":1}\n[1]\n", 3).await;
        assert_eq!((seen.messages.as_slice(), seen.garbage), (["{\"a\":1}".to_owned()].as_slice(), 3));
    }

    #[tokio::test]
    async fn f3_colours_before_a_message_are_skipped() {
        let input =
            b"\x1b[32mready\n\x1b[0m\x1b[2K {\"a\":1}\n\x1b]0;title\x07\x1b]8;;\x1b\\\x1b(B{\"b\":2}\n\
                      \x1b\n\x1b[\n\x1b]0;\n\x1b[1m[2]\n";
        let seen = read(input, 3).await;
        assert_eq!((seen.messages, seen.garbage), (vec!["{\"a\":1}".to_owned(), "{\"b\":2}".to_owned()], 5));
    }

    #[tokio::test]
    async fn f8_a_last_line_without_its_end_counts() {
        assert_eq!(read(b"{\"a\":1}\n{\"b\":2}", 64).await.messages.len(), 2);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_ends_it_whether_its_end_comes_or_not() {
        for (input, step) in [("{}\n{\"a\":1}\n", 64), ("{}\n{\"a\":1}\n", 1), ("{}\n{\"a\":1", 1)] {
            let mut seen = Seen::default();
            let error = read_lines(Slowly(input.as_bytes(), step), 5, &mut seen).await.unwrap_err();
            assert_eq!(TooMuch::of(&error), Some(TooMuch::InMessage(5)), "{input} {step}");
            assert_eq!(seen.messages, ["{}"], "what came before it counts");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_wakes_nobody_for_each_of_its_messages() {
        let line = "{\"a\":1}\n";
        let seen = read(line.repeat(1000).as_bytes(), line.len()).await;
        assert_eq!((seen.messages.len(), seen.wakes), (1000, 2), "at the first, and at the end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_soon_after_another_wakes_as_well() {
        let (mut server, input) = tokio::io::duplex(64);
        let mut seen = Seen::default();
        let writing = async {
            for _ in 0..2 {
                server.write_all(b"{}\n").await.unwrap();
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(2 * WAKE_PAUSE).await;
        };
        tokio::select! {
            // The message is there before the reader looks, and each before the next.
            biased;
            () = writing => {}
            ended = read_lines(input, usize::MAX, &mut seen) => panic!("{ended:?}"),
        }
        assert_eq!((seen.messages.len(), seen.wakes), (2, 2));
    }
}
