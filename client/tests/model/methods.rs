//! What the simulated server does with what clients send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::plan::Fault;
use crate::server::{Answered, Load, Server, State, Thread, Turn, TurnPhase};
use crate::settings;

type Answer = Result<Value, (i64, String)>;

fn invalid(message: impl Into<String>) -> Answer {
    Err((-32600, message.into()))
}

/// What follows an answer, on the wire right behind it.
type After = Box<dyn FnOnce(&Arc<Server>, &mut State) + Send>;

impl Server {
    /// One line of a client.
    pub fn take(self: &Arc<Self>, leg: u32, line: &str) {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            self.state().violate(format!("a client wrote what is no JSON: {line}"));
            return;
        };
        let mut state = self.state();
        let Some(client) = state.legs.get(&leg).map(|leg| leg.client) else { return };
        let method = message["method"].as_str();
        match (method, message.get("id")) {
            (Some(method), Some(id)) => self.request(&mut state, leg, client, method, id, &message["params"]),
            (Some(_), None) => {}
            (None, Some(id)) => answered(&mut state, leg, client, id, &message),
            (None, None) => state.violate(format!("a client wrote what is no message: {line}")),
        }
    }

    fn request(
        self: &Arc<Self>,
        state: &mut State,
        leg: u32,
        client: usize,
        method: &str,
        id: &Value,
        params: &Value,
    ) {
        let is_initialized = state.legs.get(&leg).is_some_and(|leg| leg.is_initialized);
        if method == "initialize" {
            if let Some(leg) = state.legs.get_mut(&leg) {
                leg.is_initialized = true;
            }
            let answer = json!({
                "userAgent": "model/0.169.0 (Linux; x86_64) model (model; 1)",
                "codexHome": "/home/model", "platformFamily": "unix", "platformOs": "linux",
            });
            state.tell(leg, json!({ "id": id, "result": answer }));
            return;
        }
        if !is_initialized {
            state.violate(format!("{method} was sent before initialize"));
        }
        let fault = state.fault(client, method);
        if fault.is_some() {
            let thread = params["threadId"].as_str().unwrap_or_default();
            state.hit.push((client, thread.to_owned()));
        }
        if fault == Some(Fault::Overload) {
            let error = json!({ "code": -32001, "message": "Server overloaded; retry later." });
            state.tell(leg, json!({ "id": id, "error": error }));
            return;
        }
        if fault == Some(Fault::Internal) {
            let thread = params["threadId"].as_str().unwrap_or_default();
            if method == "thread/unsubscribe" {
                state.kept.insert((client, thread.to_owned()));
            }
            let error = json!({ "code": -32603, "message": "the database is locked" });
            state.tell(leg, json!({ "id": id, "error": error }));
            return;
        }
        let (answer, after) = self.carry_out(state, leg, client, method, params);
        let message = match answer {
            _ if fault == Some(Fault::Garbage) => json!({ "id": id, "result": { "odd": [1] } }),
            Ok(result) => json!({ "id": id, "result": result }),
            Err((code, message)) => json!({ "id": id, "error": { "code": code, "message": message } }),
        };
        let thread = message["result"]["thread"]["id"].as_str().or_else(|| params["threadId"].as_str());
        let taught = thread.filter(|_| answers_teach(method) && fault != Some(Fault::Garbage));
        let teaches = taught.and_then(|id| Some((id.to_owned(), state.threads.get(id)?.in_force.clone())));
        match fault {
            Some(Fault::Never) => {}
            Some(Fault::Late(ms)) => {
                let (server, process) = (Arc::clone(self), state.process.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = process.cancelled() => {}
                        () = tokio::time::sleep(Duration::from_millis(ms.into())) => {
                            server.state().teach(leg, teaches, message.to_string());
                        }
                    }
                });
            }
            _ => state.teach(leg, teaches, message.to_string()),
        }
        if let Some(after) = after {
            after(self, state);
        }
    }

    fn carry_out(
        self: &Arc<Self>,
        state: &mut State,
        leg: u32,
        client: usize,
        method: &str,
        params: &Value,
    ) -> (Answer, Option<After>) {
        let thread = params["threadId"].as_str().unwrap_or_default().to_owned();
        match method {
            "thread/start" => self.thread_start(state, leg, params),
            "thread/resume" => self.thread_resume(state, leg, client, &thread, params),
            "thread/read" => (self.thread_read(state, &thread, params), None),
            "thread/turns/list" => (self.turns_list(state, &thread), None),
            "thread/unsubscribe" => (unsubscribe(state, leg, &thread), None),
            "thread/settings/update" => settings_update(state, &thread, params),
            "turn/start" => self.turn_start(state, client, &thread, params),
            "turn/steer" => (steer(state, &thread, params), None),
            "turn/interrupt" => (interrupt(state, client, &thread, params), None),
            "thread/backgroundTerminals/clean" => (Ok(json!({})), None),
            other => {
                state.violate(format!("nobody expected {other}"));
                (invalid(format!("Invalid request: unknown variant `{other}`")), None)
            }
        }
    }

    fn thread_start(
        self: &Arc<Self>,
        state: &mut State,
        leg: u32,
        params: &Value,
    ) -> (Answer, Option<After>) {
        let id = state.id("thread-");
        let in_force = settings::opened(&settings::config(), params);
        let thread = Thread {
            id: id.clone(),
            is_loaded: true,
            is_written: false,
            followers: [leg].into(),
            turns: Vec::new(),
            stored: in_force.clone(),
            in_force,
            tokens: 0,
            known: BTreeMap::new(),
            parent: None,
        };
        state.threads.insert(id.clone(), thread);
        let client = state.legs.get(&leg).map(|leg| leg.client);
        if let Some(before) = client.and_then(|client| state.missing.remove(&client)) {
            state.anew.insert(id.clone(), before);
        }
        let answer = self.opened(&state.threads[&id], false);
        let after = move |server: &Arc<Self>, state: &mut State| {
            let thread = server.thread_json(&state.threads[&id], false);
            state.emit(&id, "thread/started", json!({ "thread": thread }));
        };
        (Ok(answer), Some(Box::new(after)))
    }

    fn thread_resume(
        self: &Arc<Self>,
        state: &mut State,
        leg: u32,
        client: usize,
        id: &str,
        params: &Value,
    ) -> (Answer, Option<After>) {
        let Some(thread) = state.threads.get_mut(id).filter(|thread| thread.is_written) else {
            state.missing.insert(client, id.to_owned());
            return (invalid(format!("no rollout found for thread id {id}")), None);
        };
        if !thread.is_loaded {
            let before = thread.in_force.clone();
            thread.is_loaded = true;
            thread.in_force = settings::opened(&settings::from_disk(&thread.stored), params);
            let after = thread.in_force.clone();
            let status = json!({ "threadId": id, "status": thread.status() });
            // Whether somebody asked for it is for the checks to say.
            let known = thread.known.get(&client).cloned().unwrap_or_default();
            state.loads.push(Load { client, thread: id.to_owned(), before, after, known });
            state.broadcast("thread/status/changed", status);
        }
        let Some(thread) = state.threads.get_mut(id) else { return (invalid("gone"), None) };
        thread.followers.insert(leg);
        let answer = self.opened(thread, params["excludeTurns"] != json!(true));
        let id = id.to_owned();
        let after = move |_: &Arc<Self>, state: &mut State| {
            let thread = &state.threads[&id];
            let told = thread.turns.iter().rev().find_map(|turn| Some((&turn.id, turn.usages.last()?)));
            if let Some((turn, usage)) = told {
                let usage: Value = serde_json::from_str(usage).unwrap_or_default();
                let params = json!({ "threadId": id, "turnId": turn, "tokenUsage": usage });
                state.tell(leg, json!({ "method": "thread/tokenUsage/updated", "params": params }));
            }
            let open: Vec<_> =
                state.asks.values().filter(|ask| ask.thread == id).map(|ask| ask.line.clone()).collect();
            for line in open {
                state.send(leg, line);
            }
        };
        (Ok(answer), Some(Box::new(after)))
    }

    fn thread_read(&self, state: &State, id: &str, params: &Value) -> Answer {
        let Some(thread) = state.threads.get(id).filter(|thread| thread.is_loaded || thread.is_written)
        else {
            return invalid(format!("thread not found: {id}"));
        };
        let with_turns = params["includeTurns"] == json!(true);
        if with_turns && !thread.is_written {
            return Err((-32601, "list_turns is not supported yet".to_owned()));
        }
        Ok(json!({ "thread": self.thread_json(thread, with_turns) }))
    }

    fn turns_list(&self, state: &State, id: &str) -> Answer {
        match state.threads.get(id) {
            Some(thread) if thread.is_written => {
                let turns: Vec<_> = thread.turns.iter().rev().map(|turn| self.turn_json(turn)).collect();
                Ok(json!({ "data": turns, "nextCursor": null }))
            }
            _ => Err((-32601, "list_turns is not supported yet".to_owned())),
        }
    }

    fn turn_start(
        self: &Arc<Self>,
        state: &mut State,
        client: usize,
        id: &str,
        params: &Value,
    ) -> (Answer, Option<After>) {
        let Some(thread) = state.threads.get_mut(id).filter(|thread| thread.is_loaded) else {
            return (invalid(format!("thread not found: {id}")), None);
        };
        let text = params["input"][0]["text"].as_str().unwrap_or_default();
        let run: usize = text.trim_start_matches("run ").parse().unwrap_or(usize::MAX);
        if let Some(running) = thread.running_mut() {
            // It steers.
            running.starters.push((run, client));
            let answer = json!({ "turn": { "id": running.id, "items": [], "status": "inProgress" } });
            return (Ok(answer), None);
        }
        let before = thread.in_force.clone();
        settings::override_with(&mut thread.in_force, params);
        thread.stored = thread.in_force.clone();
        let changed = thread.in_force != before;
        let turn_id = state.id("turn-");
        let turn = Turn::new(&turn_id, vec![(run, client)]);
        let answer =
            json!({ "turn": { "id": turn_id, "rootTurnId": turn_id, "items": [], "status": "inProgress" } });
        if let Some(thread) = state.threads.get_mut(id) {
            thread.turns.push(turn);
        }
        if changed {
            state.emit_settings(id);
        }
        let script = state.scripts.get(run).cloned().unwrap_or_default();
        let id = id.to_owned();
        let after = move |server: &Arc<Self>, state: &mut State| {
            server.play(state, id, turn_id, script);
        };
        (Ok(answer), Some(Box::new(after)))
    }

    /// The answer that opens a thread.
    fn opened(&self, thread: &Thread, with_turns: bool) -> Value {
        let mut answer = settings::in_answer(&thread.in_force);
        answer.insert("thread".to_owned(), self.thread_json(thread, with_turns));
        Value::Object(answer)
    }

    fn thread_json(&self, thread: &Thread, with_turns: bool) -> Value {
        let turns: Vec<_> = match with_turns {
            true => thread.turns.iter().map(|turn| self.turn_json(turn)).collect(),
            false => Vec::new(),
        };
        json!({
            "id": thread.id, "status": thread.status(), "ephemeral": false, "turns": turns,
            "parentThreadId": thread.parent.as_ref().map(|(thread, _)| thread), "historyMode": "paginated",
        })
    }

    pub fn turn_json(&self, turn: &Turn) -> Value {
        let (status, is_completed) = self.stored_status(turn);
        // What still grows is not stored.
        let items = turn.items.iter().filter(|item| item.is_complete || item.kind == "commandExecution");
        let items: Vec<_> = items.map(|item| item.json(1, item.is_complete.then_some(2))).collect();
        json!({
            "id": turn.id, "rootTurnId": turn.root, "items": items, "itemsView": "full", "status": status,
            "error": (status == "failed").then(|| json!({ "message": "it failed" })),
            "startedAt": 1, "completedAt": is_completed.then_some(2), "durationMs": null,
        })
    }
}

/// Whether the answer tells what settings a thread has.
fn answers_teach(method: &str) -> bool {
    matches!(method, "thread/start" | "thread/resume" | "turn/start" | "thread/settings/update")
}

fn answered(state: &mut State, leg: u32, client: usize, id: &Value, message: &Value) {
    let ask = id.as_i64().unwrap_or(-1);
    let answer = match message.get("result") {
        Some(result) => result.to_string(),
        None => format!("error {}", message["error"]),
    };
    let open = state.asks.get(&ask);
    let (thread, turn) = open.map(|ask| (ask.thread.clone(), ask.turn.clone())).unwrap_or_default();
    let was_open = open.is_some_and(|ask| ask.answer.borrow().is_none());
    if was_open && let Some(open) = state.asks.get(&ask) {
        open.answer.send_replace(Some(answer.clone()));
    }
    state.answers.push(Answered { ask, thread, turn, client, leg, answer });
}

fn unsubscribe(state: &mut State, leg: u32, id: &str) -> Answer {
    let status = match state.threads.get_mut(id) {
        Some(thread) if thread.is_loaded => match thread.followers.remove(&leg) {
            true => "unsubscribed",
            false => "notSubscribed",
        },
        _ => "notLoaded",
    };
    Ok(json!({ "status": status }))
}

fn settings_update(state: &mut State, id: &str, params: &Value) -> (Answer, Option<After>) {
    let Some(thread) = state.threads.get_mut(id).filter(|thread| thread.is_loaded) else {
        return (invalid(format!("thread not found: {id}")), None);
    };
    settings::override_with(&mut thread.in_force, params);
    let id = id.to_owned();
    let after = move |_: &Arc<Server>, state: &mut State| state.emit_settings(&id);
    (Ok(json!({})), Some(Box::new(after)))
}

fn steer(state: &mut State, id: &str, params: &Value) -> Answer {
    let running = state.threads.get_mut(id).and_then(Thread::running_mut);
    let Some(turn) = running.filter(|turn| turn.phase == TurnPhase::Started) else {
        return invalid("no active turn to steer");
    };
    let wanted = params["expectedTurnId"].as_str().unwrap_or_default();
    if turn.id != wanted {
        return invalid(format!("expected active turn id {wanted} but found {}", turn.id));
    }
    turn.steers += 1;
    Ok(json!({ "turnId": turn.id }))
}

fn interrupt(state: &mut State, client: usize, id: &str, params: &Value) -> Answer {
    let running = state.threads.get_mut(id).and_then(Thread::running_mut);
    let Some(turn) = running.filter(|turn| turn.phase == TurnPhase::Started) else {
        return invalid("no active turn to interrupt");
    };
    let wanted = params["turnId"].as_str().unwrap_or_default();
    if turn.id != wanted {
        return invalid(format!("expected active turn id {wanted} but found {}", turn.id));
    }
    turn.interrupted_by.push(client);
    turn.interrupt.cancel();
    Ok(json!({}))
}
