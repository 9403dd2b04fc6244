//! The settings that later turns of a thread have.

use serde_json::Value;

use super::in_force::InForce;
use super::thread::Thread;
use crate::Error;
use crate::options::{DefaultSettings, Placed};

impl Thread {
    /// The settings that later turns have, as JSON.
    pub fn defaults(&self) -> String {
        Value::Object(self.shared.in_force(InForce::shown)).to_string()
    }

    /// Changes settings for later turns; the running one keeps its own. Wire: `thread/settings/update`.
    pub async fn update_defaults(&self, settings: DefaultSettings) -> Result<(), Error> {
        let settings = settings.placed(self.core.place())?;
        let mut given = settings.wire(&self.shared.options())?;
        self.shared.in_force(|in_force| in_force.spell_mode(&mut given));
        let session = self.core.session()?;
        session.ready().await?;
        self.ensure_loaded(&session).await?;
        let heard = self.shared.heard();
        let mut params = given.clone();
        params.insert("threadId".to_owned(), self.id().into());
        // The server tells the new settings after its answer; whoever asks in between gets them, too.
        match self.core.ask("thread/settings/update", params).await {
            Ok(_) => self.shared.in_force(|in_force| in_force.accepted(&given, heard)),
            Err(error) => {
                if !matches!(error, Error::Rpc(_)) {
                    self.shared.in_force(|in_force| in_force.update_in_doubt(&given));
                }
                return Err(error);
            }
        }
        if let Some(Some(policy)) = &settings.sandbox_policy {
            self.shared.change_options(|options| policy.shape(options));
        }
        Ok(())
    }
}
