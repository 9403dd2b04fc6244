//! What the commands write that run on one connection.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use tokio::sync::watch;

use crate::memory::Share;
use crate::source::{Next, Source, Waker, Wakers};
use crate::{Error, Memory, lock};

/// Output of one stream that came bit by bit is joined up to this size while nobody has read it.
const LARGEST_CHUNK: usize = 64 * 1024;
/// What a reader takes at once.
const BATCH_BYTES: usize = 1024 * 1024;

/// Knows the commands that run on one connection.
#[derive(Default)]
pub struct Commands {
    outputs: Mutex<HashMap<String, Weak<Output>>>,
    named: AtomicU64,
}

/// What a command writes, until it is read, and how it ends.
pub struct Output {
    inner: Mutex<Unread>,
    end: watch::Sender<Option<Result<i64, Error>>>,
}

struct Unread {
    chunks: VecDeque<Chunk>,
    /// How many bytes they are.
    bytes: usize,
    share: Share,
    wakers: Wakers,
    /// Nobody can read any more.
    discarded: bool,
}

/// Output of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// `stdout` or `stderr`.
    pub stream: String,
    /// The bytes.
    pub data: Vec<u8>,
    /// Whether the cap was reached and what follows is lost.
    pub cap_reached: bool,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: Delta<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow)]
    process_id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    stream: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    delta_base64: std::borrow::Cow<'a, str>,
    #[serde(default)]
    cap_reached: bool,
}

impl Commands {
    /// A name for a command that no other on this connection has, and where its output goes, which is counted in
    /// `memory` until it is read.
    pub fn open(&self, memory: &Memory) -> (String, Arc<Output>) {
        let id = format!("codex-node-{}", self.named.fetch_add(1, Ordering::Relaxed) + 1);
        let output = Arc::new(Output {
            inner: Mutex::new(Unread {
                chunks: VecDeque::new(),
                bytes: 0,
                share: memory.share(),
                wakers: Wakers::default(),
                discarded: false,
            }),
            end: watch::Sender::new(None),
        });
        let mut outputs = lock(&self.outputs);
        outputs.retain(|_, output| output.strong_count() > 0);
        outputs.insert(id.clone(), Arc::downgrade(&output));
        (id, output)
    }

    /// Takes a `command/exec/outputDelta`; false if it is of no command that is known here.
    pub fn take(&self, line: &str) -> bool {
        let Ok(message) = serde_json::from_str::<Message<'_>>(line) else { return false };
        let Delta { process_id, stream, delta_base64, cap_reached } = message.params;
        let Some(output) = lock(&self.outputs).get(&*process_id).and_then(Weak::upgrade) else {
            return false;
        };
        let Ok(data) = BASE64_STANDARD.decode(&*delta_base64) else { return false };
        output.push(&stream, data, cap_reached);
        true
    }
}

impl Unread {
    fn holds(&mut self, bytes: usize) {
        self.bytes = bytes;
        self.share.set(bytes);
    }
}

impl Output {
    /// Waits for the end; its exit code.
    pub async fn ended(&self) -> Result<i64, Error> {
        let mut end = self.end.subscribe();
        let end = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        end.unwrap_or_else(|| Err(Error::Closed("the command was dropped".to_owned())))
    }

    /// How the command ended, if it has.
    pub fn end(&self) -> Option<Result<i64, Error>> {
        self.end.borrow().clone()
    }

    /// The command has ended; the first end counts.
    pub fn finish(&self, outcome: Result<i64, Error>) {
        let inner = lock(&self.inner);
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(outcome);
            }
            first
        });
        Self::wake(inner);
    }

    /// Nobody reads the output any more: what is there and what comes is let go.
    pub fn discard(&self) {
        let mut inner = lock(&self.inner);
        inner.discarded = true;
        inner.chunks.clear();
        inner.holds(0);
    }

    fn push(&self, stream: &str, data: Vec<u8>, cap_reached: bool) {
        let mut inner = lock(&self.inner);
        if inner.discarded || self.end.borrow().is_some() {
            return;
        }
        let bytes = inner.bytes + data.len();
        inner.holds(bytes);
        match inner.chunks.back_mut() {
            Some(last) if last.stream == stream && last.data.len() + data.len() <= LARGEST_CHUNK => {
                last.data.extend(data);
                last.cap_reached |= cap_reached;
            }
            _ => inner.chunks.push_back(Chunk { stream: stream.to_owned(), data, cap_reached }),
        }
        Self::wake(inner);
    }

    /// Wakes who waits, to look again: one of those who read has left.
    pub fn left(&self) {
        Self::wake(lock(&self.inner));
    }

    fn wake(mut inner: std::sync::MutexGuard<'_, Unread>) {
        let wakers = inner.wakers.take();
        drop(inner);
        wakers.wake();
    }
}

impl Source for Output {
    type Batch = Vec<Chunk>;
    type Error = Error;

    fn poll(&self, waker: Option<Waker>) -> Next<Self::Batch> {
        let mut inner = lock(&self.inner);
        let mut chunks = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some(chunk) = inner.chunks.pop_front()
        {
            bytes += chunk.data.len();
            chunks.push(chunk);
        }
        if !chunks.is_empty() {
            let left = inner.bytes - bytes;
            inner.holds(left);
            return Next::Batch(chunks);
        }
        match &*self.end.borrow() {
            Some(Ok(_)) => Next::End,
            Some(Err(error)) => Next::Failed(error.clone()),
            None => inner.wakers.pending(waker),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(id: &str, stream: &str, text: &[u8]) -> String {
        serde_json::json!({ "method": "command/exec/outputDelta", "params": {
            "processId": id, "stream": stream, "deltaBase64": BASE64_STANDARD.encode(text), "capReached": false,
        }})
        .to_string()
    }

    fn read(output: &Output) -> Vec<(String, Vec<u8>)> {
        match output.poll(None) {
            Next::Batch(chunks) => chunks.into_iter().map(|chunk| (chunk.stream, chunk.data)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn output_goes_to_its_command_in_order_and_is_joined_while_nobody_reads() {
        let commands = Commands::default();
        let (first, output) = commands.open(&Memory::default());
        let (second, other) = commands.open(&Memory::default());
        assert_ne!(first, second);
        assert!(commands.take(&delta(&first, "stdout", b"\xff\x00")));
        assert!(commands.take(&delta(&second, "stdout", b"other")));
        assert!(commands.take(&delta(&first, "stdout", b"a")));
        assert!(commands.take(&delta(&first, "stderr", b"b")));
        assert!(commands.take(&delta(&first, "stdout", b"c")));
        let chunk = |stream: &str, data: &[u8]| (stream.to_owned(), data.to_vec());
        assert_eq!(
            read(&output),
            [chunk("stdout", b"\xff\x00a"), chunk("stderr", b"b"), chunk("stdout", b"c")]
        );
        assert_eq!(read(&other), [chunk("stdout", b"other")]);
        assert!(!commands.take(&delta("somebody's", "stdout", b"x")));
    }

    #[test]
    fn the_end_comes_after_what_was_written() {
        let commands = Commands::default();
        let (id, output) = commands.open(&Memory::default());
        commands.take(&delta(&id, "stdout", b"last"));
        output.finish(Ok(3));
        assert_eq!(read(&output).len(), 1);
        assert!(matches!(output.poll(None), Next::End));
        assert_eq!(output.end().unwrap().unwrap(), 3);
    }

    #[test]
    fn output_that_nobody_can_read_is_not_kept() {
        let commands = Commands::default();
        let (id, output) = commands.open(&Memory::default());
        output.discard();
        assert!(commands.take(&delta(&id, "stdout", b"x")));
        assert!(matches!(output.poll(None), Next::Pending));
        drop(output);
        assert!(!commands.take(&delta(&id, "stdout", b"x")));
    }
}
