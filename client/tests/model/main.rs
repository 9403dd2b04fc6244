//! Model-based test: real clients on a simulated app-server, which does what the real one does and goes wrong in all
//! the ways that it, the network and the users can; after each case the invariants of `check.rs` hold.
//!
//! Time is virtual, so that a case takes milliseconds. The environment says what is run:
//!
//! - `CODEX_MODEL_CASES`: how many cases, 10,000 if left out
//! - `CODEX_MODEL_SEED`: from which seed, in hex
//! - `CODEX_MODEL_CASE`: one case alone, by its number
//! - `CODEX_MODEL_THREADS`: on how many threads, all that there are if left out
//! - `CODEX_MODEL_KINDS`: how many kinds of faults are looked for before the test ends
//!
//! A fault is told with the smallest case that has it, and with all that went over the wire.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "clippy takes only the test functions themselves for tests"
)]

mod asking;
mod check;
mod drive;
mod given;
mod legs;
mod methods;
mod plan;
mod play;
mod reading;
mod rules;
mod runs;
mod server;
mod settings;
mod told;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use tokio::runtime::{Builder, Handle};

use crate::drive::Stage;
use crate::plan::{Plan, plans};

const CASES: u64 = 10_000;
const SEED: u64 = 1;
const MOST_SHRINKS: u32 = 1_000;
/// Within this what nobody waits for is done.
const QUIET: Duration = Duration::from_secs(60);

thread_local! {
    /// Panics of tasks, which nobody would hear of.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Runs a case; gives what did not hold, and what happened where that was wanted.
fn run(plan: &Plan, trace: bool) -> (Vec<String>, Vec<String>) {
    fastrand::seed(1);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    PANICS.take();
    let (mut faults, trace) = runtime.block_on(case(plan, trace));
    faults.extend(PANICS.take());
    (faults, trace)
}

async fn case(plan: &Plan, trace: bool) -> (Vec<String>, Vec<String>) {
    let mut stage = Stage::set(plan, trace).unwrap();
    stage.play(plan).await;
    stage.server.note(|| "## all is well again".to_owned());
    stage.heal();
    let mut faults = Vec::new();
    // Turns that the server never ends are ended by who had them started.
    if !stage.wait(Duration::from_secs(100)).await {
        stage.server.note(|| "## what still runs is given up".to_owned());
        faults.extend(check::stuck(&stage));
        for run in &stage.runs {
            run.cancel.cancel();
            if !run.is_own
                && let Some(turn) = drive::lock(&run.turn).clone()
            {
                stage.others.spawn(async move { drop(turn.interrupt(false).await) });
            }
        }
    }
    stage.wait(Duration::from_secs(400)).await;
    stage.probe().await;
    tokio::time::sleep(QUIET).await;
    faults.extend(check::check(plan, &stage));
    let server = stage.leave().await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    if tasks > 0 {
        faults.push(format!("{tasks} tasks are left after all has been dropped"));
    }
    let trace = server.state().trace.take().unwrap_or_default();
    (faults, trace)
}

/// A number of the environment.
#[expect(clippy::disallowed_methods, reason = "a test is told by variables what to do")]
fn number(name: &str, radix: u32) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = u64::from_str_radix(text.trim_start_matches("0x"), radix);
    Some(number.unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// Cases are numbered: each has a source of chance of its own, so that any can be run again alone.
fn tree(seed: u64, number: u64) -> impl ValueTree<Value = Plan> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    plans().new_tree(&mut runner).unwrap()
}

/// What kind of fault a text tells of: the text without what is different each time.
fn kind(fault: &str) -> String {
    let mut kind = String::new();
    for word in fault.split([' ', '"', '{', '[', '(']).take(12) {
        let plain = word.chars().filter(|char| !char.is_ascii_digit());
        kind.extend(plain.chain([' ']));
    }
    kind
}

#[test]
fn the_rules_hold_whatever_happens() {
    let seed = number("CODEX_MODEL_SEED", 16).unwrap_or(SEED);
    let cases = match number("CODEX_MODEL_CASE", 10) {
        Some(case) => case..case + 1,
        None => 0..number("CODEX_MODEL_CASES", 10).unwrap_or(CASES),
    };
    let all = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let threads = number("CODEX_MODEL_THREADS", 10).unwrap_or(all).max(1);
    // So many kinds of faults are looked for before the test ends.
    let kinds = number("CODEX_MODEL_KINDS", 10).unwrap_or(1) as usize;
    eprintln!("{} cases from seed {seed:#x}", cases.end - cases.start);
    let found = Mutex::new(BTreeMap::new());
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.with_borrow_mut(|panics| panics.push(format!("a task panicked: {info}")));
        before(info);
    }));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (found, mine) = (&found, cases.clone().skip(thread as usize).step_by(threads as usize));
            scope.spawn(move || explore(seed, mine, kinds, found));
        }
    });
    let found = found.into_inner().unwrap();
    let reports: Vec<_> = found.values().map(Found::report).collect();
    assert!(reports.is_empty(), "\n{}", reports.join("\n\n"));
}

/// A kind of fault.
struct Found {
    seed: u64,
    case: u64,
    times: u32,
    plan: Plan,
    fault: String,
}

impl Found {
    fn report(&self) -> String {
        let Self { seed, case, times, plan, fault } = self;
        let again = (0..50)
            .map(|_| run(plan, true))
            .find(|(faults, _)| faults.iter().any(|found| kind(found) == kind(fault)));
        let trace = again.map_or_else(|| "(it did not fail again)".to_owned(), |(_, trace)| trace.join("\n"));
        format!(
            "==== {times} times {fault}\nCODEX_MODEL_SEED={seed:#x} CODEX_MODEL_CASE={case}\n{plan:#?}\n{trace}\n{fault}"
        )
    }
}

fn explore(
    seed: u64,
    cases: impl Iterator<Item = u64>,
    kinds: usize,
    found: &Mutex<BTreeMap<String, Found>>,
) {
    for case in cases {
        let mut tree = tree(seed, case);
        for fault in run(&tree.current(), false).0 {
            let kind = kind(&fault);
            let mut all = found.lock().unwrap();
            if let Some(known) = all.get_mut(&kind) {
                known.times += 1;
                continue;
            }
            let times = 1;
            all.insert(kind.clone(), Found { seed, case, times, plan: tree.current(), fault });
            drop(all);
            if let Some((plan, fault)) = smallest(&mut tree, &kind)
                && let Some(known) = found.lock().unwrap().get_mut(&kind)
            {
                (known.plan, known.fault) = (plan, fault);
            }
            break;
        }
        if found.lock().unwrap().len() >= kinds {
            return;
        }
    }
}

/// The smallest case with a fault of this kind that is found.
fn smallest(tree: &mut impl ValueTree<Value = Plan>, of: &str) -> Option<(Plan, String)> {
    let mut best = None;
    let mut fails = true;
    for _ in 0..MOST_SHRINKS {
        if !(if fails { tree.simplify() } else { tree.complicate() }) {
            break;
        }
        let plan = tree.current();
        // Some depend on luck: in what order tasks run is not part of a case.
        let fault = (0..3).find_map(|_| run(&plan, false).0.into_iter().find(|fault| kind(fault) == of));
        fails = fault.is_some();
        if let Some(fault) = fault {
            best = Some((plan, fault));
        }
    }
    best
}
