//! Messages as frames of a websocket that is open.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::bound::TooMuch;
use super::signs::Signs;
use super::stream::Stream;
use super::{Carrying, Inbound, WAKE_PAUSE};

/// So much of what came at once is delivered between two looks at the clock.
const LOOK_BYTES: usize = 64 * 1024;
/// How long the server has to answer the closing handshake.
const CLOSE_GRACE: Duration = Duration::from_millis(500);

/// A websocket that is open.
pub struct Socket {
    /// What it stands on.
    pub stream: WebSocketStream<Stream>,
    /// Messages that are longer go out in fragments of this size.
    pub most_unfragmented: usize,
    /// What its bytes say of the server.
    pub signs: Arc<Signs>,
}

/// Carries messages between a websocket and `inbound` until it closes, and says why it did.
///
/// The server is asked for a sign of life when it was silent for `keep_alive`; one that gives none until that has
/// passed again is gone, and so is one that takes nothing of what is written for as long. Neither reading nor writing
/// can hold that up. `ending` closes the socket after what was queued before it.
pub fn run_websocket(
    socket: Socket,
    outgoing: UnboundedReceiver<String>,
    ending: CancellationToken,
    keep_alive: Duration,
    mut inbound: Box<dyn Inbound>,
) -> Carrying<String> {
    Box::pin(async move {
        let Socket { stream, most_unfragmented, signs } = socket;
        let (sink, stream) = stream.split();
        let ask = Arc::new(Notify::new());
        let writing = Writing { sink, most: most_unfragmented, ask: Arc::clone(&ask) };
        // It ends with the line, also where that is given up.
        let mut writer =
            AbortOnDropHandle::new(tokio::spawn(writing.run(outgoing, ending).in_current_span()));
        let mut reading = pin!(read(stream, &mut inbound));
        tokio::select! {
            // What has come is read before anybody says that nothing did.
            biased;
            why = &mut reading => why,
            written = &mut writer => match written {
                Ok(Ok(())) => "it was closed here".to_owned(),
                // A server that takes nothing any more may have said something before.
                Ok(Err(error)) => {
                    tokio::time::timeout(CLOSE_GRACE, reading).await.unwrap_or_else(|_| error.to_string())
                }
                Err(error) => error.to_string(),
            },
            why = signs.until_gone(keep_alive, &ask) => why,
        }
    })
}

/// Reads until the socket closes. It never waits for anybody: a server disconnects who reads too slowly.
pub(super) async fn read(
    mut stream: SplitStream<WebSocketStream<Stream>>,
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
            unlooked = 0;
            if delivered && Instant::now() >= may_wake {
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
            Some(Err(error)) => break why_unread(&error),
        }
    };
    inbound.idle();
    why
}

/// Bounds that are set here are told in the words of the options.
fn why_unread(error: &WsError) -> String {
    match error {
        WsError::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
            TooMuch::InMessage(*max_size).to_string()
        }
        error => error.to_string(),
    }
}

fn take(text: &Utf8Bytes, inbound: &mut impl Inbound) {
    let text = text.trim_ascii();
    if text.starts_with('{') { inbound.message(text) } else { inbound.garbage(text.as_bytes()) }
}

pub(super) struct Writing {
    pub(super) sink: SplitSink<WebSocketStream<Stream>, Message>,
    pub(super) most: usize,
    /// Says when the server is to be asked for a sign of life.
    pub(super) ask: Arc<Notify>,
}

impl Writing {
    async fn run(
        mut self,
        mut outgoing: UnboundedReceiver<String>,
        ending: CancellationToken,
    ) -> Result<(), WsError> {
        let mut batch = Vec::new();
        loop {
            let ask = tokio::select! {
                biased;
                () = self.ask.notified() => true,
                count = outgoing.recv_many(&mut batch, 64) => {
                    if count == 0 {
                        break;
                    }
                    false
                }
                () = ending.cancelled() => break,
            };
            let written = tokio::select! {
                written = self.write(&mut batch, ask) => written,
                // A server that has stopped reading must not keep the socket open for ever.
                () = ending.cancelled() => break,
            };
            written?;
        }
        let _ = tokio::time::timeout(CLOSE_GRACE, self.sink.close()).await;
        Ok(())
    }

    pub(super) async fn write(&mut self, batch: &mut Vec<String>, ask: bool) -> Result<(), WsError> {
        if ask {
            self.sink.feed(Message::Ping(Bytes::new())).await?;
        }
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::super::signs::Watched;
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

    /// What is read of what `server` sends.
    async fn seen<F: Future<Output = ()>>(
        server: impl FnOnce(WebSocketStream<tokio::io::DuplexStream>) -> F,
    ) -> Seen {
        let (here, there) = tokio::io::duplex(1024 * 1024);
        let here: Stream = Box::new(here);
        let client = WebSocketStream::from_raw_socket(here, Role::Client, None).await;
        let server = server(WebSocketStream::from_raw_socket(there, Role::Server, None).await);
        let mut seen = Seen::default();
        let (_sink, stream) = client.split();
        tokio::join!(server, read(stream, &mut seen));
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
        let seen = seen(flood).await;
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
        let seen = seen(two).await;
        assert_eq!((seen.messages, seen.wakes), (2, 3), "at once, after the pause, and at the end");
    }

    const KEEP_ALIVE: Duration = Duration::from_secs(1);

    /// A line with room for `room` bytes on its way: when it ended, why, and what was sent by then.
    async fn line<F: Future<Output = ()>>(
        room: usize,
        message: &str,
        server: impl FnOnce(WebSocketStream<tokio::io::DuplexStream>) -> F,
    ) -> (Duration, String) {
        let (here, there) = tokio::io::duplex(room);
        let signs = Signs::new();
        let here: Stream = Box::new(Watched::new(here, Arc::clone(&signs)));
        let stream = WebSocketStream::from_raw_socket(here, Role::Client, None).await;
        let socket = Socket { stream, most_unfragmented: usize::MAX, signs };
        let server = server(WebSocketStream::from_raw_socket(there, Role::Server, None).await);
        let (outgoing, to_send) = tokio::sync::mpsc::unbounded_channel();
        outgoing.send(message.to_owned()).unwrap();
        let began = Instant::now();
        let run =
            run_websocket(socket, to_send, CancellationToken::new(), KEEP_ALIVE, Box::new(Seen::default()));
        tokio::select! {
            why = run => (began.elapsed(), why),
            () = server => panic!("the server ended first"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_of_a_large_message_is_gone_as_soon_as_who_is_silent() {
        for room in [1024, 64 * 1024 * 1024] {
            let large = "x".repeat(1024 * 1024);
            let (after, why) = line(room, &large, |server| async move {
                std::future::pending::<()>().await;
                drop(server);
            })
            .await;
            assert!(after <= 2 * KEEP_ALIVE + Duration::from_millis(10), "{room}: {after:?}");
            assert!(why.starts_with("the server "), "{room}: {why}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_large_message_slowly_lives() {
        let large = "x".repeat(64 * 1024);
        let (after, why) = line(1024, &large, |mut server| async move {
            let mut piece = [0; 1024];
            for _ in 0..20 {
                tokio::time::sleep(KEEP_ALIVE * 3 / 2).await;
                server.get_mut().read_exact(&mut piece).await.unwrap();
            }
            std::future::pending::<()>().await;
        })
        .await;
        assert!(after >= 30 * KEEP_ALIVE, "{after:?}: {why}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_talks_and_takes_nothing_is_gone() {
        let large = "x".repeat(64 * 1024);
        let (after, why) = line(1024, &large, |mut server| async move {
            loop {
                tokio::time::sleep(KEEP_ALIVE / 2).await;
                server.send(Message::text("{}")).await.unwrap();
            }
        })
        .await;
        assert!(after <= 2 * KEEP_ALIVE + Duration::from_millis(10), "{after:?}");
        assert!(why.contains("took nothing"), "{why}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pong_and_a_part_of_a_message_are_signs_of_life() {
        let (after, why) = line(1024 * 1024, "{}", |mut server| async move {
            // A pong comes with the next read.
            let answering = async { while server.next().await.is_some() {} };
            tokio::time::timeout(KEEP_ALIVE * 37 / 4, answering).await.unwrap_err();
            // A frame of 100 bytes, whose end does not come.
            for byte in [0x81, 100].into_iter().chain([b'x'; 20]) {
                tokio::time::sleep(KEEP_ALIVE * 3 / 2).await;
                server.get_mut().write_all(&[byte]).await.unwrap();
            }
            std::future::pending::<()>().await;
        })
        .await;
        assert!(after >= 40 * KEEP_ALIVE, "{after:?}: {why}");
    }
}
