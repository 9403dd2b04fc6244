//! For how long the server has a reason to tell this client of a thread: while a handle or a running turn holds a lease.

use std::any::Any;
use std::sync::{Arc, Mutex, Weak};

use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::Instrument;

use super::state::ThreadState;
use crate::api::core::Core;
use crate::lock;
use crate::rpc::{Call, CallOptions};
use crate::session::{Session, retry_overload};

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
    pub(super) fn let_go(&self) -> Option<Leaving> {
        // Under the lock: who takes the thread up resumes it after this.
        let slot = lock(&self.shared.lease);
        if slot.as_ref().is_some_and(|lease| lease.strong_count() > 0) {
            return None;
        }
        let core = self.core.upgrade()?;
        let session = core.current().filter(|session| session.connection.ended().is_none())?;
        if !self.shared.may_be_loaded(session.number) {
            return None;
        }
        self.shared.unloaded();
        let options = CallOptions::within(core.settings.request_timeout());
        let leaving = Leaving { shared: Arc::clone(&self.shared), session, options, first: None };
        let first = Some(leaving.ask());
        Some(Leaving { first, ..leaving })
    }
}

/// A thread that is being let go.
pub(super) struct Leaving {
    shared: Arc<ThreadState>,
    session: Arc<Session>,
    options: CallOptions,
    first: Option<Call>,
}

impl Leaving {
    fn ask(&self) -> Call {
        let params = json!({ "threadId": self.shared.id() }).to_string();
        self.session.connection.request("thread/unsubscribe", Some(&params), self.options)
    }

    /// Waits for the server's word. Nobody would ask for the thread again, so an overloaded server is asked again.
    pub(super) async fn left(mut self) {
        let deadline = Instant::now() + self.options.timeout;
        let mut first = self.first.take();
        let left = retry_overload(deadline, || {
            let call = match first.take() {
                Some(call) => Some(call),
                None => {
                    let slot = lock(&self.shared.lease);
                    let is_held = slot.as_ref().is_some_and(|lease| lease.strong_count() > 0);
                    // Somebody has taken the thread up again meanwhile: then it is followed.
                    let is_loaded = self.shared.session() == self.session.number;
                    (!is_held && !is_loaded).then(|| self.ask())
                }
            };
            async {
                match call {
                    Some(call) => call.answer().await,
                    None => Ok(RawValue::NULL.to_owned()),
                }
            }
        });
        if let Err(error) = left.await {
            tracing::debug!(thread = self.shared.id(), %error, "a thread could not be let go");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(leaving), Some(core)) = (self.let_go(), self.core.upgrade()) else { return };
        // It has its place in the queue, and leaves when there is room.
        core.services.runtime.spawn(leaving.left().instrument(core.services.span.clone()));
    }
}
