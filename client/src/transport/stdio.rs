//! Messages as lines, over pipes or whatever takes their place.

use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::bound::{Answered, Bounded};
use super::lines::read_lines;
use super::{Carrying, Inbound};

/// How long closing may take.
const CLOSE_GRACE: Duration = Duration::from_millis(500);

/// What is read from.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// What is written to.
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// How much is taken.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The longest message, in bytes.
    pub most_message_bytes: usize,
    /// Until this is set, little is taken in all.
    pub answered: Answered,
}

/// Carries messages as lines, over a child's pipes or whatever takes their place, until what is read ends, and says
/// why where that was an error.
///
/// Reading and writing are two tasks: a select of both would lose what a cancelled read had taken.
/// `ending` closes what is written after what was queued before it. What is beyond `bounds` ends it with
/// [`super::TooMuch`].
pub fn run_lines(
    stdin: Writer,
    stdout: Reader,
    outgoing: UnboundedReceiver<String>,
    ending: CancellationToken,
    bounds: Bounds,
    mut inbound: Box<dyn Inbound>,
) -> Carrying<std::io::Result<()>> {
    Box::pin(async move {
        let _writer =
            AbortOnDropHandle::new(tokio::spawn(write_lines(stdin, outgoing, ending).in_current_span()));
        let stdout = Bounded::new(stdout, bounds.answered);
        let read = read_lines(stdout, bounds.most_message_bytes, &mut inbound).await;
        read.inspect_err(|error| tracing::warn!(%error, "reading from codex failed"))
    })
}

/// The same over bytes that somebody else carries. Once `ending` has closed what is written, that is the end: the other
/// side may leave what is read open for ever. Where nothing can be written any more, what had come is read first.
pub fn run_carried_lines(
    writer: Writer,
    reader: Reader,
    outgoing: UnboundedReceiver<String>,
    ending: CancellationToken,
    bounds: Bounds,
    mut inbound: Box<dyn Inbound>,
) -> Carrying<std::io::Result<()>> {
    Box::pin(async move {
        let reader = Bounded::new(reader, bounds.answered);
        // What is written is closed with the line, also where that is given up.
        let mut writer =
            AbortOnDropHandle::new(tokio::spawn(write_lines(writer, outgoing, ending).in_current_span()));
        let mut reading = pin!(read_lines(reader, bounds.most_message_bytes, &mut inbound));
        let read = tokio::select! {
            biased;
            read = &mut reading => read,
            written = &mut writer => match written {
                Ok(Err(_)) => tokio::time::timeout(CLOSE_GRACE, reading).await.unwrap_or(Ok(())),
                _ => return Ok(()),
            },
        };
        read.inspect_err(|error| tracing::warn!(%error, "reading from options.transport failed"))
    })
}

/// Writes each message as a line.
async fn write_lines(
    stdin: Writer,
    mut outgoing: UnboundedReceiver<String>,
    ending: CancellationToken,
) -> std::io::Result<()> {
    let mut stdin = BufWriter::new(stdin);
    let mut batch = Vec::new();
    let outcome = loop {
        let count = tokio::select! {
            biased;
            count = outgoing.recv_many(&mut batch, 64) => count,
            () = ending.cancelled() => 0,
        };
        if count == 0 {
            break Ok(());
        }
        let written = tokio::select! {
            written = write_batch(&mut stdin, &mut batch) => written,
            // A child that has stopped reading must not keep its stdin open for ever.
            () = ending.cancelled() => break Ok(()),
        };
        if let Err(error) = written {
            // The child has gone or closed its stdin: its exit tells the reason.
            tracing::debug!(%error, "writing to codex failed");
            break Err(error);
        }
    };
    // What is no pipe is not closed by being dropped.
    let _ = tokio::time::timeout(CLOSE_GRACE, stdin.shutdown()).await;
    outcome
}

async fn write_batch(
    stdin: &mut BufWriter<impl AsyncWrite + Unpin>,
    batch: &mut Vec<String>,
) -> std::io::Result<()> {
    for message in batch.drain(..) {
        stdin.write_all(message.as_bytes()).await?;
        stdin.write_all(b"\n").await?;
    }
    stdin.flush().await
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[derive(Default, Clone)]
    struct Count(Arc<Mutex<usize>>);

    impl Inbound for Count {
        fn message(&mut self, _: &str) {
            *crate::lock(&self.0) += 1;
        }
        fn garbage(&mut self, _: &[u8]) {}
        fn idle(&mut self) {}
    }

    #[tokio::test]
    async fn what_had_come_is_read_where_nothing_can_be_written_any_more() {
        let (writer, gone) = tokio::io::duplex(64);
        drop(gone);
        let (reader, mut theirs) = tokio::io::duplex(64);
        let (outgoing, queue) = unbounded_channel();
        outgoing.send("{}".to_owned()).unwrap();
        let bounds = Bounds { most_message_bytes: 1024, answered: Answered::default() };
        let seen = Count::default();
        let (writer, reader, inbound) = (Box::new(writer), Box::new(reader), Box::new(seen.clone()));
        let line = run_carried_lines(writer, reader, queue, CancellationToken::new(), bounds, inbound);
        // More than the line takes at once.
        let speaks = async move {
            for _ in 0..100 {
                theirs.write_all(b"{\"method\":\"x\"}\n").await.unwrap();
            }
        };
        let (read, ()) = tokio::join!(line, speaks);
        read.unwrap();
        assert_eq!(*crate::lock(&seen.0), 100);
    }
}
