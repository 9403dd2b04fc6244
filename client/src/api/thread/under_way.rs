//! Inputs with a name that no turn has yet: who asks for them must not take them for inputs that none will have.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, lock};

/// For how long one whose start was not answered may still be heard of.
const DOUBT: Duration = Duration::from_secs(60);

/// The inputs of one thread that are under way.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<Vec<Named>>);

struct Named {
    name: String,
    /// Until when it may be heard of, where nobody knows whether it has begun.
    doubtful_until: Option<Instant>,
}

/// An input that is under way for as long as this lives.
pub(crate) struct Awaited {
    all: Arc<UnderWay>,
    name: String,
}

impl UnderWay {
    /// An input is about to be sent, or waits for its place.
    pub(crate) fn expect(self: &Arc<Self>, name: &str) -> Awaited {
        lock(&self.0).push(Named { name: name.to_owned(), doubtful_until: None });
        Awaited { all: Arc::clone(self), name: name.to_owned() }
    }

    /// Whether an input is queued here, or sent and not answered.
    pub(super) fn has(&self, name: &str) -> bool {
        lock(&self.0).iter().any(|known| known.name == name && known.doubtful_until.is_none())
    }

    /// Whether an input may have begun, and nobody was told.
    pub(super) fn is_doubtful(&self, name: &str) -> bool {
        let now = Instant::now();
        lock(&self.0)
            .iter()
            .any(|known| known.name == name && known.doubtful_until.is_some_and(|until| now < until))
    }
}

impl Awaited {
    /// What came of it. Of one that may have begun that is not known.
    pub(crate) fn answered<T>(self, answer: &Result<T, Error>) {
        if matches!(answer, Err(error) if !matches!(error, Error::Rpc(_) | Error::Aborted { .. })) {
            let mut all = lock(&self.all.0);
            let now = Instant::now();
            all.retain(|known| known.doubtful_until.is_none_or(|until| now < until));
            all.push(Named { name: self.name.clone(), doubtful_until: Some(now + DOUBT) });
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut all = lock(&self.all.0);
        let own = all.iter().position(|known| known.name == self.name && known.doubtful_until.is_none());
        if let Some(own) = own {
            all.swap_remove(own);
        }
    }
}
