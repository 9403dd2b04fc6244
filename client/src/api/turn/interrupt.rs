//! How a turn is interrupted: asked of the server, and ended here where no end comes.

use std::sync::Arc;
use std::time::Duration;

use crate::Error;
use crate::rpc::{CallOptions, Connection};
use crate::turn::{TurnState, TurnStatus};
use serde_json::{Value, json};

/// Within this time an interrupted turn is over, for the caller at least.
const BOUND: Duration = Duration::from_secs(5);
/// For how long one that was given up is still to be interrupted.
const LATER: Duration = Duration::from_secs(300);
/// The server refuses until it has begun; then it is asked again after this.
const AGAIN: Duration = Duration::from_millis(25);

/// Interrupts a turn and waits for its end. One whose end does not come is ended here.
pub(crate) async fn interrupt(connection: &Arc<Connection>, state: &Arc<TurnState>) -> Result<(), Error> {
    match tokio::time::timeout(BOUND, ask(connection, state)).await {
        Ok(Err(error)) if state.end().is_none() => return Err(error),
        Ok(_) => {}
        Err(_) => {
            tracing::warn!(turn = state.turn_id, "codex did not end the turn in time; it is given up here");
            ask_later(connection, state);
        }
    }
    if state.end().is_none() {
        state.finish(Ok(state.partial(TurnStatus::Interrupted)));
    }
    Ok(())
}

/// Ends a turn as aborted, by the server or else here.
pub(crate) async fn abort(connection: Arc<Connection>, state: Arc<TurnState>) {
    state.abort();
    if let Err(error) = interrupt(&connection, &state).await {
        tracing::warn!(turn = state.turn_id, %error, "codex did not interrupt the turn");
        state.finish(Ok(state.partial(TurnStatus::Interrupted)));
    }
}

async fn ask(connection: &Arc<Connection>, state: &Arc<TurnState>) -> Result<(), Error> {
    let mut phase = state.phase();
    let _ = phase.wait_for(|phase| phase.started || phase.ended).await;
    // The bound around all this comes first: its passing is no error.
    let options = CallOptions::within(2 * BOUND);
    loop {
        if state.end().is_some() {
            return Ok(());
        }
        let params = turn_params(state).to_string();
        match connection.request("turn/interrupt", Some(&params), options).answer().await {
            Ok(_) => break,
            Err(error) if error.is_overload() || is_not_running(&error) => {
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => return Err(error),
        }
    }
    state.ended().await;
    Ok(())
}

/// Has a turn interrupted that was given up while there was no line, once there is one.
fn ask_later(connection: &Arc<Connection>, state: &Arc<TurnState>) {
    if connection.reconnects() && state.end().is_none() {
        let options = CallOptions::within(LATER);
        let call = connection.request("turn/interrupt", Some(&turn_params(state).to_string()), options);
        tokio::spawn(async move { drop(call.answer().await) });
    }
}

fn is_not_running(error: &Error) -> bool {
    let signs = ["no active turn", "expected active turn id"];
    matches!(error, Error::Rpc(error) if signs.iter().any(|sign| error.message.contains(sign)))
}

/// The parameters that name a turn.
fn turn_params(state: &TurnState) -> Value {
    json!({ "threadId": state.thread_id, "turnId": state.running_id() })
}
