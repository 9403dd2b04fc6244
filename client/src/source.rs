//! What gives batches to one who reads: what is ready at once, else a call when it is worth to ask again. Every reader
//! of this crate is one. Nothing here knows what is read.

use std::future::Future;

use tokio::sync::oneshot;

use crate::Error;

/// Called once when it is worth to ask again.
pub type Waker = Box<dyn FnOnce() + Send>;

/// What a reader gets.
#[derive(Debug)]
pub enum Next<B, E = Error> {
    /// What was ready, never empty.
    Batch(B),
    /// Nothing yet.
    Pending,
    /// Everything was read, and there will be no more.
    End,
    /// Everything was read, and it ended with this.
    Failed(E),
}

/// Gives batches.
pub trait Source: Send + Sync {
    /// What it gives at once.
    type Batch: Send;
    /// What it may end with.
    type Error: Send;

    /// What is ready now. Where nothing is and there is a waker, that is called once there may be.
    fn poll(&self, waker: Option<Waker>) -> Next<Self::Batch, Self::Error>;

    /// Whether it can be asked at once: whoever is at work on it may have lost its processor, and who asks then waits for
    /// the same.
    fn is_free(&self) -> bool {
        true
    }

    /// Waits until it is, for as long as that takes: not for a thread that has others to attend to.
    fn wait_until_free(&self) {}

    /// Waits for what comes next; `None` is the end.
    fn next(&self) -> impl Future<Output = Result<Option<Self::Batch>, Self::Error>> + Send {
        async {
            loop {
                let (sender, receiver) = oneshot::channel();
                let waker = Box::new(move || {
                    let _ = sender.send(());
                });
                match self.poll(Some(waker)) {
                    Next::Batch(batch) => return Ok(Some(batch)),
                    Next::End => return Ok(None),
                    Next::Failed(error) => return Err(error),
                    Next::Pending => drop(receiver.await),
                }
            }
        }
    }
}

/// Who waits to be woken. It lies under the lock of what they wait for; they are called without it.
#[derive(Default)]
pub struct Wakers(Vec<Waker>);

impl Wakers {
    /// Nothing is ready: who brought a waker will be called.
    pub fn pending<B, E>(&mut self, waker: Option<Waker>) -> Next<B, E> {
        self.0.extend(waker);
        Next::Pending
    }

    /// Whether anybody waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who is to be called now, once the lock is free.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Calls them.
    pub fn wake(self) {
        for waker in self.0 {
            waker();
        }
    }
}
