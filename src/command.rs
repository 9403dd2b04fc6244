//! Commands in the sandbox: `codex.execCommand()` and the class `CommandProcess`.

use std::sync::Arc;

use codex_client::Error;
use codex_client::api::Command;
use codex_client::options::{CommandSettings, TerminalSize};
use codex_client::session::Chunk;
use napi::bindgen_prelude::{
    Array, FromNapiValue, JsObjectValue, JsValue, Object, This, Uint8Array, Unknown,
};
use napi::{Env, Result, ValueType};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use crate::answer::{answer, argument, done};
use crate::codex::Codex;
use crate::error::to_js;
use crate::hooks::Hooks;
use crate::promise::{abortable, is_aborted, or_reject, parsed, promise};
use crate::reader::reader_object;

#[napi]
impl Codex {
    /// Runs a command in codex's sandbox, without a thread and without asking anybody.
    ///
    /// It resolves when the command has ended, with its exit code and output: text of at most 1 MiB each, which is no
    /// way to get bytes. With `stream: true` it resolves at once, with a handle.
    ///
    /// Wire: `command/exec`.
    ///
    /// @throws {InternalRpcError} the command could not be started
    /// @throws {AbortError} `signal` was aborted; the command was ended
    /// @throws {TypeError} the command or an option is not what is accepted; nothing was sent
    #[napi(
        ts_generic_types = "O extends ExecCommandOptions = {}",
        ts_args_type = "argv: string[], options?: O",
        ts_return_type = "Promise<ExecCommandResult<O>>"
    )]
    pub fn exec_command<'env>(
        &self,
        env: &'env Env,
        argv: Unknown<'env>,
        options: Unknown<'env>,
    ) -> Result<Unknown<'env>> {
        let exec = || {
            let argv: Vec<String> =
                argument(env, argv, "argv", "it takes an array of strings, the program and its arguments")?;
            let (settings, signal) = Hooks::of(env)?.abortable_settings::<CommandSettings>(env, options)?;
            let cancel = CancellationToken::new();
            if is_aborted(signal.as_ref())? {
                cancel.cancel();
            }
            let (codex, token) = (self.codex.clone(), cancel.clone());
            let promise = if settings.is_streamed() {
                let start = async move { codex.start_command(&argv, settings, token).await };
                promise(env, start, |_, command| Ok(CommandProcess { command: Arc::new(command) }))?
            } else {
                answer(env, async move { codex.run_command(&argv, settings, token).await })?
            };
            abortable(env, promise, signal, cancel)
        };
        or_reject(env, exec())
    }
}

/// A command that runs. Made by `execCommand` with `stream: true`.
///
/// It is an async iterable of its output, as bytes, in order. Each piece is given once: a second loop goes on where the
/// first was left. What nobody has read yet is kept, whatever its size; `outputBytesCap` bounds it.
#[napi]
pub struct CommandProcess {
    pub(crate) command: Arc<Command>,
}

#[napi]
impl CommandProcess {
    /// Its id on the wire.
    #[napi(getter)]
    pub fn process_id(&self) -> &str {
        self.command.id()
    }

    /// How it ends. The exit code is 124 when it took longer than `timeoutMs`, and not 0 when it was ended by
    /// `terminate()`.
    ///
    /// @throws {InternalRpcError} it could not be started
    /// @throws {AbortError} `signal` was aborted; it was ended
    #[napi(getter, ts_return_type = "Promise<{ exitCode: number }>")]
    pub fn exit<'env>(&self, env: &'env Env, this: This<'env>) -> Result<Unknown<'env>> {
        let output = Arc::clone(self.command.output());
        let promise = promise(env, async move { output.ended().await }, |env, code| {
            parsed(env, format!("{{\"exitCode\":{code}}}"))
        })?;
        Hooks::of(env)?.of_turn(env, promise, this.object.to_unknown())
    }

    /// Its output. Leaving the loop leaves the command running.
    #[napi(well_known_symbol = "asyncIterator", ts_return_type = "AsyncIterableIterator<CommandOutput>")]
    pub fn async_iterator<'env>(&self, env: &'env Env, this: This<'env>) -> Result<Unknown<'env>> {
        let reader = self.reader(env)?;
        let mut how = Object::new(env)?;
        // Its pieces are what is given, as those of a text are.
        how.set_named_property("text", true)?;
        how.set_named_property("turn", this.object)?;
        Hooks::of(env)?.iterate(env, reader.to_unknown(), how.to_unknown())
    }

    /// Writes to its stdin, text as UTF-8. Writes arrive in the order of their calls.
    ///
    /// Wire: `command/exec/write`.
    ///
    /// @throws {InvalidRequestError} it has ended, or its stdin was closed
    #[napi(ts_args_type = "data: string | Uint8Array", ts_return_type = "Promise<void>")]
    pub fn write<'env>(&self, env: &'env Env, data: Unknown<'env>) -> Result<Unknown<'env>> {
        let write = || {
            let data = bytes_argument(env, data)?;
            let command = Arc::clone(&self.command);
            done(env, command.write(&data))
        };
        or_reject(env, write())
    }

    /// Ends its stdin: a program that reads it to the end goes on.
    ///
    /// Wire: `command/exec/write`.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close_stdin<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        done(env, self.command.close_stdin())
    }

    /// Gives its terminal another size.
    ///
    /// Wire: `command/exec/resize`.
    ///
    /// @throws {InvalidRequestError} it has no terminal, or has ended
    #[napi(ts_args_type = "size: TerminalSize", ts_return_type = "Promise<void>")]
    pub fn resize<'env>(&self, env: &'env Env, size: Unknown<'env>) -> Result<Unknown<'env>> {
        let resize = || {
            let size: TerminalSize = argument(env, size, "size", "it takes {cols, rows}")?;
            let resize = self.command.resize(size).map_err(|error| to_js(env, &error))?;
            done(env, resize)
        };
        or_reject(env, resize())
    }

    /// Ends it, and resolves when it has ended. One that has ended stays as it is.
    ///
    /// Wire: `command/exec/terminate`.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn terminate<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let command = Arc::clone(&self.command);
        done(env, async move { command.terminate().await })
    }

    /// Its output as the object behind the iterator: what a turn's reader has.
    fn reader<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        // The command lets go of its output when nobody can read it any more: a reader keeps it.
        let command = Arc::clone(&self.command);
        reader_object(env, Arc::clone(command.output()), to_array, move |_| {
            command.output().left();
            std::future::ready(Ok(()))
        })
    }
}

fn to_array<'env>(env: &'env Env, chunks: Vec<Chunk>) -> Result<Array<'env>> {
    let mut array = env.create_array(0)?;
    for Chunk { stream, data, cap_reached } in chunks {
        let mut chunk = Object::new(env)?;
        chunk.set_named_property("stream", stream)?;
        chunk.set_named_property("data", Uint8Array::new(data))?;
        chunk.set_named_property("capReached", cap_reached)?;
        array.insert(chunk)?;
    }
    Ok(array)
}

fn bytes_argument(env: &Env, data: Unknown<'_>) -> Result<Vec<u8>> {
    let wrong = || to_js(env, &Error::InvalidArgument("data: must be a string or a Uint8Array".to_owned()));
    if data.get_type()? == ValueType::String {
        let text = data.coerce_to_string()?.into_utf8()?.into_owned().map_err(|_| wrong())?;
        return Ok(text.into_bytes());
    }
    Uint8Array::from_unknown(data).map(|bytes| bytes.to_vec()).map_err(|_| wrong())
}
