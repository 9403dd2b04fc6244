use std::sync::{Arc, Weak};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::core::{Core, closed};
use super::events::{ConnectionEvent, Events};
use super::thread::Thread;
use super::way::{LineTask, Plan};
use crate::Error;
use crate::routing::Router;
use crate::rpc::{CallOptions, Connection};

/// How long the closing of a line may take.
const CLOSE_GRACE: Duration = Duration::from_millis(1_000);
/// The pauses between tries to connect again: from the first to the longest, each twice the one before, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Sees the lines to a server that runs elsewhere to their end: opens another when one drops, and brings the threads
/// in use back.
pub(super) struct Keeper {
    pub(super) core: Weak<Core>,
    /// Number of the session.
    pub(super) session: u64,
    pub(super) connection: Arc<Connection>,
    pub(super) router: Arc<Router>,
    pub(super) events: Arc<Events>,
    pub(super) plan: Plan,
    pub(super) closing: CancellationToken,
}

impl Keeper {
    /// Runs until the line is closed from here, or lost for good.
    pub(super) async fn keep(self, mut line: LineTask) {
        let end = loop {
            let why = tokio::select! {
                biased;
                () = self.closing.cancelled() => {
                    let _ = tokio::time::timeout(CLOSE_GRACE, &mut line).await;
                    break closed();
                }
                why = &mut line => why.unwrap_or_else(|error| error.to_string()),
            };
            // It may be the reason that the server gave for closing.
            let why = self.plan.secrets.strike(why);
            let lost = Error::Lost(format!("the connection to {} was lost: {why}", self.plan.name()));
            if !self.connection.reconnects() {
                break lost;
            }
            self.connection.lose();
            self.events.emit(&ConnectionEvent::Lost { error: lost.clone() });
            let again = tokio::select! {
                () = self.closing.cancelled() => Err(closed()),
                again = self.reconnect(&lost) => again,
            };
            match again {
                Ok(again) => line = again,
                Err(error) => break error,
            }
        };
        self.connection.end(&end);
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
                    self.connection.lose();
                    if is_final(&error) {
                        return Err(error);
                    }
                    last = error;
                }
                Err(_) => self.connection.lose(),
            }
        }
    }

    async fn attempt(&self) -> Result<LineTask, Error> {
        let (_, mut line) = self.plan.connect(&self.connection, &self.closing).await?;
        tokio::select! {
            restored = self.restore() => restored?,
            why = &mut line => {
                return Err(Error::Lost(why.unwrap_or_else(|error| error.to_string())));
            }
        }
        self.connection.open(None);
        Ok(line)
    }

    /// Resumes the threads in use. Those with a turn that runs come first.
    async fn restore(&self) -> Result<(), Error> {
        let Some(core) = self.core.upgrade() else { return Ok(()) };
        let mut threads = core.threads_of(self.session);
        threads.sort_by_cached_key(|shared| self.router.paused(&shared.id).is_empty());
        for shared in threads {
            Thread::new(Arc::clone(&core), shared).restore(&self.connection, &self.router).await?;
        }
        for agent in self.router.agents() {
            self.follow(&agent).await?;
        }
        Ok(())
    }

    /// Follows the thread of a sub-agent again: what it asks for would find nobody.
    async fn follow(&self, thread: &str) -> Result<(), Error> {
        let params = json!({ "threadId": thread, "excludeTurns": true }).to_string();
        let timeout = self.plan.settings.request_timeout();
        let options = CallOptions { timeout, indeterminate: false, long: false };
        match self.connection.handshake("thread/resume", Some(&params), options).answer().await {
            Ok(_) => Ok(()),
            Err(error @ Error::Rpc(_)) => {
                tracing::warn!(thread, %error, "a sub-agent could not be followed again");
                Ok(())
            }
            Err(error) => Err(error),
        }
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
