//! For how long the server has a reason to tell this client of a thread: while a handle or a running turn holds a lease.

use std::any::Any;
use std::sync::{Arc, Mutex, Weak};

use serde_json::json;
use tracing::Instrument;

use super::state::ThreadState;
use crate::api::core::Core;
use crate::lock;
use crate::rpc::{Call, CallOptions};

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

    /// The handle is closed.
    pub(super) fn end(&self) -> Option<Arc<Lease>> {
        lock(&self.0).take()
    }
}

impl Lease {
    /// The lease of a thread, which there is one of at a time.
    pub(crate) fn of(core: &Core, shared: &Arc<ThreadState>) -> Arc<Self> {
        let mut slot = lock(&shared.lease);
        let held = slot.as_ref().and_then(Weak::upgrade);
        if let Some(Ok(lease)) = held.map(Arc::downcast) {
            return lease;
        }
        let lease = Arc::new(Self { core: core.weak(), shared: Arc::clone(shared) });
        let held: Weak<dyn Any + Send + Sync> = Arc::downgrade(&lease) as _;
        *slot = Some(held);
        lease
    }

    /// Sends `thread/unsubscribe`, unless somebody has taken the thread up again or the server has it no more.
    pub(super) fn let_go(&self) -> Option<Call> {
        // Under the lock: who takes the thread up resumes it after this.
        let slot = lock(&self.shared.lease);
        if slot.as_ref().is_some_and(|lease| lease.strong_count() > 0) {
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
