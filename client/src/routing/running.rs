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

    /// Where its events go now: it may have been joined since this was made.
    pub(super) fn follower(&self) -> Option<Arc<dyn TurnSink>> {
        self.sink.clone().or_else(|| self.owner.sink())
    }

    /// All who follow it.
    pub(super) fn followers(&self) -> Vec<Arc<dyn TurnSink>> {
        let mut all = self.owner.sinks();
        if let Some(own) = &self.sink
            && !all.iter().any(|known| Arc::ptr_eq(known, own))
        {
            all.push(Arc::clone(own));
        }
        all
    }

    pub(super) fn is(&self, owner: &Arc<Owner>) -> bool {
        Arc::ptr_eq(&self.owner, owner)
    }
}
