//! The models that codex offers.

use std::sync::Arc;

use crate::Error;
use crate::api::codex::Codex;
use crate::api::services::pages::Pages;
use crate::options::{ModelQuery, fields};

impl Codex {
    /// The models that codex knows, of all pages, as a JSON array. Wire: `model/list`.
    pub async fn models(&self, query: &ModelQuery) -> Result<String, Error> {
        let pages = Pages::new(Arc::clone(&self.core), "model/list", fields(query)?);
        let mut models = Vec::new();
        while let Some(page) = pages.next().await? {
            let entries = page.strip_prefix('[').and_then(|page| page.strip_suffix(']'));
            models.push(entries.unwrap_or_default().to_owned());
        }
        Ok(format!("[{}]", models.join(",")))
    }
}
