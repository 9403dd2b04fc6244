use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use codex_client::Error;
use codex_client::client::{ByteReader, ByteTransport, ByteWriter};
use napi::bindgen_prelude::{Buffer, FnArgs, JsObjectValue, Object, Uint8Array, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

use crate::environment::Hooks;

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
        inlet.set_named_property("feed", feed)?;
        inlet.set_named_property("done", done)?;
        let command = Hooks::of(env)?.attach_transport(env, transport, inlet)?;
        let command = command.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
        Ok(Self { command: Arc::new(command), incoming: Mutex::new(Some(incoming)) })
    }
}

impl ByteTransport for JsTransport {
    fn open(&self) -> std::result::Result<(ByteReader, ByteWriter), Error> {
        let Some(incoming) = self.incoming.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Err(Error::Lost(
                "options.transport has ended; make a new Codex with a new transport".to_owned(),
            ));
        };
        tell(&self.command, "open", None)
            .map_err(|error| Error::Connect { message: error.to_string(), status: None })?;
        let reader = Reader { incoming, chunk: Vec::new(), read: 0, ended: false };
        Ok((Box::new(reader), Box::new(Writer(Arc::clone(&self.command)))))
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

struct Writer(Arc<Command>);

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(tell(&self.0, "write", Some(bytes.to_vec().into())).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(tell(&self.0, "end", None))
    }
}
