//! What must hold of a case, whatever happened in it.

use std::time::Duration;

use codex_client::{Error, RpcErrorKind};
use serde_json::{Value, json};

use crate::drive::{Stage, lock};
use crate::plan::{Action, Fault, Plan, ReadKind, World};
use crate::runs::Run;
use crate::server::{Item, State, Thread, Turn, TurnPhase};
use crate::{rules, told};

/// What may have reached a client, or not.
#[derive(Default, Clone, Copy)]
pub struct Trouble {
    /// Its line was cut, or the server died.
    pub gap: bool,
    pub killed: bool,
    pub faults: bool,
    pub overload: bool,
    pub refused: bool,
    /// A turn may have been given up here, so that its end is not told.
    pub given_up: bool,
    /// Few of its requests may be on the wire, and one is not answered: all wait for the deadline of that.
    pub behind: bool,
}

impl Trouble {
    pub fn of(plan: &Plan, client: usize) -> Self {
        let count = plan.clients.len();
        let mut trouble = Self::default();
        for step in &plan.steps {
            match &step.action {
                Action::Drop { client: of, .. } if of % count == client => {
                    trouble.gap = true;
                    trouble.killed |= plan.world == World::Process;
                }
                Action::Kill { .. } => {
                    trouble.gap = true;
                    trouble.killed = true;
                }
                Action::Refuse { client: of, .. } if of % count == client => trouble.refused = true,
                Action::Fault { client: of, fault, .. } if of % count == client => match fault {
                    Fault::Overload => trouble.overload = true,
                    _ => trouble.faults = true,
                },
                _ => {}
            }
        }
        trouble.behind = trouble.faults && plan.clients[client].in_flight.is_some();
        trouble
    }
}

/// The faults that were found.
#[derive(Default)]
pub struct Faults(pub Vec<String>);

impl Faults {
    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

/// What can be said once all has gone quiet.
pub fn check(plan: &Plan, stage: &Stage) -> Vec<String> {
    let state = stage.server.state();
    let mut faults = Faults(state.violations.clone());
    for number in 0..stage.runs.len() {
        check_run(&mut faults, plan, stage, &state, number);
        rules::check_silence(&mut faults, plan, stage, &state, &stage.runs[number], number);
    }
    for thread in state.threads.values() {
        for turn in &thread.turns {
            check_starters(&mut faults, turn);
        }
    }
    rules::check_loads(&mut faults, &state);
    rules::check_answers(&mut faults, plan, stage, &state);
    rules::check_reads(&mut faults, plan, stage, &state);
    rules::check_followers(&mut faults, plan, stage, &state);
    faults.0
}

/// The thread of a run, by the id that it has now: one whose server died before its first turn is started anew.
fn thread_of<'a>(state: &'a State, stage: &Stage, run: &Run) -> Option<&'a Thread> {
    let threads = lock(&stage.threads);
    let slot = threads.iter().find(|slot| slot.id == run.thread);
    let now = slot.and_then(|slot| slot.handles.get(&run.client)).map(|handle| handle.id());
    state.threads.get(now.unwrap_or(&run.thread))
}

/// Runs that wait for nothing.
pub fn stuck(stage: &Stage) -> Vec<String> {
    let state = stage.server.state();
    let mut faults = Faults::default();
    let waits = |run: &Run| run.task.as_ref().is_some_and(|task| !task.is_finished());
    for (number, run) in stage.runs.iter().enumerate().filter(|(_, run)| waits(run)) {
        let ended = match turn_of(&state, number, run) {
            Some(turn) => turn.ended.map(|(at, _)| at.elapsed()),
            // It may wait for another, or its agents be at work.
            // One that its server has forgotten was started anew, by an id that is not known here any more.
            None => thread_of(&state, stage, run)
                .is_none_or(|thread| (thread.is_loaded || thread.is_written) && thread.running().is_none())
                .then(|| run.asked.elapsed()),
        };
        let agents = turn_of(&state, number, run)
            .is_some_and(|turn| agents_of(&state, turn).any(|agent| agent.running().is_some()));
        if let Some(ended) = ended.filter(|ended| *ended > Duration::from_secs(60) && !agents) {
            let what = if turn_of(&state, number, run).is_some() { "its turn ended" } else { "no turn runs" };
            faults.0.push(format!("run {number} still waits, {ended:?} after {what}"));
        }
    }
    faults.0
}

fn check_starters(faults: &mut Faults, turn: &Turn) {
    let mut clients: Vec<_> = turn.starters.iter().map(|(_, client)| client).collect();
    clients.sort_unstable();
    clients.dedup();
    faults.check(clients.len() == turn.starters.len() || turn.starters.is_empty(), || {
        format!("runs of one client were merged into {}: {:?}", turn.id, turn.starters)
    });
}

/// The turn that a turn works for in the end.
pub fn root<'a>(state: &'a State, thread: &str, turn: &str) -> Option<&'a Turn> {
    let thread = state.threads.get(thread)?;
    match &thread.parent {
        Some((thread, turn)) => root(state, thread, turn),
        None => thread.turns.iter().find(|known| known.id == turn),
    }
}

/// The threads that work for a turn, and for those.
pub fn agents_of<'a>(state: &'a State, turn: &'a Turn) -> impl Iterator<Item = &'a Thread> {
    let is_its = |thread: &&Thread| {
        thread
            .parent
            .as_ref()
            .and_then(|(parent, of)| root(state, parent, of))
            .is_some_and(|root| root.id == turn.id)
    };
    state.threads.values().filter(is_its)
}

/// The turn that a run had the server start.
pub fn turn_of<'a>(state: &'a State, number: usize, run: &Run) -> Option<&'a Turn> {
    let turns = || state.threads.values().flat_map(|thread| &thread.turns);
    if run.is_own {
        return turns().find(|turn| turn.starters.iter().any(|(of, _)| *of == number));
    }
    let id = run.turn_id.as_ref()?;
    turns().find(|turn| turn.id == *id)
}

fn check_run(faults: &mut Faults, plan: &Plan, stage: &Stage, state: &State, number: usize) {
    let run = &stage.runs[number];
    // What is asked for at the end has no excuse.
    let all = Trouble::of(plan, run.client);
    let trouble = if run.is_probe { Trouble { behind: all.behind, ..Trouble::default() } } else { all };
    let Some((outcome, _)) = &run.outcome else {
        // It may wait for another turn for as long as the server works on that; of one whose start was not answered
        // nobody here knows.
        // Nor is it known here who is to answer what such a turn asks.
        let asks = |turn: &Turn| state.asks.values().any(|ask| ask.turn == turn.id);
        let waits = |thread: &Thread| thread.running().is_some_and(|turn| turn.never_ends || asks(turn));
        let is_behind =
            turn_of(state, number, run).is_none() && thread_of(state, stage, run).is_some_and(waits);
        // Two clients may begin at the same moment: the server makes one turn of it.
        let is_merged = run.is_probe && turn_of(state, number, run).is_some_and(|turn| turn.never_ends);
        faults.check(is_behind || is_merged, || format!("run {number} has not settled"));
        return;
    };
    let turn = turn_of(state, number, run);
    let is_here = |of: &str| *of == run.thread || run.thread.is_empty();
    // Of a thread that is made for a turn alone the fault may come first.
    let was_hit = all.faults
        && (state.hit.iter().any(|(client, of)| *client == run.client && is_here(of))
            || turn.is_some_and(|turn| state.was_hit(run.client, turn)));
    let name = || format!("run {number} ({})", turn.map_or("no turn", |turn| turn.id.as_str()));
    // An interrupt that can't be sent in time has the turn given up here.
    let of_turn = |of: usize, run: &Run| {
        turn.is_some_and(|turn| turn_of(state, of, run).is_some_and(|of| of.id == turn.id))
    };
    let may_be_given_up = (trouble.gap || trouble.faults)
        && stage
            .runs
            .iter()
            .enumerate()
            .any(|(of, run)| (run.was_interrupted || run.cancel.is_cancelled()) && of_turn(of, run));
    let trouble = Trouble { given_up: may_be_given_up, ..trouble };
    match outcome {
        Ok(None) => {}
        Ok(Some(result)) => {
            let Some(turn) = turn else {
                faults.0.push(format!("run {number} has a result, and the server no turn"));
                return;
            };
            let result: Value = serde_json::from_str(&result.to_json()).unwrap_or_default();
            faults.check(result["turnId"] == json!(turn.id), || format!("{} has another's result", name()));
            let told = result["status"].as_str().unwrap_or_default();
            // Of one that died with its server there may be nothing to be had.
            let has_died = turn.ended.is_some_and(|(_, died)| died);
            let is_given_up = told == "interrupted" && may_be_given_up;
            if is_given_up && (turn.status.as_deref() != Some(told) || has_died) {
                return;
            }
            let holds = match &turn.status {
                Some(status) => status == told,
                // It was given up here.
                None => told == "interrupted" && (!turn.interrupted_by.is_empty() || run.was_interrupted),
            };
            faults.check(holds, || format!("{} is {told} here and {:?} at the server", name(), turn.status));
            check_items(faults, &name(), &result["items"], turn);
            check_usage(faults, &name(), &result["usage"], turn, trouble);
            if turn.status.as_deref() == Some("completed") {
                let is_last = |item: &&Item| item.is_complete && item.kind == "agentMessage";
                let last = turn.items.iter().rev().find(is_last).map(|item| item.streamed.clone());
                faults.check(result["finalResponse"] == json!(last), || {
                    format!("{} ends with {} and not {last:?}", name(), result["finalResponse"])
                });
            }
        }
        Err(error) => {
            let aborted = |other: &Run| {
                other.cancel.is_cancelled()
                    && other.client == run.client
                    && turn.is_some_and(|turn| turn.starters.iter().any(|(of, _)| of_is(stage, *of, other)))
            };
            // Which thread it is the error says: one that its server had forgotten has another id since.
            let thread = match error {
                Error::ThreadBusy { thread_id, .. } => state.threads.get(thread_id),
                _ => thread_of(state, stage, run),
            };
            // Behind a turn whose run was lost nobody waits for long, and the server may go on with it.
            let is_given_up = |turn: &Turn| {
                let mut runs = turn.starters.iter().filter_map(|(run, _)| stage.runs.get(*run));
                runs.any(|of| of.client == run.client && matches!(of.outcome, Some((Err(_), _))))
            };
            let is_behind = || thread.is_some_and(|thread| thread.turns.iter().any(is_given_up));
            let allowed = is_allowed(error, plan, trouble, was_hit, run, thread, turn)
                || (matches!(error, Error::Aborted { .. }) && stage.runs.iter().any(aborted))
                || (matches!(error, Error::ThreadBusy { .. }) && turn.is_none() && is_behind());
            faults.check(allowed, || format!("{} failed: {} {error}", name(), error.code()));
        }
    }
    let Some(turn) = turn else { return };
    // Who joins a turn is told what it has completed, and not what it had begun to say.
    let told = Trouble { gap: trouble.gap || !run.is_own, ..trouble };
    for (at, (reading, got)) in run.readers.iter().enumerate() {
        let name = format!("reader {at} of {}", name());
        let got = crate::reading::lock(got);
        if got.end.is_none() {
            continue;
        }
        match reading.kind {
            ReadKind::Joined | ReadKind::Every => told::check_events(faults, &name, &got, turn, trouble),
            ReadKind::Text => told::check_text(faults, &name, &got, turn, told),
            ReadKind::Steps => told::check_steps(faults, &name, &got, turn),
            ReadKind::Agents => told::check_agents(faults, &name, &got, state, turn, told),
        }
    }
    // Who aborts has nothing left running, where the server can be reached.
    // Of a start that was not answered there is nothing to interrupt.
    let reached = (plan.world == World::Remote || !trouble.gap) && !was_hit;
    if run.is_own && matches!(outcome, Err(Error::Aborted { .. })) && !turn.never_ends && reached {
        faults.check(turn.phase == TurnPhase::Ended, || format!("{} was aborted and still runs", name()));
    }
}

fn of_is(stage: &Stage, number: usize, run: &Run) -> bool {
    stage.runs.get(number).is_some_and(|of| std::ptr::eq(of, run))
}

/// Whether a run may end so, given what went wrong.
fn is_allowed(
    error: &Error,
    plan: &Plan,
    trouble: Trouble,
    was_hit: bool,
    run: &Run,
    thread: Option<&Thread>,
    turn: Option<&Turn>,
) -> bool {
    let status = turn.and_then(|turn| turn.status.as_deref());
    match error {
        Error::Aborted { .. } => run.cancel.is_cancelled(),
        Error::TurnFailed(_) => status == Some("failed"),
        Error::Indeterminate { .. } => trouble.gap || trouble.faults || trouble.behind,
        Error::Timeout { .. } => trouble.faults || trouble.gap || trouble.behind || was_hit,
        Error::TurnLost { .. } => trouble.killed || was_hit,
        Error::Protocol { .. } => was_hit,
        Error::Lost(_) | Error::ServerExited { .. } => match plan.world {
            World::Remote => false,
            _ => trouble.gap,
        },
        Error::Connect { .. } => (trouble.refused || trouble.killed) && plan.world != World::Process,
        Error::Rpc(error) if error.kind == RpcErrorKind::ServerBusy => trouble.overload,
        Error::Rpc(error) if error.kind == RpcErrorKind::Internal => trouble.faults,
        Error::Rpc(error) => {
            let is_gone = thread.is_none_or(|thread| !thread.is_loaded && !thread.is_written);
            is_gone && (error.message.contains("no rollout") || error.message.contains("not found"))
        }
        Error::ThreadBusy { .. } => {
            turn.is_none() && thread.is_some_and(|thread| thread.turns.iter().any(|turn| turn.never_ends))
        }
        Error::Spawn(message) => trouble.faults && !message.starts_with("PANIC"),
        _ => false,
    }
}

fn check_items(faults: &mut Faults, name: &str, items: &Value, turn: &Turn) {
    // One that was open at an end which was no completion may count as complete.
    let is_open_end = turn.status.as_deref() != Some("completed");
    let mut told = items.as_array().into_iter().flatten().peekable();
    for item in turn.items.iter().filter(|item| !item.is_late) {
        if item.is_complete {
            let expected = item.json(1, Some(2));
            let next = told.next();
            faults.check(next == Some(&expected), || {
                format!("{name} has {} where {} was", json!(next), item.id)
            });
        } else if is_open_end {
            told.next_if(|told| told["id"] == json!(item.id));
        }
    }
    let rest: Vec<_> = told.collect();
    faults.check(rest.is_empty(), || format!("{name} has items that were not: {}", json!(rest)));
}

fn check_usage(faults: &mut Faults, name: &str, told: &Value, turn: &Turn, trouble: Trouble) {
    let all: Vec<Value> = turn.usages.iter().filter_map(|usage| serde_json::from_str(usage).ok()).collect();
    let last = all.last().cloned().unwrap_or_default();
    // The server tells it once, or with another turn's id.
    let holds = *told == last || (trouble.gap && (told.is_null() || all.contains(told)));
    faults.check(holds, || format!("{name} has the usage {told} and not {last}"));
}
