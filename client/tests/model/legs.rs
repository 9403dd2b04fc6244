//! How the clients come to the simulated server: lines in memory, which can be cut anywhere.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_client::Error;
use codex_client::session::{ByteReader, ByteTransport, ByteWriter};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::plan::{Cut, World};
use crate::server::{Leg, Out, Server};

const BUFFER: usize = 64 * 1024;

/// The way of one client to the server.
pub struct Way {
    server: Arc<Server>,
    client: usize,
    world: World,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// How the next attempts are refused.
    refusals: VecDeque<Option<u16>>,
    current: Option<Current>,
}

/// The connection there is.
struct Current {
    cut: CancellationToken,
    limits: Arc<Limits>,
}

/// How many bytes still pass before the line is cut.
#[derive(Default)]
struct Limits {
    down: Mutex<Option<usize>>,
    up: Mutex<Option<usize>>,
}

impl Way {
    pub fn new(server: Arc<Server>, client: usize, world: World) -> Arc<Self> {
        Arc::new(Self { server, client, world, inner: Mutex::default() })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn refuse(&self, times: u8, status: Option<u16>) {
        self.inner().refusals.extend((0..times).map(|_| status));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        let mut inner = self.inner();
        inner.refusals.clear();
        if let Some(current) = &inner.current {
            *lock(&current.limits.down) = None;
            *lock(&current.limits.up) = None;
        }
    }

    /// Cuts the line there is, if there is one.
    pub fn cut(&self, cut: Cut) {
        let inner = self.inner();
        let Some(current) = inner.current.as_ref().filter(|current| !current.cut.is_cancelled()) else {
            return;
        };
        match cut {
            Cut::Now => current.cut.cancel(),
            Cut::Down(bytes) => *lock(&current.limits.down) = Some(bytes.into()),
            Cut::Up(bytes) => *lock(&current.limits.up) = Some(bytes.into()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ByteTransport for Way {
    fn open(&self) -> Result<(ByteReader, ByteWriter), Error> {
        let refusal = self.inner().refusals.pop_front();
        if self.world == World::Process {
            // Whoever starts a process has one.
            self.server.start();
        }
        let refused = match refusal {
            Some(status) if self.world != World::Process => Some(status),
            _ if !self.server.state().is_up => Some(None),
            _ => None,
        };
        if let Some(status) = refused {
            let retry = (!matches!(status, Some(401 | 403))).then_some(Duration::ZERO);
            return Err(Error::Connect { message: "the server does not answer".to_owned(), status, retry });
        }
        let (theirs, ours) = tokio::io::duplex(BUFFER);
        let (out, lines) = mpsc::unbounded_channel();
        let cut = CancellationToken::new();
        let leg = {
            let mut state = self.server.state();
            state.ids += 1;
            let leg = state.ids;
            state.legs.insert(leg, Leg { client: self.client, out, is_initialized: false, cut: cut.clone() });
            leg
        };
        let limits = Arc::<Limits>::default();
        let (read, write) = tokio::io::split(ours);
        let carry =
            Carry { server: Arc::clone(&self.server), leg, client: self.client, limits: Arc::clone(&limits) };
        let (closing, is_process) = (cut.clone(), self.world == World::Process);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = closing.cancelled() => {}
                () = carry.down(write, lines) => {}
                () = carry.up(read) => {}
            }
            closing.cancel();
            carry.over(is_process);
        });
        self.inner().current = Some(Current { cut, limits });
        let (read, write) = tokio::io::split(theirs);
        Ok((Box::new(read), Box::new(write)))
    }

    fn reconnects(&self) -> bool {
        self.world == World::Remote
    }
}

struct Carry {
    server: Arc<Server>,
    leg: u32,
    client: usize,
    limits: Arc<Limits>,
}

impl Carry {
    /// Gives up to the limit; false once that is used up.
    fn within(limit: &Mutex<Option<usize>>, bytes: usize) -> (usize, bool) {
        match &mut *lock(limit) {
            Some(left) if *left < bytes => (*left, false),
            Some(left) => {
                *left -= bytes;
                (bytes, true)
            }
            None => (bytes, true),
        }
    }

    async fn down(&self, mut write: WriteHalf<DuplexStream>, mut lines: mpsc::UnboundedReceiver<Out>) {
        while let Some(Out { mut line, teaches }) = lines.recv().await {
            line.push('\n');
            let (bytes, goes_on) = Self::within(&self.limits.down, line.len());
            let cut = if goes_on { "" } else { " (cut)" };
            self.server.note(|| format!("  to {}#{}{cut} {}", self.client, self.leg, line.trim_end()));
            if write.write_all(&line.as_bytes()[..bytes]).await.is_err() || !goes_on {
                return;
            }
            self.server.state().reached(self.client, teaches);
        }
    }

    async fn up(&self, mut read: ReadHalf<DuplexStream>) {
        let mut buffer = Vec::new();
        loop {
            let before = buffer.len();
            match read.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let (bytes, goes_on) = Self::within(&self.limits.up, buffer.len() - before);
            buffer.truncate(before + bytes);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                self.server.note(|| format!("from {}#{} {line}", self.client, self.leg));
                self.server.take(self.leg, &line);
            }
            if !goes_on {
                return;
            }
        }
    }

    fn over(&self, is_process: bool) {
        self.server.note(|| format!("-- {}#{} is cut", self.client, self.leg));
        let mut state = self.server.state();
        state.legs.remove(&self.leg);
        for thread in state.threads.values_mut() {
            thread.followers.remove(&self.leg);
        }
        drop(state);
        if is_process {
            self.server.die();
        }
    }
}
