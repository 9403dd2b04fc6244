//! Threads that need not be open here: fork, list, read, archive, unarchive, delete, name.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::found::Found;
use crate::Error;
use crate::api::codex::Codex;
use crate::api::services::pages::{Pages, is_unsupported, without_repetition};
use crate::api::thread::Thread;
use crate::options::{Placed, ThreadQuery, id};
use crate::rpc::{RawAnswer, read_answer};

impl Codex {
    /// One page of the stored threads as JSON, each thread once. Wire: `thread/list`.
    pub async fn list_threads(&self, query: &ThreadQuery) -> Result<String, Error> {
        let answer = self.core.ask("thread/list", query.clone().placed(self.core.place())?.wire()?).await?;
        Ok(without_repetition(&answer))
    }

    /// All stored threads, page by page. Wire: `thread/list`.
    pub fn threads(&self, query: &ThreadQuery) -> Result<Pages, Error> {
        let query = query.clone().placed(self.core.place())?;
        Ok(Pages::new(Arc::clone(&self.core), "thread/list", query.wire()?))
    }

    /// A thread as the server has stored it, as JSON. Wire: `thread/read`.
    pub async fn read_thread(&self, thread_id: &str, include_turns: bool) -> RawAnswer {
        let mut params = named(thread_id)?;
        params.insert("includeTurns".to_owned(), include_turns.into());
        match self.core.ask("thread/read", params.clone()).await {
            // Of a thread that has had no turn codex gives none only if it is not asked for them.
            Err(error) if is_unsupported(&error) => {
                params.insert("includeTurns".to_owned(), false.into());
                let answer = self.core.ask("thread/read", params).await?;
                let is_fresh = read_answer::<Found>("thread/read", &answer)?.is_fresh();
                if is_fresh { Ok(answer) } else { Err(error) }
            }
            answer => answer,
        }
    }

    /// Puts a thread away; its turn is interrupted if one runs. Wire: `thread/archive`.
    pub async fn archive_thread(&self, thread_id: &str) -> Result<(), Error> {
        self.core.ask("thread/archive", named(thread_id)?).await?;
        self.forget_loaded(thread_id);
        Ok(())
    }

    /// Takes an archived thread back. Wire: `thread/unarchive`.
    pub async fn unarchive_thread(&self, thread_id: &str) -> Result<(), Error> {
        self.core.ask("thread/unarchive", named(thread_id)?).await?;
        self.forget_loaded(thread_id);
        Ok(())
    }

    /// Deletes a thread for good. Wire: `thread/delete`.
    pub async fn delete_thread(&self, thread_id: &str) -> Result<(), Error> {
        self.core.ask("thread/delete", named(thread_id)?).await?;
        self.forget_loaded(thread_id);
        Ok(())
    }

    /// Gives a thread a name. Wire: `thread/name/set`.
    pub async fn set_thread_name(&self, thread_id: &str, name: &str) -> Result<(), Error> {
        let mut params = named(thread_id)?;
        if name.trim().is_empty() {
            return Err(Error::InvalidArgument(
                "name is empty; a thread needs something to be found by".to_owned(),
            ));
        }
        params.insert("name".to_owned(), name.into());
        self.core.ask("thread/name/set", params).await.map(drop)
    }

    /// The server has unloaded a thread: a later turn has to load it first.
    fn forget_loaded(&self, thread_id: &str) {
        if let Some(thread) = self.core.known_thread(thread_id) {
            thread.unloaded();
        }
    }
}

impl Thread {
    /// Puts the thread away. Wire: `thread/archive`.
    pub async fn archive(&self) -> Result<(), Error> {
        self.codex().archive_thread(self.id()).await
    }

    /// Takes it back. Wire: `thread/unarchive`.
    pub async fn unarchive(&self) -> Result<(), Error> {
        self.codex().unarchive_thread(self.id()).await
    }

    /// Deletes it for good. Wire: `thread/delete`.
    pub async fn delete(&self) -> Result<(), Error> {
        self.codex().delete_thread(self.id()).await
    }

    pub(super) fn codex(&self) -> Codex {
        Codex { core: Arc::clone(&self.core) }
    }
}

fn named(thread_id: &str) -> Result<Map<String, Value>, Error> {
    id(thread_id, "id")?;
    Ok(Map::from_iter([("threadId".to_owned(), json!(thread_id))]))
}
