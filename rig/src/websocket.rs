//! A websocket in place of stdio, for one client at a time: a message is a text frame here, and a line there.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tungstenite::protocol::Role;
use tungstenite::{Bytes, Message, Utf8Bytes, WebSocket, accept};

use crate::json::Json;
use crate::output::Sink;
use crate::server::Server;

/// The address of `--listen ws://ADDRESS`. Any other `--listen` is only recorded, like all arguments.
pub(crate) fn address(args: &[String]) -> Option<&str> {
    let after = args.iter().position(|arg| arg == "--listen").and_then(|at| args.get(at + 1));
    let joined = args.iter().find_map(|arg| arg.strip_prefix("--listen="));
    after.map(String::as_str).or(joined)?.strip_prefix("ws://")
}

pub(crate) struct Listener {
    tcp: TcpListener,
    client: Client,
}

/// Who is connected now, to be written to.
type Client = Arc<Mutex<Option<WebSocket<Stream>>>>;

impl Listener {
    pub(crate) fn bind(address: &str) -> Result<Self, String> {
        let tcp = TcpListener::bind(address).map_err(|error| format!("--listen ws://{address}: {error}"))?;
        Ok(Self { tcp, client: Client::default() })
    }

    pub(crate) fn sink(&self) -> Frames {
        Frames { client: Arc::clone(&self.client), pending: Vec::new() }
    }

    pub(crate) fn serve(&self, server: &'static Server) -> io::Result<ExitCode> {
        let address = self.tcp.local_addr()?;
        let _ = writeln!(io::stderr(), "codex app-server (WebSockets)\n  listening on: ws://{address}");
        loop {
            let (tcp, _) = self.tcp.accept()?;
            let _ = tcp.set_nodelay(true);
            let stream = Stream { tcp: Arc::new(tcp), whole: Arc::default() };
            let Ok(mut socket) = accept(stream.clone()) else { continue };
            server.greet();
            *lock(&self.client) = Some(WebSocket::from_raw_socket(stream.clone(), Role::Server, None));
            server.log.entry([("connected", Json::Bool(true))]);
            while let Ok(message) = socket.read() {
                if let Message::Text(text) = message {
                    server.receive(text.as_bytes());
                }
            }
            // First this: a write that waits for the client holds the lock.
            let _ = stream.tcp.shutdown(Shutdown::Both);
            *lock(&self.client) = None;
            server.log.entry([("connected", Json::Bool(false))]);
        }
    }
}

/// Writes lines as frames. What nobody is there for is lost, as for a client that comes back to codex.
pub(crate) struct Frames {
    client: Client,
    /// The beginning of a line.
    pending: Vec<u8>,
}

impl Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(end) = memchr::memrchr(b'\n', bytes) else {
            self.pending.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        let mut block = std::mem::replace(&mut self.pending, bytes[end + 1..].to_vec());
        block.extend_from_slice(&bytes[..=end]);
        if let Some(socket) = lock(&self.client).as_mut() {
            // A client that has gone is noticed by who reads from it.
            let _ = send(socket, &Bytes::from(block));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Frames {
    /// Cuts the line, without the closing handshake.
    fn close(&mut self) {
        if let Some(socket) = lock(&self.client).as_ref() {
            let _ = socket.get_ref().tcp.shutdown(Shutdown::Both);
        }
    }
}

fn send(socket: &mut WebSocket<Stream>, lines: &Bytes) -> tungstenite::Result<()> {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', lines) {
        let line = lines.slice(start..end);
        // A frame of text must be UTF-8.
        socket.write(match Utf8Bytes::try_from(line.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(line),
        })?;
        start = end + 1;
    }
    socket.flush()
}

/// A connection that one thread reads, which answers pings, and another writes.
#[derive(Clone)]
struct Stream {
    tcp: Arc<TcpStream>,
    /// Held for each write. They are of whole frames, and no other may come between.
    whole: Arc<Mutex<()>>,
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&*self.tcp).read(into)
    }
}

impl Write for Stream {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        let _whole = lock(&self.whole);
        (&*self.tcp).write_all(frames)?;
        Ok(frames.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
