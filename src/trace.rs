//! Who looks on at a call: its trace, and the observer of its turn.

use std::sync::Arc;

use codex_client::trace::{self, Observer, Onlookers, Trace};
use napi::bindgen_prelude::{FnArgs, Function, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use napi_derive::napi;

/// What an observer is told: a notification as JSON; nothing at the end of the turn.
type Told = FnArgs<(Option<String>,)>;
/// It does not keep Node alive: whoever waits for the turn does.
type Tell = ThreadsafeFunction<Told, Unknown<'static>, Told, Status, false, true>;

struct JsObserver {
    tell: Tell,
    items: bool,
}

impl JsObserver {
    fn say(&self, what: Option<String>) {
        self.tell.call((what,).into(), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

impl Observer for JsObserver {
    fn event(&self, line: &str) {
        self.say(Some(line.to_owned()));
    }

    fn wants_items(&self) -> bool {
        self.items
    }

    fn ended(&self) {
        self.say(None);
    }
}

/// Has the calls that follow belong to a trace, and the turn that they begin observed; or neither, without arguments.
#[napi(skip_typescript)]
pub(crate) fn look_on(
    traceparent: Option<String>,
    tracestate: Option<String>,
    observer: Option<Function<'_, Told, Unknown<'static>>>,
    items: Option<bool>,
) -> Result<()> {
    // It may become a variable of a process.
    let whole = |text: &String| !text.contains('\0');
    let tracestate = tracestate.filter(whole).map(Into::into);
    let traceparent = traceparent.filter(whole);
    let trace = traceparent.map(|traceparent| Trace { traceparent: traceparent.into(), tracestate });
    let observer = match observer {
        Some(tell) => {
            let tell = tell.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
            Some(Arc::new(JsObserver { tell, items: items.unwrap_or(false) }) as Arc<dyn Observer>)
        }
        None => None,
    };
    trace::enter(Onlookers { trace, observer });
    Ok(())
}
