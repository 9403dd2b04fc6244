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
    /// Opens the connection over its new line, and restores what belongs to a session: each thread by itself, within a
    /// bound of its own. An error says that the line is of no use; with `again` another was tried before, and what is
    /// not answered is given up.
    fn restore<'a>(
        &'a self,
        session: u64,
        connection: &'a Arc<Connection>,
        router: &'a Router,
        again: bool,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;
}

/// Sees the lines to a server to their end: opens another when one drops, where that can be.
pub(super) struct Reconnector {
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

impl Reconnector {
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
            let why = self.plan.secrets.redact(why);
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
        let mut deadline = Instant::now() + limit;
        let mut doubted = false;
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times()
            .with_jitter()
            .build();
        let mut last = lost.clone();
        let mut attempt = 0;
        let mut asked = Duration::ZERO;
        loop {
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE).max(asked);
            if Instant::now() + pause >= deadline {
                let message =
                    format!("{lost}; it could not be opened again within {} ms: {last}", limit.as_millis());
                return Err(Error::Lost(message));
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
            self.events.emit(&ConnectionEvent::Connecting { attempt });
            let connected = tokio::time::timeout_at(deadline, self.plan.connect(&self.link)).await;
            let tried = match connected {
                Ok(Ok((_, line))) => {
                    // How long that takes is bounded for each thread, not by the deadline of the line.
                    let restored = self.bring_back(line, doubted).await;
                    doubted |= matches!(restored, Err(Error::Timeout { .. }));
                    if Instant::now() >= deadline {
                        deadline = Instant::now() + limit;
                    }
                    restored
                }
                Ok(Err(error)) => Err(error),
                Err(_) => Err(last.clone()),
            };
            match tried {
                Ok(line) => {
                    self.events.emit(&ConnectionEvent::Resumed);
                    return Ok(line);
                }
                Err(error) => {
                    tracing::info!(%error, attempt, "connecting again failed");
                    self.link.connection.lose();
                    let Some(pause) = again(&error) else { return Err(error) };
                    asked = pause;
                    last = error;
                }
            }
        }
    }

    /// Brings back over a new line what was followed over the one before.
    async fn bring_back(&self, mut line: LineTask, again: bool) -> Result<LineTask, Error> {
        let connection = &self.link.connection;
        let Some(threads) = self.threads.upgrade() else {
            connection.open(None);
            return Ok(line);
        };
        tokio::select! {
            biased;
            why = &mut line => Err(ended(why)),
            restored = threads.restore(self.session, connection, &self.router, again) => restored.map(|()| line),
        }
    }
}

/// After how long it may be tried again; `None` where that comes to the same.
fn again(error: &Error) -> Option<Duration> {
    match error {
        Error::Connect { retry, .. } => *retry,
        Error::UnsupportedVersion { .. } | Error::Closed(_) | Error::InvalidArgument(_) => None,
        _ => Some(Duration::ZERO),
    }
}
