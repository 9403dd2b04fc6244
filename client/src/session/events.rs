//! What happens to the connection of a client, told to who listens.

use std::sync::{Arc, Mutex};

use crate::{Error, lock};

/// What happens to the connection of a client.
#[derive(Debug, Clone)]
pub enum ConnectionEvent {
    /// Codex is started, or a line to it opened: the first time, and each time again.
    Connecting {
        /// Counts the tries, from 1.
        attempt: u32,
    },
    /// The handshake is done.
    Connected,
    /// The line dropped. Another is tried.
    Lost {
        /// Why.
        error: Error,
    },
    /// There is a line again, and the threads in use have been resumed.
    Resumed,
    /// The connection is over.
    Closed {
        /// Why, unless the client was closed.
        error: Option<Error>,
    },
}

/// Hears of what happens to the connection. Must not block, nor call the client.
pub type Observer = Arc<dyn Fn(&ConnectionEvent) + Send + Sync>;

/// Who hears of it.
pub(crate) struct Events {
    observers: Mutex<Vec<Observer>>,
    /// The client's: some of it happens on tasks of nobody.
    span: tracing::Span,
}

impl Events {
    pub(crate) fn new(span: tracing::Span) -> Self {
        Self { observers: Mutex::default(), span }
    }

    pub(crate) fn add(&self, observer: Observer) {
        lock(&self.observers).push(observer);
    }

    pub(crate) fn emit(&self, event: &ConnectionEvent) {
        self.span.in_scope(|| match event {
            ConnectionEvent::Connecting { attempt } => tracing::debug!(attempt, "connecting"),
            ConnectionEvent::Connected => tracing::debug!("connected"),
            ConnectionEvent::Lost { error } => tracing::warn!(%error, "the connection was lost"),
            ConnectionEvent::Resumed => tracing::info!("the connection is back"),
            ConnectionEvent::Closed { .. } => tracing::debug!("the connection is closed"),
        });
        let observers = lock(&self.observers).clone();
        for observer in observers {
            observer(event);
        }
    }
}
