//! A transport whose bytes the program carries.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use codex_client::Error;
use codex_client::session::{ByteReader, ByteTransport, ByteWriter};
use napi::bindgen_prelude::{Buffer, FnArgs, JsObjectValue, Object, Uint8Array, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::hooks::Hooks;

/// Tells the JavaScript side what to do, without keeping Node alive.
type Command = ThreadsafeFunction<
    FnArgs<(String, Option<Buffer>)>,
    Unknown<'static>,
    FnArgs<(String, Option<Buffer>)>,
    Status,
    false,
    true,
>;

type Chunk = io::Result<Vec<u8>>;

/// A transport whose bytes JavaScript carries.
pub(crate) struct JsTransport {
    command: Arc<Command>,
    incoming: Mutex<Option<mpsc::UnboundedReceiver<Chunk>>>,
    /// What was written has arrived, and what is written is closed.
    finished: CancellationToken,
}

impl JsTransport {
    /// Takes what the `transport` option is.
    pub(crate) fn new(env: &Env, transport: Unknown<'_>) -> Result<Self> {
        let (sender, incoming) = mpsc::unbounded_channel::<Chunk>();
        let ending = sender.clone();
        let mut inlet = Object::new(env)?;
        let feed = env.create_function_from_closure::<Uint8Array, (), _>("feed", move |context| {
            let bytes = context.get::<Uint8Array>(0)?;
            let _ = sender.send(Ok(bytes.to_vec()));
            Ok(())
        })?;
        let done = env.create_function_from_closure::<Option<String>, (), _>("done", move |context| {
            let why = context.get::<Option<String>>(0)?;
            // No bytes are the end.
            let _ = ending.send(why.map_or(Ok(Vec::new()), |why| Err(io::Error::other(why))));
            Ok(())
        })?;
        let finished = CancellationToken::new();
        let finish = finished.clone();
        let finish = env.create_function_from_closure::<(), (), _>("finished", move |_| {
            finish.cancel();
            Ok(())
        })?;
        inlet.set_named_property("finished", finish)?;
        inlet.set_named_property("feed", feed)?;
        inlet.set_named_property("done", done)?;
        let command = Hooks::of(env)?.attach_transport(env, transport, inlet)?;
        let command = command.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
        Ok(Self { command: Arc::new(command), incoming: Mutex::new(Some(incoming)), finished })
    }
}

impl ByteTransport for JsTransport {
    fn open(&self) -> std::result::Result<(ByteReader, ByteWriter), Error> {
        let Some(incoming) = self.incoming.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Err(Error::Lost(
                "options.transport has ended; make a new Codex with a new transport".to_owned(),
            ));
        };
        tell(&self.command, "open", None).map_err(|error| Error::Connect {
            message: error.to_string(),
            status: None,
            retry: None,
        })?;
        let reader = Reader { incoming, chunk: Vec::new(), read: 0, ended: false };
        let finished = self.finished.clone();
        let writer = Writer { command: Arc::clone(&self.command), finished, finishing: None };
        Ok((Box::new(reader), Box::new(writer)))
    }
}

fn tell(command: &Command, what: &str, bytes: Option<Buffer>) -> io::Result<()> {
    match command.call((what.to_owned(), bytes).into(), ThreadsafeFunctionCallMode::NonBlocking) {
        Status::Ok => Ok(()),
        status => Err(io::Error::other(format!("the JavaScript environment is gone ({status})"))),
    }
}

struct Reader {
    incoming: mpsc::UnboundedReceiver<Chunk>,
    chunk: Vec<u8>,
    read: usize,
    ended: bool,
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.read == self.chunk.len() && !self.ended {
            match self.incoming.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(chunk))) if !chunk.is_empty() => {
                    self.chunk = chunk;
                    self.read = 0;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.ended = true;
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(_) => self.ended = true,
            }
        }
        let count = into.remaining().min(self.chunk.len() - self.read);
        into.put_slice(&self.chunk[self.read..self.read + count]);
        self.read += count;
        Poll::Ready(Ok(()))
    }
}

struct Writer {
    command: Arc<Command>,
    finished: CancellationToken,
    /// Waits for that, from the moment that JavaScript was told to close what is written.
    finishing: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(tell(&self.command, "write", Some(bytes.to_vec().into())).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The command does not keep Node alive, so nobody may go on before it was carried out.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.finishing.is_none() {
            tell(&self.command, "end", None)?;
            self.finishing = Some(Box::pin(self.finished.clone().cancelled_owned()));
        }
        let Some(finishing) = &mut self.finishing else { return Poll::Ready(Ok(())) };
        finishing.as_mut().poll(context).map(Ok)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A line that was lost is closed on this side too.
        if self.finishing.is_none() {
            let _ = tell(&self.command, "end", None);
        }
    }
}
