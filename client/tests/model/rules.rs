//! What must hold of settings, questions, and who follows what.

use std::time::Duration;

use codex_client::Error;
use serde_json::Value;

use crate::asking::Whose;
use crate::check::{Faults, Trouble, agents_of, root, turn_of};
use crate::drive::{Stage, lock};
use crate::plan::{Plan, World};
use crate::runs::Run;
use crate::server::State;
use crate::settings;

/// A thread that is loaded again has the settings that were in force.
pub fn check_loads(faults: &mut Faults, state: &State) {
    for load in &state.loads {
        let before = state.anew.get(&load.thread);
        let of = |asked: &&(usize, String, Value)| {
            asked.0 == load.client && (asked.1 == load.thread || Some(&asked.1) == before)
        };
        let named = |given: &[(usize, String, Value)]| -> Vec<_> {
            given.iter().filter(of).map(|(.., given)| settings::by_name(given)).collect()
        };
        let (asked, tried) = (named(&state.asked), named(&state.tried));
        let changed = settings::unasked(load, |name, value| {
            let is_in =
                |given: &[settings::InForce]| given.iter().any(|given| given.get(name) == Some(value));
            // Another model has an effort of its own.
            let of_model = name == "effort"
                && value.is_null()
                && asked.iter().any(|given| given.get("model") == Some(&load.after["model"]));
            // Of a limit that may or may not have been accepted the narrower holds.
            let is_limit = settings::LIMITS.contains(&name);
            of_model
                || is_in(&asked)
                || (is_in(&tried) && !is_limit)
                || (is_in(&tried) && settings::is_narrower(name, value, &load.before[name]))
        });
        faults.0.extend(changed.into_iter().map(|what| format!("a reload changed a setting: {what}")));
    }
}

/// Questions are answered once by each who was asked, by the nearest handler, and by default only for what is ours.
pub fn check_answers(faults: &mut Faults, plan: &Plan, stage: &Stage, state: &State) {
    let answers = &state.answers;
    for (at, answer) in answers.iter().enumerate() {
        let again = answers[..at].iter().any(|before| before.leg == answer.leg && before.ask == answer.ask);
        faults.check(!again, || {
            format!("question {} was answered twice over one line: {answers:?}", answer.ask)
        });
        let Some(turn) = root(state, &answer.thread, &answer.turn) else { continue };
        let mark = format!("[\"{}/", answer.client);
        faults.check(!answer.answer.contains("mendment") || answer.answer.contains(&mark), || {
            format!("client {} answered what its handlers did not say: {answer:?}", answer.client)
        });
        let mine = |run: &(usize, usize)| run.1 == answer.client;
        let has_handler = plan.clients[answer.client].handler.is_some()
            || stage.handlers.iter().any(|(client, _)| *client == answer.client)
            || turn.starters.iter().any(|(run, client)| {
                *client == answer.client && stage.runs.get(*run).is_some_and(|run| run.plan.handler.is_some())
            });
        let is_ours = turn.starters.iter().any(mine) || plan.world == World::Process;
        faults.check(has_handler || is_ours, || {
            format!("client {} answered for others, without a handler: {answer:?}", answer.client)
        });
    }
    for asked in lock(&stage.calls).iter() {
        let Some(turn) = root(state, &asked.thread, &asked.turn) else { continue };
        let own = turn.starters.iter().find(|(_, client)| *client == asked.client);
        // A sub-agent of a turn whose start goes unanswered is one of which nobody knows.
        let is_its_own = turn.id == asked.turn;
        let was_hit = state.was_hit(asked.client, turn);
        let is_unanswered = |run: &Run| {
            was_hit
                || matches!(&run.outcome, Some((Err(Error::Indeterminate { .. } | Error::Timeout { .. }), _)))
        };
        // Of one that was given up here, and goes on, its own handlers hear no more.
        let is_given_up = |run: &Run| {
            run.cancel.is_cancelled() && matches!(&run.outcome, Some((Err(Error::Aborted { .. }), _)))
        };
        let is_unknown = |run: &Run| (!is_its_own && is_unanswered(run)) || is_given_up(run);
        let own = own.filter(|(run, _)| !stage.runs.get(*run).is_some_and(is_unknown));
        let of_run = own.and_then(|(run, _)| stage.runs.get(*run)?.plan.handler.map(|_| Whose::Run(*run)));
        let Some(expected) = of_run else { continue };
        faults.check(asked.whose == expected, || {
            format!("{:?} was asked and not {expected:?}: {asked:?}", asked.whose)
        });
    }
}

/// A thread that the server knows can be read, with its turns or without.
pub fn check_reads(faults: &mut Faults, plan: &Plan, stage: &Stage, state: &State) {
    for (client, thread, turns, read) in lock(&stage.reads).iter() {
        let Err(error) = read else { continue };
        let trouble = Trouble::of(plan, *client);
        let is_excused = trouble.gap || trouble.faults || trouble.refused || trouble.overload;
        faults.check(is_excused || !state.threads.contains_key(thread), || {
            format!("client {client} could not read {thread} (turns: {turns}): {error}")
        });
    }
}

/// Who has no handle of a thread any more does not follow it.
pub fn check_followers(faults: &mut Faults, plan: &Plan, stage: &Stage, state: &State) {
    if plan.world == World::Process {
        return;
    }
    for thread in state.threads.values().filter(|thread| thread.parent.is_none()) {
        for leg in thread.followers.iter().filter_map(|leg| state.legs.get(leg)) {
            let holds = lock(&stage.threads)
                .iter()
                .any(|slot| slot.handles.get(&leg.client).is_some_and(|handle| handle.id() == thread.id));
            let runs = stage.runs.iter().any(|run| run.task.is_some() && run.client == leg.client);
            // Of a thread that was made for it, and by an answer that can't be read, a client knows nothing.
            let was_hit = state.hit.iter().any(|(client, of)| *client == leg.client && of.is_empty())
                || Trouble::of(plan, leg.client).behind;
            let is_unknown = was_hit
                && thread.turns.is_empty()
                && !lock(&stage.threads).iter().any(|slot| slot.id == thread.id);
            let is_kept = state.kept.contains(&(leg.client, thread.id.clone()));
            faults.check(holds || runs || is_unknown || is_kept, || {
                format!("client {} follows {} of which it has no handle", leg.client, thread.id)
            });
        }
    }
}

/// Who gives up a silent turn has waited for so long, and nothing of this program or of a sub-agent was at work.
pub fn check_silence(
    faults: &mut Faults,
    plan: &Plan,
    stage: &Stage,
    state: &State,
    run: &Run,
    number: usize,
) {
    let Some(limit) = run.plan.silence_ms.map(|ms| Duration::from_millis(ms.into())) else { return };
    let Some(turn) = turn_of(state, number, run) else { return };
    if Trouble::of(plan, run.client).gap {
        return;
    }
    let agents: Vec<_> = agents_of(state, turn).collect();
    let is_its = |thread: &str| run.thread == *thread || agents.iter().any(|agent| agent.id == *thread);
    let handlers: Vec<_> = lock(&stage.calls)
        .iter()
        .filter(|call| call.client == run.client && is_its(&call.thread))
        .map(|call| (call.begun, *lock(&call.ended)))
        .collect();
    let works = agents.iter().flat_map(|agent| &agent.turns);
    let works = works.map(|turn| (turn.begun, turn.ended.map(|(at, _)| at)));
    let busy: Vec<_> = handlers.into_iter().chain(works).collect();
    for silence in lock(&run.silences).iter() {
        let marks = state.activity.iter().filter(|(thread, _)| is_its(thread)).map(|(_, at)| *at);
        let ends = busy.iter().filter_map(|(_, end)| *end);
        let last = marks.chain(ends).filter(|at| at < silence).max();
        let is_busy = busy.iter().any(|(from, to)| from < silence && to.is_none_or(|to| to > *silence));
        let waited = last.map_or(limit, |last| *silence - last);
        faults.check(!is_busy && waited + Duration::from_millis(2) >= limit, || {
            format!(
                "run {number} was given up after {waited:?} of silence (something was at work: {is_busy})"
            )
        });
    }
}
