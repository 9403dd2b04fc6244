//! The settings that later turns of a thread have.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::api::thread::Thread;
use crate::options::DefaultSettings;
use crate::{Error, lock};

/// The settings as they are known here, by the names of `thread/settings/update`.
#[derive(Debug, Default)]
pub(crate) struct Defaults(Map<String, Value>);

/// The names that are known, and what the answers that open a thread call them.
const NAMES: &[(&str, &str)] = &[
    ("model", "model"),
    ("modelProvider", "modelProvider"),
    ("effort", "reasoningEffort"),
    ("summary", "summary"),
    ("cwd", "cwd"),
    ("sandboxPolicy", "sandbox"),
    ("approvalPolicy", "approvalPolicy"),
    ("approvalsReviewer", "approvalsReviewer"),
    ("personality", "personality"),
    ("serviceTier", "serviceTier"),
];

impl Defaults {
    /// The settings in the answer that opened the thread.
    pub(crate) fn of_answer(answer: &RawValue) -> Self {
        let answer: Map<String, Value> = serde_json::from_str(answer.get()).unwrap_or_default();
        let field = |(name, called): &(&str, &str)| {
            ((*name).to_owned(), answer.get(*called).cloned().unwrap_or_default())
        };
        Self(NAMES.iter().map(field).collect())
    }

    /// Takes a `thread/settings/updated` over.
    fn update(&mut self, line: &str) {
        #[derive(Deserialize)]
        struct Message {
            params: Params,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Params {
            thread_settings: Map<String, Value>,
        }
        if let Ok(message) = serde_json::from_str::<Message>(line) {
            self.merge(message.params.thread_settings);
        }
    }

    fn merge(&mut self, settings: Map<String, Value>) {
        let known = |name: &String| NAMES.iter().any(|(known, _)| known == name);
        self.0.extend(settings.into_iter().filter(|(name, _)| known(name)));
    }
}

impl Thread {
    /// The settings that later turns have, as JSON.
    pub fn defaults(&self) -> String {
        let mut defaults = lock(&self.shared.defaults);
        self.hear(&mut defaults);
        Value::Object(defaults.0.clone()).to_string()
    }

    /// Changes settings for later turns; the running one keeps its own. Wire: `thread/settings/update`.
    pub async fn update_defaults(&self, settings: DefaultSettings) -> Result<(), Error> {
        let mut params = settings.wire(&self.shared.settings())?;
        let session = self.core.session()?;
        session.ready().await?;
        self.ensure_loaded(&session).await?;
        let given: Map<String, Value> = params
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        params.insert("threadId".to_owned(), self.id().into());
        self.core.ask("thread/settings/update", params).await?;
        // The server tells the new settings after its answer; whoever asks in between gets them too, over what it
        // had told before.
        let mut defaults = lock(&self.shared.defaults);
        self.hear(&mut defaults);
        defaults.merge(given);
        drop(defaults);
        self.shared.change_settings(|thread| settings.merge_into(thread));
        Ok(())
    }

    fn hear(&self, defaults: &mut Defaults) {
        let told = self.core.current().and_then(|session| session.router.take_settings(self.id()));
        if let Some(line) = told {
            defaults.update(&line);
        }
    }
}
