//! How a line of the client, or its end, finds its list.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::action::Action;
use crate::json::{self, Json};
use crate::player::Player;
use crate::script::Ending;
use crate::server::Server;

const DEFAULT: &[Action] = &[Action::Default];

impl Server {
    /// Handles one line. False if it makes codex exit.
    pub(crate) fn receive(&'static self, line: &[u8]) -> bool {
        let line = line.trim_ascii();
        if line.is_empty() {
            return true;
        }
        let message = match json::parse(line) {
            Ok(message @ Json::Object(_)) => message,
            // Like codex: not a word on stdout about what it cannot read, and the end at a byte that is not UTF-8.
            _ => {
                self.log.incoming(line, false);
                return str::from_utf8(line).is_ok();
            }
        };
        self.log.incoming(line, true);
        let method = message.get("method").and_then(Json::as_str);
        match (method, message.get("id")) {
            (Some(method), None) => self.dispatch(method.to_owned(), None, &message),
            (Some(method), Some(id)) if is_id(id) => {
                self.dispatch(method.to_owned(), Some(id.clone()), &message)
            }
            (None, Some(id)) => {
                self.inbox().answers.insert(id.to_string(), message);
                self.arrived.notify_all();
            }
            _ => {}
        }
        true
    }

    fn dispatch(&'static self, method: String, id: Option<Json>, message: &Json) {
        let key = match self.script.key(&method) {
            // The star is for calls; a server that fails the handshake or reacts to notifications says so by name.
            Some("*") if id.is_none() || method == "initialize" => None,
            key => key,
        };
        if key.is_none() && id.is_none() {
            self.arrives(&method);
            return;
        }
        let actions = key.and_then(|key| self.script.list(key, self.count_call(key))).unwrap_or(DEFAULT);

        let scripted = key.is_some();
        let was_initialized = self.initialized.load(Ordering::SeqCst);
        if method == "initialize" {
            self.initialized.store(true, Ordering::SeqCst);
        }
        let params = message.get("params").cloned().unwrap_or(Json::Null);
        // What waits for the message goes on once it is answered, where that takes no time: it may end what is asked for.
        let is_instant = self.is_instant(actions);
        let since = if is_instant { self.inbox().methods.len() } else { self.arrives(&method) };
        let named = method.clone();
        let mut player = Player::new(self, since).for_message(method, id, params, was_initialized, scripted);
        if is_instant {
            player.play_inline(actions);
            self.arrives(&named);
        } else {
            thread::spawn(move || player.play(actions));
        }
    }

    /// Tells those who wait for it that a message has come; gives how many there have been.
    fn arrives(&self, method: &str) -> usize {
        let count = {
            let mut inbox = self.inbox();
            inbox.methods.push(method.to_owned());
            inbox.methods.len()
        };
        self.arrived.notify_all();
        count
    }

    /// The end of stdin, or SIGTERM.
    pub(crate) fn end(&'static self, ending: &'static Ending, ignore: &AtomicBool) {
        if let Ending::Play(actions) = ending {
            Player::new(self, 0).play(actions);
        }
        if !ignore.load(Ordering::SeqCst) {
            self.exit(0, Duration::from_secs(1));
        }
    }
}

fn is_id(id: &Json) -> bool {
    match id {
        Json::String(_) => true,
        Json::Number(number) => number.is_i64(),
        _ => false,
    }
}
