//! What a call that begins a turn or takes one up is given, and the promise of its outcome: it crosses into
//! `glue/arguments.js` once for each.

use std::sync::Arc;

use codex_client::Secrets;
use codex_client::options::Input;
use codex_client::server_requests::{CallContext, ContextAlone, Handlers};
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Result, ValueType};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::environment::TakenOptions;
use crate::error::to_js;
use crate::handlers::Context;
use crate::hooks::{Hooks, extend};

/// A call whose arguments these are, as `glue/arguments.js` knows it.
#[derive(Clone, Copy)]
pub(crate) enum TurnCall {
    Run,
    Turn,
    Proceed,
    Review,
    Compact,
    ContinueTurn,
}

impl TurnCall {
    fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Turn => "turn",
            Self::Proceed => "proceed",
            Self::Review => "review",
            Self::Compact => "compact",
            Self::ContinueTurn => "continueTurn",
        }
    }

    fn takes_handlers(self) -> bool {
        !matches!(self, Self::Compact | Self::ContinueTurn)
    }
}

/// The arguments of one call.
pub(crate) struct Arguments<'env> {
    env: &'env Env,
    hooks: Hooks,
    /// What stands before the options, as JSON text.
    pub(crate) first: Option<String>,
    pub(crate) options: TakenOptions,
    pub(crate) context: Arc<Context>,
    /// Cancelled when the signal is aborted.
    pub(crate) cancel: CancellationToken,
    has_signal: bool,
    taken: Object<'static>,
}

impl<'env> Arguments<'env> {
    /// Takes the options, and what stands before them.
    pub(crate) fn take(
        env: &'env Env,
        call: TurnCall,
        first: Option<Unknown<'_>>,
        options: Unknown<'_>,
    ) -> Result<Self> {
        let hooks = Hooks::of(env)?;
        let arguments = (call.name().to_owned(), first.map(extend), extend(options));
        let taken: Object<'static> = hooks.call(env, "takeArguments", arguments)?;
        let context = Context::new(&taken.get_named_property("context")?)?;
        let options = if call.takes_handlers() {
            TakenOptions::read(&taken, "signal", Some(Arc::clone(&context)))?
        } else {
            TakenOptions::data(&taken, "signal")?
        };
        let cancel = CancellationToken::new();
        let aborted: Option<bool> = taken.get_named_property("aborted")?;
        if aborted == Some(true) {
            cancel.cancel();
        }
        let first = taken.get_named_property("first")?;
        Ok(Self { env, hooks, first, options, context, cancel, has_signal: aborted.is_some(), taken })
    }

    /// The options, checked.
    pub(crate) fn settings<T: DeserializeOwned + Default>(&self) -> Result<T> {
        self.options.settings(self.env)
    }

    /// What stands before the options, where that is an input.
    pub(crate) fn input(&self) -> Result<Input> {
        let input = self.first.as_deref().map_or_else(|| Err(Input::missing()), Input::parse);
        input.map_err(|error| to_js(self.env, &error))
    }

    /// The handlers, or at least where the call is made.
    pub(crate) fn handlers(&self) -> Arc<dyn Handlers> {
        let alone = || Arc::new(ContextAlone(Arc::clone(&self.context) as CallContext)) as Arc<dyn Handlers>;
        self.options.handlers.clone().unwrap_or_else(alone)
    }

    /// The promise of the outcome, as the caller gets it, from that of a turn or of a result as JSON text. Errors that are
    /// made of it show none of `secrets`.
    pub(crate) fn settle(self, promise: Unknown<'env>, secrets: &Secrets) -> Result<Unknown<'env>> {
        let Self { env, hooks, cancel, .. } = self;
        let cancel = || {
            env.create_function_from_closure::<Unknown<'_>, (), _>("cancel", move |_| {
                cancel.cancel();
                Ok(())
            })
        };
        let cancel = self.has_signal.then(cancel).transpose()?;
        let cancel = cancel.map(|cancel| extend(cancel.to_unknown()));
        let redact = || {
            let secrets = secrets.clone();
            env.create_function_from_closure::<String, String, _>("redact", move |call| {
                Ok(secrets.redact_json(&call.first_arg::<String>()?).into_owned())
            })
        };
        let output: Unknown<'_> = self.taken.get_named_property("output")?;
        let redact = (output.get_type()? != ValueType::Undefined).then(redact).transpose()?;
        let redact = redact.map(|redact| extend(redact.to_unknown()));
        hooks.call(env, "settle", (extend(promise), self.taken, cancel, redact))
    }
}
