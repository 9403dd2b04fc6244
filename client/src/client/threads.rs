//! Threads that need not be open here: fork, list, read, archive, unarchive, delete, name.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::codex::Codex;
use super::pages::{Pages, unreadable, without_repetition};
use super::thread::Thread;
use crate::Error;
use crate::options::{Folders, Opening, SortDirection, ThreadQuery, ThreadSettings, ThreadSortKey, id};
use crate::requests::Handlers;
use crate::rpc::RawAnswer;

impl Codex {
    /// A new thread with the turns of another. Wire: `thread/fork`.
    pub async fn fork_thread(
        &self,
        thread_id: &str,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        id(thread_id, "id")?;
        settings.check(Opening::Fork)?;
        let mut params = settings.wire(Opening::Fork, &self.core.config.secrets);
        params.insert("threadId".to_owned(), thread_id.into());
        self.open_thread("thread/fork", params, settings, handlers).await
    }

    /// The thread of a folder that was written to last, resumed. The folder is `cwd` of the settings, else the
    /// client's, else this process's. Wire: `thread/list`, `thread/resume`.
    pub async fn resume_latest_thread(
        &self,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Option<Thread>, Error> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Identified>,
        }
        #[derive(Deserialize)]
        struct Identified {
            id: String,
        }
        settings.check(Opening::Resume)?;
        let given = settings.cwd.clone().flatten().or_else(|| self.core.settings.cwd.clone());
        let query = ThreadQuery {
            cwd: Some(Some(Folders::Several(names_of(Path::new(given.as_deref().unwrap_or(".")))))),
            limit: Some(Some(1)),
            sort_key: Some(Some(ThreadSortKey::UpdatedAt)),
            sort_direction: Some(Some(SortDirection::Desc)),
            ..ThreadQuery::default()
        };
        let answer = self.core.ask("thread/list", query.wire()?).await?;
        let page: Page =
            serde_json::from_str(answer.get()).map_err(|error| unreadable("thread/list", &error))?;
        let Some(latest) = page.data.into_iter().next() else { return Ok(None) };
        // The thread has that folder already.
        let settings = ThreadSettings { cwd: None, ..settings };
        self.resume_thread(&latest.id, settings, handlers).await.map(Some)
    }

    /// One page of the stored threads as JSON, each thread once. Wire: `thread/list`.
    pub async fn list_threads(&self, query: &ThreadQuery) -> Result<String, Error> {
        let answer = self.core.ask("thread/list", query.wire()?).await?;
        Ok(without_repetition(&answer))
    }

    /// All stored threads, page by page. Wire: `thread/list`.
    pub fn threads(&self, query: &ThreadQuery) -> Result<Pages, Error> {
        Ok(Pages::new(Arc::clone(&self.core), "thread/list", query.wire()?))
    }

    /// A thread as the server has stored it, as JSON. Wire: `thread/read`.
    pub async fn read_thread(&self, thread_id: &str, include_turns: bool) -> RawAnswer {
        let mut params = named(thread_id)?;
        params.insert("includeTurns".to_owned(), include_turns.into());
        self.core.ask("thread/read", params).await
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
    /// A new thread with the turns of this one. Wire: `thread/fork`.
    pub async fn fork(
        &self,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Self, Error> {
        self.codex().fork_thread(self.id(), settings, handlers).await
    }

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

    fn codex(&self) -> Codex {
        Codex { core: Arc::clone(&self.core) }
    }
}

fn named(thread_id: &str) -> Result<Map<String, Value>, Error> {
    id(thread_id, "id")?;
    Ok(Map::from_iter([("threadId".to_owned(), json!(thread_id))]))
}

/// The names that a folder may have been given by: the server compares them as text.
fn names_of(folder: &Path) -> Vec<String> {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut names = vec![absolute.to_string_lossy().into_owned()];
    if let Ok(real) = absolute.canonicalize() {
        let real = real.to_string_lossy();
        // What Windows puts before a canonical path is not part of a name that anybody gives.
        let real = real.strip_prefix(r"\\?\").unwrap_or(&real).to_owned();
        if !names.contains(&real) {
            names.push(real);
        }
    }
    names
}
