//! Who looks on at a call: the trace that it belongs to, as W3C Trace Context has it, which goes out with the requests that
//! it makes; and an observer of the turn that it begins.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use serde_json::json;

/// Where a call stands in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Version, trace id, id of the span and flags.
    pub traceparent: Arc<str>,
    /// What vendors add to it.
    pub tracestate: Option<Arc<str>>,
}

/// Hears of a turn what measures it. Must not block.
pub trait Observer: Send + Sync {
    /// One notification of the turn, or of an agent that works for it: as the whole message.
    fn event(&self, line: &str);
    /// Whether it hears of items that are complete, too, which may be large.
    fn wants_items(&self) -> bool;
    /// The turn has ended. Agents may go on.
    fn ended(&self);
}

/// Who looks on at a call.
#[derive(Clone, Default)]
pub struct Onlookers {
    /// The trace that it belongs to.
    pub trace: Option<Trace>,
    /// Who observes the turn that it begins.
    pub observer: Option<Arc<dyn Observer>>,
}

tokio::task_local! {
    static OF_TASK: Onlookers;
}

thread_local! {
    static OF_CALL: RefCell<Onlookers> = RefCell::default();
}

impl Trace {
    /// As it stands in a request.
    pub fn json(&self) -> String {
        match self.tracestate.as_deref() {
            Some(tracestate) => json!({ "traceparent": &*self.traceparent, "tracestate": tracestate }),
            None => json!({ "traceparent": &*self.traceparent }),
        }
        .to_string()
    }

    /// That of the trace and that of the span, in hexadecimal.
    pub fn ids(&self) -> Option<(&str, &str)> {
        let mut parts = self.traceparent.split('-').skip(1);
        parts.next().zip(parts.next())
    }
}

/// Those of what runs now.
pub fn onlookers() -> Onlookers {
    OF_TASK.try_with(Clone::clone).unwrap_or_else(|_| OF_CALL.with_borrow(Clone::clone))
}

/// The trace of what runs now.
pub fn current() -> Option<Trace> {
    let trace = |onlookers: &Onlookers| onlookers.trace.clone();
    OF_TASK.try_with(trace).unwrap_or_else(|_| OF_CALL.with_borrow(trace))
}

/// Has the calls of this thread looked on at from now on.
pub fn enter(onlookers: Onlookers) {
    OF_CALL.set(onlookers);
}

/// A future that is looked on at, wherever it runs.
pub fn within<F: Future>(onlookers: Onlookers, future: F) -> impl Future<Output = F::Output> {
    OF_TASK.scope(onlookers, future)
}

/// A future that is looked on at as what runs now is.
pub fn inherited<F: Future>(future: F) -> impl Future<Output = F::Output> {
    within(onlookers(), future)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_future_keeps_the_trace_that_it_was_made_in() {
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = Trace { traceparent: traceparent.into(), tracestate: None };
        assert_eq!(trace.ids(), Some(("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")));
        enter(Onlookers { trace: Some(trace.clone()), observer: None });
        let inner = inherited(async { current() });
        let task = tokio::spawn(inherited(async { inherited(async { current() }).await }));
        enter(Onlookers::default());
        assert_eq!(current(), None);
        assert_eq!(inner.await, Some(trace.clone()));
        assert_eq!(task.await.unwrap(), Some(trace));
    }
}
