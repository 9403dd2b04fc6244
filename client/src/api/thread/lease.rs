//! For how long the server has a reason to tell this client of a thread: while a handle or a running turn holds a lease.

use std::sync::{Arc, Mutex, Weak};

use serde_json::json;
use tracing::Instrument;

use super::state::ThreadState;
use super::thread::Thread;
use crate::api::core::Core;
use crate::rpc::{Call, CallOptions};
use crate::{Error, lock};

/// Held by all who use a thread. With the last one the thread is let go on the server.
pub(crate) struct Lease {
    core: Weak<Core>,
    shared: Arc<ThreadState>,
}

/// What one handle holds until it is closed.
pub(crate) struct Hold(Mutex<Option<Arc<Lease>>>);

impl Hold {
    pub(super) fn new(lease: Arc<Lease>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(lease))))
    }

    pub(super) fn lease(&self) -> Option<Arc<Lease>> {
        lock(&self.0).clone()
    }
}

impl Lease {
    /// The lease of a thread, which there is one of at a time.
    pub(crate) fn of(core: &Core, shared: &Arc<ThreadState>) -> Arc<Self> {
        let mut slot = lock(&shared.lease);
        if let Some(lease) = slot.upgrade() {
            return lease;
        }
        let lease = Arc::new(Self { core: core.weak(), shared: Arc::clone(shared) });
        *slot = Arc::downgrade(&lease);
        lease
    }

    /// Sends `thread/unsubscribe`, unless somebody has taken the thread up again or the server has it no more.
    fn let_go(&self) -> Option<Call> {
        // Under the lock: who takes the thread up resumes it after this.
        let slot = lock(&self.shared.lease);
        if slot.strong_count() > 0 {
            return None;
        }
        let core = self.core.upgrade()?;
        let session = core.current().filter(|_| core.has_loaded(&self.shared))?;
        self.shared.unloaded();
        let params = json!({ "threadId": self.shared.id() }).to_string();
        let options = CallOptions::within(core.settings.request_timeout());
        Some(session.connection.request("thread/unsubscribe", Some(&params), options))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(call), Some(core)) = (self.let_go(), self.core.upgrade()) else { return };
        // It has its place in the queue, and leaves when there is room.
        let left = async move { drop(call.answer().await) };
        core.services.runtime.spawn(left.instrument(core.services.span.clone()));
    }
}

impl Thread {
    /// Lets go of the thread: it takes no more calls by this handle. With the last handle, and the last turn that runs, the
    /// server is told that nobody here follows it. Idempotent. Wire: `thread/unsubscribe`.
    pub async fn close(&self) {
        let lease = self.hold.as_ref().and_then(|hold| lock(&hold.0).take());
        let Some(lease) = lease.and_then(Arc::into_inner) else { return };
        if let Some(call) = lease.let_go() {
            // A server that does not answer keeps nobody from going.
            drop(call.answer().await);
        }
    }

    /// A handle that holds the thread for as long as it is used, also when this one is closed meanwhile.
    pub(crate) fn pinned(&self) -> Result<Self, Error> {
        let hold = match &self.hold {
            Some(hold) => Some(Hold::new(hold.lease().ok_or_else(Error::thread_closed)?)),
            None => None,
        };
        Ok(Self { core: Arc::clone(&self.core), shared: Arc::clone(&self.shared), hold })
    }

    /// A handle that keeps nobody from letting go of the thread.
    pub(crate) fn guest(&self) -> Self {
        Self::new(Arc::clone(&self.core), Arc::clone(&self.shared))
    }
}
