//! What a thread is to reach.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::Error;
use crate::api::thread::Thread;
use crate::options::GoalSettings;
use crate::rpc::{RawAnswer, read_answer};

impl Thread {
    /// Sets or changes the goal; the goal as JSON. Wire: `thread/goal/set`.
    pub async fn set_goal(&self, settings: &GoalSettings) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Set<'a> {
            #[serde(borrow)]
            goal: &'a RawValue,
        }
        let answer = self.ask_goal("thread/goal/set", settings.wire()?).await?;
        let set: Set<'_> = read_answer("thread/goal/set", &answer)?;
        Ok(set.goal.get().to_owned())
    }

    /// The goal as JSON, if there is one. Wire: `thread/goal/get`.
    pub async fn goal(&self) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Got<'a> {
            #[serde(borrow)]
            goal: Option<&'a RawValue>,
        }
        let answer = self.ask_goal("thread/goal/get", Map::new()).await?;
        let got: Got<'_> = read_answer("thread/goal/get", &answer)?;
        Ok(got.goal.map(|goal| goal.get().to_owned()))
    }

    /// Gives the goal up; false if there was none. Wire: `thread/goal/clear`.
    pub async fn clear_goal(&self) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Cleared {
            cleared: bool,
        }
        let answer = self.ask_goal("thread/goal/clear", Map::new()).await?;
        let cleared: Cleared = read_answer("thread/goal/clear", &answer)?;
        Ok(cleared.cleared)
    }

    async fn ask_goal(&self, method: &str, mut params: Map<String, Value>) -> RawAnswer {
        let session = self.core.session()?;
        session.ready().await?;
        self.ensure_loaded(&session).await?;
        params.insert("threadId".to_owned(), self.id().into());
        self.core.ask(method, params).await
    }
}
