//! The processes below a child, so that none survives it.
//!
//! On Windows the job object does this; elsewhere a descendant can leave the group, so they are looked for.

use std::time::{Duration, Instant};

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

/// How long the end of what was killed is waited for.
const GONE_GRACE: Duration = Duration::from_secs(1);
/// How often it is looked for.
const GONE_POLL: Duration = Duration::from_millis(5);

/// A process and when it started, so that a reused id is not mistaken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descendant {
    pid: Pid,
    started: u64,
}

/// Everything below `root`: children of children, and what shares its session.
pub(super) fn descendants(root: u32) -> Vec<Descendant> {
    let Some(system) = processes() else { return Vec::new() };
    let root = Pid::from_u32(root);
    let mut found: Vec<Pid> = vec![root];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        next += 1;
        for (pid, process) in system.processes() {
            let below = process.parent() == Some(parent) || process.session_id() == Some(root);
            if below && !found.contains(pid) {
                found.push(*pid);
            }
        }
    }
    found.retain(|pid| *pid != root);
    found
        .into_iter()
        .filter_map(|pid| {
            system.process(pid).map(|process| Descendant { pid, started: process.start_time() })
        })
        .collect()
}

/// Kills those that are still the processes that were found, and waits until they are gone.
pub(super) fn kill(found: &[Descendant]) {
    let Some(mut system) = processes() else { return };
    let mut alive: Vec<Descendant> = found.iter().copied().filter(|one| one.kill(&system)).collect();
    let deadline = Instant::now() + GONE_GRACE;
    // They are children of others, who alone are told of their end.
    while !alive.is_empty() && Instant::now() < deadline {
        std::thread::sleep(GONE_POLL);
        let pids: Vec<Pid> = alive.iter().map(|one| one.pid).collect();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, refresh_kind());
        alive.retain(|one| one.find(&system).is_some());
    }
}

impl Descendant {
    fn kill(&self, system: &System) -> bool {
        self.find(system).is_some_and(Process::kill)
    }

    /// The process, if it still runs.
    fn find<'a>(&self, system: &'a System) -> Option<&'a Process> {
        let process = system.process(self.pid)?;
        let has_ended = matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead);
        (process.start_time() == self.started && !has_ended).then_some(process)
    }
}

fn refresh_kind() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing().without_tasks()
}

fn processes() -> Option<System> {
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, refresh_kind());
    Some(system)
}
