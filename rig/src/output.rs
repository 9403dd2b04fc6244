//! What goes to the client: a queue and the thread that writes it, so that a client that does not read stops no reader.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A list that has more than this waiting to be written is held back.
const HIGH_WATER: usize = 4 << 20;
/// Small pieces are joined up to this size into one write.
const JOINED: usize = 64 << 10;

pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// The first so many bytes of a block that is sent many times.
    Shared(Arc<[u8]>, usize),
    /// Written in parts of `size` bytes, one write each.
    Split {
        bytes: Vec<u8>,
        size: usize,
        pause: Duration,
    },
    Close,
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) | Self::Split { bytes, .. } => bytes.len(),
            Self::Shared(_, len) => *len,
            Self::Close => 0,
        }
    }
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Piece>,
    bytes: usize,
    writing: bool,
}

#[derive(Default)]
pub(crate) struct Output {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Where it goes.
pub(crate) trait Sink: Write + Send + 'static {
    /// Nothing more comes for whoever reads now.
    fn close(&mut self);
}

impl Output {
    /// Starts the writing thread; `on_broken` is called once when nobody reads any more.
    pub(crate) fn start(&'static self, sink: impl Sink, on_broken: impl FnOnce() + Send + 'static) {
        thread::spawn(move || self.write(sink, on_broken));
    }

    /// Queues a piece, and first waits for room where `wait` says so. False, and nothing queued, if `cancelled`: the
    /// check is made under the lock, so that nothing of a cancelled list follows what its canceller queues.
    pub(crate) fn push(&self, piece: Piece, wait: bool, cancelled: Option<&AtomicBool>) -> bool {
        let stopped = || cancelled.is_some_and(|flag| flag.load(Ordering::SeqCst));
        let mut queue = self.lock();
        while wait && queue.bytes > HIGH_WATER && !stopped() {
            queue = self.wait(queue, Duration::from_millis(50));
        }
        if stopped() {
            return false;
        }
        queue.bytes += piece.len();
        queue.pieces.push_back(piece);
        drop(queue);
        self.changed.notify_all();
        true
    }

    /// Waits until all is written, at most `limit`.
    pub(crate) fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut queue = self.lock();
        while queue.writing || !queue.pieces.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queue = self.wait(queue, left);
        }
    }

    fn write(&self, mut sink: impl Sink, on_broken: impl FnOnce()) {
        let mut on_broken = Some(on_broken);
        let mut joined = Vec::new();
        loop {
            let mut queue = self.lock();
            while queue.pieces.is_empty() {
                queue.writing = false;
                self.changed.notify_all();
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            queue.writing = true;
            let first = queue.pieces.pop_front();
            joined.clear();
            if let Some(Piece::Bytes(bytes)) = &first {
                while let Some(Piece::Bytes(next)) = queue.pieces.front() {
                    if bytes.len() + joined.len() + next.len() > JOINED {
                        break;
                    }
                    joined.extend_from_slice(if joined.is_empty() { bytes } else { &[] });
                    joined.extend_from_slice(next);
                    queue.pieces.pop_front();
                }
            }
            drop(queue);

            let Some(piece) = first else { continue };
            let written = if joined.is_empty() { piece.len() } else { joined.len() };
            // Once it is broken, on_broken is gone.
            if on_broken.is_some() {
                let result = match piece {
                    Piece::Bytes(bytes) if joined.is_empty() => sink.write_all(&bytes),
                    Piece::Bytes(_) => sink.write_all(&joined),
                    Piece::Shared(block, len) => sink.write_all(&block[..len]),
                    Piece::Split { bytes, size, pause } => write_split(&mut sink, &bytes, size, pause),
                    Piece::Close => {
                        sink.close();
                        Ok(())
                    }
                };
                if result.is_err()
                    && let Some(on_broken) = on_broken.take()
                {
                    on_broken();
                }
            }
            self.lock().bytes -= written;
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&self, queue: MutexGuard<'q, Queue>, limit: Duration) -> MutexGuard<'q, Queue> {
        self.changed.wait_timeout(queue, limit).unwrap_or_else(PoisonError::into_inner).0
    }
}

fn write_split(out: &mut impl Write, bytes: &[u8], size: usize, pause: Duration) -> io::Result<()> {
    for part in bytes.chunks(size) {
        out.write_all(part)?;
        if !pause.is_zero() {
            thread::sleep(pause);
        }
    }
    Ok(())
}

/// Standard output until it is closed, by an own handle: `std::io::Stdout` would buffer by line and cannot be closed.
pub(crate) struct Stdout(Option<File>);

impl Stdout {
    pub(crate) fn open() -> io::Result<Self> {
        stdout_file().map(|file| Self(Some(file)))
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(bytes.len()), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Stdout {
    fn close(&mut self) {
        self.0 = None;
        let _ = close_stdout();
    }
}

#[cfg(unix)]
fn stdout_file() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn stdout_file() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

#[cfg(unix)]
fn close_stdout() -> io::Result<()> {
    // Something must stay at descriptor 1, or the next file opened lands there.
    Ok(nix::unistd::dup2_stdout(File::open("/dev/null")?)?)
}

#[cfg(windows)]
fn close_stdout() -> io::Result<()> {
    Ok(())
}
