//! Which handler a request is for: of the turn, of the thread, of the client. One of a sub-agent is for the turn that it
//! works for, which `routing/owner.rs` names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::answer::{wire_answer, without_rule};
use super::request::{ParsedRequest, RequestOutcome, Scope};
use super::{HandlerKind, Handlers};
use crate::routing::{Ring, Whose};
use crate::{Secrets, lock};

/// The handlers of a client and of its threads; those of turns are with their turns.
#[derive(Default)]
pub struct Dispatcher {
    client: Option<Arc<dyn Handlers>>,
    threads: Mutex<HashMap<String, Weak<dyn Handlers>>>,
    /// Told when a thread has other handlers.
    changed: watch::Sender<()>,
    /// What was asked and answered, for whoever watches.
    records: Arc<Ring>,
    secrets: Secrets,
}

/// The handler that a request is for.
pub(super) struct Found {
    kind: HandlerKind,
    scope: Scope,
    handlers: Arc<dyn Handlers>,
    secrets: Secrets,
}

impl Dispatcher {
    /// A dispatcher with the handlers of the client. What it tells of them shows none of `secrets`.
    pub fn new(client: Option<Arc<dyn Handlers>>, secrets: Secrets) -> Arc<Self> {
        Arc::new(Self { client, secrets, ..Self::default() })
    }

    /// What logs may not show.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The handlers of the client.
    pub fn client(&self) -> &Option<Arc<dyn Handlers>> {
        &self.client
    }

    /// What was asked and how it was answered, as JSON.
    pub fn records(&self) -> &Arc<Ring> {
        &self.records
    }

    /// The handlers of a thread, for as long as the thread lives.
    pub fn set_thread(&self, thread: &str, handlers: &Arc<dyn Handlers>) {
        lock(&self.threads).insert(thread.to_owned(), Arc::downgrade(handlers));
        self.changed.send_replace(());
    }

    /// Forgets the handlers of a thread that nobody here has: a turn that has ended may hold them still.
    pub fn forget_thread(&self, thread: &str) {
        lock(&self.threads).remove(thread);
    }

    /// Forgets the handlers of threads that are gone.
    pub fn sweep(&self) {
        lock(&self.threads).retain(|_, handlers| handlers.strong_count() > 0);
    }

    /// Tells when a thread has other handlers.
    pub(super) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn record(&self, asked: &ParsedRequest, answered: &RequestOutcome) {
        self.records.push(&asked.request.method, &asked.record(answered));
        self.records.wake();
    }

    /// The handlers that may be asked, nearest first. For a sub-agent they are those of the turn that it works for.
    fn handlers(&self, asked: &ParsedRequest, whose: &Whose) -> Vec<(Scope, Arc<dyn Handlers>)> {
        let owner = whose.owner.as_ref();
        let turn = owner.and_then(|owner| owner.handlers());
        let threads = lock(&self.threads);
        let of_thread = |thread: &str| threads.get(thread)?.upgrade();
        let thread = asked.thread.as_deref().and_then(of_thread);
        let root = owner.and_then(|owner| of_thread(owner.thread()).or_else(|| owner.thread_handlers()));
        [
            (Scope::Turn, turn),
            (Scope::Thread, thread),
            (Scope::Thread, root),
            (Scope::Client, self.client.clone()),
        ]
        .into_iter()
        .filter_map(|(scope, handlers)| Some((scope, handlers?)))
        .collect()
    }

    /// The handler that a request is for, if there is one.
    pub(super) fn find(&self, asked: &ParsedRequest, whose: &Whose) -> Option<Found> {
        let all = self.handlers(asked, whose);
        let first = |kind, fits: &dyn Fn(&dyn Handlers) -> bool| {
            let (scope, handlers) = all.iter().find(|(_, handlers)| fits(handlers.as_ref()))?;
            let (handlers, secrets) = (Arc::clone(handlers), self.secrets.clone());
            Some(Found { kind, scope: *scope, handlers, secrets })
        };
        let nearest = |kind| first(kind, &|handlers| handlers.has(kind));
        let tool =
            asked.tool().and_then(|tool| first(HandlerKind::Tool, &|handlers| handlers.has_tool(&tool)));
        // Who approves commands and changes approves calls of tools, too, unless somebody is there for what MCP servers ask.
        let approval = || if asked.is_mcp_approval() { nearest(HandlerKind::Approval) } else { None };
        tool.or_else(|| HandlerKind::of(&asked.request.method).and_then(nearest))
            .or_else(approval)
            .or_else(|| nearest(HandlerKind::Any))
    }
}

impl Found {
    /// Asks it.
    pub(super) async fn ask(
        &self,
        asked: &ParsedRequest,
        whose: &Whose,
        cancel: &CancellationToken,
    ) -> RequestOutcome {
        let method = asked.request.method.as_str();
        let turn = whose.owner.as_ref().and_then(|owner| owner.sink());
        let context = whose.owner.as_ref().and_then(|owner| owner.context());
        let turn_id = whose.owner.as_ref().and_then(|owner| owner.turn()).or_else(|| whose.running.clone());
        let request = asked.for_handler(turn.as_ref(), turn_id.as_deref());
        let given = self.handlers.call(self.kind, request, context, cancel.clone()).await;
        let answer = given.and_then(|given| {
            let given = serde_json::from_str(&given).map_err(|error| error.to_string())?;
            let (given, rule) = without_rule(self.kind, given);
            Ok((wire_answer(self.kind, method, given)?, rule))
        });
        match answer {
            Ok((answer, rule)) => RequestOutcome::By { scope: self.scope, answer, rule },
            Err(error) => {
                let error = self.secrets.redact(error);
                tracing::warn!(method, error, "a handler of requests from codex failed");
                // That of a tool names it.
                if self.kind == HandlerKind::Tool {
                    return RequestOutcome::Failed { scope: self.scope, error };
                }
                RequestOutcome::Declined { error: Some(format!("{}: {error}", self.kind.option())) }
            }
        }
    }
}
