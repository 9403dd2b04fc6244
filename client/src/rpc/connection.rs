//! A connection: requests and their answers, over one line or several, until its end. The rules are in `pending.rs`.

use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::envelope::{Envelope, Notification};
use super::error::{RawAnswer, rpc_error};
use super::methods::is_repeatable;
use super::pending::{Forgotten, Pending, PendingRequest};
use crate::transport::Answered;
use crate::{Error, Secrets, lock, trace};

/// How often a request is sent again, each time over another line.
const MOST_REPEATS: u8 = 3;

/// Takes what the server says unasked, on the reading task. Must not block.
pub trait Inbox: Send + Sync {
    /// A notification.
    fn notification(&self, notification: &Notification<'_>);
    /// A request that wants an answer by [`Connection::respond`].
    fn request(&self, request: ServerRequest);
    /// What was ready has been delivered.
    fn idle(&self);
    /// The line was lost; another is to come.
    fn lost(&self) {}
    /// The connection has ended for good.
    fn ended(&self, error: &Error);
}

/// A request from the server.
#[derive(Debug, Clone)]
pub struct ServerRequest {
    /// Its id as it stands on the wire.
    pub id: Box<RawValue>,
    /// The wire method.
    pub method: String,
    /// The whole message.
    pub line: Box<str>,
    /// The line of the connection that it came on, counted from 1: ids are of one line.
    pub leg: u64,
}

/// How a request is made.
#[derive(Debug, Clone, Copy)]
pub struct CallOptions {
    /// Its deadline, from the call.
    pub timeout: Duration,
    /// Whether passing the deadline after it was sent leaves it unknown if it took effect.
    pub indeterminate: bool,
    /// Whether it may take as long as it likes: it does not count among the requests in flight then.
    pub long: bool,
    /// Whether it leaves over the line that there is, or never: what it was decided on may not hold over another.
    pub of_line: bool,
}

impl CallOptions {
    /// A deadline, and nothing special.
    pub fn within(timeout: Duration) -> Self {
        Self { timeout, indeterminate: false, long: false, of_line: false }
    }
}

/// One JSON-RPC connection, over one line to the server or several, one after the other. Its end is sticky: whoever
/// asks later gets the same error.
pub struct Connection {
    pending: Mutex<Pending>,
    /// Where messages go. Locked after `pending`.
    pub(super) outgoing: Mutex<Outgoing>,
    /// What the line is told when the server has answered over it. Changes with it.
    answered: Mutex<Answered>,
    /// Whether a line that is lost is followed by another.
    reconnects: bool,
    pub(super) inbox: Arc<dyn Inbox>,
    settled: Notify,
    /// Held while all are told of the end. Locked before `pending`.
    telling: Mutex<()>,
    codex_version: OnceLock<String>,
    /// What no error may show: the server quotes values that it does not like.
    pub(super) secrets: Secrets,
    pub(super) met_garbage: AtomicBool,
}

/// The line that there is.
#[derive(Default)]
pub(super) struct Outgoing {
    /// None while there is no line.
    lines: Option<mpsc::UnboundedSender<String>>,
    /// Counts the lines, from 1.
    pub(super) leg: u64,
    /// Whether the server has answered `initialize` over this line. It takes nothing else before.
    shaken: bool,
    /// Answers to requests from the server that wait for that.
    answers: Vec<String>,
}

impl Outgoing {
    fn send(&self, line: String) {
        // When the transport is gone the end of the line is on its way.
        let _ = self.lines.as_ref().map(|lines| lines.send(line));
    }
}

/// A request under way. Dropping it frees its slot; an answer that comes later is ignored.
pub struct Call {
    connection: Arc<Connection>,
    id: i64,
    method: String,
    deadline: Instant,
    options: CallOptions,
    answer: oneshot::Receiver<RawAnswer>,
}

impl Connection {
    /// A connection that tells `inbox`; it writes nowhere until [`Self::attach`], and is closed to requests until
    /// [`Self::open`].
    pub fn new(inbox: Arc<dyn Inbox>, max_in_flight: usize, secrets: Secrets, reconnects: bool) -> Arc<Self> {
        Arc::new(Self {
            pending: Mutex::new(Pending::new(max_in_flight)),
            outgoing: Mutex::default(),
            answered: Mutex::default(),
            reconnects,
            inbox,
            settled: Notify::new(),
            telling: Mutex::default(),
            codex_version: OnceLock::new(),
            secrets,
            met_garbage: AtomicBool::new(false),
        })
    }

    /// There is a line: messages go into `outgoing` from now on, and `answered` is set with the first answer.
    pub fn attach(&self, outgoing: mpsc::UnboundedSender<String>, answered: Answered) {
        *lock(&self.answered) = answered;
        let mut line = lock(&self.outgoing);
        *line = Outgoing { lines: Some(outgoing), leg: line.leg + 1, ..Outgoing::default() };
    }

    /// The server has answered `initialize` over this line: answers to what it asked may follow.
    pub fn shaken(&self) {
        let mut line = lock(&self.outgoing);
        line.shaken = true;
        for answer in std::mem::take(&mut line.answers) {
            line.send(answer);
        }
    }

    /// The line was lost. Requests wait for the next one; those on the way are repeated where that is safe, and
    /// rejected as indeterminate where it is not.
    pub fn lose(&self) {
        let mut pending = lock(&self.pending);
        if pending.ended().is_some() {
            return;
        }
        let mut line = lock(&self.outgoing);
        *line = Outgoing { leg: line.leg, ..Outgoing::default() };
        drop(line);
        pending.lose();
        drop(pending);
        self.settled.notify_waiters();
        self.inbox.lost();
    }

    /// Whether a line that is lost is followed by another.
    pub fn reconnects(&self) -> bool {
        self.reconnects
    }

    /// Makes a request; it takes its place in the queue before this returns.
    pub fn request(self: &Arc<Self>, method: &str, params: Option<&str>, options: CallOptions) -> Call {
        self.submit(method, params, options, false)
    }

    /// Makes a request of the handshake, before [`Self::open`].
    pub fn handshake(self: &Arc<Self>, method: &str, params: Option<&str>, options: CallOptions) -> Call {
        self.submit(method, params, options, true)
    }

    /// The handshake is done; `codex_version` goes into error messages.
    pub fn open(&self, codex_version: Option<String>) {
        if let Some(version) = codex_version {
            let _ = self.codex_version.set(version);
        }
        let mut pending = lock(&self.pending);
        let lines = pending.open();
        self.send(lines);
        drop(pending);
        self.settled.notify_waiters();
    }

    /// Waits until there is a line over which what is about a thread goes, or none is to come any more.
    pub async fn carries(&self, thread: &str) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            let is_known = {
                let pending = lock(&self.pending);
                pending.ended().is_some() || pending.carries(thread)
            };
            if is_known {
                return;
            }
            settled.await;
        }
    }

    /// The same, for a method that is to be sent then: an error where that takes too long.
    pub async fn carries_within(&self, thread: &str, method: &str, within: Duration) -> Result<(), Error> {
        tokio::time::timeout(within, self.carries(thread)).await.map_err(|_| {
            let timeout_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
            let message =
                format!("{method} was not sent within {timeout_ms} ms: there was no line to the server");
            Error::Timeout { message, method: Some(method.to_owned()), timeout_ms, path: None }
        })
    }

    /// The handshake over another line is done. What is about one of these threads waits until [`Self::release`].
    pub fn open_holding(&self, threads: impl IntoIterator<Item = String>) {
        let mut pending = lock(&self.pending);
        let lines = pending.open_holding(threads);
        self.send(lines);
        drop(pending);
        self.settled.notify_waiters();
    }

    /// A thread will not come back: what would begin something in it is refused with `error`, the rest may go.
    pub fn give_up(&self, thread: &str, error: &Error) {
        lock(&self.pending).refuse_starts(thread, error);
        self.release(thread);
    }

    /// A thread is back: what waited for it may go.
    pub fn release(&self, thread: &str) {
        let mut pending = lock(&self.pending);
        let lines = pending.release(thread);
        self.send(lines);
        drop(pending);
        self.settled.notify_waiters();
    }

    /// Sends a notification; it takes its place among the requests before this returns.
    pub fn notify(&self, method: &str, params: Option<&str>) -> Result<(), Error> {
        let mut pending = lock(&self.pending);
        if let Some(error) = pending.ended() {
            return Err(error.clone());
        }
        let line = pending.notify(message(None, method, params));
        self.send(line);
        Ok(())
    }

    /// Sends a notification of the handshake, before [`Self::open`].
    pub fn notify_handshake(&self, method: &str, params: Option<&str>) {
        self.send([message(None, method, params)]);
    }

    /// Answers a request from the server over the line that it came on: a result as JSON text, or a JSON-RPC error
    /// code and message. False if that line is gone: the answer means nothing over another.
    pub fn respond(&self, leg: u64, id: &RawValue, answer: Result<&str, (i64, &str)>) -> bool {
        let line = match answer {
            Ok(result) => format!(r#"{{"id":{},"result":{result}}}"#, id.get()),
            Err((code, message)) => {
                let error = serde_json::json!({ "code": code, "message": message });
                format!(r#"{{"id":{},"error":{error}}}"#, id.get())
            }
        };
        let mut outgoing = lock(&self.outgoing);
        if outgoing.leg != leg || outgoing.lines.is_none() {
            return false;
        }
        if outgoing.shaken {
            outgoing.send(line);
        } else {
            outgoing.answers.push(line);
        }
        true
    }

    /// Ends the connection: all that waits gets `error`, as does all that comes. When this returns all have been
    /// told, also where another had ended it.
    pub fn end(&self, error: &Error) {
        let _telling = lock(&self.telling);
        let Some(waiting) = lock(&self.pending).end(error) else { return };
        self.settled.notify_waiters();
        // Before the answers: who gets one may open the next connection, which others must hear of after this.
        self.inbox.ended(error);
        for waiting in waiting {
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }

    /// Why the connection has ended, if it has.
    pub fn ended(&self) -> Option<Error> {
        lock(&self.pending).ended().cloned()
    }

    /// Refuses what has not been sent yet, and waits up to `within` for the answers to what has.
    pub async fn finish(&self, error: &Error, within: Duration) {
        lock(&self.pending).refuse_queued(error);
        let answered = async {
            loop {
                let settled = self.settled.notified();
                tokio::pin!(settled);
                settled.as_mut().enable();
                if lock(&self.pending).in_flight() == 0 {
                    return;
                }
                settled.await;
            }
        };
        let _ = tokio::time::timeout(within, answered).await;
    }

    fn submit(
        self: &Arc<Self>,
        method: &str,
        params: Option<&str>,
        options: CallOptions,
        first: bool,
    ) -> Call {
        let (sender, answer) = oneshot::channel();
        let mut pending = lock(&self.pending);
        let id = pending.next_id();
        let CallOptions { long, of_line, .. } = options;
        let may_repeat = self.reconnects && !first && !of_line && is_repeatable(method);
        let repeats = if may_repeat { MOST_REPEATS } else { 0 };
        let waiting =
            PendingRequest { method: method.to_owned(), answer: sender, long, of_line, repeats, line: None };
        let line = pending.submit(id, message(Some(id), method, params), waiting, first);
        self.send(line);
        drop(pending);
        let deadline = Instant::now() + options.timeout;
        Call { connection: Arc::clone(self), id, method: method.to_owned(), deadline, options, answer }
    }

    /// Hands lines to the transport.
    fn send(&self, lines: impl IntoIterator<Item = String>) {
        let outgoing = lock(&self.outgoing);
        for line in lines {
            outgoing.send(line);
        }
    }

    pub(super) fn settle(&self, envelope: &Envelope<'_>) {
        let Some(id) = envelope.id.and_then(|id| id.get().parse::<i64>().ok()) else {
            tracing::warn!("an answer without a usable id was dropped");
            return;
        };
        let mut pending = lock(&self.pending);
        let (waiting, lines) = pending.settle(id);
        self.send(lines);
        drop(pending);
        self.settled.notify_waiters();
        let Some(PendingRequest { method, answer, .. }) = waiting else {
            tracing::debug!(id, "a late answer was dropped");
            return;
        };
        lock(&self.answered).set();
        let outcome = match (envelope.error, envelope.result) {
            (Some(error), _) if error.get() != "null" => {
                let error = self.secrets.redact_json(error.get());
                Err(rpc_error(&error, &method, self.codex_version.get().cloned()))
            }
            (_, Some(result)) => Ok(result.to_owned()),
            _ => Ok(RawValue::NULL.to_owned()),
        };
        let _ = answer.send(outcome);
    }
}

impl Call {
    /// Waits for the answer, the deadline or the end of the connection.
    pub async fn answer(self) -> RawAnswer {
        self.answer_of_line()
            .await
            .unwrap_or_else(|| Err(Error::Closed("the connection was dropped".to_owned())))
    }

    /// The same. None for one that was to leave over the line of its time, and has not.
    pub async fn answer_of_line(mut self) -> Option<RawAnswer> {
        let timeout_ms = u64::try_from(self.options.timeout.as_millis()).unwrap_or(u64::MAX);
        match tokio::time::timeout_at(self.deadline, &mut self.answer).await {
            Ok(answer) => answer.ok(),
            Err(_) => {
                let method = self.method.clone();
                Some(match self.forget() {
                    // Its answer may come, or have come, at this very moment.
                    Forgotten::Sent | Forgotten::Settled if self.options.indeterminate => {
                        Err(Error::Indeterminate {
                            message: format!(
                                "{method} was sent but not answered within {timeout_ms} ms; it may have taken effect"
                            ),
                            method,
                        })
                    }
                    _ => Err(Error::Timeout {
                        message: format!("{method} was not answered within {timeout_ms} ms"),
                        method: Some(method),
                        timeout_ms,
                        path: None,
                    }),
                })
            }
        }
    }

    /// The same, unless `unwanted` comes to pass before it has left: then it never does.
    pub async fn answer_unless(self, unwanted: impl Future<Output = ()>) -> Option<RawAnswer> {
        let (connection, id) = (Arc::clone(&self.connection), self.id);
        let mut answer = pin!(self.answer_of_line());
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            () = unwanted => {}
        }
        if lock(&connection.pending).withdraw(id) {
            return Some(Err(Error::Aborted { result: None }));
        }
        answer.await
    }

    fn forget(&self) -> Forgotten {
        let mut pending = lock(&self.connection.pending);
        let (forgotten, lines) = pending.forget(self.id);
        self.connection.send(lines);
        forgotten
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.forget();
        self.connection.settled.notify_waiters();
    }
}

/// A message as one line. Newlines in `params` can't be: JSON text from a serialiser has none.
fn message(id: Option<i64>, method: &str, params: Option<&str>) -> String {
    let method = serde_json::Value::from(method);
    let params = params.map(|params| format!(r#","params":{params}"#)).unwrap_or_default();
    match id {
        Some(id) => {
            let trace = trace::current().map(|trace| format!(r#","trace":{}"#, trace.json()));
            format!(r#"{{"id":{id},"method":{method}{params}{}}}"#, trace.unwrap_or_default())
        }
        None => format!(r#"{{"method":{method}{params}}}"#),
    }
}
