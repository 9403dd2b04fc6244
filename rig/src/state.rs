//! The threads and turns that the rig has told its client of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::json::Json;

#[derive(Default)]
pub(crate) struct State {
    threads: Vec<ThreadState>,
    threads_made: u64,
    turns_made: u64,
    /// What is in each id, beside its number.
    mark: String,
}

pub(crate) struct ThreadState {
    pub(crate) id: String,
    pub(crate) model: Json,
    pub(crate) cwd: Json,
    pub(crate) name: Json,
    pub(crate) preview: Json,
    pub(crate) forked_from: Json,
    pub(crate) turns: Vec<TurnState>,
}

#[derive(Clone)]
pub(crate) struct TurnState {
    pub(crate) id: String,
    pub(crate) status: String,
    /// Whether `turn/started` went out; before, the server refuses to interrupt.
    started: bool,
    pub(crate) items: Vec<Json>,
    pub(crate) error: Json,
    /// Set when the turn is interrupted: stops the list that plays it.
    pub(crate) cancelled: Arc<AtomicBool>,
}

impl TurnState {
    fn is_running(&self) -> bool {
        self.status == "inProgress"
    }
}

impl State {
    pub(crate) fn new(unique_ids: bool) -> Self {
        let mark = if unique_ids { format!("{}-", std::process::id()) } else { String::new() };
        Self { mark, ..Self::default() }
    }

    pub(crate) fn thread(&mut self, id: &str) -> Option<&mut ThreadState> {
        self.threads.iter_mut().find(|thread| thread.id == id)
    }

    pub(crate) fn ids(&self) -> Json {
        Json::Array(self.threads.iter().map(|thread| thread.id.as_str().into()).collect())
    }

    pub(crate) fn start_thread(&mut self, model: Json, cwd: Json) -> &mut ThreadState {
        let id = loop {
            self.threads_made += 1;
            let id = format!("thread-{}{}", self.mark, self.threads_made);
            // A client may have resumed a thread of an earlier run under this id.
            if self.thread(&id).is_none() {
                break id;
            }
        };
        self.add_thread(id, model, cwd)
    }

    /// The thread of this id, known or not, as the server loads it from disk.
    pub(crate) fn resume_thread(&mut self, id: &str, model: Json, cwd: Json) -> &mut ThreadState {
        match self.threads.iter().position(|thread| thread.id == id) {
            Some(index) => &mut self.threads[index],
            None => self.add_thread(id.to_owned(), model, cwd),
        }
    }

    fn add_thread(&mut self, id: String, model: Json, cwd: Json) -> &mut ThreadState {
        let (name, preview, forked_from) = (Json::Null, Json::from(""), Json::Null);
        let index = self.threads.len();
        self.threads.push(ThreadState { id, model, cwd, name, preview, forked_from, turns: Vec::new() });
        &mut self.threads[index]
    }

    pub(crate) fn unload(&mut self, id: &str) {
        self.threads.retain(|thread| thread.id != id);
    }

    pub(crate) fn start_turn(&mut self, thread: &str) -> TurnState {
        self.turns_made += 1;
        let turn = TurnState {
            id: format!("turn-{}{}", self.mark, self.turns_made),
            status: "inProgress".to_owned(),
            started: false,
            items: Vec::new(),
            error: Json::Null,
            cancelled: Arc::default(),
        };
        if let Some(thread) = self.thread(thread) {
            thread.turns.push(turn.clone());
        }
        turn
    }

    pub(crate) fn forget_turn(&mut self, thread: &str, turn: &str) {
        if let Some(thread) = self.thread(thread) {
            thread.turns.retain(|known| known.id != turn);
        }
    }

    pub(crate) fn running_turn(&mut self, thread: &str) -> Option<&mut TurnState> {
        self.thread(thread)?.turns.iter_mut().rev().find(|turn| turn.is_running())
    }

    pub(crate) fn turn(&mut self, thread: &str, turn: &str) -> Option<&mut TurnState> {
        self.thread(thread)?.turns.iter_mut().find(|known| known.id == turn)
    }

    /// Ends a turn and stops its list, or says with the server's words why not.
    pub(crate) fn interrupt(&mut self, thread: &str, turn: &str) -> Result<(), String> {
        match self.running_turn(thread) {
            Some(running) if running.started && running.id == turn => {
                running.status = "interrupted".to_owned();
                running.cancelled.store(true, Ordering::SeqCst);
                Ok(())
            }
            Some(running) if running.started => {
                Err(format!("expected active turn id {turn} but found {}", running.id))
            }
            _ => Err("no active turn to interrupt".to_owned()),
        }
    }

    /// Learns from a notification that is about to go out.
    pub(crate) fn observe(&mut self, message: &Json) {
        let (Some(method), Some(params)) =
            (message.get("method").and_then(Json::as_str), message.get("params"))
        else {
            return;
        };
        let turn_id = params.get("turnId").or_else(|| params.get("turn")?.get("id")).and_then(Json::as_str);
        let (Some(thread), Some(turn_id)) = (params.get("threadId").and_then(Json::as_str), turn_id) else {
            return;
        };
        let Some(turn) = self.turn(thread, turn_id).filter(|turn| turn.is_running()) else { return };
        match method {
            "turn/started" => turn.started = true,
            "item/completed" => turn.items.extend(params.get("item").cloned()),
            "turn/completed" => {
                let ended = params.get("turn");
                let status = ended.and_then(|turn| turn.get("status")).and_then(Json::as_str);
                turn.status = status.unwrap_or("completed").to_owned();
                turn.error = ended.and_then(|turn| turn.get("error")).cloned().unwrap_or(Json::Null);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Json, State};
    use crate::json;

    #[test]
    fn a_turn_is_interruptible_only_between_started_and_completed() {
        let mut state = State::default();
        let thread = state.start_thread(Json::Null, Json::Null).id.clone();
        let turn = state.start_turn(&thread).id;
        assert_eq!(state.interrupt(&thread, &turn), Err("no active turn to interrupt".to_owned()));

        let params = format!(r#"{{"threadId":"{thread}","turn":{{"id":"{turn}"}}}}"#);
        let message = format!(r#"{{"method":"turn/started","params":{params}}}"#);
        state.observe(&json::parse(message.as_bytes()).unwrap());
        let stale = state.interrupt(&thread, "turn-9");
        assert_eq!(stale, Err("expected active turn id turn-9 but found turn-1".to_owned()));
        assert_eq!(state.interrupt(&thread, &turn), Ok(()));
        assert!(state.interrupt(&thread, &turn).is_err());
    }

    #[test]
    fn fresh_ids_avoid_resumed_ones() {
        let mut state = State::default();
        state.resume_thread("thread-1", Json::Null, Json::Null);
        assert_eq!(state.start_thread(Json::Null, Json::Null).id, "thread-2");
    }
}
