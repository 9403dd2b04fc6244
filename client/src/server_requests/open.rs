//! What the server of one connection has asked, until it is answered: here, elsewhere, or not at all.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use super::Dispatcher;
use super::ledger::{End, Ledger, MOST_OPEN, MOST_OPEN_BYTES, SentAnswer};
use super::request::{ParsedRequest, RequestOutcome, Response};
use crate::lock;
use crate::routing::{Router, Whose};
use crate::rpc::{Connection, Notification, ServerRequest};

/// How long it is waited for whose a request is, where it may turn out to be for a turn that runs or is being started.
const SETTLING: Duration = Duration::from_secs(1);
/// How long another client may take for a tool that has no function here, in a turn of this one.
const TOOL_ELSEWHERE: Duration = Duration::from_secs(10);

/// The requests of one connection.
pub struct OpenRequests {
    dispatcher: Arc<Dispatcher>,
    router: Arc<Router>,
    runtime: Handle,
    /// Whether the server may have other clients.
    shared: bool,
    connection: OnceLock<Weak<Connection>>,
    ledger: Mutex<Ledger>,
}

/// What becomes of a request that comes in.
enum Admitted {
    /// It is open already, or answered.
    Known,
    New(Arc<End>),
    /// There are too many.
    Full,
}

impl OpenRequests {
    /// The requests of a connection that [`Self::connected`] tells.
    pub fn new(dispatcher: Arc<Dispatcher>, router: Arc<Router>, runtime: Handle, shared: bool) -> Arc<Self> {
        let (connection, ledger) = (OnceLock::new(), Mutex::default());
        Arc::new(Self { dispatcher, router, runtime, shared, connection, ledger })
    }

    /// Where the answers go.
    pub fn connected(&self, connection: &Arc<Connection>) {
        let _ = self.connection.set(Arc::downgrade(connection));
    }

    /// Takes a request, and answers it on a task of its own. One that the server sends again after a line was lost is
    /// answered once: by who is at it, or as it was answered.
    pub fn request(self: &Arc<Self>, request: ServerRequest) {
        let asked = Arc::new(ParsedRequest::read(request));
        let (requests, admitted) = (Arc::clone(self), self.admit(&asked));
        let serve = async move {
            match admitted {
                Admitted::Known => {}
                Admitted::New(end) => requests.serve(&asked, &end).await,
                Admitted::Full => requests.refuse(&asked),
            }
        };
        self.runtime.spawn(serve.in_current_span());
    }

    /// Learns from a notification which requests are over.
    pub fn heard(&self, notification: &Notification<'_>) {
        let ids = notification.ids;
        match notification.method {
            "serverRequest/resolved" => self.resolved(notification.line),
            "turn/completed" => self.over(|asked| {
                asked.turn.is_some()
                    && asked.turn.as_deref() == ids.turn.as_deref()
                    && asked.thread.as_deref() == ids.thread.as_deref()
            }),
            "thread/closed" | "thread/deleted" => {
                self.over(|asked| asked.thread.is_some() && asked.thread.as_deref() == ids.thread.as_deref());
            }
            // Of a tool that another client has run is told nothing else. Its id is the model's: other threads may have it, too.
            "item/completed" => self.over(|asked| {
                asked.is_tool_call()
                    && asked.item.is_some()
                    && asked.item.as_deref() == ids.item.as_deref()
                    && asked.thread.as_deref() == ids.thread.as_deref()
            }),
            _ => {}
        }
    }

    /// The line was lost. What is being answered here is asked again over the next one, as is what others have not
    /// answered by then.
    pub fn lost(&self) {
        let mut ledger = lock(&self.ledger);
        ledger.lost();
        ledger.cancel(|open| open.left, true);
    }

    /// The connection has ended: nobody waits for these answers any more.
    pub fn connection_ended(&self) {
        let mut ledger = lock(&self.ledger);
        ledger.cancel(|_| true, false);
        ledger.forget_all_given();
    }

    fn resolved(&self, line: &str) {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            params: Params<'a>,
        }
        #[derive(Deserialize)]
        struct Params<'a> {
            #[serde(borrow, rename = "requestId")]
            request_id: &'a RawValue,
        }
        let Ok(message) = serde_json::from_str::<Message<'_>>(line) else { return };
        let id = message.params.request_id.get();
        let mut ledger = lock(&self.ledger);
        ledger.cancel_id(id, |open| open.leg.is_some());
        ledger.forget_given(id);
    }

    fn over(&self, is_over: impl Fn(&ParsedRequest) -> bool) {
        let mut ledger = lock(&self.ledger);
        ledger.cancel(|open| is_over(&open.asked), false);
    }

    fn admit(&self, asked: &Arc<ParsedRequest>) -> Admitted {
        let mut ledger = lock(&self.ledger);
        let id = asked.request.id.get();
        let leg = asked.request.leg;
        for open in ledger.of_id(id) {
            let same_line = open.leg == Some(leg) && open.asked.request.line == asked.request.line;
            if same_line || open.asked.is_repeated_by(asked) {
                open.leg = Some(leg);
                return Admitted::Known;
            }
        }
        if let Some(given) = ledger.given(id) {
            let same_line = given.leg == Some(leg);
            let repeats = given.asked.is_repeated_by(asked);
            if same_line && (repeats || given.asked.request.line == asked.request.line) {
                // Whoever follows a thread again is asked again, also for what is answered a moment ago.
                return Admitted::Known;
            }
            if repeats {
                given.leg = self.send(Some(leg), &given.asked, &given.answer);
                return Admitted::Known;
            }
        }
        // Another server counts its requests anew.
        ledger.cancel_id(id, |_| true);
        ledger.forget_given(id);
        ledger.add(asked).map_or(Admitted::Full, Admitted::New)
    }

    fn whose(&self, asked: &ParsedRequest) -> Whose {
        self.router.whose(asked.thread.as_deref(), asked.turn.as_deref())
    }

    async fn serve(&self, asked: &Arc<ParsedRequest>, end: &End) {
        let answered = tokio::select! {
            biased;
            () = end.cancel.cancelled() => RequestOutcome::Elsewhere,
            answered = self.answer(asked, end) => answered,
        };
        end.cancel.cancel();
        let mut ledger = lock(&self.ledger);
        let answered = match ledger.remove(asked) {
            Some(open) => {
                if let Some(answer) = asked.response(&answered) {
                    let leg = self.send(open.leg, asked, &answer);
                    self.remember(&mut ledger, asked, leg, answer);
                }
                answered
            }
            None if end.left.get().is_some() => RequestOutcome::Left { error: None },
            None => RequestOutcome::Elsewhere,
        };
        drop(ledger);
        self.dispatcher.record(asked, &answered);
    }

    /// Asks who is to answer, as soon as that is known. What is another client's to answer, and has no handler here,
    /// waits for that.
    async fn answer(&self, asked: &Arc<ParsedRequest>, end: &End) -> RequestOutcome {
        let method = asked.request.method.as_str();
        let begun = Instant::now();
        let (mut settled, mut changed) = (self.router.settled(), self.dispatcher.changed());
        let mut failed = None;
        loop {
            settled.mark_unchanged();
            changed.mark_unchanged();
            let whose = self.whose(asked);
            let ours = whose.ours || !self.shared;
            let found = if failed.is_none() { self.dispatcher.find(asked, &whose) } else { None };
            let patience = if whose.unsettled {
                SETTLING
            } else if found.is_none() && self.shared && asked.is_tool_call() && failed.is_none() {
                TOOL_ELSEWHERE
            } else {
                Duration::ZERO
            };
            // What is not for this client may wait for ever.
            let until = (ours || found.is_some()).then(|| begun + patience);
            if until.is_some_and(|until| until <= Instant::now()) {
                let Some(found) = found else {
                    let thread = asked.thread.as_deref();
                    // The time is told all the same.
                    if method != "currentTime/read" {
                        let method = self.dispatcher.secrets().redact(method.to_owned());
                        tracing::warn!(
                            method,
                            thread,
                            "a request from codex is declined: there is no handler for it"
                        );
                    }
                    return RequestOutcome::Declined { error: failed };
                };
                let occupied = whose.owner.as_ref().map(|owner| owner.occupy());
                let answered = tokio::select! {
                    // Of a turn that has ended nothing is asked.
                    biased;
                    () = turn_over(asked, &whose) => {
                        match whose.owner.as_ref().and_then(|owner| owner.turn()) {
                            Some(_) => return RequestOutcome::Elsewhere,
                            // Its start was not answered, or it is joined: it is known by another owner now.
                            None => {
                                tokio::task::yield_now().await;
                                continue;
                            }
                        }
                    }
                    answered = found.ask(asked, &whose, &end.cancel) => answered,
                };
                drop(occupied);
                match answered {
                    RequestOutcome::Declined { error } if !ours => {
                        failed = error.or_else(|| Some(String::new()))
                    }
                    RequestOutcome::Failed { error, .. } if !ours => failed = Some(error),
                    answered => return answered,
                }
                continue;
            }
            if !ours && !lock(&self.ledger).leave(asked) {
                return RequestOutcome::Elsewhere;
            }
            let patience = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = settled.changed() => {}
                _ = changed.changed() => {}
                () = patience => {}
                () = turn_over(asked, &whose) => {
                    if whose.owner.as_ref().is_some_and(|owner| owner.turn().is_some()) {
                        return RequestOutcome::Elsewhere;
                    }
                }
            }
        }
    }

    /// Answers one that is too many.
    fn refuse(&self, asked: &Arc<ParsedRequest>) {
        let error =
            format!("more than {MOST_OPEN} requests, or {} MiB of them, are open", MOST_OPEN_BYTES >> 20);
        tracing::warn!(method = asked.request.method, error, "a request from codex is refused");
        let answered = if self.whose(asked).ours || !self.shared {
            RequestOutcome::Declined { error: Some(error) }
        } else {
            RequestOutcome::Left { error: Some(error) }
        };
        if let Some(answer) = asked.response(&answered) {
            let leg = self.send(Some(asked.request.leg), asked, &answer);
            self.remember(&mut lock(&self.ledger), asked, leg, answer);
        }
        self.dispatcher.record(asked, &answered);
    }

    /// Sends an answer over the line that was asked on; gives that, if it is still there.
    fn send(&self, leg: Option<u64>, asked: &ParsedRequest, answer: &Response) -> Option<u64> {
        let connection = self.connection.get()?.upgrade()?;
        let answer = answer.as_deref().map_err(|(code, message)| (*code, message.as_str()));
        leg.filter(|leg| connection.respond(*leg, &asked.request.id, answer))
    }

    fn remember(&self, ledger: &mut Ledger, asked: &Arc<ParsedRequest>, leg: Option<u64>, answer: Response) {
        ledger.remember(SentAnswer { asked: Arc::clone(asked), leg, answer });
    }
}

/// Waits for the end of the turn that a request is for. One of a sub-agent outlives it: of that the server tells.
async fn turn_over(asked: &ParsedRequest, whose: &Whose) {
    match &whose.owner {
        Some(owner) if asked.thread.as_deref() == Some(owner.thread()) => owner.over().await,
        _ => std::future::pending().await,
    }
}
