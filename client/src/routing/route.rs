//! What is known of one thread: its turns, and the one that is being started.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use tokio::sync::watch;

use super::backlog::Backlog;
use super::owner::{Owner, Whose};
use super::running::Running;
use super::wire::{is_active, root_turn};
use super::{ThreadSink, TurnSink};
use crate::rpc::Notification;

/// Stands for a turn of which only is known that it runs.
const UNKNOWN_TURN: &str = "";

#[derive(Default)]
pub(super) struct Route {
    pub(super) turns: HashMap<String, Running>,
    /// The turns whose events were missed, and what came for them since.
    pub(super) paused: HashMap<String, Paused>,
    /// The turns that have a second id, by that.
    aliases: HashMap<String, String>,
    pub(super) starting: Option<Starting>,
    /// The last turn that is not followed here: of another client, or begun here and lost, over this connection or an earlier
    /// one.
    pub(super) unfollowed: Option<Running>,
    /// Whether a turn may have begun of which nothing was heard yet.
    pub(super) in_doubt: bool,
    /// Whether the thread was made here.
    pub(super) made_here: bool,
    /// The turn that the server last said it works on, until it says that it ended.
    pub(super) active: watch::Sender<Option<String>>,
    /// How many times the server said what it works on.
    pub(super) said: u64,
    /// The turn that the server last said it has started.
    pub(super) started: watch::Sender<Option<String>>,
    pub(super) usage: Option<Box<str>>,
    /// The thread itself, which hears of its settings.
    pub(super) sink: Option<Weak<dyn ThreadSink>>,
}

/// A turn that is being started.
pub(super) struct Starting {
    pub(super) owner: Arc<Owner>,
    /// What came for turns that are not known.
    pub(super) early: Backlog,
    /// The thread became idle meanwhile.
    pub(super) idle: bool,
    /// The line was lost meanwhile: events may be missing.
    pub(super) missed: bool,
    /// Only an event tells its id; the turn that was started before it, if any was.
    pub(super) unnamed: Option<Option<String>>,
}

/// A turn that waits for what it missed.
pub(super) struct Paused {
    pub(super) running: Running,
    pub(super) held: Backlog,
    /// Its thread became idle meanwhile.
    pub(super) idle: bool,
}

impl Route {
    /// The id that a turn has here.
    pub(super) fn named<'a>(&'a self, turn: &'a str) -> &'a str {
        self.aliases.get(turn).map_or(turn, String::as_str)
    }

    /// A turn that is known: this client's, or another's.
    pub(super) fn turn(&self, turn: &str) -> Option<&Running> {
        let turn = self.named(turn);
        self.turns
            .get(turn)
            .or_else(|| Some(&self.paused.get(turn)?.running))
            .or_else(|| self.unfollowed(turn))
    }

    /// That turn, if it has this id.
    pub(super) fn unfollowed(&self, turn: &str) -> Option<&Running> {
        self.unfollowed.as_ref().filter(|running| running.owner.is_turn(turn))
    }

    /// Whose a request of this thread is.
    pub(super) fn whose(&self, turn: Option<&str>) -> Whose {
        let of = |owner: &Arc<Owner>| Whose {
            ours: owner.begun_here(),
            owner: Some(Arc::clone(owner)),
            running: self.active.borrow().clone().filter(|turn| turn != UNKNOWN_TURN),
            unsettled: false,
        };
        let known = match turn {
            Some(turn) => self.turn(turn),
            None => {
                let own =
                    self.turns.values().chain(self.paused.values().map(|paused| &paused.running)).next();
                own.or_else(|| self.unfollowed.as_ref().filter(|running| !running.owner.is_over()))
            }
        };
        match (known, &self.starting) {
            (Some(running), _) => of(&running.owner),
            // Until the start is answered, a turn that is named may be another client's.
            (None, Some(starting)) => {
                let whose = of(&starting.owner);
                Whose { ours: whose.ours && turn.is_none(), ..whose }
            }
            // What an MCP server asks at its start, for one, is of no turn.
            (None, None) => Whose {
                ours: turn.is_none() && self.made_here && self.active.borrow().is_none(),
                ..Whose::default()
            },
        }
    }

    /// Whether anything here has yet to come to an end.
    pub(super) fn is_at_work(&self) -> bool {
        self.starting.is_some() || !self.turns.is_empty() || !self.paused.is_empty()
    }

    /// The same, of another client's turn as well.
    pub(super) fn has_work(&self) -> bool {
        self.is_at_work() || self.unfollowed.as_ref().is_some_and(|running| !running.owner.is_over())
    }

    /// Whether somebody follows the thread, whoever that is.
    pub(super) fn is_followed(&self) -> bool {
        self.active.receiver_count() > 0 || self.started.receiver_count() > 0
    }

    /// A thread of which only is known that a turn is being started.
    pub(super) fn only(starting: Starting) -> Self {
        Self { starting: Some(starting), ..Self::default() }
    }

    /// Where the events of the turns go that run.
    pub(super) fn sinks(&self) -> impl Iterator<Item = &Arc<dyn TurnSink>> {
        self.turns.values().filter_map(|running| running.sink.as_ref())
    }

    /// Every turn that is known.
    pub(super) fn into_turns(self) -> impl Iterator<Item = Running> {
        let paused = self.paused.into_values().map(|paused| paused.running);
        self.turns.into_values().chain(paused).chain(self.unfollowed)
    }

    /// Forgets a turn.
    pub(super) fn forget(&mut self, turn: &str) -> Option<Running> {
        self.aliases.retain(|_, known| known != turn);
        let paused = self.paused.remove(turn).map(|paused| paused.running);
        self.turns.remove(turn).or(paused)
    }

    /// A turn has ended.
    pub(super) fn ended(&mut self, turn: &str) {
        let has_ended = self.active.send_if_modified(|active| {
            let ended = active.as_deref() == Some(turn);
            if ended {
                *active = None;
            }
            ended
        });
        self.said += u64::from(has_ended);
    }

    /// It does nothing, and has done nothing since `active` was what was known of it.
    pub(super) fn rests(&mut self, active: &Option<String>) {
        for paused in self.paused.values_mut() {
            paused.idle = true;
        }
        if let Some(unfollowed) = &self.unfollowed {
            unfollowed.owner.ended();
        }
        self.active.send_if_modified(|now| {
            let stale = now.is_some() && now == active;
            if stale {
                *now = None;
            }
            stale
        });
    }

    /// The server works on a turn.
    pub(super) fn found_busy(&mut self, turn: Option<String>) {
        self.said += 1;
        self.active.send_replace(Some(turn.unwrap_or_else(|| UNKNOWN_TURN.to_owned())));
    }

    /// Learns from an event of a turn what its thread is at.
    pub(super) fn follow(&mut self, thread: &str, turn: &str, notification: &Notification<'_>) {
        match notification.method {
            "turn/started" => {
                // A review is started under one id and completed under another, the one that its root has.
                let root = root_turn(notification.line).unwrap_or_else(|| turn.to_owned());
                let sink = self.turns.get(&root).and_then(|running| running.sink.as_ref());
                if root != turn && sink.is_some_and(|sink| sink.also_called(turn)) {
                    self.aliases.insert(turn.to_owned(), root.clone());
                } else if root == turn && self.turn(turn).is_none() && self.starting.is_none() {
                    self.unfollowed = Some(Running { owner: Owner::foreign(thread, turn), sink: None });
                }
                self.in_doubt = false;
                self.said += 1;
                self.active.send_replace(Some(root));
                self.started.send_replace(Some(turn.to_owned()));
            }
            "turn/completed" => self.ended(turn),
            "thread/tokenUsage/updated" => self.usage = Some(notification.line.into()),
            _ => {}
        }
    }

    /// Learns from an event of the thread alone.
    pub(super) fn tell(&mut self, notification: &Notification<'_>) {
        if let Some(sink) = self.sink.as_ref().and_then(Weak::upgrade) {
            match notification.method {
                "thread/settings/updated" => sink.settings_updated(notification.line),
                "thread/closed" | "thread/archived" | "thread/deleted" => sink.unloaded(),
                _ => {}
            }
        }
        let idle = match notification.method {
            // The end of a turn that it does not name, or in words that can't be read.
            "thread/closed" | "thread/archived" | "thread/deleted" | "turn/completed" => true,
            "thread/status/changed" => !is_active(notification.line),
            _ => false,
        };
        if idle {
            if let Some(unfollowed) = &self.unfollowed {
                unfollowed.owner.ended();
            }
            if let Some(starting) = &mut self.starting {
                starting.idle = true;
            }
            self.said += 1;
            // The end of a turn may go untold: it must not keep those that wait behind it.
            self.active.send_replace(None);
            for sink in self.sinks() {
                sink.thread_idle();
            }
            for paused in self.paused.values_mut() {
                paused.idle = true;
            }
        }
    }
}
