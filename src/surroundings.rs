//! What a call takes of the JavaScript program that makes it: `process.env` and its working directory.

use std::future::ready;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::thread::{self, ThreadId};

use codex_client::Error;
use codex_client::process::{Program, Surroundings, Taking};
use napi::bindgen_prelude::{Function, FunctionRef};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status, sys};
use tokio::sync::oneshot;

/// Asks the JavaScript thread, without keeping Node alive: the call that waits for the answer does.
type Ask = ThreadsafeFunction<(), String, (), Status, false, true>;

/// A JavaScript program: the main thread, or a worker.
pub(crate) struct JsProgram {
    /// Used on `thread` alone.
    env: AtomicPtr<sys::napi_env__>,
    thread: ThreadId,
    take: FunctionRef<(), String>,
    ask: Ask,
}

impl JsProgram {
    /// `take` gives the surroundings as JSON.
    pub(crate) fn new(env: &Env, take: &Function<'_, (), String>) -> Result<Self> {
        let ask = take.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
        Ok(Self {
            env: AtomicPtr::new(env.raw()),
            thread: thread::current().id(),
            take: take.create_ref()?,
            ask,
        })
    }

    /// The surroundings of a call that is under way on the JavaScript thread.
    pub(crate) fn now(&self) -> std::result::Result<Surroundings, Error> {
        let env = Env::from_raw(self.env.load(Ordering::Relaxed));
        let taken = self.take.borrow_back(&env).and_then(|take| take.call(()));
        read(taken)
    }
}

impl Program for JsProgram {
    fn surroundings(&self) -> Taking {
        if thread::current().id() == self.thread {
            return Box::pin(ready(self.now()));
        }
        let (sender, told) = oneshot::channel();
        let tell = move |taken, _| {
            let _ = sender.send(taken);
            Ok(())
        };
        let status = self.ask.call_with_return_value((), ThreadsafeFunctionCallMode::NonBlocking, tell);
        Box::pin(async move {
            match (status, told.await) {
                (Status::Ok, Ok(taken)) => read(taken),
                _ => Err(Error::Closed("the JavaScript environment of the client has ended".to_owned())),
            }
        })
    }
}

fn read(taken: Result<String>) -> std::result::Result<Surroundings, Error> {
    match taken {
        Ok(json) => Surroundings::read(&json),
        Err(error) => {
            Err(Error::InvalidArgument(format!("process.env: could not be read: {}", error.reason)))
        }
    }
}
