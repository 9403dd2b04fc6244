//! How much is taken of what the other side says.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is taken of whoever has not answered yet: what was started by mistake may print without end.
const MOST_BEFORE_ANSWER: usize = 1024 * 1024;

/// The longest message that is taken, where nothing else was asked for.
pub const DEFAULT_MESSAGE_BYTES: usize = 256 * 1024 * 1024;

/// The longest message that may be asked for: JavaScript has no longer text.
pub const MOST_MESSAGE_BYTES: usize = 1024 * 1024 * 1024;

/// Whether the other side of a line has answered a request, as a server does.
#[derive(Debug, Clone, Default)]
pub struct Answered(Arc<AtomicBool>);

impl Answered {
    /// It has.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why no more is read: the other side said more than is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// In one message.
    #[error("a message of codex is longer than maxMessageBytes ({0} bytes)")]
    InMessage(usize),
    /// Before it answered.
    #[error("it wrote more than {0} bytes before it answered; is it a codex app-server?")]
    BeforeAnswer(usize),
}

impl TooMuch {
    /// The bound that an error of reading is about, if it is.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<TooMuch> for io::Error {
    fn from(too_much: TooMuch) -> Self {
        Self::new(io::ErrorKind::InvalidData, too_much)
    }
}

/// What is read, as long as it is not too much before the other side has answered.
pub struct Bounded<S> {
    inner: S,
    answered: Answered,
    read: usize,
}

impl<S> Bounded<S> {
    /// The same, until what came has `answered`.
    pub fn new(inner: S, answered: Answered) -> Self {
        Self { inner, answered, read: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read > MOST_BEFORE_ANSWER && !self.answered.is_set() {
            return Poll::Ready(Err(TooMuch::BeforeAnswer(MOST_BEFORE_ANSWER).into()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, into))?;
        self.read = self.read.saturating_add(into.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(answered: Answered) -> io::Result<u64> {
        let endless = tokio::io::repeat(b'y').take(8 * MOST_BEFORE_ANSWER as u64);
        tokio::io::copy(&mut Bounded::new(endless, answered), &mut tokio::io::sink()).await
    }

    #[tokio::test]
    async fn who_has_not_answered_is_not_listened_to_for_ever() {
        let error = read(Answered::default()).await.unwrap_err();
        assert_eq!(TooMuch::of(&error), Some(TooMuch::BeforeAnswer(MOST_BEFORE_ANSWER)));
        let answered = Answered::default();
        answered.set();
        assert_eq!(read(answered).await.unwrap(), 8 * MOST_BEFORE_ANSWER as u64);
    }
}
