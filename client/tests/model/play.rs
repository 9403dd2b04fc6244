//! How a turn of the simulated server runs: what the model does, step by step.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::plan::{AgentForm, Op};
use crate::server::{Ask, Item, Server, State, Thread, Turn, TurnPhase};

/// How a turn ended that was not interrupted.
enum End {
    Completed,
    Failed,
    Unknown,
    Never,
}

/// A turn that runs.
#[derive(Clone)]
struct Playing {
    server: Arc<Server>,
    thread: String,
    turn: String,
}

type Played<'a> = Pin<Box<dyn Future<Output = End> + Send + 'a>>;

fn ms(ms: impl Into<u64>) -> Duration {
    Duration::from_millis(ms.into())
}

impl Server {
    /// Begins a turn that was accepted.
    pub fn play(self: &Arc<Self>, state: &mut State, thread: String, turn: String, script: Vec<Op>) {
        let process = state.process.clone();
        let Some(interrupt) = state.turn(&thread, &turn).map(|turn| turn.interrupt.clone()) else { return };
        let playing = Playing { server: Arc::clone(self), thread, turn };
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = process.cancelled() => {}
                () = playing.run(script, interrupt) => {}
            }
        });
    }
}

impl Playing {
    async fn run(self, script: Vec<Op>, interrupt: CancellationToken) {
        self.begin().await;
        let end = tokio::select! {
            biased;
            () = interrupt.cancelled() => None,
            end = self.ops(script) => Some(end),
        };
        match end {
            Some(End::Never) => {}
            Some(End::Completed) => self.end("completed", None),
            Some(End::Unknown) => self.end("superseded", None),
            Some(End::Failed) => self.end("failed", Some(json!({ "message": "it failed" }))),
            None if self.never_ends() => {}
            None => self.end("interrupted", None),
        }
    }

    fn never_ends(&self) -> bool {
        self.with(|turn| turn.never_ends)
    }

    fn with<T: Default>(&self, then: impl FnOnce(&mut Turn) -> T) -> T {
        self.server.state().turn(&self.thread, &self.turn).map(then).unwrap_or_default()
    }

    async fn begin(&self) {
        let plan = self.server.plan;
        let (server, thread, process) =
            (Arc::clone(&self.server), self.thread.clone(), self.server.state().process.clone());
        let write = async move {
            sleep(ms(plan.writes_after_ms)).await;
            if let Some(thread) = server.state().threads.get_mut(&thread) {
                thread.is_written = true;
            }
        };
        if plan.writes_after_ms == 0 {
            write.await;
        } else {
            tokio::spawn(async move {
                tokio::select! {
                    () = process.cancelled() => {}
                    () = write => {}
                }
            });
        }
        sleep(ms(plan.starts_after_ms)).await;
        let mut state = self.server.state();
        let Some(turn) = state.turn(&self.thread, &self.turn) else { return };
        turn.phase = TurnPhase::Started;
        let turn = self.server.turn_json(turn);
        self.status(&mut state);
        state.emit(
            &self.thread,
            "turn/started",
            json!({ "threadId": self.thread, "turn": without_items(turn) }),
        );
        drop(state);
        let mut body = Map::new();
        body.insert("content".to_owned(), json!([{ "type": "text", "text": "hi" }]));
        let id = self.item("userMessage", body, false);
        self.complete(&id);
    }

    fn status(&self, state: &mut State) {
        if let Some(thread) = state.threads.get(&self.thread) {
            let params = json!({ "threadId": self.thread, "status": thread.status() });
            state.broadcast("thread/status/changed", params);
        }
    }

    fn end(&self, status: &str, error: Option<Value>) {
        let mut state = self.server.state();
        let Some(turn) = state.turn(&self.thread, &self.turn) else { return };
        turn.phase = TurnPhase::Ended;
        turn.status = Some(status.to_owned());
        turn.ended = Some((Instant::now(), false));
        let mut turn = without_items(self.server.turn_json(turn));
        turn["status"] = json!(status);
        turn["completedAt"] = json!(2);
        turn["error"] = json!(error);
        self.status(&mut state);
        if let Some(error) = error {
            let params =
                json!({ "threadId": self.thread, "turnId": self.turn, "error": error, "willRetry": false });
            state.emit(&self.thread, "error", params);
        }
        state.emit(&self.thread, "turn/completed", json!({ "threadId": self.thread, "turn": turn }));
        let open: Vec<_> =
            state.asks.iter().filter(|(_, ask)| ask.turn == self.turn).map(|(id, _)| *id).collect();
        for ask in open {
            state.asks.remove(&ask);
            let params = json!({ "threadId": self.thread, "requestId": ask });
            state.emit(&self.thread, "serverRequest/resolved", params);
        }
    }

    fn ops(&self, script: Vec<Op>) -> Played<'_> {
        Box::pin(async move {
            for op in script {
                match op {
                    Op::Pause(pause) => sleep(ms(pause)).await,
                    Op::Message { chunks, every_ms } => {
                        let id = self.message(chunks, every_ms).await;
                        self.complete(&id);
                    }
                    Op::Retry { chunks } => {
                        self.message(chunks, 0).await;
                        let params = json!({ "threadId": self.thread, "turnId": self.turn, "willRetry": true,
                            "error": { "message": "Reconnecting... 1/3" } });
                        self.server.state().emit(&self.thread, "error", params);
                    }
                    Op::Command { asks, ms } => self.command(asks, ms).await,
                    Op::Usage => self.usage(),
                    Op::Agent { form, script } => self.agent(form, script),
                    Op::Fails => return End::Failed,
                    Op::Unknown => return End::Unknown,
                    Op::Never => {
                        self.with(|turn| turn.never_ends = true);
                        return End::Never;
                    }
                }
            }
            End::Completed
        })
    }

    fn ids(&self) -> Value {
        json!({ "threadId": self.thread, "turnId": self.turn })
    }

    /// Begins an item.
    fn item(&self, kind: &'static str, mut body: Map<String, Value>, is_late: bool) -> String {
        let mut state = self.server.state();
        let id = state.id("item-x");
        body.insert("type".to_owned(), json!(kind));
        body.insert("id".to_owned(), json!(id));
        let item = Item { id: id.clone(), kind, streamed: String::new(), body, is_complete: false, is_late };
        let mut params = self.ids();
        params["item"] = item.json(1, None);
        if let Some(turn) = state.turn(&self.thread, &self.turn) {
            turn.items.push(item);
        }
        state.emit(&self.thread, "item/started", params);
        id
    }

    fn complete(&self, id: &str) {
        let mut state = self.server.state();
        let Some(turn) = state.turn(&self.thread, &self.turn) else { return };
        let Some(item) = turn.items.iter_mut().find(|item| item.id == id) else { return };
        item.is_complete = true;
        let mut params = self.ids();
        params["item"] = item.json(1, Some(2));
        state.emit(&self.thread, "item/completed", params);
    }

    async fn message(&self, chunks: u8, every_ms: u8) -> String {
        let mut body = Map::new();
        body.insert("text".to_owned(), json!(""));
        let id = self.item("agentMessage", body, false);
        for _ in 0..chunks {
            if every_ms > 0 {
                sleep(ms(every_ms)).await;
            }
            let mut state = self.server.state();
            state.words += 1;
            // Words of one kind of length, each another; some are not ASCII.
            let word = match state.words % 5 {
                0 => format!("ü{} ", state.words),
                _ => format!("w{} ", state.words),
            };
            if let Some(turn) = state.turn(&self.thread, &self.turn)
                && let Some(item) = turn.items.iter_mut().find(|item| item.id == id)
            {
                item.streamed.push_str(&word);
                item.body.insert("text".to_owned(), json!(item.streamed));
            }
            let mut params = self.ids();
            params["itemId"] = json!(id);
            params["delta"] = json!(word);
            state.emit(&self.thread, "item/agentMessage/delta", params);
        }
        id
    }

    async fn command(&self, asks: bool, takes_ms: u16) {
        let mut body = Map::new();
        body.insert("command".to_owned(), json!("ls"));
        body.insert("status".to_owned(), json!("inProgress"));
        let id = self.item("commandExecution", body, false);
        let status = match asks {
            true if self.ask(&id).await.is_none_or(|answer| !answer.contains("ccept")) => "declined",
            _ => {
                sleep(ms(takes_ms)).await;
                "completed"
            }
        };
        self.with(|turn| {
            if let Some(item) = turn.items.iter_mut().find(|item| item.id == id) {
                item.body.insert("status".to_owned(), json!(status));
            }
        });
        self.complete(&id);
    }

    /// Asks all who follow the thread; the first answer counts.
    async fn ask(&self, item: &str) -> Option<String> {
        let (sender, mut answer) = watch::channel(None);
        let ask = {
            let mut state = self.server.state();
            let ask = state.next_ask;
            state.next_ask += 1;
            let mut params = self.ids();
            params["itemId"] = json!(item);
            params["command"] = json!("ls");
            let method = "item/commandExecution/requestApproval";
            let line = json!({ "id": ask, "method": method, "params": params }).to_string();
            let (thread, turn) = (self.thread.clone(), self.turn.clone());
            state.asks.insert(ask, Ask { thread, turn, line: line.clone(), answer: sender });
            state.questions.push((ask, self.thread.clone(), self.turn.clone()));
            state.emit_line(&self.thread, &line);
            ask
        };
        let answer = answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        let mut state = self.server.state();
        state.asks.remove(&ask);
        let params = json!({ "threadId": self.thread, "requestId": ask });
        state.emit(&self.thread, "serverRequest/resolved", params);
        answer
    }

    fn usage(&self) {
        let mut state = self.server.state();
        let Some(thread) = state.threads.get_mut(&self.thread) else { return };
        thread.tokens += 10;
        let usage = json!({ "total": { "totalTokens": thread.tokens }, "last": { "totalTokens": 10 } });
        if let Some(turn) = state.turn(&self.thread, &self.turn) {
            turn.usages.push(usage.to_string());
        }
        let mut params = self.ids();
        params["tokenUsage"] = usage;
        state.emit(&self.thread, "thread/tokenUsage/updated", params);
    }

    /// A sub-agent, which works on while the turn goes on.
    fn agent(&self, form: AgentForm, script: Vec<Op>) {
        let (agent, turn) = {
            let mut state = self.server.state();
            let (agent, turn) = (state.id("agent-"), state.id("turn-"));
            let root = state.turn(&self.thread, &self.turn).map(|turn| turn.root.clone());
            let parent = &state.threads[&self.thread];
            let thread = Thread {
                id: agent.clone(),
                is_loaded: true,
                is_written: true,
                followers: parent.followers.clone(),
                turns: vec![Turn { root: root.unwrap_or_default(), ..Turn::new(&turn, Vec::new()) }],
                in_force: parent.in_force.clone(),
                stored: parent.in_force.clone(),
                tokens: 0,
                known: BTreeMap::new(),
                parent: Some((self.thread.clone(), self.turn.clone())),
            };
            state.threads.insert(agent.clone(), thread);
            (agent, turn)
        };
        let mut body = Map::new();
        let kind = match form {
            AgentForm::Collab => {
                body.insert("tool".to_owned(), json!("spawnAgent"));
                body.insert("status".to_owned(), json!("inProgress"));
                body.insert("senderThreadId".to_owned(), json!(self.thread));
                body.insert("receiverThreadIds".to_owned(), json!([agent]));
                "collabAgentToolCall"
            }
            AgentForm::Activity => {
                body.insert("kind".to_owned(), json!("started"));
                body.insert("agentThreadId".to_owned(), json!(agent));
                body.insert("agentPath".to_owned(), json!("/root/agent"));
                "subAgentActivity"
            }
        };
        let item = self.item(kind, body, false);
        self.server.play(&mut self.server.state(), agent, turn, script);
        self.complete(&item);
    }
}

fn without_items(mut turn: Value) -> Value {
    turn["items"] = json!([]);
    turn["itemsView"] = json!("notLoaded");
    turn
}
