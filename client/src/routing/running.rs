//! A turn that is known, and where its events go.

use std::sync::Arc;

use super::TurnSink;
use super::owner::Owner;

/// A turn, and where its events go: nowhere if it is another client's.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) owner: Arc<Owner>,
    pub(super) sink: Option<Arc<dyn TurnSink>>,
}

impl Running {
    /// Whether it is over, as far as is known where its events go.
    pub(super) fn has_ended(&self) -> bool {
        self.sink.as_ref().is_none_or(|sink| sink.has_ended())
    }

    pub(super) fn is(&self, owner: &Arc<Owner>) -> bool {
        Arc::ptr_eq(&self.owner, owner)
    }
}
