//! Tasks that go on where their first step leaves them.

use std::task::{Context, Waker};

use tokio::runtime::Handle;

use crate::trace;

/// Runs a future on a task of its own that goes on where its first step, taken now, leaves it: what that step sends has
/// its place before whatever comes after this call.
pub(super) fn spawn_begun(runtime: &Handle, future: impl Future<Output = ()> + Send + 'static) {
    let mut future = Box::pin(trace::inherited(future));
    if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        runtime.spawn(future);
    }
}
