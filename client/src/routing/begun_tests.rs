//! Whose a turn is that nobody follows over this connection: one that was lost, one whose start was not answered.

use std::sync::Arc;

use super::super::owner::Claim;
use super::tests::{Rig, Sink, event, whole_turn};
use super::*;
use crate::handlers::{HandlerFuture, HandlerKind, Handlers};

/// Handlers that are told apart by their address alone.
struct Own;

impl Handlers for Own {
    fn has(&self, _: HandlerKind) -> bool {
        true
    }

    fn call(
        &self,
        _: HandlerKind,
        _: String,
        _: Option<CallContext>,
        _: tokio_util::sync::CancellationToken,
    ) -> HandlerFuture {
        Box::pin(std::future::ready(Err(String::new())))
    }
}

fn ours() -> Claim {
    Claim { begun_here: true, ..Claim::default() }
}

/// A client whose line was lost, and the router of the next.
struct Lines {
    ring: Arc<Ring>,
    begun: Arc<Begun>,
    before: Arc<Router>,
}

impl Lines {
    fn new() -> Self {
        let (ring, begun) = (Arc::<Ring>::default(), Arc::<Begun>::default());
        let before = Router::new(Arc::clone(&ring), Arc::clone(&begun));
        Self { ring, begun, before }
    }

    fn next(self) -> Rig {
        self.before.end(&Error::client_closed());
        let rig = Rig::of(self.ring, self.begun);
        drop(rig.router.active("t"));
        rig
    }
}

#[test]
fn a_turn_begun_over_an_earlier_connection_is_still_ours_until_it_ends() {
    let lines = Lines::new();
    lines.before.expect("t", ours()).resolve("u", Arc::<Sink>::default()).unwrap();
    lines.before.expect("t", Claim::default()).resolve("joined", Arc::<Sink>::default()).unwrap();
    let rig = lines.next();
    let of = |turn| rig.router.whose(Some("t"), Some(turn));
    assert!(of("u").ours);
    assert!(of("u").owner.is_some_and(|owner| !owner.is_over()));
    assert!(!of("joined").ours);
    assert!(!of("another").ours);
    rig.send(&event("turn/completed", "t", "u", 1));
    assert!(of("u").owner.is_some_and(|owner| owner.is_over()));
}

#[test]
fn a_turn_whose_start_was_not_answered_has_its_handlers_and_is_not_declined_by_default() {
    let lines = Lines::new();
    let handlers: Arc<dyn Handlers> = Arc::new(Own);
    let expected = lines.before.expect("t", Claim { handlers: Some(Arc::clone(&handlers)), ..ours() });
    expected.may_have_begun();
    drop(expected);
    let rig = lines.next();
    rig.send(&event("turn/started", "t", "u", 1));
    let whose = rig.router.whose(Some("t"), Some("u"));
    assert!(!whose.ours);
    assert!(whose.owner.and_then(|owner| owner.handlers()).is_some_and(|of| Arc::ptr_eq(&of, &handlers)));
    // There was one such start: the turn after it is another's.
    rig.send(&event("turn/completed", "t", "u", 2));
    rig.send(&event("turn/started", "t", "v", 3));
    let next = rig.router.whose(Some("t"), Some("v")).owner;
    assert!(next.is_none_or(|owner| owner.handlers().is_none()));
}

#[test]
fn a_turn_that_begins_here_finds_none_in_doubt() {
    let rig = Rig::new();
    let expected = rig.router.expect("t", Claim { handlers: Some(Arc::new(Own)), ..ours() });
    expected.may_have_begun();
    drop(expected);
    assert!(rig.router.is_in_doubt("t"));
    drop(rig.router.expect("t", ours()));
    rig.send(&event("turn/started", "t", "u", 1));
    assert!(!rig.router.is_in_doubt("t"));
    let owner = rig.router.whose(Some("t"), Some("u")).owner;
    assert!(owner.is_none_or(|owner| owner.handlers().is_none()));
}

#[test]
fn a_thread_that_is_idle_over_the_next_line_has_no_start_in_doubt() {
    let lines = Lines::new();
    let expected = lines.before.expect("t", Claim { handlers: Some(Arc::new(Own)), ..ours() });
    expected.may_have_begun();
    drop(expected);
    let rig = lines.next();
    rig.router.found_idle_anew("t", &None);
    rig.send(&event("turn/started", "t", "u", 1));
    let owner = rig.router.whose(Some("t"), Some("u")).owner;
    assert!(owner.is_none_or(|owner| owner.handlers().is_none()));
}

#[test]
fn until_a_start_is_answered_a_turn_that_is_named_may_be_anothers() {
    let rig = Rig::new();
    let expected = rig.router.expect("t", ours());
    rig.send_all(&whole_turn("t", "u"));
    rig.send(&event("turn/started", "t", "v", 5));
    assert!(!rig.router.whose(Some("t"), Some("v")).ours);
    expected.resolve("v", Arc::<Sink>::default()).unwrap();
    assert!(rig.router.whose(Some("t"), Some("v")).ours);
    assert!(!rig.router.whose(Some("t"), Some("u")).ours);
}

#[test]
fn a_turn_that_was_given_up_is_ours_for_as_long_as_the_server_goes_on_with_it() {
    let rig = Rig::new();
    rig.router.expect("t", ours()).resolve("u", Arc::<Sink>::default()).unwrap();
    rig.router.pause();
    assert!(rig.router.lose("t", "u").is_some());
    let owner = rig.router.whose(Some("t"), Some("u")).owner.unwrap();
    assert!(owner.begun_here() && !owner.is_over());
    rig.send(&event("turn/completed", "t", "u", 1));
    assert!(owner.is_over());
}

#[test]
fn of_turns_that_have_ended_only_the_last_are_known() {
    let rig = Rig::new();
    let begun = Arc::clone(&lock(&rig.router.inner).begun);
    for number in 0..100 {
        let turn = format!("u{number}");
        rig.router.expect("t", ours()).resolve(&turn, Arc::<Sink>::default()).unwrap();
        rig.send_all(&whole_turn("t", &turn));
        rig.router.forget("t", &turn);
    }
    assert!(begun.find("u99").is_some() && begun.find("u84").is_some());
    assert!(begun.find("u83").is_none());
}
