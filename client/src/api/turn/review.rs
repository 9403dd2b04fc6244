//! Turns that no input begins: a review, a compaction.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::api::thread::Thread;
use crate::api::turn::Turn;
use crate::api::turn::start::TurnRequest;
use crate::options::{CompactSettings, ReviewSettings, ReviewTarget};
use crate::server_requests::Handlers;
use crate::turn::TurnResult;

impl Thread {
    /// Reviews changes, as soon as the server has accepted it. It has its place behind earlier turns when this
    /// returns. Wire: `review/start`.
    pub fn review(
        &self,
        target: &ReviewTarget,
        settings: &ReviewSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = Result<Turn, Error>> + Send + 'static, Error> {
        let request = TurnRequest::Review(settings.wire(target)?, settings.inactivity_timeout());
        self.begin(request, handlers, cancel, true)
    }

    /// Compacts the history that the model gets, to the end of the turn that does it. It has its place behind earlier
    /// turns when this returns. Wire: `thread/compact/start`.
    pub fn compact(
        &self,
        settings: &CompactSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = Result<Arc<TurnResult>, Error>> + Send + 'static, Error> {
        let request = TurnRequest::Compact(settings.inactivity_timeout()?);
        let begun = self.begin(request, handlers, cancel, false)?;
        Ok(async move {
            let turn = begun.await?;
            turn.result(turn.wait()).await
        })
    }
}
