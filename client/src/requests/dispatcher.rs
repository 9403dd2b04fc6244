use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::answer::wire_answer;
use super::context::CallContext;
use super::decline::decline;
use super::kind::HandlerKind;
use crate::lock;
use crate::routing::Ring;
use crate::rpc::{Connection, ServerRequest};
use crate::turn::TurnState;

/// What a handler returned as JSON, or what it threw.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// The handlers of a client, a thread or a turn.
pub trait Handlers: Send + Sync {
    /// Whether there is one of this kind.
    fn has(&self, kind: HandlerKind) -> bool;
    /// Whether there is a function that runs the dynamic tool of this name.
    fn has_tool(&self, _name: &str) -> bool {
        false
    }
    /// The context of the call that they were given to.
    fn context(&self) -> Option<CallContext> {
        None
    }
    /// Asks it, in the context of the call that began the turn, where the request belongs to one. `cancel` is cancelled
    /// when the answer is not wanted any more.
    fn call(
        &self,
        kind: HandlerKind,
        request: String,
        context: Option<CallContext>,
        cancel: CancellationToken,
    ) -> HandlerFuture;
}

/// Whose handlers answered.
#[derive(Clone, Copy)]
enum Scope {
    Turn,
    Thread,
    Client,
}

/// A turn that may be asked for.
#[derive(Clone)]
struct TurnScope {
    handlers: Option<Arc<dyn Handlers>>,
    /// Where the call was made that began the turn, or went on with it.
    context: Option<CallContext>,
    /// The turn; none while it is being started.
    state: watch::Receiver<Option<Arc<TurnState>>>,
}

/// Gives each request from the server to the handler that is nearest to it, and answers once.
#[derive(Default)]
pub struct Dispatcher {
    client: Option<Arc<dyn Handlers>>,
    scopes: Mutex<Scopes>,
    /// What is being answered, by the id on the wire.
    open: Mutex<HashMap<String, Open>>,
    /// What was answered last over a line that may be lost: the server asks again then.
    given: Mutex<VecDeque<Given>>,
    /// What was asked and answered, for whoever watches.
    records: Arc<Ring>,
}

#[derive(Default)]
struct Scopes {
    threads: HashMap<String, Weak<dyn Handlers>>,
    /// By thread: turns of one thread run one after the other.
    starting: HashMap<String, Starting>,
    turns: HashMap<String, TurnScope>,
}

/// A request that is being answered.
struct Open {
    line: Box<str>,
    cancel: CancellationToken,
}

/// An answer that was given.
struct Given {
    line: Box<str>,
    id: Box<RawValue>,
    answer: Response,
}

/// A result as JSON, or a JSON-RPC error.
type Response = Result<String, (i64, String)>;

/// How many answers are kept for a server that asks again.
const MOST_GIVEN: usize = 64;

/// A turn that is being started, and where it is told once it has been.
type Starting = (TurnScope, watch::Sender<Option<Arc<TurnState>>>);

/// A request, read as far as it must be.
struct Asked {
    request: ServerRequest,
    params: Box<RawValue>,
    thread: Option<String>,
    turn: Option<String>,
}

/// How a request was answered.
enum Answered {
    By(Scope, Value),
    Declined { error: Option<String> },
    Elsewhere,
}

impl Dispatcher {
    /// A dispatcher with the handlers of the client.
    pub fn new(client: Option<Arc<dyn Handlers>>) -> Arc<Self> {
        Arc::new(Self { client, ..Self::default() })
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
        lock(&self.scopes).threads.insert(thread.to_owned(), Arc::downgrade(handlers));
    }

    /// A turn is about to be started: until its id is known it is found by its thread.
    pub fn starting(&self, thread: &str, handlers: Option<Arc<dyn Handlers>>) {
        let (sender, state) = watch::channel(None);
        let context = handlers.as_ref().and_then(|handlers| handlers.context());
        let scope = TurnScope { handlers, context, state };
        lock(&self.scopes).starting.insert(thread.to_owned(), (scope, sender));
    }

    /// The turn that was being started has come to be, or has not.
    pub fn started(&self, thread: &str, state: Option<&Arc<TurnState>>) {
        let mut scopes = lock(&self.scopes);
        let starting = scopes.starting.remove(thread);
        if let (Some(state), Some((scope, sender))) = (state, starting) {
            // Whoever was asked meanwhile follows the turn from now on.
            let _ = sender.send(Some(Arc::clone(state)));
            scopes.turns.insert(state.turn_id.clone(), scope);
        }
    }

    /// A turn goes on by another call.
    pub fn continued(&self, turn: &str, context: Option<CallContext>) {
        if let (Some(scope), Some(context)) = (lock(&self.scopes).turns.get_mut(turn), context) {
            scope.context = Some(context);
        }
    }

    /// A turn has ended.
    pub fn ended(&self, turn: &str) {
        lock(&self.scopes).turns.remove(turn);
    }

    /// The server says that a request was answered, here or elsewhere.
    pub fn resolved(&self, line: &str) {
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
        if let Some(open) = lock(&self.open).remove(id) {
            open.cancel.cancel();
        }
        lock(&self.given).retain(|given| given.id.get() != id);
    }

    /// The connection has ended: nobody waits for these answers any more.
    pub fn connection_ended(&self) {
        for (_, open) in lock(&self.open).drain() {
            open.cancel.cancel();
        }
        lock(&self.given).clear();
    }

    /// Answers a request, on a task of its own. One that the server sends again after a line was lost is answered
    /// once: by who is at it, or as it was answered.
    pub fn dispatch(self: &Arc<Self>, connection: &Arc<Connection>, request: ServerRequest) {
        let mut open = lock(&self.open);
        if open.get(request.id.get()).is_some_and(|open| open.line == request.line) {
            return;
        }
        if let Some(given) = lock(&self.given).iter().find(|given| given.line == request.line) {
            respond(connection, &given.id, &given.answer);
            return;
        }
        let cancel = CancellationToken::new();
        let entry = Open { line: request.line.clone(), cancel: cancel.clone() };
        if let Some(other) = open.insert(request.id.get().to_owned(), entry) {
            // Another server counts its requests anew.
            other.cancel.cancel();
        }
        drop(open);
        let dispatcher = Arc::clone(self);
        let connection = Arc::downgrade(connection);
        tokio::spawn(
            async move { dispatcher.serve(connection, Asked::read(request), cancel).await }.in_current_span(),
        );
    }

    async fn serve(&self, connection: Weak<Connection>, asked: Asked, cancel: CancellationToken) {
        let turn = self.turn_of(&asked);
        let state = turn.as_ref().map(|turn| turn.state.clone());
        let turn_ended = async {
            if let Some(mut state) = state {
                let known = state.wait_for(Option::is_some).await.ok().and_then(|state| state.clone());
                if let Some(state) = known {
                    state.ended().await;
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        let answered = tokio::select! {
            biased;
            () = cancel.cancelled() => Answered::Elsewhere,
            answered = self.ask(&asked, turn.as_ref(), &cancel) => answered,
            () = turn_ended => Answered::Elsewhere,
        };
        cancel.cancel();
        let mut open = lock(&self.open);
        let id = asked.request.id.get();
        let is_it = open.get(id).is_some_and(|open| open.line == asked.request.line);
        let wanted = is_it && open.remove(id).is_some();
        let answered = if wanted { answered } else { Answered::Elsewhere };
        if let Some(connection) = connection.upgrade()
            && let Some(answer) = asked.response(&answered)
        {
            respond(&connection, &asked.request.id, &answer);
            if connection.reconnects() {
                self.remember(&asked.request, answer);
            }
        }
        drop(open);
        self.records.push(&asked.request.method, &asked.record(&answered));
        self.records.wake();
    }

    fn remember(&self, request: &ServerRequest, answer: Response) {
        let mut given = lock(&self.given);
        if given.len() == MOST_GIVEN {
            given.pop_front();
        }
        given.push_back(Given { line: request.line.clone(), id: request.id.clone(), answer });
    }

    fn turn_of(&self, asked: &Asked) -> Option<TurnScope> {
        let scopes = lock(&self.scopes);
        let by_other_id = |turn: &String| {
            let called = |scope: &&TurnScope| {
                scope.state.borrow().as_ref().is_some_and(|state| state.running_id() == *turn)
            };
            scopes.turns.values().find(called)
        };
        let known = asked.turn.as_ref().and_then(|turn| scopes.turns.get(turn).or_else(|| by_other_id(turn)));
        let starting = || Some(&scopes.starting.get(asked.thread.as_ref()?)?.0);
        known.or_else(starting).cloned()
    }

    /// The turn that runs in the thread of a request that names no turn.
    fn running_in(&self, asked: &Asked) -> Option<TurnScope> {
        let thread = asked.thread.as_ref().filter(|_| asked.turn.is_none())?;
        let is_in = |scope: &&TurnScope| {
            scope.state.borrow().as_ref().is_some_and(|state| state.thread_id == *thread)
        };
        lock(&self.scopes).turns.values().find(is_in).cloned()
    }

    /// The handlers that may be asked, nearest first.
    fn handlers(&self, asked: &Asked, turn: Option<&TurnScope>) -> Vec<(Scope, Arc<dyn Handlers>)> {
        let thread =
            asked.thread.as_ref().and_then(|thread| lock(&self.scopes).threads.get(thread)?.upgrade());
        let turn = turn.and_then(|turn| turn.handlers.clone());
        [(Scope::Turn, turn), (Scope::Thread, thread), (Scope::Client, self.client.clone())]
            .into_iter()
            .filter_map(|(scope, handlers)| Some((scope, handlers?)))
            .collect()
    }

    async fn ask(&self, asked: &Asked, turn: Option<&TurnScope>, cancel: &CancellationToken) -> Answered {
        let method = asked.request.method.as_str();
        let handlers = self.handlers(asked, turn);
        let nearest = |kind: HandlerKind| {
            handlers.iter().find(|(_, handlers)| handlers.has(kind)).map(|found| (kind, found))
        };
        let tool = asked.tool().and_then(|tool| {
            let runner = handlers.iter().find(|(_, handlers)| handlers.has_tool(&tool));
            runner.map(|found| (HandlerKind::Tool, found))
        });
        let found =
            tool.or_else(|| HandlerKind::of(method).and_then(nearest)).or_else(|| nearest(HandlerKind::Any));
        let Some((kind, (scope, handlers))) = found else {
            tracing::info!(method, "declining a request from codex: there is no handler for it");
            return Answered::Declined { error: None };
        };
        let state = turn.and_then(|turn| turn.state.borrow().clone());
        let context = turn.cloned().or_else(|| self.running_in(asked)).and_then(|turn| turn.context);
        let given = handlers.call(kind, asked.for_handler(state.as_ref()), context, cancel.clone()).await;
        let answer = given.and_then(|given| {
            let given = serde_json::from_str(&given).map_err(|error| error.to_string())?;
            wire_answer(kind, method, given)
        });
        match answer {
            Ok(answer) => Answered::By(*scope, answer),
            Err(error) => {
                tracing::warn!(method, error, "declining a request from codex: its handler failed");
                let error = match kind {
                    // It names the tool.
                    HandlerKind::Tool => error,
                    _ => format!("{}: {error}", kind.option()),
                };
                Answered::Declined { error: Some(error) }
            }
        }
    }
}

fn respond(connection: &Connection, id: &RawValue, answer: &Response) {
    connection.respond(id, answer.as_deref().map_err(|(code, message)| (*code, message.as_str())));
}

impl Asked {
    fn read(request: ServerRequest) -> Self {
        #[derive(Deserialize)]
        struct Message {
            params: Option<Box<RawValue>>,
        }
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct Ids {
            thread_id: Option<String>,
            conversation_id: Option<String>,
            turn_id: Option<String>,
        }
        let message: Option<Message> = serde_json::from_str(&request.line).ok();
        let params = message.and_then(|message| message.params).unwrap_or_else(|| RawValue::NULL.to_owned());
        let ids: Ids = serde_json::from_str(params.get()).unwrap_or_default();
        Self { request, params, thread: ids.thread_id.or(ids.conversation_id), turn: ids.turn_id }
    }

    /// The request as its handler sees it.
    fn for_handler(&self, state: Option<&Arc<TurnState>>) -> String {
        let mut parts = vec![
            format!(r#""id":{}"#, self.request.id.get()),
            format!(r#""method":{}"#, json!(self.request.method)),
        ];
        if let Some(kind) = self.kind() {
            parts.push(format!(r#""kind":"{kind}""#));
        }
        if self.request.method == "item/fileChange/requestApproval" {
            let changes = self.item().and_then(|item| state?.file_changes(&item));
            parts.push(format!(r#""changes":{}"#, changes.as_deref().unwrap_or("null")));
        }
        parts.push(format!(r#""params":{}"#, self.params.get()));
        format!("{{{}}}", parts.join(","))
    }

    /// What one handler's requests are told apart by.
    fn kind(&self) -> Option<&'static str> {
        match self.request.method.as_str() {
            "item/commandExecution/requestApproval" | "execCommandApproval" => Some("command"),
            "item/fileChange/requestApproval" | "applyPatchApproval" => Some("fileChange"),
            "mcpServer/elicitation/request" => {
                let params: Value = serde_json::from_str(self.params.get()).ok()?;
                let approval = params.get("_meta").and_then(|meta| meta.get("codex_approval_kind"));
                if approval.and_then(Value::as_str) == Some("mcp_tool_call") {
                    return Some("mcpToolCall");
                }
                match params.get("mode").and_then(Value::as_str) {
                    Some("url") => Some("url"),
                    Some("openai/userVerification") => Some("userVerification"),
                    _ => Some("form"),
                }
            }
            _ => None,
        }
    }

    /// The dynamic tool that is called.
    fn tool(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Call {
            tool: String,
            namespace: Option<String>,
        }
        if self.request.method != "item/tool/call" {
            return None;
        }
        let call: Call = serde_json::from_str(self.params.get()).ok()?;
        call.namespace.is_none().then_some(call.tool)
    }

    fn item(&self) -> Option<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Item {
            item_id: String,
        }
        serde_json::from_str::<Item>(self.params.get()).ok().map(|item| item.item_id)
    }

    /// What is to be sent, if anything.
    fn response(&self, answered: &Answered) -> Option<Response> {
        match answered {
            Answered::By(_, answer) => Some(Ok(answer.to_string())),
            Answered::Elsewhere => None,
            // A tool's failure is told to the model, which can do something about it.
            Answered::Declined { error: Some(error) } if self.request.method == "item/tool/call" => {
                let answer =
                    json!({ "contentItems": [{ "type": "inputText", "text": error }], "success": false });
                Some(Ok(answer.to_string()))
            }
            Answered::Declined { .. } => {
                let declined = decline(&self.request.method);
                Some(
                    declined
                        .map(|answer| answer.to_string())
                        .map_err(|(code, text)| (code, text.to_string())),
                )
            }
        }
    }

    fn record(&self, answered: &Answered) -> String {
        let (by, answer, error) = match answered {
            Answered::By(Scope::Turn, answer) => ("turn", Some(answer), None),
            Answered::By(Scope::Thread, answer) => ("thread", Some(answer), None),
            Answered::By(Scope::Client, answer) => ("client", Some(answer), None),
            Answered::Declined { error } => ("nobody", None, error.as_ref()),
            Answered::Elsewhere => ("elsewhere", None, None),
        };
        // A fresh token is nobody's to watch.
        let answer = answer.filter(|_| self.request.method != "account/chatgptAuthTokens/refresh");
        format!(
            r#"{{"id":{},"method":{},"params":{},"answeredBy":"{by}","answer":{},"error":{}}}"#,
            self.request.id.get(),
            json!(self.request.method),
            self.params.get(),
            json!(answer),
            json!(error),
        )
    }
}
