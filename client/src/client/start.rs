//! How a turn begins: its place in the thread's queue, the session, `turn/start`, and who watches it then.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::core::closed;
use super::session::Session;
use super::thread::Thread;
use super::turn::Turn;
use super::watch::{Watch, watch_turn};
use crate::Error;
use crate::options::{Input, TurnSettings};
use crate::requests::Handlers;
use crate::routing::TurnSink;
use crate::rpc::CallOptions;
use crate::turn::TurnState;

type Permit = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, tokio::sync::AcquireError>> + Send>>;

/// What a turn begins with.
struct Beginning {
    input: Input,
    settings: TurnSettings,
    handlers: Option<Arc<dyn Handlers>>,
    keep_log: bool,
    permit: OwnedSemaphorePermit,
}

impl Thread {
    /// Begins a turn; it has its place in the thread's queue when this returns.
    pub(super) fn begin(
        &self,
        input: Input,
        settings: TurnSettings,
        handlers: Option<Arc<dyn Handlers>>,
        cancel: CancellationToken,
        keep_log: bool,
    ) -> Result<impl Future<Output = Result<Turn, Error>> + Send + 'static, Error> {
        settings.check()?;
        let mut place: Permit = Box::pin(Arc::clone(&self.shared.turns).acquire_owned());
        // The first poll takes the place.
        let first = place.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let thread = self.clone();
        Ok(async move {
            let started = async {
                let permit = match first {
                    Poll::Ready(permit) => permit,
                    Poll::Pending => place.await,
                };
                let permit = permit.map_err(|_| closed())?;
                thread.start(Beginning { input, settings, handlers, keep_log, permit }, &cancel).await
            };
            let mut started = pin!(started);
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Error::Aborted { result: None }),
                turn = &mut started => turn,
            }
        })
    }

    async fn start(&self, beginning: Beginning, cancel: &CancellationToken) -> Result<Turn, Error> {
        let Beginning { input, settings, handlers, keep_log, permit } = beginning;
        let session = self.core.session()?;
        session.ready().await?;
        // A turn that the server still works on, one that was given up here or another client's, comes first.
        let mut active = session.router.active(&self.shared.id);
        let _ = active.wait_for(Option::is_none).await;
        self.ensure_loaded(&session).await?;

        let mut params = settings.wire(&self.shared.settings());
        params.extend(input.start_fields());
        params.insert("threadId".to_owned(), self.id().into());
        let (sender, receiver) = oneshot::channel();
        let thread = self.clone();
        let inactivity = settings.inactivity_timeout().or(self.core.settings.inactivity_timeout());
        let cancel = cancel.clone();
        // On a task of its own: whoever waits may go, the server's answer must still find somebody.
        let send = async move {
            let dispatcher = Arc::clone(&thread.core.dispatcher);
            dispatcher.starting(thread.id(), handlers);
            let begun = thread.send_start(&session, Value::Object(params), keep_log).await;
            dispatcher.started(thread.id(), begun.as_ref().ok());
            let turn = match begun {
                Ok(state) => Turn::new(thread, Arc::clone(&session.connection), state),
                Err(error) => {
                    drop(sender.send(Err(error)));
                    return;
                }
            };
            let watch = Watch {
                thread: turn.thread().clone(),
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
            let turn_id = watch.state.turn_id.clone();
            watch_turn(watch).await;
            dispatcher.ended(&turn_id);
            drop(permit);
        };
        tokio::spawn(send.in_current_span());
        receiver.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Sends `turn/start`. The events that come before its answer belong to the turn as well.
    async fn send_start(
        &self,
        session: &Session,
        params: Value,
        keep_log: bool,
    ) -> Result<Arc<TurnState>, Error> {
        #[derive(Deserialize)]
        struct Started {
            turn: Identified,
        }
        #[derive(Deserialize)]
        struct Identified {
            id: String,
        }
        let expected = session.router.expect(self.id());
        let options = CallOptions { indeterminate: true, ..self.call_options() };
        let call = session.connection.request("turn/start", Some(&params.to_string()), options);
        let answer = call.answer().await?;
        let started: Started = serde_json::from_str(answer.get()).map_err(|error| Error::Indeterminate {
            message: format!("the answer to turn/start has no turn id: {error}"),
            method: "turn/start".to_owned(),
        })?;
        let state = TurnState::new(self.id(), &started.turn.id, keep_log);
        expected.resolve(&started.turn.id, Arc::clone(&state) as Arc<dyn TurnSink>);
        Ok(state)
    }
}

/// The parameters that name a turn.
pub(super) fn turn_params(state: &TurnState) -> Value {
    json!({ "threadId": state.thread_id, "turnId": state.turn_id })
}
