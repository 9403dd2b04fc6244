//! Which options of a thread are settings that turns change, and which it was opened with once and for all.

use serde_json::{Map, Value, json};

use super::thread::put;
use super::{ApprovalMode, ThreadSettings};

impl ThreadSettings {
    /// What of it lasts, by the names of `thread/settings/update`.
    pub(crate) fn lasting(&self) -> Map<String, Value> {
        let mut lasting = Map::new();
        put(&mut lasting, "model", &self.model);
        put(&mut lasting, "modelProvider", &self.model_provider);
        put(&mut lasting, "cwd", &self.cwd);
        put(&mut lasting, "approvalPolicy", &self.approval_policy);
        put(&mut lasting, "approvalsReviewer", &self.approvals_reviewer);
        put(&mut lasting, "personality", &self.personality);
        put(&mut lasting, "serviceTier", &self.service_tier);
        lasting.extend(self.approval_mode.map(ApprovalMode::wire).unwrap_or_default());
        if let Some(effort) = &self.effort {
            lasting.insert("effort".to_owned(), json!(effort));
        }
        if let Some(Some(sandbox)) = self.sandbox {
            lasting.insert("sandboxPolicy".to_owned(), json!(sandbox.policy(self)));
        }
        for name in ["runtimeWorkspaceRoots", "multiAgentMode"] {
            if let Some(value) = self.handed_on.fields.get(name) {
                lasting.insert(name.to_owned(), value.clone());
            }
        }
        lasting
    }

    /// What of it does not last, so that a thread that is loaded again is to have it.
    pub(crate) fn of_opening(self) -> Self {
        Self {
            base_instructions: self.base_instructions,
            developer_instructions: self.developer_instructions,
            config: self.config,
            service_name: self.service_name,
            ephemeral: self.ephemeral,
            additional_directories: self.additional_directories,
            network_access: self.network_access,
            web_search: self.web_search,
            tools: self.tools,
            handed_on: self.handed_on.of_opening(),
            ..Self::default()
        }
    }

    /// These options, and those that a thread was opened with where they leave something out.
    pub(crate) fn over(self, opened: Self) -> Self {
        let config = match (self.config, opened.config) {
            (Some(Some(given)), Some(Some(mut config))) => {
                config.extend(given);
                Some(Some(config))
            }
            (given, config) => given.or(config),
        };
        Self {
            base_instructions: self.base_instructions.or(opened.base_instructions),
            developer_instructions: self.developer_instructions.or(opened.developer_instructions),
            config,
            additional_directories: self.additional_directories.or(opened.additional_directories),
            network_access: self.network_access.or(opened.network_access),
            web_search: self.web_search.or(opened.web_search),
            tools: self.tools.or(opened.tools),
            handed_on: self.handed_on.or(opened.handed_on),
            ..self
        }
    }
}
