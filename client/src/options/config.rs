//! Options of codex's configuration, read and written. The option `config` of a client is in `config/`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serde_with::apply;

use super::queries::fields;
use super::thread::wire_enum;
use super::{Maybe, present};
use crate::Error;

/// How the configuration is read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "ConfigReadOptions"))]
pub struct ConfigReadSettings {
    /// The folder whose configuration counts too.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub cwd: Maybe<String>,
    /// Whether the layers come along that the configuration is made of.
    ///
    /// @default false
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub include_layers: Option<bool>,
}

/// How one value of the configuration is written.
#[apply(
    Option => #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")],
    Maybe => #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")],
)]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "ConfigWriteOptions"))]
pub struct ConfigWriteSettings {
    /// What becomes of a table that is there: the new one is put over it, or in its place.
    ///
    /// @default 'upsert'
    #[cfg_attr(test, ts(optional, type = "Protocol.MergeStrategy"))]
    pub merge_strategy: Option<MergeStrategy>,
    /// The version that was read or written last: the write fails with `ConfigWriteError` if the file has changed
    /// since.
    pub expected_version: Maybe<String>,
    /// The file.
    ///
    /// @default the user's `config.toml`
    pub file_path: Maybe<String>,
}

/// How several values of the configuration are written.
#[apply(
    Option => #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")],
    Maybe => #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")],
)]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "ConfigBatchOptions"))]
pub struct ConfigBatchSettings {
    /// The version that was read or written last: the write fails with `ConfigWriteError` if the file has changed
    /// since.
    pub expected_version: Maybe<String>,
    /// The file.
    ///
    /// @default the user's `config.toml`
    pub file_path: Maybe<String>,
    /// Whether loaded threads take the new configuration over.
    ///
    /// @default false
    pub reload_user_config: Option<bool>,
}

/// One value of several that are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ConfigEdit {
    /// Where it stands: `model`, `mcp_servers.docs.command`.
    pub key_path: String,
    /// The value; null removes what is there.
    #[cfg_attr(test, ts(type = "ConfigValue | null"))]
    pub value: Value,
    /// What becomes of a table that is there.
    ///
    /// @default 'upsert'
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, ts(optional, type = "Protocol.MergeStrategy"))]
    pub merge_strategy: Option<MergeStrategy>,
}

super::only_objects!(ConfigEdit, "an object with `keyPath`, `value` and perhaps `mergeStrategy`");

wire_enum! {
    /// What becomes of a table that is there.
    MergeStrategy, "lowercase" {
        /// The new one takes its place.
        Replace,
        /// The new one is put over it.
        Upsert,
    }
}

impl ConfigReadSettings {
    /// The parameters of `config/read`.
    pub(crate) fn wire(&self) -> Result<Map<String, Value>, Error> {
        fields(self)
    }
}

impl ConfigWriteSettings {
    /// The parameters of `config/value/write`.
    pub(crate) fn wire(&self, key_path: &str, value: Value) -> Result<Map<String, Value>, Error> {
        check_path("keyPath", key_path)?;
        let mut wire = fields(self)?;
        wire.insert("keyPath".to_owned(), key_path.into());
        wire.insert("value".to_owned(), value);
        wire.entry("mergeStrategy").or_insert_with(|| json!(MergeStrategy::Upsert));
        Ok(wire)
    }
}

impl ConfigBatchSettings {
    /// The parameters of `config/batchWrite`.
    pub(crate) fn wire(&self, edits: &[ConfigEdit]) -> Result<Map<String, Value>, Error> {
        if edits.is_empty() {
            return Err(Error::InvalidArgument("edits is empty; give at least one".to_owned()));
        }
        let mut wire = fields(self)?;
        let edit = |(index, edit): (usize, &ConfigEdit)| {
            check_path(&format!("edits[{index}].keyPath"), &edit.key_path)?;
            let strategy = edit.merge_strategy.unwrap_or(MergeStrategy::Upsert);
            Ok(json!({ "keyPath": edit.key_path, "value": edit.value, "mergeStrategy": strategy }))
        };
        let edits: Result<Vec<Value>, Error> = edits.iter().enumerate().map(edit).collect();
        wire.insert("edits".to_owned(), Value::Array(edits?));
        Ok(wire)
    }
}

fn check_path(name: &str, path: &str) -> Result<(), Error> {
    if path.trim().is_empty() {
        return Err(Error::InvalidArgument(format!(
            "{name}: must not be empty; it names a value, such as model or mcp_servers.docs.command"
        )));
    }
    Ok(())
}
