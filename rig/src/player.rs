//! Plays one list of actions.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::action::Action;
use crate::child;
use crate::flood::filler;
use crate::json::Json;
use crate::output::Piece;
use crate::placeholder::{Lookup, fill, fill_text};
use crate::server::Server;

/// A list stops when its turn is interrupted.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Flow {
    On,
    Stop,
}

pub(crate) struct Player {
    pub(crate) server: &'static Server,
    pub(crate) method: String,
    pub(crate) id: Option<Json>,
    pub(crate) vars: HashMap<String, Json>,
    /// Whether the script says what this method does.
    pub(crate) scripted: bool,
    pub(crate) was_initialized: bool,
    pub(crate) cancelled: Option<Arc<AtomicBool>>,
    /// How many of the client's messages this list has seen.
    seen: usize,
    /// What is written inside `chunked`.
    pub(crate) collected: Option<Vec<u8>>,
    pub(crate) inline: bool,
}

impl Player {
    pub(crate) fn new(server: &'static Server, seen: usize) -> Self {
        Self {
            server,
            method: String::new(),
            id: None,
            vars: server.polite.constants(),
            scripted: false,
            was_initialized: false,
            cancelled: None,
            seen,
            collected: None,
            inline: false,
        }
    }

    pub(crate) fn for_message(
        mut self,
        method: String,
        id: Option<Json>,
        params: Json,
        was_initialized: bool,
        scripted: bool,
    ) -> Self {
        (self.method, self.id, self.was_initialized, self.scripted) = (method, id, was_initialized, scripted);
        self.prepare(&params);
        self.vars.insert("params".to_owned(), params);
        self
    }

    /// On the reading thread, which must not wait for the client to read.
    pub(crate) fn play_inline(&mut self, actions: &[Action]) {
        self.inline = true;
        self.play_all(actions);
    }

    pub(crate) fn play(&mut self, actions: &[Action]) {
        self.play_all(actions);
    }

    fn play_all(&mut self, actions: &[Action]) -> Flow {
        for action in actions {
            if self.is_cancelled() || self.step(action) == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::On
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.as_ref().is_some_and(|flag| flag.load(Ordering::SeqCst))
    }

    fn step(&mut self, action: &Action) -> Flow {
        match action {
            Action::Default => match self.default_actions() {
                Ok(actions) => return self.play_all(actions),
                Err(error) => return self.reply("error", error),
            },
            Action::Reply(Some(result)) => return self.reply("result", fill(result, self)),
            Action::Reply(None) => match self.default_actions().map(|actions| self.first_reply(actions)) {
                Ok(Some(action)) => return self.step(action),
                Ok(None) => self.server.fail(&format!("{} has no default reply", self.method)),
                Err(error) => return self.reply("error", error),
            },
            Action::Error(error) => return self.reply("error", fill(error, self)),
            Action::Notify(message) => return self.notify(&fill(message, self)),
            Action::Line(message) => return self.line(&fill(message, self)),
            Action::Request { message, wait } => return self.request(message, *wait),
            Action::Raw(text) => return self.emit(Piece::Bytes(fill_text(text, self).into_bytes())),
            Action::RawBytes(bytes) => return self.emit(Piece::Bytes(bytes.clone())),
            Action::Deltas { text, pieces } => return self.deltas(text, *pieces),
            Action::Fill { bytes, text } => self.set("fill", filler(text, *bytes).into()),
            Action::BigLine { bytes, text, message } => {
                self.set("fill", filler(text, *bytes).into());
                return self.notify(&fill(message, self));
            }
            Action::Flood(flood) => return self.flood(flood),
            Action::Chunked { bytes, pause_us, actions } => {
                let outer = self.collected.replace(Vec::new());
                let flow = self.play_all(actions);
                let collected = std::mem::replace(&mut self.collected, outer).unwrap_or_default();
                let pause = Duration::from_micros(*pause_us);
                let sent = self.emit(Piece::Split { bytes: collected, size: *bytes, pause });
                return if flow == Flow::Stop { flow } else { sent };
            }
            Action::Repeat { times, actions } => {
                for index in 0..*times {
                    self.set("n", index.into());
                    if self.play_all(actions) == Flow::Stop {
                        return Flow::Stop;
                    }
                }
            }
            Action::Play { name, with } => {
                let with: Vec<_> = with.iter().map(|(key, value)| (key.clone(), fill(value, self))).collect();
                let outer = if with.is_empty() { None } else { Some(self.vars.clone()) };
                self.vars.extend(with);
                let name = fill_text(name, self);
                let Some(actions) = self.server.fragment(&name) else {
                    self.server.fail(&format!("play: there is no fragment {name:?}"))
                };
                let flow = self.play_all(actions);
                if let Some(outer) = outer {
                    self.vars = outer;
                }
                return flow;
            }
            Action::Set(values) => {
                for (key, value) in values {
                    let value = fill(value, self);
                    self.set(key, value);
                }
            }
            Action::Settle(status) => {
                let (thread, turn) = (self.text("threadId"), self.text("turnId"));
                if let Some(turn) = self.server.state().turn(&thread, &turn) {
                    turn.status.clone_from(status);
                }
            }
            Action::Stderr(text) => drop(io::stderr().write_all(fill_text(text, self).as_bytes())),
            Action::StderrBytes(bytes) => {
                let lines = filler(&format!("{}\n", "e".repeat(79)), *bytes);
                drop(io::stderr().write_all(lines.as_bytes()));
            }
            Action::SleepMs(ms) => {
                let limit = Some(Duration::from_millis(*ms));
                self.server.wait(self.cancelled.as_deref(), limit, |_| None::<()>);
            }
            Action::WaitFor(method) => {
                let seen = self.seen;
                let found = self.server.wait(self.cancelled.as_deref(), None, |inbox| {
                    inbox.methods[seen..].iter().position(|arrived| arrived == method)
                });
                self.seen += found.map_or(0, |index| index + 1);
            }
            Action::WaitForReply(id) => self.wait_for_reply(&fill(id, self)),
            Action::WaitForFile(path) => {
                let path = fill_text(path, self);
                while !Path::new(&path).exists() && !self.is_cancelled() {
                    thread::sleep(Duration::from_millis(5));
                }
            }
            Action::WriteFile(path) => {
                let path = fill_text(path, self);
                // Who sees the file may count on what was written before it.
                self.server.output.flush(Duration::from_secs(1));
                if let Err(error) = fs::write(&path, b"") {
                    self.server.fail(&format!("writeFile {path}: {error}"));
                }
            }
            Action::Exit(code) => self.server.exit(*code, Duration::from_secs(10)),
            Action::Kill(signal) => {
                self.server.output.flush(Duration::from_secs(10));
                self.server.log.entry([("kill", signal.as_str().into())]);
                if let Err(error) = child::kill_self(signal) {
                    self.server.fail(&format!("kill {signal}: {error}"));
                }
            }
            Action::CloseStdout => {
                self.emit(Piece::Close);
                self.server.output.flush(Duration::from_secs(10));
            }
            Action::IgnoreEof(ignore) => self.server.ignore_eof.store(*ignore, Ordering::SeqCst),
            Action::IgnoreSigterm(ignore) => self.server.ignore_sigterm.store(*ignore, Ordering::SeqCst),
            Action::Spawn { argv, own_group, hold_stdout } => {
                let argv: Vec<_> = argv.iter().map(|word| fill_text(word, self)).collect();
                match child::spawn(&argv, *own_group, *hold_stdout) {
                    Ok(pid) => {
                        self.server.log.entry([("spawned", u64::from(pid).into())]);
                        self.set("spawned", u64::from(pid).into());
                    }
                    Err(error) => self.server.fail(&format!("spawn {}: {error}", argv[0])),
                }
            }
            Action::Never => {}
        }
        Flow::On
    }

    pub(crate) fn set(&mut self, name: &str, value: Json) {
        self.vars.insert(name.to_owned(), value);
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.vars.get(name).and_then(Json::as_str).unwrap_or_default().to_owned()
    }

    fn first_reply(&self, actions: &'static [Action]) -> Option<&'static Action> {
        actions.iter().find_map(|action| match action {
            Action::Reply(Some(_)) => Some(action),
            Action::Play { name, .. } => self.first_reply(self.server.fragment(name)?),
            _ => None,
        })
    }
}

impl Lookup for Player {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Json>> {
        if let Some(value) = self.vars.get(name) {
            return Some(Cow::Borrowed(value));
        }
        let value = match name {
            "id" => self.id.clone()?,
            "now" => now_ms().into(),
            "nowSec" => (now_ms() / 1000).into(),
            _ => self.known(name)?,
        };
        Some(Cow::Owned(value))
    }
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
