//! What a list plays where its script leaves it to the defaults.

use std::sync::Arc;

use crate::action::Action;
use crate::json::{Json, object};
use crate::placeholder::fill;
use crate::player::Player;
use crate::script::VERSION;

/// The methods of the real server, as its own error message lists them.
const METHODS: &str = include_str!("polite/methods.txt");

impl Player {
    /// Allots ids and sets the variables of a message, whoever then plays it.
    pub(crate) fn prepare(&mut self, params: &Json) {
        let server = self.server;
        let text = |key: &str| params.get(key).and_then(Json::as_str);
        let thread_id = text("threadId").unwrap_or_default();
        let constant = |name: &str| self.vars.get(name).cloned().unwrap_or(Json::Null);
        let own = |key: &str| text(key).map_or_else(|| constant(key), Json::from);
        let (model, cwd) = (own("model"), own("cwd"));

        let mut state = server.state();
        let mut vars: Vec<(&str, Json)> = Vec::new();
        let thread = match self.method.as_str() {
            "initialize" => {
                let field =
                    |key| params.get("clientInfo").and_then(|info| info.get(key)).and_then(Json::as_str);
                let (name, version) = (field("name").unwrap_or("unknown"), field("version").unwrap_or("0"));
                let codex = constant("version");
                let codex = codex.as_str().unwrap_or(VERSION);
                vars.push((
                    "userAgent",
                    format!("{name}/{codex} (Rig; x86_64) rig ({name}; {version})").into(),
                ));
                None
            }
            "thread/start" => Some(state.start_thread(model, cwd)),
            "thread/resume" => Some(state.resume_thread(thread_id, model, cwd)),
            "thread/fork" => {
                let (turns, name) = state
                    .thread(thread_id)
                    .map_or((Vec::new(), Json::Null), |thread| (thread.turns.clone(), thread.name.clone()));
                let fork = state.start_thread(model, cwd);
                (fork.turns, fork.name, fork.forked_from) = (turns, name, thread_id.into());
                Some(fork)
            }
            "turn/start" => {
                // A busy thread takes the input into its running turn, as codex does, unless a script knows better.
                let busy = if self.scripted { None } else { state.running_turn(thread_id).cloned() };
                vars.push(("steered", Json::Bool(busy.is_some())));
                let turn = busy.unwrap_or_else(|| state.start_turn(thread_id));
                vars.push(("itemId", format!("msg-{}", turn.id).into()));
                vars.push(("turnId", turn.id.into()));
                self.cancelled = Some(Arc::clone(&turn.cancelled));
                let prompt =
                    params.get("input").and_then(Json::as_array).and_then(|input| input.first()?.get("text"));
                let mut thread = state.thread(thread_id);
                if let (Some(thread), Some(prompt)) = (&mut thread, prompt)
                    && thread.preview.as_str() == Some("")
                {
                    thread.preview = prompt.clone();
                }
                thread
            }
            "thread/name/set" => {
                let mut thread = state.thread(thread_id);
                if let Some(thread) = &mut thread {
                    thread.name = params.get("name").cloned().unwrap_or(Json::Null);
                }
                thread
            }
            _ => {
                let turn = text("turnId").or_else(|| text("expectedTurnId"));
                vars.extend(turn.map(|turn| ("turnId", turn.into())));
                state.thread(thread_id)
            }
        };
        match thread {
            Some(thread) => vars.extend([
                ("threadId", thread.id.as_str().into()),
                ("model", thread.model.clone()),
                ("cwd", thread.cwd.clone()),
                ("forkedFromId", thread.forked_from.clone()),
            ]),
            None if !thread_id.is_empty() => vars.push(("threadId", thread_id.into())),
            None => {}
        }
        drop(state);
        self.vars.extend(vars.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }

    /// What to play for this list's method, or the error that codex gives.
    pub(crate) fn default_actions(&self) -> Result<&'static [Action], Json> {
        let (server, method) = (self.server, self.method.as_str());
        let Some(actions) = server.polite.script.list(method, 0) else { return Err(no_default(method)) };
        if method == "initialize" {
            return if self.was_initialized { Err(invalid("Already initialized")) } else { Ok(actions) };
        }
        if !self.was_initialized {
            return Err(invalid("Not initialized"));
        }
        let needs_thread = !matches!(method, "thread/start" | "thread/loaded/list" | "model/list");
        if !needs_thread {
            return Ok(actions);
        }
        if !self.vars.contains_key("threadId") {
            return Err(invalid("Invalid request: missing field `threadId`"));
        }
        let (thread, turn) = (self.text("threadId"), self.text("turnId"));
        let mut state = server.state();
        if method != "thread/unsubscribe" && state.thread(&thread).is_none() {
            return Err(invalid(&format!("thread not found: {thread}")));
        }
        match method {
            "turn/start" if self.vars.get("steered") == Some(&Json::Bool(true)) => {
                Ok(server.fragment("turnReply").unwrap_or_default())
            }
            "turn/interrupt" => {
                state.interrupt(&thread, &turn).map_err(|reason| invalid(&reason))?;
                drop(state);
                server.wake();
                Ok(actions)
            }
            "turn/steer" => match state.running_turn(&thread) {
                None => Err(invalid("no active turn to steer")),
                Some(running) if running.id == turn => Ok(actions),
                Some(running) => {
                    Err(invalid(&format!("expected active turn id `{turn}` but found `{}`", running.id)))
                }
            },
            "thread/archive" => {
                state.unload(&thread);
                Ok(actions)
            }
            _ => Ok(actions),
        }
    }

    /// A refused call leaves no thread or turn behind; the numbers of their ids stay used.
    pub(crate) fn take_back(&self) {
        let (thread, turn) = (self.text("threadId"), self.text("turnId"));
        let mut state = self.server.state();
        match self.method.as_str() {
            "thread/start" | "thread/fork" => state.unload(&thread),
            "turn/start" if self.vars.get("steered") == Some(&Json::Bool(false)) => {
                state.forget_turn(&thread, &turn)
            }
            _ => {}
        }
    }

    /// Variables that are made when asked for.
    pub(crate) fn known(&self, name: &str) -> Option<Json> {
        match name {
            "loadedThreads" => Some(self.server.state().ids()),
            "thread" => self.thread_object(false),
            "threadWithTurns" => self.thread_object(self.shows_turns()),
            "lastItems" => {
                let mut state = self.server.state();
                let items = &state.turn(&self.text("threadId"), &self.text("turnId"))?.items;
                let is_message =
                    |item: &&Json| item.get("type").and_then(Json::as_str) == Some("agentMessage");
                Some(Json::Array(items.iter().rev().find(is_message).cloned().into_iter().collect()))
            }
            _ => None,
        }
    }

    fn shows_turns(&self) -> bool {
        let params = self.vars.get("params");
        let flag = |key| params.and_then(|params| params.get(key)) == Some(&Json::Bool(true));
        if self.method == "thread/read" { flag("includeTurns") } else { !flag("excludeTurns") }
    }

    fn thread_object(&self, with_turns: bool) -> Option<Json> {
        let polite = &self.server.polite;
        let mut state = self.server.state();
        let status = match state.running_turn(&self.text("threadId")) {
            Some(_) => object([("type", "active".into()), ("activeFlags", Json::Array(Vec::new()))]),
            None => object([("type", "idle".into())]),
        };
        let thread = state.thread(&self.text("threadId"))?;
        let mut values = polite.constants();
        let mut set = |name: &str, value: Json| values.insert(name.to_owned(), value);
        for name in ["threadId", "model", "cwd", "forkedFromId"] {
            set(name, self.vars.get(name).cloned().unwrap_or(Json::Null));
        }
        set("name", thread.name.clone());
        set("preview", thread.preview.clone());
        set("nowSec", fill(&"$nowSec".into(), self));
        let turns = if with_turns { thread.turns.clone() } else { Vec::new() };
        drop(state);

        let turns = turns.into_iter().map(|turn| {
            let mut values = values.clone();
            values.insert("turnId".to_owned(), turn.id.into());
            values.insert("items".to_owned(), Json::Array(turn.items));
            values.insert("status".to_owned(), turn.status.into());
            values.insert("error".to_owned(), turn.error);
            fill(&polite.turn, &values)
        });
        let turns = Json::Array(turns.collect());
        values.insert("turns".to_owned(), turns);
        values.insert("status".to_owned(), status);
        Some(fill(&polite.thread, &values))
    }
}

fn invalid(message: &str) -> Json {
    object([("code", Json::Number((-32600).into())), ("message", message.into())])
}

fn no_default(method: &str) -> Json {
    if METHODS.lines().any(|known| known == method) {
        return invalid(&format!("the rig has no default for `{method}`: give the script an \"on\" for it"));
    }
    let known: Vec<String> = METHODS.lines().map(|known| format!("`{known}`")).collect();
    invalid(&format!("Invalid request: unknown variant `{method}`, expected one of {}", known.join(", ")))
}
