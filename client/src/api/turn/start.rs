//! How a turn begins: its place in the thread's queue, the session, `turn/start`, and who watches it then.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Error;
use crate::api::task::spawn_begun;
use crate::api::thread::Thread;
use crate::api::thread::in_force::InForce;
use crate::api::thread::resumed::AGAIN;
use crate::api::thread::under_way::Awaited;
use crate::api::turn::Turn;
use crate::api::turn::watch::{Watch, watch_turn};
use crate::options::{Input, Place, Placed, TurnSettings};
use crate::routing::{Claim, TurnSink};
use crate::rpc::CallOptions;
use crate::server_requests::Handlers;
use crate::session::Session;
use crate::trace::{self, Observer};
use crate::turn::{TurnResult, TurnState};

/// How often a thread whose first turn runs is tried to be followed, before it is only asked whether it still does.
const MOST_TRIES: u32 = 40;

/// What a turn is to do.
pub(crate) enum TurnRequest {
    /// To take an input.
    Input(Input, Box<TurnSettings>),
    /// To review: the parameters of `review/start` beside the thread.
    Review(Value, Option<Duration>),
    /// To compact the thread.
    Compact(Option<Duration>),
}

impl TurnRequest {
    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Input(_, settings) => settings.check(),
            Self::Review(..) | Self::Compact(_) => Ok(()),
        }
    }

    /// What the program calls its input.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Input(_, settings) => settings.client_user_message_id.as_ref()?.as_deref(),
            Self::Review(..) | Self::Compact(_) => None,
        }
    }

    fn method(&self) -> &'static str {
        match self {
            Self::Input(..) => "turn/start",
            Self::Review(..) => "review/start",
            Self::Compact(_) => "thread/compact/start",
        }
    }

    fn inactivity_timeout(&self) -> Option<Duration> {
        match self {
            Self::Input(_, settings) => settings.inactivity_timeout(),
            Self::Review(_, timeout) | Self::Compact(timeout) => *timeout,
        }
    }

    fn placed(self, place: Place<'_>) -> Result<Self, Error> {
        Ok(match self {
            Self::Input(input, settings) => {
                Self::Input(input.placed(place)?, Box::new(settings.placed(place)?))
            }
            other => other,
        })
    }

    fn params(&self, thread: &Thread) -> Value {
        let mut params = match self {
            Self::Input(input, settings) => {
                let mut params = thread.shared.in_force(InForce::owed);
                params.extend(settings.wire(&thread.shared.options()));
                thread.shared.in_force(|in_force| in_force.spell_mode(&mut params));
                params.extend(input.clone().start_fields());
                Value::Object(params)
            }
            Self::Review(params, _) => params.clone(),
            Self::Compact(_) => json!({}),
        };
        params["threadId"] = thread.id().into();
        params
    }
}

/// What a turn begins with.
struct QueuedTurn {
    request: TurnRequest,
    handlers: Option<Arc<dyn Handlers>>,
    keep_log: bool,
    permit: OwnedSemaphorePermit,
    observer: Option<Arc<dyn Observer>>,
    under_way: Option<Awaited>,
}

impl Thread {
    /// One turn, to its end. The turn has its place behind earlier ones when this returns. Wire: `turn/start`.
    pub fn run(
        &self,
        input: Input,
        settings: TurnSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = Result<Arc<TurnResult>, Error>> + Send + 'static, Error> {
        let request = TurnRequest::Input(input, Box::new(settings));
        let begun = self.begin(request, handlers, cancel, false)?;
        Ok(async move {
            let turn = begun.await?;
            turn.result(turn.wait()).await
        })
    }

    /// One turn, as soon as the server has accepted it. The turn has its place behind earlier ones when this
    /// returns. Wire: `turn/start`.
    pub fn turn(
        &self,
        input: Input,
        settings: TurnSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = Result<Turn, Error>> + Send + 'static, Error> {
        self.begin(TurnRequest::Input(input, Box::new(settings)), handlers, cancel, true)
    }

    /// A turn that goes on where the last one broke off: nothing is said to the agent. Wire: `turn/start`.
    pub fn proceed(
        &self,
        settings: TurnSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = Result<Turn, Error>> + Send + 'static, Error> {
        self.turn(Input::nothing(), settings, handlers, cancel)
    }

    /// Begins a turn; it has its place in the thread's queue when this returns.
    pub(crate) fn begin(
        &self,
        request: TurnRequest,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
        keep_log: bool,
    ) -> Result<impl Future<Output = Result<Turn, Error>> + Send + 'static, Error> {
        request.check()?;
        let request = request.placed(self.core.place())?;
        let thread = self.pinned()?;
        let under_way = request.name().map(|name| thread.shared.under_way.expect(name));
        let mut slot = thread.queue();
        // The first poll takes the place.
        let first = slot.as_mut().now_or_never();
        let observer = trace::onlookers().observer;
        let span = self.core.services.span.clone();
        let begun = async move {
            let started = async {
                let permit = match first {
                    Some(permit) => permit.map_err(|_| Error::client_closed())?,
                    None => thread.placed(slot).await?,
                };
                let queued = QueuedTurn { request, handlers, keep_log, permit, observer, under_way };
                thread.start(queued, &cancel).await
            };
            let mut started = pin!(started);
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Error::Aborted { result: None }),
                turn = &mut started => turn,
            }
        };
        Ok(begun.instrument(span))
    }

    async fn start(&self, queued: QueuedTurn, cancel: &CancellationToken) -> Result<Turn, Error> {
        self.core.may_begin()?;
        let QueuedTurn { request, handlers, keep_log, permit, observer, under_way } = queued;
        let session = self.core.session()?;
        session.ready().await?;
        self.prepared(&session, request.method()).await?;

        let (sender, receiver) = oneshot::channel();
        let thread = self.clone();
        let inactivity = request.inactivity_timeout().or(self.core.settings.inactivity_timeout());
        let cancel = cancel.clone();
        // On a task of its own: whoever waits may go, the server's answer must still find somebody.
        let send = async move {
            let claim = Claim { handlers, thread_handlers: thread.shared.handlers(), begun_here: true };
            let log = (keep_log, observer);
            let begun = thread.sent(&session, request, claim, log, &cancel).await;
            if let Some(under_way) = under_way {
                under_way.answered(&begun);
            }
            let turn = match begun {
                // The place is free before anybody hears of the end: who waits for that finds no turn running.
                Ok(state) => {
                    state.hold(permit);
                    let connection = Arc::clone(&session.connection);
                    match keep_log {
                        true => Turn::new(thread.clone(), connection, state),
                        false => Turn::unread(&thread, connection, state),
                    }
                }
                Err(error) => {
                    drop(sender.send(Err(error)));
                    return;
                }
            };
            let watch = Watch {
                thread,
                connection: Arc::clone(&session.connection),
                router: Arc::clone(&session.router),
                state: Arc::clone(turn.state()),
                cancel,
            };
            if let Some(limit) = inactivity {
                turn.watch_silence(limit);
            }
            // A turn that nobody received is cancelled, and its watch sees to it.
            drop(sender.send(Ok(turn)));
            let (shared, state) = (Arc::clone(&watch.thread.shared), Arc::clone(&watch.state));
            watch_turn(watch).await;
            if state.end().is_some_and(|end| end.completed) {
                shared.written();
            }
        };
        spawn_begun(&self.core.services.runtime, send.in_current_span());
        receiver.await.unwrap_or_else(|_| Err(Error::client_closed()))
    }

    /// Waits until the thread is loaded over a line that carries it, and the server works on no turn of it.
    async fn prepared(&self, session: &Session, method: &str) -> Result<(), Error> {
        // Over a line that is lost nothing is known: a turn may run whose start was not answered.
        session.connection.carries_within(self.id(), method, self.call_options().timeout).await?;
        let mut tries = 0;
        loop {
            let is_loaded = self.shared.session() == session.number;
            // A turn that the server still works on, one that was given up here or another client's, comes first. It
            // is followed, if that can be: it may wait for an answer from here.
            if is_loaded || tries == 0 || tries > MOST_TRIES {
                self.idle(session).await?;
            }
            if is_loaded {
                // It may have been unloaded while it was waited for.
                if self.shared.session() == session.number {
                    break;
                }
                continue;
            }
            if !self.ensure_loaded(session).await? {
                if session.router.active(self.id()).borrow().is_none() {
                    break;
                }
                // The first turn of the thread runs, and is not written down yet.
                tries += 1;
                tokio::time::sleep(AGAIN).await;
            }
        }
        Ok(())
    }

    /// Sends what begins a turn. Where its line is lost before it has left, what was known of the thread may not hold: it is
    /// prepared again.
    async fn sent(
        &self,
        session: &Session,
        request: TurnRequest,
        claim: Claim,
        log: (bool, Option<Arc<dyn Observer>>),
        cancel: &CancellationToken,
    ) -> Result<Arc<TurnState>, Error> {
        loop {
            if let Some(state) = self.send_start(session, &request, claim.clone(), log.clone()).await? {
                return Ok(state);
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Error::Aborted { result: None }),
                prepared = self.prepared(session, request.method()) => prepared?,
            }
        }
    }

    /// Sends `turn/start` or what else begins a turn. The events that come before its answer belong to the turn as well.
    async fn send_start(
        &self,
        session: &Session,
        request: &TurnRequest,
        claim: Claim,
        (keep_log, observer): (bool, Option<Arc<dyn Observer>>),
    ) -> Result<Option<Arc<TurnState>>, Error> {
        #[derive(Deserialize)]
        struct Started {
            turn: Identified,
        }
        #[derive(Deserialize)]
        struct Identified {
            id: String,
        }
        let method = request.method();
        let is_named = !matches!(request, TurnRequest::Compact(_));
        let expected = session.router.expect(self.id(), claim);
        if !is_named {
            expected.is_unnamed();
        }
        let mut started = session.router.started(self.id());
        let options = CallOptions { indeterminate: true, of_line: true, ..self.call_options() };
        let params = request.params(self);
        let heard = self.shared.heard();
        // Of a thread that is not followed yet the first events go to others.
        let is_followed = self.shared.session() == session.number;
        let call = session.connection.request(method, Some(&params.to_string()), options);
        let Some(answer) = call.answer_of_line().await else { return Ok(None) };
        if let Value::Object(given) = &params {
            match &answer {
                Ok(_) => self.shared.in_force(|in_force| {
                    in_force.accepted(given, heard);
                    in_force.written();
                }),
                Err(Error::Rpc(_)) => {}
                Err(error) => {
                    // At its deadline one that has left is indeterminate.
                    if !matches!(error, Error::Timeout { .. }) {
                        expected.may_have_begun();
                    }
                    self.shared.in_force(|in_force| in_force.in_doubt(given));
                }
            }
        }
        let answer = answer?;
        let turn_id = if is_named {
            let started: Started = serde_json::from_str(answer.get()).map_err(|error| {
                expected.may_have_begun();
                Error::Indeterminate {
                    message: format!("the answer to {method} has no turn id: {error}"),
                    method: method.to_owned(),
                }
            })?;
            started.turn.id
        } else {
            let started = self.next_started(session, &mut started, method).await;
            started.inspect_err(|_| expected.may_have_begun())?
        };
        let state = self.core.turn_state(self.id(), &turn_id, keep_log);
        state.observe(observer);
        self.shared.runs(&state);
        if let Some(name) = params["clientUserMessageId"].as_str() {
            self.shared.takes_input(name, &state);
        }
        // It may have been let go since, or have been sent over another line than that on which the thread was followed.
        let missed = match is_followed && self.shared.session() == session.number {
            true => expected.resolve(&turn_id, Arc::clone(&state) as Arc<dyn TurnSink>).err(),
            false => Some(expected),
        };
        if let Some(expected) = missed {
            expected.begun(&turn_id);
            let caught_up = self.catch_up(session, expected, &state).await;
            if let Err(error) = caught_up.map_err(|error| not_followed(&turn_id, error)) {
                state.connection_ended(&error);
                return Err(error);
            }
        }
        Ok(Some(state))
    }

    /// The id of the turn that the server starts next: not every method names the turn that it begins.
    async fn next_started(
        &self,
        session: &Session,
        started: &mut watch::Receiver<Option<String>>,
        method: &str,
    ) -> Result<String, Error> {
        let within = self.call_options().timeout;
        let named = async {
            loop {
                started.changed().await?;
                let turn = started.borrow_and_update().clone();
                if let Some(turn) = turn.filter(|turn| !turn.is_empty()) {
                    return Ok::<_, watch::error::RecvError>(turn);
                }
            }
        };
        match tokio::time::timeout(within, named).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(session.connection.ended().unwrap_or_else(Error::client_closed)),
            Err(_) => Err(Error::Indeterminate {
                message: format!(
                    "{method} was accepted, but no turn was started within {} ms",
                    within.as_millis()
                ),
                method: method.to_owned(),
            }),
        }
    }
}

/// Why a turn that has begun is lost to who began it.
fn not_followed(turn: &str, error: Error) -> Error {
    match error {
        Error::Closed(_) | Error::Lost(_) | Error::ServerExited { .. } => error,
        error => Error::TurnLost {
            message: format!("turn {turn} has begun, but what it does can't be followed: {error}"),
            result: None,
        },
    }
}
