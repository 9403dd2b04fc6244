//! How a list speaks to the client.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::action::Flood;
use crate::flood::{Lines, filler, numbered_filler};
use crate::json::{Json, object};
use crate::output::Piece;
use crate::placeholder::fill;
use crate::player::{Flow, Player, now_ms};

impl Player {
    pub(crate) fn reply(&mut self, kind: &str, value: Json) -> Flow {
        let Some(id) = self.id.clone() else { self.server.fail("a reply in a list that no request started") };
        if kind == "error" {
            self.take_back();
        }
        // The server writes the id first in an answer and last in an error.
        self.line(&match kind {
            "result" => object([("id", id), ("result", value)]),
            _ => object([("error", value), ("id", id)]),
        })
    }

    pub(crate) fn notify(&mut self, message: &Json) -> Flow {
        self.server.state().observe(message);
        self.line(&stamped(message))
    }

    pub(crate) fn request(&mut self, message: &Json, wait: bool) -> Flow {
        let id = message.get("id").map_or_else(
            || self.server.requests_made.fetch_add(1, Ordering::SeqCst).into(),
            |id| fill(id, self),
        );
        self.set("requestId", id.clone());
        let field = |key| fill(message.get(key).unwrap_or(&Json::Null), self);
        let line = object([("method", field("method")), ("id", id.clone()), ("params", field("params"))]);
        let flow = self.line(&line);
        if wait && flow == Flow::On {
            self.wait_for_reply(&id);
        }
        flow
    }

    pub(crate) fn wait_for_reply(&mut self, id: &Json) {
        let id = id.to_string();
        let answer =
            self.server.wait(self.cancelled.as_deref(), None, |inbox| inbox.answers.get(&id).cloned());
        if let Some(answer) = answer {
            self.set("answer", answer);
        }
    }

    pub(crate) fn deltas(&mut self, text: &Json, pieces: usize) -> Flow {
        let text = match fill(text, self) {
            Json::String(text) => text,
            other => other.to_string(),
        };
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(chars.len().div_ceil(pieces).max(1)) {
            let params = object([
                ("threadId", "$threadId".into()),
                ("turnId", "$turnId".into()),
                ("itemId", "$itemId".into()),
            ]);
            let Json::Object(mut params) = fill(&params, self) else { return Flow::On };
            params.insert("delta".to_owned(), piece.iter().collect::<String>().into());
            let message =
                object([("method", "item/agentMessage/delta".into()), ("params", Json::Object(params))]);
            if self.notify(&message) == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::On
    }

    pub(crate) fn flood(&mut self, flood: &Flood) -> Flow {
        let make = if flood.numbered { numbered_filler } else { filler };
        self.set("fill", make(&flood.text, flood.bytes).into());
        let line = to_line(&stamped(&fill(&flood.message, self)));
        // A pace is kept by blocks of 5 ms.
        let most = flood.per_second.map_or(u64::MAX, |rate| (rate / 200).max(1));
        let mut lines = Lines::new(line, flood.numbered, flood.count, most);
        let (start, mut sent) = (Instant::now(), 0);
        while sent < flood.count {
            let count = lines.per_block.min(flood.count - sent);
            let (block, len) = lines.next(count);
            if self.emit(Piece::Shared(block, len)) == Flow::Stop {
                return Flow::Stop;
            }
            sent += count;
            if let Some(rate) = flood.per_second {
                let due = Duration::from_secs_f64(sent as f64 / rate.max(1) as f64);
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
        }
        Flow::On
    }

    pub(crate) fn line(&mut self, message: &Json) -> Flow {
        self.emit(Piece::Bytes(to_line(message)))
    }

    pub(crate) fn emit(&mut self, piece: Piece) -> Flow {
        if let Some(collected) = &mut self.collected {
            match &piece {
                Piece::Bytes(bytes) | Piece::Split { bytes, .. } => collected.extend_from_slice(bytes),
                Piece::Shared(block, len) => collected.extend_from_slice(&block[..*len]),
                Piece::Close => {}
            }
            return Flow::On;
        }
        let queued = self.server.output.push(piece, !self.inline, self.cancelled.as_deref());
        if queued { Flow::On } else { Flow::Stop }
    }
}

/// With `emittedAtMs` as the server stamps notifications; a script's own stays, and null leaves it away.
fn stamped(message: &Json) -> Json {
    let Json::Object(mut entries) = message.clone() else { return message.clone() };
    match message.get("emittedAtMs") {
        None => drop(entries.insert("emittedAtMs".to_owned(), now_ms().into())),
        Some(Json::Null) => entries.retain(|key, _| key != "emittedAtMs"),
        Some(_) => {}
    }
    Json::Object(entries)
}

fn to_line(message: &Json) -> Vec<u8> {
    // Serialising a `Json` into memory cannot fail.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}
