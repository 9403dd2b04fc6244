//! The processes below a child, so that none survives it.
//!
//! On Windows the job object does this; elsewhere a descendant can leave the group, so they are looked for.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

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

/// Kills those that are still the processes that were found.
pub(super) fn kill(found: &[Descendant]) {
    if found.is_empty() {
        return;
    }
    let Some(system) = processes() else { return };
    for descendant in found {
        if let Some(process) = system.process(descendant.pid)
            && process.start_time() == descendant.started
        {
            process.kill();
        }
    }
}

fn processes() -> Option<System> {
    let mut system = System::new().ok()?;
    let kind = ProcessRefreshKind::nothing().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    Some(system)
}
