//! The native side of `Thread` of `codex-node/exec`.

use codex_client::exec::{self, ExecInput, ExecThreadSettings, ExecTurnSettings};
use napi::bindgen_prelude::{JsValue, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use super::codex::ExecCodex;
use super::reader::run_reader_object;
use crate::error::to_js;
use crate::hooks::{Evaluation, Hooks};
use crate::promise::{abortable, is_aborted, or_reject, parsed, promise_or};
use crate::thread::string_argument;

/// A thread whose turns are each one `codex exec`.
#[napi(js_name = "ExecThread")]
pub struct ExecThread {
    thread: exec::Thread,
}

#[napi]
impl ExecThread {
    /// A new thread for null, else the one that was started before.
    #[napi(constructor, ts_args_type = "codex: ExecCodex, id: string | null, options?: object")]
    pub fn new(
        env: Env,
        codex: &ExecCodex,
        id: Unknown<'_>,
        options: Unknown<'_>,
        evaluation: Option<u32>,
    ) -> Result<Self> {
        let env = &env;
        let _entered = Evaluation::given(evaluation).enter();
        let settings: ExecThreadSettings = Hooks::of(env)?.settings(env, options)?;
        let thread = match id.get_type()? {
            napi::ValueType::Null => codex.codex.start_thread(settings),
            _ => {
                let id = string_argument(env, id, "id")?;
                codex.codex.resume_thread(&id, settings).map_err(|error| to_js(env, &error))?
            }
        };
        Ok(Self { thread })
    }

    /// The id, once codex has said it.
    #[napi(getter)]
    pub fn id(&self) -> Option<String> {
        self.thread.id()
    }

    /// Runs one turn and gives its result.
    #[napi(ts_args_type = "input: unknown, options?: object", ts_return_type = "Promise<unknown>")]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        input: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let run = || {
            let hooks = Hooks::of(env)?;
            let (settings, signal) = hooks.abortable_settings::<ExecTurnSettings>(env, options)?;
            let input = input_argument(env, input)?;
            let cancel = hooks.ended().child_token();
            if is_aborted(signal.as_ref())? {
                cancel.cancel();
            }
            let surroundings = hooks.surroundings(env)?;
            let run = self
                .thread
                .run(input, settings, cancel.clone(), surroundings)
                .map_err(|error| to_js(env, &error))?;
            abortable(env, promise_or(env, run, parsed)?, signal, cancel)
        };
        or_reject(env, run())
    }

    /// One turn as the object behind its events.
    #[napi(ts_args_type = "input: unknown, options?: object", ts_return_type = "object")]
    pub fn stream<'env>(
        &self,
        env: &'env Env,
        input: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let hooks = Hooks::of(env)?;
        let settings: ExecTurnSettings = hooks.settings(env, options)?;
        let input = input_argument(env, input)?;
        let cancel: CancellationToken = hooks.ended().child_token();
        let surroundings = hooks.surroundings(env)?;
        let reader = self
            .thread
            .stream(input, settings, cancel.clone(), surroundings)
            .map_err(|error| to_js(env, &error))?;
        run_reader_object(env, reader, cancel).map(|reader| reader.to_unknown())
    }
}

fn input_argument(env: &Env, input: Unknown<'_>) -> Result<ExecInput> {
    let json = Hooks::of(env)?.encode(env, input, "input")?;
    ExecInput::parse(json.as_deref()).map_err(|error| to_js(env, &error))
}
