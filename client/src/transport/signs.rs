//! Whether the other side is still there, told from its bytes alone: beside reading and writing, behind neither.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Who looks at the clock so much later than asked was not running: that says nothing of the other side.
const OVERSLEPT: Duration = Duration::from_millis(500);
/// In place of a moment: nothing is stuck.
const NEVER: u64 = u64::MAX;

/// When the other side showed last that it lives, in microseconds since the line began.
#[derive(Debug)]
pub struct Signs {
    began: Instant,
    heard: AtomicU64,
    /// Since when it has taken nothing of what is to be written.
    stuck: AtomicU64,
}

impl Signs {
    /// Of a server that has given none yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), heard: AtomicU64::new(0), stuck: AtomicU64::new(NEVER) })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(NEVER - 1)
    }

    fn hear(&self) {
        self.heard.store(self.now(), Ordering::Relaxed);
    }

    fn last_heard(&self) -> Instant {
        self.began + Duration::from_micros(self.heard.load(Ordering::Relaxed))
    }

    fn stuck_since(&self) -> Option<Instant> {
        match self.stuck.load(Ordering::Relaxed) {
            NEVER => None,
            since => Some(self.began + Duration::from_micros(since)),
        }
    }

    /// Waits until the other side is gone, and says how that shows. When it was silent for `keep_alive` it is asked
    /// for a sign of life by `ask`; when it gives none, or takes nothing of what is written for twice as long, it is.
    pub(super) async fn until_gone(&self, keep_alive: Duration, ask: &Notify) -> String {
        let mut asked: Option<Instant> = None;
        loop {
            let heard = self.last_heard();
            // A sign that came after it was asked for is the answer.
            let open = asked.filter(|asked| heard < *asked);
            let stuck = self.stuck_since().map(|since| since + 2 * keep_alive);
            let silent = open.unwrap_or(heard) + keep_alive;
            let next = stuck.map_or(silent, |stuck| stuck.min(silent));
            let now = Instant::now();
            if now < next {
                sleep_until(next).await;
                if next.elapsed() > OVERSLEPT {
                    asked = None;
                    if self.stuck_since().is_some() {
                        self.stuck.store(self.now(), Ordering::Relaxed);
                    }
                    // What came meanwhile is read before the next look.
                    tokio::task::yield_now().await;
                }
                continue;
            }
            if stuck.is_some_and(|stuck| stuck <= now) {
                return format!("the server took nothing for {} ms", (2 * keep_alive).as_millis());
            }
            if open.is_some() {
                return format!("the server gave no sign of life for {} ms", heard.elapsed().as_millis());
            }
            asked = Some(now);
            ask.notify_one();
        }
    }
}

/// Bytes both ways that leave signs.
pub struct Watched<S> {
    inner: S,
    signs: Arc<Signs>,
    /// Whether the last write found no room: that there is some again is a sign then.
    blocked: bool,
}

impl<S> Watched<S> {
    /// These bytes, which leave `signs`.
    pub fn new(inner: S, signs: Arc<Signs>) -> Self {
        Self { inner, signs, blocked: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, into);
        if into.filled().len() > before {
            self.signs.hear();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        match &written {
            Poll::Pending if !self.blocked => {
                self.blocked = true;
                self.signs.stuck.store(self.signs.now(), Ordering::Relaxed);
            }
            Poll::Ready(Ok(_)) if self.blocked => {
                self.blocked = false;
                self.signs.stuck.store(NEVER, Ordering::Relaxed);
                self.signs.hear();
            }
            _ => {}
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
