//! What an observer of a turn is told: what measures it, and none of its text.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::rpc::Notification;
use crate::trace::Observer;

/// An observer, and whether it has heard that the turn has begun to speak.
pub(super) struct Observed {
    observer: Arc<dyn Observer>,
    has_spoken: AtomicBool,
}

impl Observed {
    pub(super) fn new(observer: Arc<dyn Observer>) -> Self {
        Self { observer, has_spoken: AtomicBool::new(false) }
    }

    pub(super) fn event(&self, notification: &Notification<'_>) {
        let told = match notification.method {
            "turn/started" | "item/started" | "thread/tokenUsage/updated" | "model/rerouted" => true,
            "turn/completed" | "item/completed" | "error" => self.observer.wants_items(),
            "item/agentMessage/delta" => {
                self.observer.wants_items() && !self.has_spoken.swap(true, Ordering::Relaxed)
            }
            _ => false,
        };
        if told {
            self.observer.event(notification.line);
        }
    }

    /// The turn has ended.
    pub(super) fn ended(&self) {
        self.observer.ended();
    }
}
