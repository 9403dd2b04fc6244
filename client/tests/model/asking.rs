//! The handlers of the clients, and what they were asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_client::server_requests::{CallContext, HandlerFuture, HandlerKind, Handlers};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::plan::Answer;

/// Whose handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    Run(usize),
    Thread(usize),
    Client,
}

/// One call of a handler.
#[derive(Debug, Clone)]
pub struct Asked {
    pub client: usize,
    pub whose: Whose,
    pub thread: String,
    pub turn: String,
    pub begun: Instant,
    pub ended: Arc<Mutex<Option<Instant>>>,
}

pub type Calls = Arc<Mutex<Vec<Asked>>>;

/// Says when a handler has answered, or was given up.
struct Ending(Arc<Mutex<Option<Instant>>>);

impl Drop for Ending {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

pub struct Handler {
    pub client: usize,
    pub whose: Whose,
    pub answer: Answer,
    pub calls: Calls,
}

impl Handler {
    pub fn make(
        client: usize,
        whose: Whose,
        answer: Option<Answer>,
        calls: &Calls,
    ) -> Option<Arc<dyn Handlers>> {
        let calls = Arc::clone(calls);
        answer.map(|answer| Arc::new(Self { client, whose, answer, calls }) as Arc<dyn Handlers>)
    }
}

impl Handlers for Handler {
    fn has(&self, kind: HandlerKind) -> bool {
        kind == HandlerKind::Approval
    }

    fn call(
        &self,
        _: HandlerKind,
        request: String,
        _: Option<CallContext>,
        cancel: CancellationToken,
    ) -> HandlerFuture {
        let request: Value = serde_json::from_str(&request).unwrap_or_default();
        let text = |name: &str| request["params"][name].as_str().unwrap_or_default().to_owned();
        let ended = Arc::<Mutex<Option<Instant>>>::default();
        let asked = Asked {
            client: self.client,
            whose: self.whose,
            thread: text("threadId"),
            turn: text("turnId"),
            begun: Instant::now(),
            ended: Arc::clone(&ended),
        };
        // Who answered can be told from the answer.
        let mark = format!("{}/{:?}", self.client, self.whose);
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        let answer = self.answer;
        let ending = Ending(ended);
        Box::pin(async move {
            let _ending = ending;
            match answer {
                Answer::Accept { after_ms } => {
                    tokio::select! {
                        () = cancel.cancelled() => Err("not wanted any more".to_owned()),
                        () = tokio::time::sleep(Duration::from_millis(after_ms.into())) => {
                            Ok(serde_json::json!({ "acceptWithExecpolicyAmendment": [mark] }).to_string())
                        }
                    }
                }
                Answer::Decline => Ok("\"decline\"".to_owned()),
                Answer::Fails => Err("no idea".to_owned()),
            }
        })
    }
}
