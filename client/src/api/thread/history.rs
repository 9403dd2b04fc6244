//! What a thread holds: its turns and items, and going back to an earlier turn.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::services::pages::Pages;
use crate::api::thread::Thread;
use crate::options::{ItemQuery, TurnQuery, id};
use crate::rpc::{RawAnswer, unreadable};
use crate::{Error, RpcErrorKind};

/// How many turns are asked for at once when the one to go back to is looked for.
const PAGE: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedTurn {
    id: String,
    root_turn_id: Option<String>,
}

impl ListedTurn {
    /// The id by which the turn is known here: a review is stored as two turns of one root.
    fn root(&self) -> &str {
        self.root_turn_id.as_deref().unwrap_or(&self.id)
    }
}

impl Thread {
    /// The turns of the thread. Wire: `thread/turns/list`.
    pub fn turns(&self, query: &TurnQuery) -> Result<Pages, Error> {
        self.pages("thread/turns/list", query.wire()?)
    }

    /// The items of the thread. Wire: `thread/items/list`.
    pub fn items(&self, query: &ItemQuery) -> Result<Pages, Error> {
        self.pages("thread/items/list", query.wire()?)
    }

    /// Drops a turn and all later ones from the history. Files stay as they are. Wire: `thread/revert`.
    pub async fn revert(&self, before_turn_id: &str) -> RawAnswer {
        id(before_turn_id, "beforeTurnId")?;
        let _place = self.idle_place().await?;
        match self.ask_revert(before_turn_id).await {
            // A review is stored under the id that it was started by, and not under the one that it is known by.
            Err(Error::Rpc(error)) if error.kind == RpcErrorKind::InvalidRequest => {
                match self.begin_of(before_turn_id).await {
                    Ok(Some(first)) if first != before_turn_id => self.ask_revert(&first).await,
                    _ => Err(Error::Rpc(error)),
                }
            }
            answer => answer,
        }
    }

    /// Drops the last turns from the history. Files stay as they are. Wire: `thread/turns/list`, `thread/revert`.
    pub async fn rollback(&self, num_turns: u32) -> RawAnswer {
        if num_turns == 0 {
            return Err(Error::InvalidArgument("numTurns: must be at least 1".to_owned()));
        }
        let _place = self.idle_place().await?;
        let mut roots: Vec<String> = Vec::new();
        let mut first = None;
        self.each_turn(|turn| {
            let known = roots.last().is_some_and(|root| root == turn.root());
            if !known && roots.len() == num_turns as usize {
                return false;
            }
            if !known {
                roots.push(turn.root().to_owned());
            }
            first = Some(turn.id);
            true
        })
        .await?;
        match first {
            Some(first) if roots.len() == num_turns as usize => self.ask_revert(&first).await,
            _ => Err(Error::InvalidArgument(format!(
                "numTurns: {num_turns} is more than the {} turns that the thread has",
                roots.len()
            ))),
        }
    }

    pub(super) fn pages(&self, method: &'static str, mut params: Map<String, Value>) -> Result<Pages, Error> {
        params.insert("threadId".to_owned(), self.id().into());
        Ok(Pages::new(Arc::clone(&self.core), method, params))
    }

    async fn ask_revert(&self, before_turn_id: &str) -> RawAnswer {
        let session = self.core.session()?;
        self.ensure_loaded(&session).await?;
        self.ask("thread/revert", json!({ "threadId": self.id(), "beforeTurnId": before_turn_id })).await
    }

    /// The first of the turns that are stored for one.
    async fn begin_of(&self, turn_id: &str) -> Result<Option<String>, Error> {
        let mut first = None;
        self.each_turn(|turn| {
            let is_it = turn.root() == turn_id;
            let is_past = first.is_some() && !is_it;
            if is_it {
                first = Some(turn.id);
            }
            !is_past
        })
        .await?;
        Ok(first)
    }

    /// Goes through the turns, newest first, for as long as `wanted`.
    async fn each_turn(&self, mut wanted: impl FnMut(ListedTurn) -> bool) -> Result<(), Error> {
        let params = json!({
            "limit": PAGE,
            "sortDirection": "desc",
            "itemsView": "notLoaded",
        });
        let Value::Object(params) = params else { return Ok(()) };
        let pages = self.pages("thread/turns/list", params)?;
        while let Some(page) = pages.next().await? {
            let turns: Vec<ListedTurn> =
                serde_json::from_str(&page).map_err(|error| unreadable("thread/turns/list", &error))?;
            for turn in turns {
                if !wanted(turn) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
