//! How a line that drops is opened again. What was followed over it is brought back by whoever implements [`Restore`].

use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;

use super::endpoint::{LineTask, Link, Plan, ended};
use super::events::{ConnectionEvent, Events};
use crate::Error;
use crate::routing::Router;
use crate::rpc::Connection;

/// How long the closing of a line may take.
const CLOSE_GRACE: Duration = Duration::from_millis(1_000);
/// The pauses between tries to connect again: from the first to the longest, each twice the one before, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Brings back what was followed over a line that was lost.
pub(crate) trait Restore: Send + Sync {
    /// Restores what belongs to a session, over a new line that is not open to others yet.
    fn restore<'a>(
        &'a self,
        session: u64,
        connection: &'a Arc<Connection>,
        router: &'a Router,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;
}

/// Sees the lines to a server to their end: opens another when one drops, where that can be.
pub(super) struct Keeper {
    pub(super) threads: Weak<dyn Restore>,
    /// Number of the session.
    pub(super) session: u64,
    pub(super) router: Arc<Router>,
    pub(super) events: Arc<Events>,
    pub(super) plan: Arc<Plan>,
    pub(super) link: Link,
    /// Why the server is ended from here, where it is: its exit is no news then.
    pub(super) reason: Arc<OnceLock<Error>>,
}

impl Keeper {
    /// Runs until the line is closed from here, or lost for good.
    pub(super) async fn keep(self, mut line: LineTask) {
        let connection = &self.link.connection;
        let end = loop {
            let why = tokio::select! {
                biased;
                () = self.link.closing.cancelled(), if !self.plan.endpoint.is_process() => {
                    let _ = tokio::time::timeout(CLOSE_GRACE, &mut line).await;
                    break Error::client_closed();
                }
                why = &mut line => ended(why),
            };
            let Error::Lost(why) = why else { break why };
            // It may be the reason that the server gave for closing.
            let why = self.plan.secrets.strike(why);
            let lost = Error::Lost(format!("the connection to {} was lost: {why}", self.plan.name()));
            if !connection.reconnects() {
                break lost;
            }
            connection.lose();
            self.events.emit(&ConnectionEvent::Lost { error: lost.clone() });
            let again = tokio::select! {
                () = self.link.closing.cancelled() => Err(Error::client_closed()),
                again = self.reconnect(&lost) => again,
            };
            match again {
                Ok(again) => line = again,
                Err(error) => break error,
            }
        };
        connection.end(&self.reason.get().cloned().unwrap_or(end));
    }

    /// Tries again, later and later, until the deadline.
    async fn reconnect(&self, lost: &Error) -> Result<LineTask, Error> {
        let limit = self.plan.settings.reconnect_timeout();
        let deadline = Instant::now() + limit;
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times()
            .with_jitter()
            .build();
        let mut last = lost.clone();
        let mut attempt = 0;
        loop {
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            if Instant::now() + pause >= deadline {
                let message =
                    format!("{lost}; it could not be opened again within {} ms: {last}", limit.as_millis());
                return Err(Error::Lost(message));
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
            self.events.emit(&ConnectionEvent::Connecting { attempt });
            let tried = tokio::time::timeout_at(deadline, self.attempt()).await;
            match tried {
                Ok(Ok(line)) => {
                    self.events.emit(&ConnectionEvent::Resumed);
                    return Ok(line);
                }
                Ok(Err(error)) => {
                    tracing::info!(%error, attempt, "connecting again failed");
                    self.link.connection.lose();
                    if is_final(&error) {
                        return Err(error);
                    }
                    last = error;
                }
                Err(_) => self.link.connection.lose(),
            }
        }
    }

    async fn attempt(&self) -> Result<LineTask, Error> {
        let connection = &self.link.connection;
        let (_, mut line) = self.plan.connect(&self.link).await?;
        if let Some(threads) = self.threads.upgrade() {
            tokio::select! {
                restored = threads.restore(self.session, connection, &self.router) => restored?,
                why = &mut line => return Err(ended(why)),
            }
        }
        connection.open(None);
        Ok(line)
    }
}

/// Whether trying again would come to the same.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Connect { status, .. } => status.is_some_and(|status| (400..500).contains(&status)),
        Error::UnsupportedVersion { .. } | Error::Closed(_) | Error::InvalidArgument(_) => true,
        _ => false,
    }
}
