//! Messages as lines, over pipes or whatever takes their place.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::Inbound;
use super::bound::{Answered, Bounded};
use super::lines::read_lines;

/// How long closing may take.
const CLOSE_GRACE: Duration = Duration::from_millis(500);

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
pub async fn run_lines(
    stdin: impl AsyncWrite + Send + Unpin + 'static,
    stdout: impl AsyncRead + Send + Unpin,
    outgoing: UnboundedReceiver<String>,
    ending: CancellationToken,
    bounds: Bounds,
    mut inbound: impl Inbound,
) -> std::io::Result<()> {
    let _writer =
        AbortOnDropHandle::new(tokio::spawn(write_lines(stdin, outgoing, ending).in_current_span()));
    let stdout = Bounded::new(stdout, bounds.answered);
    let read = read_lines(stdout, bounds.most_message_bytes, &mut inbound).await;
    read.inspect_err(|error| tracing::warn!(%error, "reading from codex failed"))
}

/// The same over bytes that somebody else carries. Once `ending` has closed what is written, that is the end: the other
/// side may leave what is read open for ever.
pub async fn run_carried_lines(
    writer: impl AsyncWrite + Send + Unpin + 'static,
    reader: impl AsyncRead + Send + Unpin,
    outgoing: UnboundedReceiver<String>,
    ending: CancellationToken,
    bounds: Bounds,
    mut inbound: impl Inbound,
) -> std::io::Result<()> {
    let reader = Bounded::new(reader, bounds.answered);
    // What is written is closed with the line, also where that is given up.
    let mut writer =
        AbortOnDropHandle::new(tokio::spawn(write_lines(writer, outgoing, ending).in_current_span()));
    let read = tokio::select! {
        read = read_lines(reader, bounds.most_message_bytes, &mut inbound) => read,
        _ = &mut writer => return Ok(()),
    };
    read.inspect_err(|error| tracing::warn!(%error, "reading from options.transport failed"))
}

/// Writes each message as a line.
async fn write_lines(
    stdin: impl AsyncWrite + Send + Unpin,
    mut outgoing: UnboundedReceiver<String>,
    ending: CancellationToken,
) {
    let mut stdin = BufWriter::new(stdin);
    let mut batch = Vec::new();
    loop {
        let count = tokio::select! {
            biased;
            count = outgoing.recv_many(&mut batch, 64) => count,
            () = ending.cancelled() => 0,
        };
        if count == 0 {
            break;
        }
        let written = tokio::select! {
            written = write_batch(&mut stdin, &mut batch) => written,
            // A child that has stopped reading must not keep its stdin open for ever.
            () = ending.cancelled() => break,
        };
        if let Err(error) = written {
            // The child has gone or closed its stdin: its exit tells the reason.
            tracing::debug!(%error, "writing to codex failed");
            break;
        }
    }
    // What is no pipe is not closed by being dropped.
    let _ = tokio::time::timeout(CLOSE_GRACE, stdin.shutdown()).await;
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
