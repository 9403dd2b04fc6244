//! Who codex works for: the account and its logins.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, json};

use crate::Error;
use crate::api::codex::Codex;
use crate::api::core::Core;
use crate::options::AccountSettings;
use crate::rpc::{CallOptions, RawAnswer, read_answer};
use crate::session::Session;

/// A login that a person has to finish in a browser.
pub struct Login {
    core: Arc<Core>,
    /// The login ends with the server that it was begun at.
    session: Arc<Session>,
    /// How many lines to the server had been lost when it was begun.
    lost: u64,
    wire: WireLogin,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLogin {
    login_id: String,
    auth_url: Option<String>,
    verification_url: Option<String>,
    user_code: Option<String>,
}

/// The ways to log in that a person finishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginKind {
    /// In a browser on the machine where codex runs.
    Chatgpt,
    /// In any browser, with a code.
    ChatgptDeviceCode,
}

impl Codex {
    /// The account as JSON. Wire: `account/read`.
    pub async fn read_account(&self, settings: &AccountSettings) -> RawAnswer {
        let mut params = Map::new();
        if let Some(refresh) = settings.refresh_token {
            params.insert("refreshToken".to_owned(), refresh.into());
        }
        self.core.ask("account/read", params).await
    }

    /// Logs in with an API key. Wire: `account/login/start`.
    pub async fn login_api_key(&self, key: &str) -> Result<(), Error> {
        // What was read from a file ends in a newline.
        let key = key.trim();
        if key.is_empty() {
            return Err(Error::InvalidArgument("key is empty; it must be an API key".to_owned()));
        }
        self.core.secrets.learn([key.to_owned()]);
        let params =
            Map::from_iter([("type".to_owned(), json!("apiKey")), ("apiKey".to_owned(), json!(key))]);
        self.core.ask("account/login/start", params).await.map(drop)
    }

    /// Begins a login that a person finishes. Wire: `account/login/start`.
    pub async fn login(&self, kind: LoginKind) -> Result<Login, Error> {
        let session = self.core.session()?;
        let kind = match kind {
            LoginKind::Chatgpt => "chatgpt",
            LoginKind::ChatgptDeviceCode => "chatgptDeviceCode",
        };
        let params = json!({ "type": kind }).to_string();
        let options = call_options(&self.core);
        let method = "account/login/start";
        let lost = session.logins.lost();
        let answer = session.connection.request(method, Some(&params), options).answer().await?;
        let wire = read_answer(method, &answer)?;
        Ok(Login { core: Arc::clone(&self.core), session, lost, wire })
    }

    /// Logs out. Wire: `account/logout`.
    pub async fn logout(&self) -> Result<(), Error> {
        self.core.request("account/logout", None, None)?.await.map(drop)
    }

    /// How much of the account's limits is used, as JSON. Wire: `account/rateLimits/read`.
    pub async fn rate_limits(&self) -> RawAnswer {
        self.core.request("account/rateLimits/read", None, None)?.await
    }
}

impl Login {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.wire.login_id
    }

    /// What to open in a browser on the machine where codex runs.
    pub fn auth_url(&self) -> Option<&str> {
        self.wire.auth_url.as_deref()
    }

    /// What to open in any browser.
    pub fn verification_url(&self) -> Option<&str> {
        self.wire.verification_url.as_deref()
    }

    /// What to enter there.
    pub fn user_code(&self) -> Option<&str> {
        self.wire.user_code.as_deref()
    }

    /// Waits for the end, also one that has come already: the parameters of `account/login/completed` as JSON.
    pub async fn wait(&self, timeout: Option<Duration>) -> Result<String, Error> {
        let ended = self.session.logins.ended(self.id(), self.lost);
        let end = match timeout {
            None => ended.await?,
            Some(timeout) => tokio::time::timeout(timeout, ended).await.map_err(|_| Error::Timeout {
                message: format!("login {} was not finished within {} ms", self.id(), timeout.as_millis()),
                method: None,
                timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                path: None,
            })??,
        };
        match end.error {
            None => Ok(end.completed),
            Some(error) => Err(Error::LoginFailed {
                message: self.core.secrets.redact(format!("login {} failed: {error}", self.id())),
                login_id: self.id().to_owned(),
            }),
        }
    }

    /// Gives the login up, as JSON: whether it was still open. Wire: `account/login/cancel`.
    pub async fn cancel(&self) -> RawAnswer {
        let params = json!({ "loginId": self.id() }).to_string();
        let options = call_options(&self.core);
        self.session.connection.request("account/login/cancel", Some(&params), options).answer().await
    }
}

fn call_options(core: &Core) -> CallOptions {
    CallOptions::within(core.settings.request_timeout())
}
