//! What must hold of what a reader was told.

use serde_json::{Value, json};

use crate::check::{Faults, Trouble, agents_of};
use crate::reading::Got;
use crate::server::{Item, State, Turn};

fn messages(turn: &Turn) -> impl Iterator<Item = &Item> {
    turn.items.iter().filter(|item| item.kind == "agentMessage")
}

fn ended_well(got: &Got) -> bool {
    matches!(got.end, Some(Ok(())))
}

/// The text of all messages, once and in order.
pub fn check_text(faults: &mut Faults, name: &str, got: &Got, turn: &Turn, trouble: Trouble) {
    // What was not complete may end early where events were missed, and any where the turn was given up here.
    let may_be_cut = |item: &Item| !ended_well(got) || (!item.is_complete && trouble.gap);
    let all: Vec<_> = messages(turn).map(|item| (item.streamed.as_str(), may_be_cut(item))).collect();
    faults
        .check(is_told(&got.text, &all, false), || format!("{name} has the text {:?} of {all:?}", got.text));
}

/// Whether a text is these messages, each whole or, where it may be, up to any place in it.
fn is_told(text: &str, messages: &[(&str, bool)], begun: bool) -> bool {
    let Some((&(whole, may_be_cut), rest)) = messages.split_first() else { return text.is_empty() };
    let whole_length = whole.len();
    let least = if may_be_cut { 0 } else { whole_length };
    (least..=whole_length).rev().filter_map(|length| whole.get(..length)).any(|told| {
        if told.is_empty() {
            return is_told(text, rest, begun);
        }
        // What stands between messages comes before the words of the next.
        let text = if begun { text.strip_prefix("\n\n") } else { Some(text) };
        let after = text.and_then(|text| text.strip_prefix(told));
        after.is_some_and(|after| is_told(after, rest, true))
    })
}

fn completed(turn: &Turn) -> Vec<&str> {
    let items = turn.items.iter().filter(|item| item.is_complete && !item.is_late);
    items.map(|item| item.id.as_str()).collect()
}

pub fn check_steps(faults: &mut Faults, name: &str, got: &Got, turn: &Turn) {
    if !ended_well(got) || turn.status.as_deref() != Some("completed") {
        return;
    }
    let told: Vec<_> = got.events.iter().map(|step| step["itemId"].as_str().unwrap_or_default()).collect();
    let expected = completed(turn);
    faults.check(told == expected, || format!("{name} has the steps {told:?} and not {expected:?}"));
}

/// The events of one turn, as one may rely on them.
#[derive(Default)]
struct Story<'a> {
    begun: Vec<(&'a str, String)>,
    done: Vec<&'a str>,
}

impl<'a> Story<'a> {
    fn hear(&mut self, faults: &mut Faults, name: &str, event: &'a Value) {
        let method = event["method"].as_str().unwrap_or_default();
        let params = &event["params"];
        let item = params["item"]["id"].as_str().or_else(|| params["itemId"].as_str()).unwrap_or_default();
        match method {
            "item/started" => {
                let again = self.done.contains(&item) || self.begun.iter().any(|(id, _)| *id == item);
                faults.check(!again, || format!("{name}: {item} begins twice, or after its end"));
                self.begun.push((item, String::new()));
            }
            "item/completed" => {
                faults.check(!self.done.contains(&item), || format!("{name}: {item} ends twice"));
                self.done.push(item);
            }
            "item/agentMessage/delta" => {
                faults.check(!self.done.contains(&item), || {
                    format!("{name}: {item} says something after its end")
                });
                if let Some((_, text)) = self.begun.iter_mut().find(|(id, _)| *id == item) {
                    text.push_str(params["delta"].as_str().unwrap_or_default());
                }
            }
            _ => {}
        }
    }

    /// No delta twice or out of order; all of them where nothing was missed.
    fn check_deltas(&self, faults: &mut Faults, name: &str, turn: &Turn, trouble: Trouble) {
        for (id, text) in &self.begun {
            let Some(item) = messages(turn).find(|item| item.id == *id) else { continue };
            let mut of = item.streamed.split(' ');
            let mut words = text.split(' ').filter(|word| !word.is_empty());
            let in_order = words.all(|word| of.any(|known| known == word));
            faults.check(in_order, || format!("{name}: {id} streamed {text:?} of {:?}", item.streamed));
            faults.check(trouble.gap || *text == item.streamed, || {
                format!("{name}: {id} streamed {text:?} and not {:?}", item.streamed)
            });
        }
    }
}

pub fn check_events(faults: &mut Faults, name: &str, got: &Got, turn: &Turn, trouble: Trouble) {
    let mut story = Story::default();
    for (at, event) in got.events.iter().enumerate() {
        let method = event["method"].as_str().unwrap_or_default();
        faults.check((method == "turn/started") == (at == 0), || format!("{name}: event {at} is {method}"));
        let is_last = at + 1 == got.events.len();
        faults.check(method != "turn/completed" || is_last, || format!("{name}: something follows its end"));
        let of = event["params"]["threadId"] == json!(got.thread);
        faults.check(of, || format!("{name}: an event of another thread: {event}"));
        story.hear(faults, name, event);
    }
    if !ended_well(got) {
        return;
    }
    let last = got.events.last().map(|event| &event["method"]);
    // It may have been given up here, also where it ended with its server: that says so too late, or never.
    let is_told = turn.status.is_some() && !turn.ended.is_some_and(|(_, died)| died);
    let has_end = !is_told || trouble.given_up || last == Some(&json!("turn/completed"));
    faults.check(has_end, || format!("{name} ends with {}", json!(last)));
    story.check_deltas(faults, name, turn, trouble);
    if turn.status.as_deref() == Some("completed") {
        let expected = completed(turn);
        faults.check(story.done == expected, || {
            format!("{name} has the items {:?} and not {expected:?}", story.done)
        });
    }
}

/// What all sub-agents of a turn did, and nothing else.
pub fn check_agents(
    faults: &mut Faults,
    name: &str,
    got: &Got,
    state: &State,
    turn: &Turn,
    trouble: Trouble,
) {
    let agents: Vec<_> = agents_of(state, turn).collect();
    for event in &got.events {
        let of = &event["params"]["threadId"];
        let known = agents.iter().any(|agent| *of == json!(agent.id));
        faults.check(known, || format!("{name} has an event of {of}, which does not work for it: {event}"));
    }
    for agent in agents {
        let mut story = Story::default();
        let events = got.events.iter().filter(|event| event["params"]["threadId"] == json!(agent.id));
        for event in events {
            story.hear(faults, name, event);
        }
        let Some(turn) = agent.turns.first() else { continue };
        let whole = ended_well(got) && !trouble.gap && !trouble.given_up;
        if whole && turn.status.as_deref() == Some("completed") {
            let expected = completed(turn);
            faults.check(story.done == expected, || {
                format!("{name} has the items {:?} of {} and not {expected:?}", story.done, agent.id)
            });
            story.check_deltas(faults, name, turn, trouble);
        }
    }
}
