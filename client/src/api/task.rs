//! Tasks that go on where their first step leaves them.

use futures_util::FutureExt;
use tokio::runtime::Handle;

use crate::trace;

/// Runs a future on a task of its own that goes on where its first step, taken now, leaves it: what that step sends has
/// its place before whatever comes after this call.
pub(super) fn spawn_begun(runtime: &Handle, future: impl Future<Output = ()> + Send + 'static) {
    let mut future = Box::pin(trace::inherited(future));
    if future.as_mut().now_or_never().is_none() {
        runtime.spawn(future);
    }
}
