//! The classes `Account` and `Login`.

use std::sync::Arc;

use codex_client::api::LoginKind;
use codex_client::options::{AccountSettings, LoginWaitSettings};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::answer::{answer, done};
use crate::codex::{Codex, cancellable};
use crate::error::to_js;
use crate::hooks::Hooks;
use crate::promise::{or_reject, parsed, promise};
use crate::thread::string_argument;

/// Who codex works for. Got by `codex.account`.
#[napi]
pub struct Account {
    codex: codex_client::Codex,
}

#[napi]
impl Codex {
    /// The account that codex works for.
    #[napi(getter)]
    pub fn account(&self) -> Account {
        Account { codex: self.codex.clone() }
    }
}

#[napi]
impl Account {
    /// The account.
    ///
    /// Wire: `account/read`.
    #[napi(
        ts_args_type = "options?: AccountOptions",
        ts_return_type = "Promise<Protocol.GetAccountResponse>"
    )]
    pub fn read<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let read = || {
            let settings: AccountSettings = Hooks::of(env)?.settings(env, options)?;
            let codex = self.codex.clone();
            answer(env, async move { codex.read_account(&settings).await })
        };
        or_reject(env, read())
    }

    /// Logs in with an API key, which codex keeps in its `auth.json`.
    ///
    /// Wire: `account/login/start`.
    #[napi(ts_args_type = "key: string", ts_return_type = "Promise<void>")]
    pub fn login_api_key<'env>(&self, env: &'env Env, key: Unknown<'env>) -> Result<Unknown<'env>> {
        let login = || {
            let key = string_argument(env, key, "key")?;
            let codex = self.codex.clone();
            done(env, async move { codex.login_api_key(&key).await })
        };
        or_reject(env, login())
    }

    /// Begins a login with a ChatGPT account: a person opens `authUrl` in a browser on the machine where codex runs.
    ///
    /// Wire: `account/login/start`.
    #[napi(ts_return_type = "Promise<ChatgptLogin>")]
    pub fn login_chatgpt<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        self.login(env, LoginKind::Chatgpt)
    }

    /// Begins a login with a ChatGPT account: a person opens `verificationUrl` in any browser and enters `userCode`
    /// there.
    ///
    /// Wire: `account/login/start`.
    ///
    /// @throws {InternalRpcError} codex could not get a code
    #[napi(ts_return_type = "Promise<DeviceCodeLogin>")]
    pub fn login_chatgpt_device_code<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        self.login(env, LoginKind::ChatgptDeviceCode)
    }

    /// Logs out.
    ///
    /// Wire: `account/logout`.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn logout<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let codex = self.codex.clone();
        done(env, async move { codex.logout().await })
    }

    /// How much of the account's limits is used.
    ///
    /// Wire: `account/rateLimits/read`.
    ///
    /// @throws {InvalidRequestError} nobody is logged in with ChatGPT
    #[napi(ts_return_type = "Promise<Protocol.GetAccountRateLimitsResponse>")]
    pub fn rate_limits<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let codex = self.codex.clone();
        answer(env, async move { codex.rate_limits().await })
    }

    fn login<'env>(&self, env: &'env Env, kind: LoginKind) -> Result<Unknown<'env>> {
        let codex = self.codex.clone();
        promise(env, async move { codex.login(kind).await }, |_, login| Ok(Login { login: Arc::new(login) }))
    }
}

/// A login that a person has to finish in a browser. Made by `codex.account`.
#[napi]
pub struct Login {
    login: Arc<codex_client::api::Login>,
}

#[napi]
impl Login {
    /// Its id.
    #[napi(getter)]
    pub fn login_id(&self) -> &str {
        self.login.id()
    }

    /// What to open in a browser on the machine where codex runs; null for a login with a code.
    #[napi(getter)]
    pub fn auth_url(&self) -> Option<&str> {
        self.login.auth_url()
    }

    /// What to open in any browser; null for a login without a code.
    #[napi(getter)]
    pub fn verification_url(&self) -> Option<&str> {
        self.login.verification_url()
    }

    /// What to enter there; null for a login without a code.
    #[napi(getter)]
    pub fn user_code(&self) -> Option<&str> {
        self.login.user_code()
    }

    /// Waits until the person has finished it. It may be called late and more than once: an end that came before is
    /// not lost. Aborting `signal` ends the waiting alone; `cancel()` gives the login up.
    ///
    /// Wire: `account/login/completed`.
    ///
    /// @throws {LoginFailedError} it ended without success, or was given up
    /// @throws {TimeoutError} it was not finished within `timeoutMs`; it goes on
    /// @throws {ServerExitedError} codex ended, and the login with it
    #[napi(
        ts_args_type = "options?: LoginWaitOptions & Abortable",
        ts_return_type = "Promise<Protocol.AccountLoginCompletedNotification>"
    )]
    pub fn wait<'env>(&self, env: &'env Env, options: Unknown<'env>) -> Result<Unknown<'env>> {
        let wait = || {
            let (settings, signal) = Hooks::of(env)?.abortable_settings::<LoginWaitSettings>(env, options)?;
            let timeout = settings.timeout().map_err(|error| to_js(env, &error))?;
            let login = Arc::clone(&self.login);
            cancellable(env, async move { login.wait(timeout).await }, signal, parsed)
        };
        or_reject(env, wait())
    }

    /// Gives the login up.
    ///
    /// Wire: `account/login/cancel`.
    #[napi(ts_return_type = "Promise<Protocol.CancelLoginAccountResponse>")]
    pub fn cancel<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let login = Arc::clone(&self.login);
        answer(env, async move { login.cancel().await })
    }
}
