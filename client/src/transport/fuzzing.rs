//! Targets of fuzzing: any bytes are cut into lines and frames as a plain parser cuts them, however they come.
#![expect(clippy::unwrap_used, reason = "what fails here is found")]

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::stream::Stream;
use super::websocket::{Writing, read};
use super::{Inbound, TooMuch, WAKE_PAUSE, read_lines};

/// What came.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    messages: Vec<String>,
    garbage: Vec<Vec<u8>>,
    /// Whether readers were woken after the last of it.
    is_idle: bool,
}

impl Inbound for Seen {
    fn message(&mut self, text: &str) {
        self.messages.push(text.to_owned());
        self.is_idle = false;
    }
    fn garbage(&mut self, bytes: &[u8]) {
        self.garbage.push(bytes.to_owned());
    }
    fn idle(&mut self) {
        self.is_idle = true;
    }
}

/// Bytes that come in pieces of some sizes, in turn, and where what is written goes.
#[derive(Default)]
struct Pieces {
    bytes: Vec<u8>,
    given: usize,
    sizes: Vec<u8>,
    reads: usize,
    pause: Option<Pin<Box<Sleep>>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let size = match self.sizes.len() {
            0 => usize::MAX,
            count => self.sizes[self.reads % count].into(),
        };
        self.reads += 1;
        if size == 0 && self.given < self.bytes.len() {
            // Nothing is there yet, for longer than readers wait to be woken.
            self.pause = Some(Box::pin(sleep(2 * WAKE_PAUSE)));
            return self.poll_read(context, into);
        }
        let end = self.bytes.len().min(self.given.saturating_add(size.min(into.remaining())));
        into.put_slice(&self.bytes[self.given..end]);
        self.given = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.lock().unwrap().extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Longer than any input: room is made for what a frame only says that it is.
const MOST: usize = 1024 * 1024;

/// How an input begins: how many sizes of pieces there are, these, and how long a message may be. Then the bytes.
fn pieces(data: &[u8]) -> Option<(Pieces, usize)> {
    let (count, rest) = data.split_first()?;
    let (sizes, rest) = rest.split_at_checked(usize::from(count % 8))?;
    let (most, bytes) = rest.split_first()?;
    let most = if most.is_multiple_of(2) { MOST } else { (*most).into() };
    let (bytes, mut sizes) = (bytes.to_owned(), sizes.to_owned());
    if sizes.iter().all(|size| *size == 0) {
        sizes.clear();
    }
    Some((Pieces { bytes, sizes, ..Pieces::default() }, most))
}

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
}

/// Lines.
pub fn framing(data: &[u8]) {
    let Some((input, most)) = pieces(data) else { return };
    let (expected, is_whole) = plain_lines(&input.bytes, most);
    let mut seen = Seen::default();
    let read = RUNTIME.with(|runtime| runtime.block_on(read_lines(input, most, &mut seen)));
    match read {
        Ok(()) => assert!(is_whole && seen.is_idle),
        Err(error) => assert!(!is_whole && TooMuch::of(&error) == Some(TooMuch::InMessage(most))),
    }
    assert_eq!((seen.messages, seen.garbage), (expected.messages, expected.garbage));
}

/// What lines say, up to one that is too long, and whether none was.
fn plain_lines(bytes: &[u8], most: usize) -> (Seen, bool) {
    let mut seen = Seen::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.len() > most {
            return (seen, false);
        }
        let line = line.trim_ascii();
        match std::str::from_utf8(uncoloured(line)) {
            _ if line.is_empty() => {}
            Ok(text) if text.starts_with('{') => seen.messages.push(text.to_owned()),
            _ => seen.garbage.push(line.to_owned()),
        }
    }
    (seen, true)
}

/// A line behind the escape sequences that it begins with.
fn uncoloured(mut line: &[u8]) -> &[u8] {
    while let [0x1b, kind, ..] = line {
        let end = match kind {
            b'[' => (2..line.len()).find(|at| (0x40..=0x7e).contains(&line[*at])),
            b']' => (2..line.len())
                .find(|at| [0x07, 0x1b].contains(&line[*at]))
                .map(|at| at + usize::from(line[at] == 0x1b)),
            _ => (1..line.len()).find(|at| !(0x20..=0x2f).contains(&line[*at])),
        };
        let Some(end) = end.filter(|end| *end < line.len()) else { break };
        line = line[end + 1..].trim_ascii_start();
    }
    line
}

/// Frames of a websocket, in both directions.
pub fn websocket(data: &[u8]) {
    let Some((input, most)) = pieces(data) else { return };
    let bytes = input.bytes.clone();
    let (open, _) = socket(input, most);
    let mut seen = Seen::default();
    let stream = open.split().1;
    RUNTIME.with(|runtime| runtime.block_on(read(stream, &mut seen)));
    assert!(seen.is_idle);
    let expected = plain_frames(&bytes, most, false);
    assert_eq!((&seen.messages, &seen.garbage), (&expected.messages, &expected.garbage));

    // What was read is sent, in fragments where it is long.
    let most = most.min(5);
    let (open, written) = socket(Pieces::default(), usize::MAX);
    let mut writing = Writing { sink: open.split().0, most, ask: Arc::default() };
    let sent = RUNTIME.with(|runtime| {
        let _entered = runtime.enter();
        writing.write(&mut seen.messages, false).now_or_never()
    });
    assert!(matches!(sent, Some(Ok(()))));
    assert_eq!(plain_frames(&written.lock().unwrap(), usize::MAX, true).messages, expected.messages);
}

fn socket(input: Pieces, most: usize) -> (WebSocketStream<Stream>, Arc<Mutex<Vec<u8>>>) {
    let written = Arc::clone(&input.written);
    let config = WebSocketConfig::default().max_message_size(Some(most)).max_frame_size(Some(most));
    let input: Stream = Box::new(input);
    let socket = WebSocketStream::from_raw_socket(input, Role::Client, Some(config));
    (RUNTIME.with(|runtime| runtime.block_on(socket)), written)
}

/// The messages in frames, up to the first that is wrong or not whole.
fn plain_frames(mut bytes: &[u8], most: usize, masked: bool) -> Seen {
    let mut seen = Seen::default();
    let mut fragments: Option<(u8, Vec<u8>)> = None;
    while let Some((frame, rest)) = plain_frame(bytes, most, masked) {
        bytes = rest;
        let (first, is_last) = match (frame.opcode, fragments.take()) {
            (8, _) => break,
            (9 | 10, open) => {
                fragments = open;
                continue;
            }
            (0, Some((kind, before))) => ((kind, [before, frame.payload].concat()), frame.is_last),
            (kind @ 1..=2, None) => ((kind, frame.payload), frame.is_last),
            _ => break,
        };
        let (kind, payload) = first;
        if payload.len() > most {
            break;
        }
        if !is_last {
            fragments = Some((kind, payload));
            continue;
        }
        if kind == 2 {
            seen.garbage.push(payload);
            continue;
        }
        let Ok(text) = String::from_utf8(payload) else { break };
        match text.trim_ascii() {
            message if message.starts_with('{') => seen.messages.push(message.to_owned()),
            other => seen.garbage.push(other.as_bytes().to_owned()),
        }
    }
    seen
}

struct PlainFrame {
    opcode: u8,
    is_last: bool,
    payload: Vec<u8>,
}

fn plain_frame(bytes: &[u8], most: usize, masked: bool) -> Option<(PlainFrame, &[u8])> {
    let [first, second, rest @ ..] = bytes else { return None };
    let (opcode, is_last) = (first & 0xf, first & 0x80 != 0);
    let is_control = opcode >= 8;
    let (length, rest): (u64, _) = match second & 0x7f {
        126 => rest.split_first_chunk().map(|(length, rest)| (u16::from_be_bytes(*length).into(), rest))?,
        127 => rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest))?,
        length => (length.into(), rest),
    };
    let length = usize::try_from(length).ok()?;
    let is_wrong = first & 0x70 != 0
        || !matches!(opcode, 0..=2 | 8..=10)
        || (second & 0x80 != 0) != masked
        || length > most
        || (is_control && (!is_last || length > 125));
    if is_wrong {
        return None;
    }
    let (mask, rest) = if masked { rest.split_first_chunk::<4>()? } else { (&[0; 4], rest) };
    let (payload, rest) = rest.split_at_checked(length)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((PlainFrame { opcode, is_last, payload }, rest))
}
