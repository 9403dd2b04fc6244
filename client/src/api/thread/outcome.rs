//! What has become of an input, by the name that its program gave it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::time::{Instant, sleep};

use super::found::Found;
use super::resumed::is_unwritten;
use crate::Error;
use crate::api::thread::Thread;
use crate::options::id;
use crate::rpc::{read_answer, unreadable};
use crate::turn::{Proof, TurnStatus, proof};

/// How many turns are asked for at once, with their items.
const PAGE: u32 = 20;
/// For how long what the server has stored may be behind what has happened, and the pause before it is read again.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

/// The turn of an input, as the server has stored it.
struct Stored {
    turn: Box<RawValue>,
    /// Whether a later turn has begun.
    is_past: bool,
}

#[derive(Deserialize)]
struct ListedTurn<'a> {
    #[serde(borrow, default)]
    items: Vec<ListedItem<'a>>,
}

/// Fields of any type: what is not a string has no meaning here.
#[derive(Deserialize)]
struct ListedItem<'a> {
    #[serde(borrow, rename = "clientId")]
    client_id: Option<&'a RawValue>,
}

impl Thread {
    /// What has become of the input that was given this `clientUserMessageId`, as JSON. Wire: `thread/turns/list`,
    /// `thread/read`.
    pub async fn outcome_of(&self, client_id: &str) -> Result<String, Error> {
        id(client_id, "clientUserMessageId")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Asked for first: a turn that ends meanwhile is found as it ended.
            let works = self.is_at_work().await?;
            let found = self.stored_turn_of(client_id).await?;
            let is_late = Instant::now() >= deadline;
            match found {
                Some(stored) => match proof(&stored.turn) {
                    Proof::Running if !stored.is_past && (works || !is_late) => {
                        return named("running", &stored.turn);
                    }
                    Proof::Nothing if works && !stored.is_past => return named("running", &stored.turn),
                    // It has just ended, or its codex was ended with it.
                    Proof::Nothing | Proof::Running if !is_late && !stored.is_past => {}
                    Proof::Over => return ended(&stored.turn),
                    Proof::Nothing | Proof::Running => return interrupted(&stored.turn),
                },
                None => match self.shared.turn_of_input(client_id) {
                    Some(turn) => {
                        return Ok(json!({ "status": "running", "turnId": turn.turn_id }).to_string());
                    }
                    None if self.shared.under_way.has(client_id) => {
                        return Ok(json!({ "status": "queued" }).to_string());
                    }
                    // A turn that has just begun is not written down yet.
                    None if (works || self.shared.under_way.is_doubtful(client_id)) && !is_late => {}
                    None => return Ok(json!({ "status": "notBegun" }).to_string()),
                },
            }
            sleep(PAUSE).await;
        }
    }

    /// Whether a turn runs in the thread, here or for another client of the same server.
    async fn is_at_work(&self) -> Result<bool, Error> {
        let params = json!({ "threadId": self.id(), "includeTurns": false });
        match self.ask("thread/read", params).await {
            Ok(answer) => Ok(read_answer::<Found>("thread/read", &answer)?.is_active()),
            Err(error) if is_unwritten(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn stored_turn_of(&self, client_id: &str) -> Result<Option<Stored>, Error> {
        let params = json!({ "limit": PAGE, "sortDirection": "desc", "itemsView": "full" });
        let Value::Object(params) = params else { return Ok(None) };
        let pages = self.pages("thread/turns/list", params)?;
        let unread = |error| unreadable("thread/turns/list", &error);
        let mut is_past = false;
        loop {
            let page = match pages.next().await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(None),
                Err(error) if is_unwritten(&error) || is_before_first(&error) => return Ok(None),
                Err(error) => return Err(error),
            };
            let turns: Vec<&RawValue> = serde_json::from_str(&page).map_err(unread)?;
            for turn in turns {
                let listed: ListedTurn<'_> = serde_json::from_str(turn.get()).map_err(unread)?;
                if listed.items.iter().any(|item| item.is_of(client_id)) {
                    return Ok(Some(Stored { turn: turn.to_owned(), is_past }));
                }
                is_past = true;
            }
        }
    }
}

/// Whether an error says that the thread has had no input yet.
fn is_before_first(error: &Error) -> bool {
    matches!(error, Error::Rpc(error) if error.message.contains("is not materialized yet"))
}

impl ListedItem<'_> {
    fn is_of(&self, client_id: &str) -> bool {
        let text = self.client_id.filter(|raw| raw.get().starts_with('"'));
        text.is_some_and(|raw| serde_json::from_str::<String>(raw.get()).is_ok_and(|text| text == client_id))
    }
}

fn turn_id(turn: &RawValue) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Identified {
        id: String,
    }
    let turn: Identified =
        serde_json::from_str(turn.get()).map_err(|error| unreadable("thread/turns/list", &error))?;
    Ok(turn.id)
}

fn named(status: &str, turn: &RawValue) -> Result<String, Error> {
    Ok(json!({ "status": status, "turnId": turn_id(turn)? }).to_string())
}

/// What was stored of a turn that has ended.
fn ended(turn: &RawValue) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Status {
        status: String,
    }
    let stored: Status =
        serde_json::from_str(turn.get()).map_err(|error| unreadable("thread/turns/list", &error))?;
    told(&stored.status, turn)
}

/// A turn that was broken off, and its codex with it.
fn interrupted(turn: &RawValue) -> Result<String, Error> {
    told(TurnStatus::Interrupted.word(), turn)
}

fn told(status: &str, turn: &RawValue) -> Result<String, Error> {
    let (status, id) = (json!(status), json!(turn_id(turn)?));
    Ok(format!(r#"{{"status":{status},"turnId":{id},"turn":{}}}"#, turn.get()))
}
