//! Codex's configuration.

use serde_json::{Map, Value};

use crate::Error;
use crate::api::codex::Codex;
use crate::options::{ConfigBatchSettings, ConfigEdit, ConfigReadSettings, ConfigWriteSettings, Placed};
use crate::rpc::RawAnswer;
use crate::secrets::secret_texts;

impl Codex {
    /// The configuration as it counts, as JSON. Wire: `config/read`.
    pub async fn read_config(&self, settings: &ConfigReadSettings) -> RawAnswer {
        self.core.ask("config/read", settings.clone().placed(self.core.place())?.wire()?).await
    }

    /// Writes one value; `None` is no value at all, which is an error. Wire: `config/value/write`.
    pub async fn write_config(
        &self,
        key_path: &str,
        value: Option<Value>,
        settings: &ConfigWriteSettings,
    ) -> RawAnswer {
        let Some(value) = value else {
            return Err(Error::InvalidArgument(
                "value: undefined is no value; give null to remove what is there".to_owned(),
            ));
        };
        self.hide(key_path, &value);
        self.core
            .ask("config/value/write", settings.clone().placed(self.core.place())?.wire(key_path, value)?)
            .await
    }

    /// Writes several values, all or none. Wire: `config/batchWrite`.
    pub async fn write_config_batch(
        &self,
        edits: &[ConfigEdit],
        settings: &ConfigBatchSettings,
    ) -> RawAnswer {
        for edit in edits {
            self.hide(&edit.key_path, &edit.value);
        }
        self.core.ask("config/batchWrite", settings.clone().placed(self.core.place())?.wire(edits)?).await
    }

    /// What an administrator requires of the configuration, as JSON. Wire: `configRequirements/read`.
    pub async fn config_requirements(&self) -> RawAnswer {
        self.core.request("configRequirements/read", None, None)?.await
    }

    /// The server quotes what it does not like.
    fn hide(&self, key_path: &str, value: &Value) {
        let config = Map::from_iter([(key_path.to_owned(), value.clone())]);
        self.core.secrets.learn(secret_texts(&config));
    }
}
