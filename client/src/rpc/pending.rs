//! The requests that have no answer yet: their order, deadlines and the cap. No IO.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::sync::oneshot;

use super::envelope::Envelope;
use super::error::RawAnswer;
use super::methods::only_reads;
use crate::Error;

/// The requests of one connection: pure state, no IO.
///
/// At most `max_in_flight` are on the wire, the rest wait in order; until the handshake is done all wait.
#[derive(Debug)]
pub(super) struct Pending {
    next_id: i64,
    max_in_flight: usize,
    open: bool,
    in_flight: HashMap<i64, PendingRequest>,
    /// How many of them may take as long as they like.
    long: usize,
    queue: VecDeque<Queued>,
    /// The threads that are not back yet: what is about one of them waits, and holds up nothing else.
    held: HashSet<String>,
    ended: Option<Error>,
}

#[derive(Debug)]
struct Queued {
    line: String,
    /// Who waits for the answer of which request; nobody does for a notification.
    request: Option<(i64, PendingRequest)>,
}

#[derive(Debug)]
pub(super) struct PendingRequest {
    pub(super) method: String,
    pub(super) answer: oneshot::Sender<RawAnswer>,
    /// It may take as long as it likes, so it does not count in the cap once it is sent.
    pub(super) long: bool,
    /// It leaves over the line that there is, or never.
    pub(super) of_line: bool,
    /// How many more times it is sent again after the line was lost.
    pub(super) repeats: u8,
    /// The message, while it is on its way and may be sent again.
    pub(super) line: Option<String>,
}

/// What became of a request that nobody waits for any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Forgotten {
    /// It never left.
    Unsent,
    /// It is on the wire and may take effect.
    Sent,
    /// It had been settled.
    Settled,
}

impl Pending {
    pub(super) fn new(max_in_flight: usize) -> Self {
        Self {
            next_id: 0,
            max_in_flight,
            open: false,
            in_flight: HashMap::new(),
            long: 0,
            queue: VecDeque::new(),
            held: HashSet::new(),
            ended: None,
        }
    }

    pub(super) fn next_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }

    /// Takes a request; the line comes back where it is to be sent at once. `first` passes the handshake gate.
    pub(super) fn submit(
        &mut self,
        id: i64,
        line: String,
        mut waiting: PendingRequest,
        first: bool,
    ) -> Option<String> {
        if let Some(error) = &self.ended {
            let _ = waiting.answer.send(Err(error.clone()));
            return None;
        }
        if first || (self.open && self.may_pass(&line) && self.in_flight() < self.max_in_flight) {
            waiting.line = (waiting.repeats > 0).then(|| line.clone());
            self.sent(id, waiting);
            return Some(line);
        }
        if waiting.of_line && (!self.open || self.waits_for_thread(&line)) {
            return None;
        }
        self.queue.push_back(Queued { line, request: Some((id, waiting)) });
        None
    }

    /// Takes a request back that has not left. False if it has.
    pub(super) fn withdraw(&mut self, id: i64) -> bool {
        let is_it = |queued: &Queued| queued.request.as_ref().is_some_and(|(of, _)| *of == id);
        self.queue.iter().position(is_it).and_then(|at| self.queue.remove(at)).is_some()
    }

    /// Takes a notification; the line comes back where it is to be sent at once. It waits for the handshake, in its
    /// place among the requests, and for no answers.
    pub(super) fn notify(&mut self, line: String) -> Option<String> {
        if self.open {
            return Some(line);
        }
        self.queue.push_back(Queued { line, request: None });
        None
    }

    /// The handshake is done: what waited may go.
    pub(super) fn open(&mut self) -> Vec<String> {
        self.open = true;
        let mut lines = self.sendable();
        // Notifications behind more requests than may be on the wire.
        let (notifications, requests) =
            self.queue.drain(..).partition::<VecDeque<_>, _>(|queued| queued.request.is_none());
        self.queue = requests;
        lines.extend(notifications.into_iter().map(|queued| queued.line));
        lines
    }

    /// The handshake is done, but these threads are not back yet: what is about none of them may go.
    pub(super) fn open_holding(&mut self, threads: impl IntoIterator<Item = String>) -> Vec<String> {
        self.held = threads.into_iter().collect();
        self.open()
    }

    /// Whether what is about a thread may go.
    pub(super) fn carries(&self, thread: &str) -> bool {
        self.open && !self.held.contains(thread)
    }

    /// A thread is back: what waited for it may go.
    pub(super) fn release(&mut self, thread: &str) -> Vec<String> {
        match self.held.remove(thread) {
            true => self.sendable(),
            false => Vec::new(),
        }
    }

    /// A thread will not come back: what would begin something in it is refused, and has not left.
    pub(super) fn refuse_starts(&mut self, thread: &str, error: &Error) {
        let is_it = |queued: &Queued| {
            let starts =
                queued.request.as_ref().is_some_and(|(_, waiting)| waiting.method.ends_with("/start"));
            starts
                && Envelope::parse(&queued.line)
                    .is_ok_and(|message| message.ids.thread.is_some_and(|of| of == thread))
        };
        let (refused, rest) = self.queue.drain(..).partition::<VecDeque<_>, _>(is_it);
        self.queue = rest;
        for (_, waiting) in refused.into_iter().filter_map(|queued| queued.request) {
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }

    /// Takes the request that an answer is for; a late answer finds none.
    pub(super) fn settle(&mut self, id: i64) -> (Option<PendingRequest>, Vec<String>) {
        let waiting = self.answered(id);
        (waiting, self.sendable())
    }

    /// Gives up a request and frees its slot.
    pub(super) fn forget(&mut self, id: i64) -> (Forgotten, Vec<String>) {
        if self.answered(id).is_some() {
            return (Forgotten::Sent, self.sendable());
        }
        let is_it = |queued: &Queued| queued.request.as_ref().is_some_and(|(queued, _)| *queued == id);
        match self.queue.iter().position(is_it) {
            Some(at) => {
                self.queue.remove(at);
                (Forgotten::Unsent, Vec::new())
            }
            None => (Forgotten::Settled, Vec::new()),
        }
    }

    /// The line was lost, and another is to come. What is safe to repeat waits for it, before all that waited
    /// already; of the rest nobody knows whether it took effect.
    pub(super) fn lose(&mut self) {
        self.open = false;
        self.held.clear();
        self.long = 0;
        self.queue.retain(|queued| !queued.request.as_ref().is_some_and(|(_, waiting)| waiting.of_line));
        let mut in_flight: Vec<_> = self.in_flight.drain().collect();
        in_flight.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        for (id, mut waiting) in in_flight {
            match waiting.line.take() {
                Some(line) => {
                    waiting.repeats -= 1;
                    self.queue.push_front(Queued { line, request: Some((id, waiting)) });
                }
                // What is asked for each time the line is lost may be why: an answer that is too long.
                None if only_reads(&waiting.method) => {
                    let method = waiting.method;
                    let message = format!("the connection was lost each time before {method} was answered");
                    let _ = waiting.answer.send(Err(Error::Lost(message)));
                }
                None => {
                    let method = waiting.method;
                    let _ = waiting.answer.send(Err(Error::Indeterminate {
                        message: format!(
                            "the connection was lost before {method} was answered; it may have taken effect"
                        ),
                        method,
                    }));
                }
            }
        }
    }

    /// Ends the connection for good, and gives who is still to be told so. `None` if it had ended: the first end wins.
    pub(super) fn end(&mut self, error: &Error) -> Option<Vec<PendingRequest>> {
        if self.ended.is_some() {
            return None;
        }
        self.ended = Some(error.clone());
        self.long = 0;
        let waiting = self.in_flight.drain().map(|(_, waiting)| waiting);
        let queued = self.queue.drain(..).filter_map(|queued| Some(queued.request?.1));
        Some(waiting.chain(queued).collect())
    }

    /// Refuses what has not left yet and all that comes, and leaves what is on the wire to be answered.
    pub(super) fn refuse_queued(&mut self, error: &Error) {
        self.open = false;
        for (_, waiting) in self.queue.drain(..).filter_map(|queued| queued.request) {
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }

    pub(super) fn ended(&self) -> Option<&Error> {
        self.ended.as_ref()
    }

    /// How many are on the wire that should be answered soon.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len() - self.long
    }

    fn sent(&mut self, id: i64, waiting: PendingRequest) {
        self.long += usize::from(waiting.long);
        self.in_flight.insert(id, waiting);
    }

    fn answered(&mut self, id: i64) -> Option<PendingRequest> {
        let waiting = self.in_flight.remove(&id)?;
        self.long -= usize::from(waiting.long);
        Some(waiting)
    }

    fn sendable(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while self.open
            && let Some(next) = self.queue.iter().position(|queued| !self.waits_for_thread(&queued.line))
            && (self.queue[next].request.is_none() || self.in_flight() < self.max_in_flight)
            && let Some(Queued { line, request }) = self.queue.remove(next)
        {
            if let Some((id, mut waiting)) = request {
                waiting.line = (waiting.repeats > 0).then(|| line.clone());
                self.sent(id, waiting);
            }
            lines.push(line);
        }
        lines
    }

    /// Whether nothing waits that a message would overtake, and the message waits for nobody.
    fn may_pass(&self, line: &str) -> bool {
        !self.waits_for_thread(line) && self.queue.iter().all(|queued| self.waits_for_thread(&queued.line))
    }

    /// Whether a message is about a thread that is not back yet.
    fn waits_for_thread(&self, line: &str) -> bool {
        !self.held.is_empty()
            && Envelope::parse(line)
                .is_ok_and(|message| message.ids.thread.is_some_and(|thread| self.held.contains(&*thread)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(pending: &mut Pending) -> (i64, Option<String>, oneshot::Receiver<RawAnswer>) {
        submit_one(pending, false)
    }

    fn submit_one(pending: &mut Pending, long: bool) -> (i64, Option<String>, oneshot::Receiver<RawAnswer>) {
        let (answer, receiver) = oneshot::channel();
        let id = pending.next_id();
        let waiting =
            PendingRequest { method: "m".into(), answer, long, of_line: false, repeats: 0, line: None };
        let sent = pending.submit(id, id.to_string(), waiting, false);
        (id, sent, receiver)
    }

    fn submit_repeating(pending: &mut Pending) -> oneshot::Receiver<RawAnswer> {
        let (answer, receiver) = oneshot::channel();
        let id = pending.next_id();
        let waiting = PendingRequest {
            method: "m".into(),
            answer,
            long: false,
            of_line: false,
            repeats: 2,
            line: None,
        };
        pending.submit(id, id.to_string(), waiting, false);
        receiver
    }

    #[test]
    fn a_lost_line_repeats_what_is_safe_to_and_tells_the_rest() {
        let mut pending = Pending::new(3);
        pending.open();
        let _first = submit_repeating(&mut pending);
        let (_, _, mut second) = submit(&mut pending);
        let _third = submit_repeating(&mut pending);
        let _queued = submit(&mut pending);
        pending.lose();
        assert!(matches!(second.try_recv(), Ok(Err(Error::Indeterminate { .. }))));
        assert_eq!(pending.in_flight(), 0);
        let fifth = submit(&mut pending);
        assert!(fifth.1.is_none(), "all wait for the next line");
        assert_eq!(pending.open(), ["1", "3", "4"]);
        pending.lose();
        assert_eq!(pending.open(), ["1", "3", "5"], "what was lost twice is sent twice again");
        pending.lose();
        assert!(pending.open().is_empty(), "but not for ever");
    }

    #[test]
    fn requests_above_the_cap_wait_their_turn_in_order() {
        let mut pending = Pending::new(2);
        let early = submit(&mut pending);
        assert!(early.1.is_none(), "nothing leaves before the handshake");
        assert_eq!(pending.open(), ["1"]);
        assert_eq!(submit(&mut pending).1.as_deref(), Some("2"));
        let third = submit(&mut pending);
        let fourth = submit(&mut pending);
        let _fifth = submit(&mut pending);
        assert!(third.1.is_none());
        assert_eq!(pending.forget(fourth.0).0, Forgotten::Unsent);
        assert_eq!(pending.settle(1).1, ["3"]);
        assert_eq!(pending.forget(third.0), (Forgotten::Sent, vec!["5".to_owned()]));
        assert!(pending.settle(third.0).0.is_none(), "a late answer is ignored");
    }

    #[test]
    fn what_is_about_a_thread_that_is_not_back_waits_for_it_alone() {
        let mut pending = Pending::new(2);
        let ask = |pending: &mut Pending, thread: &str| {
            let (answer, _) = oneshot::channel();
            let id = pending.next_id();
            let waiting = PendingRequest {
                method: "m".into(),
                answer,
                long: false,
                of_line: false,
                repeats: 0,
                line: None,
            };
            let line = format!(r#"{{"id":{id},"method":"m","params":{{"threadId":"{thread}"}}}}"#);
            (id, pending.submit(id, line, waiting, false).is_some())
        };
        let ids = |lines: Vec<String>| -> Vec<String> {
            lines
                .iter()
                .filter_map(|line| Some(line.strip_prefix(r#"{"id":"#)?.split_once(',')?.0.to_owned()))
                .collect()
        };
        for thread in ["a", "b", "c"] {
            assert!(!ask(&mut pending, thread).1);
        }
        assert_eq!(ids(pending.open_holding(["a".to_owned(), "b".to_owned()])), ["3"]);
        assert!(!ask(&mut pending, "a").1, "4 waits for its thread");
        assert!(ask(&mut pending, "d").1, "5 overtakes only who waits");
        assert!(!ask(&mut pending, "c").1, "6 waits for a slot");
        assert!(pending.release("b").is_empty(), "as does 2");
        assert_eq!(ids(pending.settle(3).1), ["2"], "in order");
        assert_eq!(ids(pending.settle(5).1), ["6"]);
        assert!(pending.release("a").is_empty());
        assert_eq!(ids(pending.settle(2).1), ["1"]);
        assert_eq!(ids(pending.settle(6).1), ["4"]);
        assert!(pending.release("a").is_empty(), "once");
    }

    #[test]
    fn a_notification_waits_for_the_handshake_in_its_place_and_for_no_answers() {
        let mut pending = Pending::new(2);
        let first = submit(&mut pending);
        assert_eq!(pending.notify("a".to_owned()), None, "nothing leaves before the handshake");
        let _second = submit(&mut pending);
        let _third = submit(&mut pending);
        assert_eq!(pending.notify("b".to_owned()), None);
        assert_eq!(pending.open(), ["1", "a", "2", "b"]);
        assert_eq!(pending.notify("c".to_owned()).as_deref(), Some("c"));
        assert_eq!(pending.settle(first.0).1, ["3"]);
    }

    #[test]
    fn what_is_of_a_line_leaves_over_that_or_never() {
        let mut pending = Pending::new(1);
        let ask = |pending: &mut Pending| {
            let (answer, receiver) = oneshot::channel();
            let id = pending.next_id();
            let waiting = PendingRequest {
                method: "m".into(),
                answer,
                long: false,
                of_line: true,
                repeats: 0,
                line: None,
            };
            (pending.submit(id, id.to_string(), waiting, false), receiver)
        };
        let is_withdrawn = |receiver: &mut oneshot::Receiver<RawAnswer>| {
            matches!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Closed))
        };
        let (sent, mut early) = ask(&mut pending);
        assert!(sent.is_none() && is_withdrawn(&mut early), "there is no line");
        pending.open();
        let (sent, mut first) = ask(&mut pending);
        let (queued, mut second) = ask(&mut pending);
        assert!(sent.is_some() && queued.is_none());
        assert!(!is_withdrawn(&mut second), "it waits for its turn");
        pending.lose();
        assert!(is_withdrawn(&mut second));
        assert!(matches!(first.try_recv(), Ok(Err(Error::Indeterminate { .. }))));
        assert!(pending.open().is_empty());
    }

    #[test]
    fn a_request_that_may_take_long_takes_no_room_from_the_others() {
        let mut pending = Pending::new(1);
        pending.open();
        let long = submit_one(&mut pending, true);
        let short = submit(&mut pending);
        assert!(long.1.is_some() && short.1.is_some());
        let second = submit(&mut pending);
        let second_long = submit_one(&mut pending, true);
        assert!(second.1.is_none() && second_long.1.is_none(), "in order all the same");
        assert_eq!(pending.settle(short.0).1, [second.0.to_string()]);
        assert_eq!(pending.settle(second.0).1, [second_long.0.to_string()]);
        assert_eq!(pending.in_flight(), 0);
        assert_eq!(pending.forget(long.0).0, Forgotten::Sent);
        assert!(pending.settle(second_long.0).0.is_some());
        assert_eq!(pending.in_flight(), 0);
    }

    #[test]
    fn the_end_is_sticky_and_the_first_reason_stays() {
        let mut pending = Pending::new(1);
        pending.open();
        let _calls: Vec<_> = (0..3).map(|_| submit(&mut pending)).collect();
        assert_eq!(pending.end(&Error::Closed("first".into())).unwrap().len(), 3);
        assert!(pending.end(&Error::Closed("second".into())).is_none());
        let (_, _, mut late) = submit(&mut pending);
        assert_eq!(late.try_recv().unwrap().unwrap_err().to_string(), "first");
    }
}
