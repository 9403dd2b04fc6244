//! How a thread is opened: started, resumed, forked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::found::Status;
use super::state::{Opener, ThreadState};
use super::thread::Thread;
use crate::Error;
use crate::api::codex::Codex;
use crate::api::task::spawn_begun;
use crate::options::{
    Folders, OpenKind, Placed, SortDirection, ThreadQuery, ThreadSettings, ThreadSortKey, id,
};
use crate::rpc::{CallOptions, read_answer};
use crate::secrets::secret_texts;
use crate::server_requests::{HandlerKind, Handlers};

/// So often a resume is sent again whose line was lost before it was answered: the answer may be why.
const MOST_TRIES: u32 = 3;

impl Codex {
    /// A new thread. Wire: `thread/start`.
    pub async fn start_thread(
        &self,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        settings.check(OpenKind::Start)?;
        let has = |handlers: &Option<Arc<dyn Handlers>>| {
            handlers.as_ref().is_some_and(|handlers| handlers.has(HandlerKind::Approval))
        };
        let asks = has(&handlers) || has(self.core.services.dispatcher.client());
        let settings = settings.for_new_thread(asks).placed(self.core.place())?;
        self.open_thread(OpenKind::Start, None, settings, handlers).await
    }

    /// A thread that was started before. Wire: `thread/resume`.
    pub async fn resume_thread(
        &self,
        thread_id: &str,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        self.open_from(thread_id, OpenKind::Resume, settings, handlers).await
    }

    /// A new thread with the turns of another. Wire: `thread/fork`.
    pub async fn fork_thread(
        &self,
        thread_id: &str,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        self.open_from(thread_id, OpenKind::Fork, settings, handlers).await
    }

    /// The thread of a turn that was to keep it. It is kept by its handles alone from then on.
    pub fn kept_thread(&self, id: &str) -> Option<Thread> {
        let shared = self.core.known_thread(id)?;
        let thread = Thread::held(Arc::clone(&self.core), Arc::clone(&shared));
        self.core.taken_up(id);
        Some(thread)
    }

    /// Opens a thread from one that is stored.
    async fn open_from(
        &self,
        thread_id: &str,
        opening: OpenKind,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        id(thread_id, "id")?;
        settings.check(opening)?;
        let settings = settings.placed(self.core.place())?;
        self.open_thread(opening, Some(thread_id.to_owned()), settings, handlers).await
    }

    /// The parameters that open a thread, from one that may be known here. What the options leave out is as it is in force
    /// there: codex itself takes the sandbox from its configuration.
    fn opening(
        &self,
        opening: OpenKind,
        from: Option<&str>,
        settings: ThreadSettings,
    ) -> (Map<String, Value>, Opener) {
        // Of one that is loaded the options say nothing, and are sent as they are.
        let known = from.and_then(|id| self.core.known_thread(id));
        let known = known.filter(|known| opening != OpenKind::Resume || !self.core.has_loaded(known));
        let (mut params, opener) = match known {
            Some(known) => Thread::new(Arc::clone(&self.core), known).load(opening, settings),
            None => {
                (settings.wire(opening, &self.core.config.apart), Opener { options: settings, from: None })
            }
        };
        if let Some(id) = from {
            params.insert("threadId".to_owned(), id.into());
        }
        (params, opener)
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
        settings.check(OpenKind::Resume)?;
        let given = settings.cwd.clone().flatten();
        if let Some(folder) = &given {
            // What a server elsewhere makes of it is not known here, so that it could not be found again.
            self.core.place().known("options.cwd", folder)?;
        }
        let given = given.or_else(|| self.core.settings.cwd.clone());
        let folder = Path::new(given.as_deref().unwrap_or("."));
        let query = ThreadQuery {
            cwd: Some(Some(Folders::Several(names_of(self.core.absolute(folder))))),
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

    /// Opens a thread, on a task of its own: whoever waits may go, and the thread is let go of then.
    async fn open_thread(
        &self,
        opening: OpenKind,
        from: Option<String>,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
    ) -> Result<Thread, Error> {
        let (mut sender, receiver) = oneshot::channel();
        let codex = self.clone();
        let open = async move {
            let opened = codex.open(opening, from, settings, handlers, &mut sender).await;
            drop(sender.send(opened));
        };
        spawn_begun(&self.core.services.runtime, open.in_current_span());
        receiver.await.unwrap_or_else(|_| Err(Error::client_closed()))
    }

    async fn open(
        &self,
        opening: OpenKind,
        from: Option<String>,
        settings: ThreadSettings,
        handlers: Option<Arc<dyn Handlers>>,
        wanted: &mut oneshot::Sender<Result<Thread, Error>>,
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
        if let Some(Some(config)) = &settings.config {
            self.core.secrets.learn(secret_texts(config));
        }
        let session = self.core.session()?;
        let method = opening.method();
        let resumes = from.clone().filter(|_| opening == OpenKind::Resume);
        if let (Some(id), Some(handlers)) = (&resumes, &handlers) {
            // What waits for an answer is asked again as soon as the thread is followed.
            self.core.services.dispatcher.set_thread(id, handlers);
        }
        if let Some(id) = &resumes
            && handlers.is_none()
            && self.core.known_thread(id).is_none()
        {
            self.core.services.dispatcher.forget_thread(id);
        }
        // Held from before it is resumed: nobody lets go of it after that, and if this fails the last handle does.
        let held = resumes.as_deref().map(|id| {
            let shared = self.core.thread(id, || ThreadState::new(id));
            shared.is_asked_for(session.number);
            Thread::held(Arc::clone(&self.core), shared)
        });
        let within = self.core.settings.request_timeout();
        let opened = async {
            let mut tries = 0;
            loop {
                // What loads a thread has its settings, over whichever line.
                let is_loaded = held.as_ref().is_some_and(|thread| self.core.has_loaded(&thread.shared));
                if let Some(id) = resumes.as_ref().filter(|_| is_loaded) {
                    tokio::select! {
                        biased;
                        () = wanted.closed() => return Err(Error::Aborted { result: None }),
                        carried = session.connection.carries_within(id, method, within) => carried?,
                    }
                }
                // Not before: what an earlier server has told is known now, and whether this one has the thread loaded.
                let (params, opener) = self.opening(opening, from.as_deref(), settings.clone());
                let said = resumes.as_deref().map(|id| session.router.said(id));
                let heard = held.as_ref().map(|thread| thread.follow(&session.router));
                let params = Value::Object(params).to_string();
                let options = CallOptions { of_line: is_loaded, ..CallOptions::within(within) };
                let call = session.connection.request(method, Some(&params), options);
                match call.answer_unless(wanted.closed()).await {
                    None if is_loaded => {}
                    None => return Err(Error::client_closed()),
                    // Its line was lost: over the next one the thread may have to be loaded.
                    Some(Err(Error::Indeterminate { .. })) if is_loaded && tries < MOST_TRIES => {
                        tries += 1;
                    }
                    Some(answer) => return Ok((opener, said, heard, answer?)),
                }
            }
        };
        let (opener, said, heard, answer) = opened.await.inspect_err(|error| {
            let Some(thread) = &held else { return };
            thread.shared.not_loaded(error);
            if let Some(handlers) = thread.shared.handlers() {
                self.core.services.dispatcher.set_thread(thread.id(), &handlers);
            }
        })?;
        let opened: Opened = serde_json::from_str(answer.get()).map_err(|error| {
            Error::unreadable(method, format!("the answer to {method} has no thread id: {error}"))
        })?;
        let thread_id = opened.thread.id;
        if let Some(said) = said
            && opened.thread.status.is_some_and(|status| status.is_active())
        {
            // Another client's turn: one that is started here must wait for its end.
            session.router.found_busy(&thread_id, None, said);
        }
        let shared = self.core.thread(&thread_id, || ThreadState::new(&thread_id));
        let thread = Thread::held(Arc::clone(&self.core), shared);
        let heard_now = thread.follow(&session.router);
        thread.shared.opened(session.number, opening, opener, &answer, heard.unwrap_or(heard_now));
        thread.tell_owed(thread.asks(&session)).await?;
        if opening != OpenKind::Resume {
            session.router.made(&thread_id);
        }
        if let Some(handlers) = handlers {
            self.core.services.dispatcher.set_thread(&thread_id, &handlers);
            thread.shared.set_handlers(handlers);
        }
        Ok(thread)
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
fn names_of(absolute: PathBuf) -> Vec<String> {
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
