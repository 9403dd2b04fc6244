//! Processes and signals.

use std::io;
use std::process::{Command, Stdio};

/// Starts a process that outlives the rig if nobody ends it.
pub(crate) fn spawn(argv: &[String], own_group: bool, hold_stdout: bool) -> io::Result<u32> {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null()).stderr(Stdio::null());
    command.stdout(if hold_stdout { Stdio::inherit() } else { Stdio::null() });
    prepare(&mut command, own_group);
    let mut child = command.spawn()?;
    let pid = child.id();
    // Reaped, so that a test that looks for survivors does not find a zombie.
    std::thread::spawn(move || child.wait());
    Ok(pid)
}

#[cfg(unix)]
fn prepare(command: &mut Command, own_group: bool) {
    use std::os::unix::process::CommandExt;
    if own_group {
        command.process_group(0);
    }
    // A child inherits the blocked SIGTERM of `watch_sigterm` and could not be ended by it.
    let unblock = || Ok(sigterm().thread_unblock()?);
    // SAFETY: between fork and exec it only changes the signal mask, which is async-signal-safe.
    unsafe { command.pre_exec(unblock) };
}

#[cfg(windows)]
fn prepare(command: &mut Command, own_group: bool) {
    use std::os::windows::process::CommandExt;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    if own_group {
        command.creation_flags(CREATE_NEW_PROCESS_GROUP);
    }
}

#[cfg(unix)]
fn sigterm() -> nix::sys::signal::SigSet {
    let mut signals = nix::sys::signal::SigSet::empty();
    signals.add(nix::sys::signal::Signal::SIGTERM);
    signals
}

/// Sends the rig itself a signal.
#[cfg(unix)]
pub(crate) fn kill_self(signal: &str) -> Result<(), String> {
    use nix::sys::signal::{Signal, kill};
    let signal: Signal = signal.parse().map_err(|_| "no such signal".to_owned())?;
    kill(nix::unistd::Pid::this(), signal).map_err(|error| error.to_string())
}

#[cfg(windows)]
pub(crate) fn kill_self(_signal: &str) -> Result<(), String> {
    std::process::abort()
}

/// Calls `on_sigterm` at each SIGTERM, on a thread of its own. To be called before any other thread starts: the
/// signal is blocked in all of them and taken here.
#[cfg(unix)]
pub(crate) fn watch_sigterm(on_sigterm: impl Fn() + Send + 'static) -> Result<(), String> {
    let signals = sigterm();
    signals.thread_block().map_err(|error| error.to_string())?;
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            on_sigterm();
        }
    });
    Ok(())
}

#[cfg(windows)]
pub(crate) fn watch_sigterm(_on_sigterm: impl Fn() + Send + 'static) -> Result<(), String> {
    Ok(())
}
