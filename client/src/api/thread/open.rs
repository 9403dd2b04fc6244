//! How a thread is opened: started, resumed, forked.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::defaults::Defaults;
use super::state::ThreadState;
use super::thread::Thread;
use crate::api::codex::Codex;
use crate::options::{self, Folders, Opening, SortDirection, ThreadQuery, ThreadSettings, ThreadSortKey, id};
use crate::requests::{HandlerKind, Handlers};
use crate::rpc::{CallOptions, read_answer};
use crate::secrets::secret_texts;
use crate::{Error, lock};

impl Codex {
    /// A new thread. Wire: `thread/start`.
    pub async fn start_thread(
        &self,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        settings.check(options::Opening::Start)?;
        let has = |handlers: &Option<Arc<dyn Handlers>>| {
            handlers.as_ref().is_some_and(|handlers| handlers.has(HandlerKind::Approval))
        };
        let asks = has(&handlers) || has(self.core.services.dispatcher.client());
        let settings = settings.for_new_thread(asks);
        let params = settings.wire(options::Opening::Start, &self.core.config.apart);
        self.open_thread("thread/start", params, settings, handlers).await
    }

    /// A thread that was started before. Wire: `thread/resume`.
    pub async fn resume_thread(
        &self,
        thread_id: &str,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        id(thread_id, "id")?;
        settings.check(options::Opening::Resume)?;
        let mut params = settings.wire(options::Opening::Resume, &self.core.config.apart);
        params.insert("threadId".to_owned(), thread_id.into());
        self.open_thread("thread/resume", params, settings, handlers).await
    }

    /// A new thread with the turns of another. Wire: `thread/fork`.
    pub async fn fork_thread(
        &self,
        thread_id: &str,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        id(thread_id, "id")?;
        settings.check(Opening::Fork)?;
        let mut params = settings.wire(Opening::Fork, &self.core.config.apart);
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
        let page: Page = read_answer("thread/list", &answer)?;
        let Some(latest) = page.data.into_iter().next() else { return Ok(None) };
        // The thread has that folder already.
        let settings = ThreadSettings { cwd: None, ..settings };
        self.resume_thread(&latest.id, settings, handlers).await.map(Some)
    }

    async fn open_thread(
        &self,
        method: &str,
        params: Map<String, Value>,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        #[derive(Deserialize)]
        struct Opened {
            thread: Identified,
        }
        #[derive(Deserialize)]
        struct Identified {
            id: String,
            status: Option<Status>,
        }
        #[derive(Deserialize)]
        struct Status {
            r#type: String,
        }
        let session = self.core.session()?;
        if let Some(Some(config)) = &settings.config {
            self.core.secrets.learn(secret_texts(config));
        }
        let options = CallOptions::within(self.core.settings.request_timeout());
        let resumes = params.get("threadId").filter(|_| method == "thread/resume").and_then(Value::as_str);
        let resumes = resumes.map(str::to_owned);
        let known = resumes.as_deref().map(|id| session.router.active(id));
        if let (Some(id), Some(handlers)) = (&resumes, &handlers) {
            // What waits for an answer is asked again as soon as the thread is followed.
            self.core.services.dispatcher.set_thread(id, handlers);
        }
        let params = Value::Object(params).to_string();
        let answer = session.connection.request(method, Some(&params), options).answer().await;
        let answer = answer.inspect_err(|_| {
            let before = resumes.and_then(|id| self.core.known_thread(&id)?.handlers().map(|old| (id, old)));
            if let Some((id, old)) = before {
                self.core.services.dispatcher.set_thread(&id, &old);
            }
        })?;
        let opened: Opened = serde_json::from_str(answer.get())
            .map_err(|error| Error::Spawn(format!("the answer to {method} has no thread id: {error}")))?;
        let thread_id = opened.thread.id;
        if let Some(known) = known
            && opened.thread.status.is_some_and(|status| status.r#type == "active")
        {
            // Another client's turn: one that is started here must wait for its end.
            session.router.found_busy(&thread_id, &known);
        }
        let shared = self.core.thread(&thread_id, || ThreadState::new(&thread_id));
        shared.opened(session.number, settings);
        session.router.follow_settings(&thread_id);
        *lock(&shared.defaults) = Defaults::of_answer(&answer);
        if let Some(handlers) = handlers {
            self.core.services.dispatcher.set_thread(&thread_id, &handlers);
            shared.set_handlers(handlers);
        }
        Ok(Thread::new(Arc::clone(&self.core), shared))
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
