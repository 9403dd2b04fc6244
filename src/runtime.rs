//! The one runtime of this addon, and the end of the process.

#[cfg(unix)]
use std::sync::Once;
use std::sync::OnceLock;
use std::time::Duration;

use napi_derive::napi;
use tokio::runtime::{Builder, Runtime};

/// Waiting for pipes and timers takes no more, however many turns run.
const THREADS: usize = 2;
/// How long the end of the host waits for its children to end before it kills them.
const END_BOUND: Duration = Duration::from_secs(5);

static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

/// The one runtime of this addon. It outlives every environment: a worker's end must not stop what ends its
/// children.
pub(crate) fn runtime() -> napi::Result<&'static Runtime> {
    let runtime = RUNTIME.get_or_init(|| {
        // Its threads run this addon's code, so that must not be unloaded with the last worker that used it.
        napi::bindgen_prelude::retain_current_module_for_unload_safety();
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("codex-node")
            .enable_all()
            .build()
            .ok()
    });
    runtime.as_ref().ok_or_else(|| napi::Error::from_reason("codex-node could not start its threads"))
}

/// Ends every codex that still runs, and waits for it: for the end of the process, which runs no destructors.
#[napi(skip_typescript)]
pub(crate) fn end_all() {
    if let Some(Some(runtime)) = RUNTIME.get() {
        runtime.block_on(codex_client::process::end_all(END_BOUND));
    }
    codex_client::exec::remove_all();
}

/// Has the same done whoever loaded this last, and however: a worker hears nothing of the end of the process, and some
/// programs have a `process` of their own that has no end. On Windows the job object sees to it.
#[cfg(unix)]
pub(crate) fn end_with_process() {
    extern "C" fn at_exit() {
        // The thread that ends the process has lost its thread-local state by now.
        let ended = std::thread::Builder::new().spawn(end_all).map(std::thread::JoinHandle::join);
        drop(ended);
    }
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        napi::bindgen_prelude::retain_current_module_for_unload_safety();
        // SAFETY: the function takes nothing, never unwinds, and its module stays loaded.
        unsafe { libc::atexit(at_exit) };
    });
}

#[cfg(not(unix))]
pub(crate) fn end_with_process() {}
