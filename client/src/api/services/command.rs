//! Commands that run in codex's sandbox without a thread.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Error;
use crate::api::codex::Codex;
use crate::api::core::Core;
use crate::options::{CommandSettings, Placed, TerminalSize};
use crate::rpc::{CallOptions, Connection, RawAnswer, read_answer};
use crate::session::Output;

/// A command whose deadline is left to itself is waited for this long: for ever.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A command that runs, its output and its stdin.
pub struct Command {
    core: Arc<Core>,
    connection: Arc<Connection>,
    id: String,
    output: Arc<Output>,
}

impl Codex {
    /// Runs a command to its end: exit code, stdout and stderr as JSON. Aborting ends it. Wire: `command/exec`.
    pub async fn run_command(
        &self,
        argv: &[String],
        settings: CommandSettings,
        cancel: CancellationToken,
    ) -> RawAnswer {
        let settings = CommandSettings { stream: None, ..settings }.placed(self.core.place())?;
        if cancel.is_cancelled() {
            return Err(Error::Aborted { result: None });
        }
        let session = self.core.session()?;
        let (id, _output) = session.commands.open(&self.core.memory);
        let params = Value::Object(settings.wire(argv, &id)?).to_string();
        let options = call_options(&self.core, &settings);
        let call = session.connection.request("command/exec", Some(&params), options);
        let outcome = tokio::select! {
            biased;
            answer = call.answer() => answer,
            () = cancel.cancelled() => Err(Error::Aborted { result: None }),
        };
        if matches!(outcome, Err(Error::Aborted { .. } | Error::Timeout { .. })) {
            end_command(&self.core, &session.connection, &id);
        }
        outcome
    }

    /// Begins a command and gives a handle on it. Aborting ends it. Wire: `command/exec`.
    pub async fn start_command(
        &self,
        argv: &[String],
        settings: CommandSettings,
        cancel: CancellationToken,
    ) -> Result<Command, Error> {
        let settings = CommandSettings { stream: Some(true), ..settings }.placed(self.core.place())?;
        if cancel.is_cancelled() {
            return Err(Error::Aborted { result: None });
        }
        let session = self.core.session()?;
        let (id, output) = session.commands.open(&self.core.memory);
        let params = Value::Object(settings.wire(argv, &id)?).to_string();
        let options = call_options(&self.core, &settings);
        // It has its place before what is written to it.
        let call = session.connection.request("command/exec", Some(&params), options);
        let (core, connection) = (Arc::downgrade(&self.core), Arc::clone(&session.connection));
        let (ended, name, aborted) = (Arc::clone(&output), id.clone(), cancel.clone());
        let watch = async move {
            let outcome = tokio::select! {
                biased;
                answer = call.answer() => answer.and_then(|answer| exit_code(&answer)),
                () = cancel.cancelled() => Err(Error::Aborted { result: None }),
            };
            if matches!(outcome, Err(Error::Aborted { .. } | Error::Timeout { .. }))
                && let Some(core) = core.upgrade()
            {
                end_command(&core, &connection, &name);
            }
            ended.finish(outcome);
        };
        self.core.services.runtime.spawn(watch.in_current_span());
        // Where codex can't be started, that is the error of this call.
        tokio::select! {
            biased;
            () = aborted.cancelled() => return Err(Error::Aborted { result: None }),
            ready = session.ready() => drop(ready?),
        }
        Ok(Command { core: Arc::clone(&self.core), connection: Arc::clone(&session.connection), id, output })
    }
}

impl Command {
    /// Its name on the wire.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it writes.
    pub fn output(&self) -> &Arc<Output> {
        &self.output
    }

    /// Writes to its stdin. Wire: `command/exec/write`.
    pub fn write(&self, data: &[u8]) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        self.ask("command/exec/write", json!({ "deltaBase64": BASE64_STANDARD.encode(data) }))
    }

    /// Ends its stdin. Wire: `command/exec/write`.
    pub fn close_stdin(&self) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        self.ask("command/exec/write", json!({ "closeStdin": true }))
    }

    /// Gives its terminal another size. Wire: `command/exec/resize`.
    pub fn resize(
        &self,
        size: TerminalSize,
    ) -> Result<impl Future<Output = Result<(), Error>> + Send + 'static, Error> {
        size.check("size")?;
        Ok(self.ask("command/exec/resize", json!({ "size": size })))
    }

    /// Ends it and waits until it has; one that has ended stays as it is. Wire: `command/exec/terminate`.
    pub async fn terminate(&self) -> Result<(), Error> {
        if self.output.end().is_none()
            && let Err(error) = self.ask("command/exec/terminate", json!({})).await
        {
            // It may have ended on its own while it was asked.
            if self.output.end().is_none() && !matches!(error, Error::Rpc(_)) {
                return Err(error);
            }
        }
        let _ = self.output.ended().await;
        Ok(())
    }

    /// Makes a request about it, which has its place in the queue when this returns.
    fn ask(
        &self,
        method: &str,
        mut params: Value,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        params["processId"] = self.id.as_str().into();
        let options = plain_options(&self.core);
        let call = self.connection.request(method, Some(&params.to_string()), options);
        async move { call.answer().await.map(drop) }
    }
}

impl Drop for Command {
    /// It runs on, but nobody can read what it writes.
    fn drop(&mut self) {
        self.output.discard();
    }
}

fn plain_options(core: &Core) -> CallOptions {
    CallOptions::within(core.settings.request_timeout())
}

/// The answer comes when the command has ended, which has its own limit.
fn call_options(core: &Core, settings: &CommandSettings) -> CallOptions {
    let limit =
        settings.limit().map_or(FOR_EVER, |limit| limit.saturating_add(core.settings.request_timeout()));
    CallOptions { timeout: limit.min(FOR_EVER), long: true, ..plain_options(core) }
}

/// Asks for the end of a command that nobody waits for any more.
fn end_command(core: &Core, connection: &Arc<Connection>, id: &str) {
    let params = json!({ "processId": id }).to_string();
    let call = connection.request("command/exec/terminate", Some(&params), plain_options(core));
    // Sent in order behind the command itself; what comes of it is of no matter.
    core.services.runtime.spawn(async move { drop(call.answer().await) });
}

fn exit_code(answer: &RawValue) -> Result<i64, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Ended {
        exit_code: i64,
    }
    let ended: Ended = read_answer("command/exec", answer)?;
    Ok(ended.exit_code)
}
