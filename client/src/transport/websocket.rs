use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::dial::Stream;
use super::{Inbound, WAKE_PAUSE};

/// So much of what came at once is delivered between two looks at the clock.
const LOOK_BYTES: usize = 64 * 1024;
/// How long the server has to answer the closing handshake.
const CLOSE_GRACE: Duration = Duration::from_millis(500);

/// A websocket that is open.
pub struct Socket {
    pub(super) stream: WebSocketStream<Stream>,
    /// Messages that are longer go out in fragments of this size.
    pub(super) most_unfragmented: usize,
}

/// Carries messages between a websocket and `inbound` until it closes, and says why it did.
///
/// The server is asked for a sign of life when it was silent for `keep_alive`; one that gives none until that has
/// passed again is gone. `ending` closes the socket after what was queued before it.
pub async fn run_websocket(
    socket: Socket,
    outgoing: UnboundedReceiver<String>,
    ending: CancellationToken,
    keep_alive: Duration,
    mut inbound: impl Inbound,
) -> String {
    let (sink, stream) = socket.stream.split();
    let heard = tokio::sync::watch::Sender::new(Instant::now());
    let writing = Writing { sink, most: socket.most_unfragmented, keep_alive, heard: heard.subscribe() };
    let mut writer = tokio::spawn(writing.run(outgoing, ending).in_current_span());
    let why = tokio::select! {
        why = read(stream, &heard, &mut inbound) => why,
        why = &mut writer => why.unwrap_or_else(|error| error.to_string()),
    };
    writer.abort();
    why
}

/// Reads until the socket closes. It never waits for anybody: a server disconnects who reads too slowly.
async fn read(
    mut stream: SplitStream<WebSocketStream<Stream>>,
    heard: &tokio::sync::watch::Sender<Instant>,
    inbound: &mut impl Inbound,
) -> String {
    let mut may_wake = Instant::now();
    let mut pause = pin!(sleep_until(may_wake));
    let mut delivered = false;
    // How much came since the last look at the clock: a message that is here already costs no clock, timer or lock.
    let mut unlooked = 0;
    let why = loop {
        let next = poll_fn(|context| match stream.poll_next_unpin(context) {
            Poll::Ready(message) => Poll::Ready(Some(message)),
            Poll::Pending if unlooked > 0 => Poll::Ready(None),
            Poll::Pending if delivered => pause.as_mut().poll(context).map(|()| None),
            Poll::Pending => Poll::Pending,
        });
        let message = if unlooked < LOOK_BYTES { next.await } else { None };
        let Some(message) = message else {
            let now = Instant::now();
            if unlooked > 0 {
                heard.send_replace(now);
                unlooked = 0;
            }
            if delivered && now >= may_wake {
                inbound.idle();
                delivered = false;
                may_wake = Instant::now() + WAKE_PAUSE;
                // Not reset: a timer that has run keeps its place in the wheel, and would wake for nothing.
                pause.set(sleep_until(may_wake));
            }
            continue;
        };
        unlooked += 1;
        match message {
            Some(Ok(Message::Text(text))) => {
                take(&text, inbound);
                delivered = true;
                unlooked += text.len();
            }
            Some(Ok(Message::Binary(bytes))) => inbound.garbage(&bytes),
            Some(Ok(Message::Close(Some(frame)))) if !frame.reason.is_empty() => {
                break format!("the server closed it ({}: {})", frame.code, frame.reason);
            }
            Some(Ok(Message::Close(Some(frame)))) => break format!("the server closed it ({})", frame.code),
            Some(Ok(Message::Close(None))) | None => break "the server closed it".to_owned(),
            // Pings are answered by the library.
            Some(Ok(_)) => {}
            Some(Err(WsError::ConnectionClosed | WsError::AlreadyClosed)) => {
                break "the server closed it".to_owned();
            }
            Some(Err(error)) => break error.to_string(),
        }
    };
    inbound.idle();
    why
}

fn take(text: &Utf8Bytes, inbound: &mut impl Inbound) {
    let text = text.trim_ascii();
    if text.starts_with('{') { inbound.message(text) } else { inbound.garbage(text.as_bytes()) }
}

struct Writing {
    sink: SplitSink<WebSocketStream<Stream>, Message>,
    most: usize,
    keep_alive: Duration,
    /// When the server was heard last.
    heard: tokio::sync::watch::Receiver<Instant>,
}

impl Writing {
    async fn run(mut self, mut outgoing: UnboundedReceiver<String>, ending: CancellationToken) -> String {
        let mut batch = Vec::new();
        let mut asked = None;
        loop {
            let heard = *self.heard.borrow();
            let silent_until = heard.max(asked.unwrap_or(heard)) + self.keep_alive;
            let count = tokio::select! {
                biased;
                count = outgoing.recv_many(&mut batch, 64) => count,
                () = ending.cancelled() => 0,
                () = sleep_until(silent_until) => {
                    let heard = *self.heard.borrow();
                    match asked {
                        Some(asked) if heard < asked => {
                            return format!("the server gave no sign of life for {} ms", heard.elapsed().as_millis());
                        }
                        _ if heard.elapsed() < self.keep_alive => {}
                        _ => {
                            asked = Some(Instant::now());
                            if let Err(error) = self.sink.send(Message::Ping(Bytes::new())).await {
                                return error.to_string();
                            }
                        }
                    }
                    continue;
                }
            };
            if count == 0 {
                let _ = tokio::time::timeout(CLOSE_GRACE, self.sink.close()).await;
                return "it was closed here".to_owned();
            }
            let written = tokio::select! {
                written = self.write(&mut batch) => written,
                // A server that has stopped reading must not keep the socket open for ever.
                () = ending.cancelled() => Ok(()),
            };
            if let Err(error) = written {
                return error.to_string();
            }
        }
    }

    async fn write(&mut self, batch: &mut Vec<String>) -> Result<(), WsError> {
        for message in batch.drain(..) {
            if message.len() <= self.most {
                self.sink.feed(Message::text(message)).await?;
                continue;
            }
            let bytes = Bytes::from(message);
            let mut start = 0;
            while start < bytes.len() {
                let end = bytes.len().min(start + self.most);
                let kind = if start == 0 { Data::Text } else { Data::Continue };
                let frame = Frame::message(bytes.slice(start..end), OpCode::Data(kind), end == bytes.len());
                self.sink.feed(Message::Frame(frame)).await?;
                start = end;
            }
        }
        self.sink.flush().await
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    #[derive(Default)]
    struct Seen {
        messages: usize,
        wakes: usize,
    }

    impl Inbound for Seen {
        fn message(&mut self, _: &str) {
            self.messages += 1;
        }
        fn garbage(&mut self, _: &[u8]) {}
        fn idle(&mut self) {
            self.wakes += 1;
        }
    }

    type Heard = tokio::sync::watch::Sender<Instant>;

    /// What is read of what `server` sends.
    async fn seen<F: Future<Output = ()>>(
        server: impl FnOnce(WebSocketStream<tokio::io::DuplexStream>) -> F,
        heard: &Heard,
    ) -> Seen {
        let (here, there) = tokio::io::duplex(1024 * 1024);
        let here: Stream = Box::new(here);
        let client = WebSocketStream::from_raw_socket(here, Role::Client, None).await;
        let server = server(WebSocketStream::from_raw_socket(there, Role::Server, None).await);
        let mut seen = Seen::default();
        let (_sink, stream) = client.split();
        tokio::join!(server, read(stream, heard, &mut seen));
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_wakes_nobody_for_each_of_its_messages() {
        let flood = |mut server: WebSocketStream<_>| async move {
            for _ in 0..1000 {
                server.feed(Message::text(format!("{{{}}}", "x".repeat(300)))).await.unwrap();
            }
            server.flush().await.unwrap();
        };
        let seen = seen(flood, &Heard::new(Instant::now())).await;
        assert_eq!((seen.messages, seen.wakes), (1000, 2), "at the first, and at the end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_soon_after_another_wakes_as_well() {
        let two = |mut server: WebSocketStream<_>| async move {
            for _ in 0..2 {
                server.send(Message::text("{}")).await.unwrap();
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(2 * WAKE_PAUSE).await;
        };
        let seen = seen(two, &Heard::new(Instant::now())).await;
        assert_eq!((seen.messages, seen.wakes), (2, 3), "at once, after the pause, and at the end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pong_is_a_sign_of_life() {
        let (began, heard) = (Instant::now(), Heard::new(Instant::now()));
        let later = Duration::from_secs(1);
        let pong = |mut server: WebSocketStream<_>| async move {
            tokio::time::sleep(later).await;
            server.send(Message::Pong(Bytes::new())).await.unwrap();
            tokio::time::sleep(later).await;
        };
        seen(pong, &heard).await;
        assert_eq!(*heard.borrow() - began, later);
    }
}
