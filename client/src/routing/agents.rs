//! The threads of sub-agents, and the turns that they work for.
//!
//! The server says it in two ways: by an item of the turn that spawns an agent or gives it more to do, and by the
//! `rootTurnId` of each turn that begins in the agent's thread. Some of their events come before either.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::owner::Owner;
use super::running::Running;
use super::wire::{self, Bond};
use crate::rpc::Notification;

/// The most that is kept of events of threads that nobody knows, in bytes. They are among the notifications as well.
const MOST_STRAYS: usize = 4 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Agents {
    threads: HashMap<String, Agent>,
    strays: VecDeque<(String, Box<str>)>,
    stray_bytes: usize,
}

/// One thread that works for turns.
struct Agent {
    /// The turn that gave it work last.
    by: Running,
    /// The turns of it that run, and what each is for; none where that is no turn that is known here.
    turns: HashMap<String, Option<Running>>,
    /// It is about to begin.
    expected: bool,
    /// How many events of its turns came.
    heard: u64,
}

/// What is known of a thread, or of a turn in it.
pub(super) enum Of<'a> {
    Agent(&'a Running),
    /// It works for a turn that is not known here.
    Foreign,
    Unknown,
}

/// What an item told of agents.
pub(super) struct Learned {
    /// The threads that are new to its turn.
    pub(super) joined: Vec<String>,
    /// The turns that these were of before.
    pub(super) left: Vec<Running>,
}

impl Agent {
    fn works_for(&self, owner: &Arc<Owner>) -> bool {
        (self.expected && self.by.is(owner)) || self.turns.values().flatten().any(|running| running.is(owner))
    }

    fn rest(&mut self) {
        self.expected = false;
        self.turns.clear();
    }
}

impl Agents {
    /// The turn that a thread works for, with one turn of it.
    pub(super) fn of(&self, thread: &str, turn: Option<&str>) -> Of<'_> {
        let Some(agent) = self.threads.get(thread) else { return Of::Unknown };
        match turn.and_then(|turn| agent.turns.get(turn)) {
            Some(None) => Of::Foreign,
            Some(Some(running)) => Of::Agent(running),
            None => Of::Agent(&agent.by),
        }
    }

    /// Whether a turn in an agent's thread runs that is known to work for another.
    pub(super) fn runs(&self, thread: &str, turn: &str) -> bool {
        self.threads.get(thread).is_some_and(|agent| agent.turns.contains_key(turn))
    }

    /// A turn of this client, or one that is followed here, for which an agent works.
    pub(super) fn root(&self, turn: &str) -> Option<Running> {
        let all = |agent: &'_ Agent| {
            let mut running = agent.turns.values().flatten().chain([&agent.by]);
            running.find(|running| running.owner.is_turn(turn)).cloned()
        };
        self.threads.values().find_map(all)
    }

    /// A turn begins in the thread of an agent: one for a turn that is not known here, where there is none.
    pub(super) fn begin(&mut self, thread: &str, turn: &str, running: Option<Running>) -> bool {
        let agent = match (self.threads.get_mut(thread), &running) {
            (Some(agent), _) => agent,
            (None, Some(by)) => {
                if let Some(sink) = by.follower() {
                    sink.agent_joined(thread);
                }
                let by = by.clone();
                let agent = Agent { by, turns: HashMap::new(), expected: false, heard: 0 };
                self.threads.entry(thread.to_owned()).or_insert(agent)
            }
            (None, None) => return false,
        };
        if let Some(by) = &running {
            if !agent.by.is(&by.owner)
                && let Some(sink) = by.follower()
            {
                sink.agent_joined(thread);
            }
            agent.by = by.clone();
        }
        agent.expected = false;
        agent.turns.insert(turn.to_owned(), running);
        true
    }

    /// The turn that gave a thread work last.
    pub(super) fn by(&self, thread: &str) -> Option<&Running> {
        self.threads.get(thread).map(|agent| &agent.by)
    }

    /// Learns from an item of a turn, or of one of its agents, which threads work for it.
    pub(super) fn learn(&mut self, notification: &Notification<'_>, running: &Running) -> Learned {
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        if !matches!(notification.method, "item/started" | "item/completed") {
            return Learned { joined, left };
        }
        for (thread, bond) in wire::bonds(notification.line) {
            let known = self.threads.get_mut(&thread);
            let is_new = known.as_ref().is_none_or(|agent| !agent.by.is(&running.owner));
            match known {
                Some(agent) if bond == Bond::Over => agent.expected = false,
                None if bond == Bond::Over => {}
                // Who looks at an agent does not take it away from the turn that it works for.
                Some(agent) if bond == Bond::Seen && !agent.by.owner.is_over() => {}
                Some(agent) => {
                    if is_new {
                        left.push(std::mem::replace(&mut agent.by, running.clone()));
                        joined.push(thread);
                    }
                }
                None => {
                    let expected = bond == Bond::Spawned;
                    let by = running.clone();
                    self.threads
                        .insert(thread.clone(), Agent { by, turns: HashMap::new(), expected, heard: 0 });
                    joined.push(thread);
                }
            }
        }
        if let Some(sink) = running.follower() {
            for thread in &joined {
                sink.agent_joined(thread);
            }
        }
        Learned { joined, left }
    }

    /// What an event says of how far an agent is. True if it works no more, or less.
    pub(super) fn follow(&mut self, thread: &str, notification: &Notification<'_>) -> bool {
        let Some(agent) = self.threads.get_mut(thread) else { return false };
        let turn = notification.ids.turn.as_deref();
        // The usage is told again behind the answer that says what an agent is at: it proves no work.
        let works = turn.is_some() && notification.method != "thread/tokenUsage/updated";
        agent.heard += u64::from(works);
        match (notification.method, turn) {
            ("turn/started", _) => true,
            ("turn/completed", Some(turn)) => {
                agent.turns.remove(turn);
                agent.expected = false;
                true
            }
            ("thread/closed" | "thread/deleted" | "thread/archived", _) => {
                agent.rest();
                true
            }
            ("thread/status/changed", _) => {
                let over = wire::status(notification.line).as_deref() == Some("notLoaded");
                if over {
                    agent.rest();
                }
                over
            }
            _ => false,
        }
    }

    /// The threads that work for turns of this client, and how many events of their turns came.
    pub(super) fn working(&self) -> Vec<(String, u64)> {
        let works = |agent: &Agent| {
            let runs = agent.turns.values().flatten().any(|running| running.follower().is_some());
            runs || (agent.expected && agent.by.follower().is_some())
        };
        let working = self.threads.iter().filter(|(_, agent)| works(agent));
        working.map(|(thread, agent)| (thread.clone(), agent.heard)).collect()
    }

    /// What the server says of an agent whose events were missed: that it is idle, or is no more. What was heard since
    /// is newer. Gives the turns that it worked for.
    pub(super) fn found_idle(&mut self, thread: &str, heard: u64) -> Vec<Running> {
        let Some(agent) = self.threads.get_mut(thread).filter(|agent| agent.heard == heard) else {
            return Vec::new();
        };
        let mut worked: Vec<Running> = agent.turns.values().flatten().cloned().collect();
        worked.push(agent.by.clone());
        agent.rest();
        worked
    }

    /// Whether any agent works for a turn.
    pub(super) fn works_for(&self, owner: &Arc<Owner>) -> bool {
        self.threads.values().any(|agent| agent.works_for(owner))
    }

    /// Lets go of a turn that has ended, and of its agents: none of them works for it.
    pub(super) fn release(&mut self, owner: &Arc<Owner>) {
        self.threads.retain(|_, agent| !agent.by.is(owner) || !agent.turns.is_empty());
    }

    /// Every turn that an agent works for.
    pub(super) fn into_turns(self) -> impl Iterator<Item = Running> {
        self.threads.into_values().flat_map(|agent| {
            let turns: Vec<_> = agent.turns.into_values().flatten().chain([agent.by]).collect();
            turns
        })
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.threads.len()
    }

    /// Keeps an event of a thread that nobody knows yet.
    pub(super) fn stray(&mut self, thread: &str, line: &str) {
        self.stray_bytes += thread.len() + line.len();
        self.strays.push_back((thread.to_owned(), line.into()));
        while self.stray_bytes > MOST_STRAYS
            && let Some((thread, line)) = self.strays.pop_front()
        {
            self.stray_bytes -= thread.len() + line.len();
        }
    }

    /// What was kept, of some threads.
    pub(super) fn strays_of(&mut self, of: impl Fn(&str) -> bool) -> Vec<(String, Box<str>)> {
        let (taken, left): (VecDeque<_>, _) = self.strays.drain(..).partition(|(thread, _)| of(thread));
        self.strays = left;
        self.stray_bytes = self.strays.iter().map(|(thread, line)| thread.len() + line.len()).sum();
        taken.into()
    }
}
