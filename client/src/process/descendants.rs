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
        forget_gone(&mut system, &mut alive);
    }
}

/// Keeps those that still run, each once.
fn forget_gone(system: &mut System, alive: &mut Vec<Descendant>) {
    // A refresh takes who is asked for twice for gone.
    alive.sort_unstable_by_key(|one| one.pid);
    alive.dedup_by_key(|one| one.pid);
    let pids: Vec<Pid> = alive.iter().map(|one| one.pid).collect();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, refresh_kind());
    alive.retain(|one| one.find(system).is_some());
}

/// Kills a child of this process and everything below it. On Windows the job object does, when this process ends.
pub(super) fn kill_tree(root: u32) {
    let Some(system) = processes() else { return };
    let child = system.process(Pid::from_u32(root));
    if child.is_some_and(|child| child.parent() == Some(Pid::from_u32(std::process::id()))) {
        // The top first: no parent then sees a child end, and acts on it.
        let mut found: Vec<Descendant> = child
            .map(|child| Descendant { pid: child.pid(), started: child.start_time() })
            .into_iter()
            .collect();
        found.extend(descendants(root));
        kill(&found);
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
        // In seconds, counted from a time of boot that the system reckons anew each time.
        let is_it = process.start_time().abs_diff(self.started) <= 1;
        (is_it && !has_ended).then_some(process)
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A child, and the process id of a grandchild.
    #[expect(clippy::disallowed_methods, reason = "a test is a process of its own")]
    fn family() -> (Child, u32) {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().parse().unwrap())
    }

    fn runs(pid: u32) -> bool {
        let system = processes().unwrap();
        system.process(Pid::from_u32(pid)).is_some_and(|found| found.status() != ProcessStatus::Zombie)
    }

    #[test]
    fn c13_a_child_and_all_below_it_are_killed_in_one_go() {
        let (mut child, grandchild) = family();
        kill_tree(child.id());
        assert!(!runs(grandchild));
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(9));
    }

    #[test]
    fn c4_what_was_found_twice_is_not_taken_for_gone() {
        let (mut child, grandchild) = family();
        let mut alive = descendants(child.id()).repeat(2);
        forget_gone(&mut processes().unwrap(), &mut alive);
        kill_tree(child.id());
        child.wait().unwrap();
        assert_eq!(alive.iter().map(|one| one.pid.as_u32()).collect::<Vec<_>>(), [grandchild]);
    }

    #[test]
    fn what_is_no_child_of_this_process_is_left_alone() {
        let (mut child, grandchild) = family();
        kill_tree(grandchild);
        assert!(runs(grandchild));
        kill_tree(child.id());
        child.wait().unwrap();
    }
}
