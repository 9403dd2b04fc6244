//! The targets on the committed corpus and on changes of it by chance: no compiler of C++ and no coverage is needed.
//! `CODEX_FUZZ_SECONDS` says for how long each.
#![expect(clippy::print_stdout, reason = "which input it was, and how many there were")]

use std::fs::read_to_string;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::TARGETS;

/// For how long, where nothing is said: who tests something else waits for all of them.
const SECONDS: f64 = 0.2;
/// What takes longer grows with more than its length: the longest inputs take milliseconds.
const LONGEST: Duration = Duration::from_secs(20);
/// How long an input becomes where a piece of it is repeated.
const MOST_BYTES: usize = 64 * 1024;

#[expect(clippy::disallowed_methods, reason = "the variables of the test runner")]
fn seconds() -> f64 {
    std::env::var("CODEX_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS)
}

fn run(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let corpus = corpus(name);
    assert!(!corpus.is_empty());
    corpus.iter().for_each(|input| check(name, *target, input));
    let mut chance = Rng::new();
    let (began, mut runs) = (Instant::now(), corpus.len());
    let enough = Duration::from_secs_f64(seconds());
    while began.elapsed() < enough {
        check(name, *target, &changed(&corpus, &mut chance));
        runs += 1;
    }
    println!("{name}: {runs} inputs");
}

/// The committed inputs, each a string of JSON with a character for each byte.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(format!("{name}.jsonl"));
    let text = read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let bytes = |line: &str| {
        let text: String = serde_json::from_str(line).unwrap();
        text.chars().map(|byte| u8::try_from(u32::from(byte)).unwrap()).collect()
    };
    text.lines().map(bytes).collect()
}

/// Says which input it was that fails, as a line for the corpus.
fn check(name: &str, target: fn(&[u8]), input: &[u8]) {
    let began = busy();
    let line = || serde_json::Value::from(input.iter().map(|byte| char::from(*byte)).collect::<String>());
    if let Err(panicked) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        println!("fuzz/corpus/{name}.jsonl:\n{}", line());
        resume_unwind(panicked);
    }
    let took = busy() - began;
    assert!(took < LONGEST, "{name} took {took:?} for {} bytes: {}", input.len(), line());
}

/// How long this thread has worked; it may have to wait for others.
#[cfg(unix)]
fn busy() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: It writes the time to where it is told.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

#[cfg(not(unix))]
fn busy() -> Duration {
    static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

/// One input changed in a few places, or joined with another.
fn changed(corpus: &[Vec<u8>], chance: &mut Rng) -> Vec<u8> {
    let mut input = chance.choice(corpus).cloned().unwrap_or_default();
    for _ in 0..1 << chance.u32(0..4) {
        let (from, to) = range(&input, chance);
        match chance.u8(0..20) {
            0..3 if !input.is_empty() => {
                let at = chance.usize(..input.len());
                input[at] = chance.u8(..);
            }
            3..6 => drop(input.drain(from..to)),
            6..9 => {
                let piece = input[from..to].to_vec();
                let at = chance.usize(..=input.len());
                input.splice(at..at, piece);
            }
            9..17 => {
                // What is in other inputs has a meaning here.
                let other = chance.choice(corpus).cloned().unwrap_or_default();
                let (first, last) = range(&other, chance);
                let until = if chance.bool() { to } else { from };
                input.splice(from..until, other[first..last].iter().copied());
            }
            17 => input.truncate(from),
            18 => input.insert(from, chance.u8(..)),
            _ if chance.u8(0..10) == 0 && from < to => {
                let piece = input[from..to].repeat(MOST_BYTES / (to - from));
                input.splice(from..to, piece);
            }
            _ => {}
        }
        input.truncate(2 * MOST_BYTES);
    }
    input
}

fn range(input: &[u8], chance: &mut Rng) -> (usize, usize) {
    let (one, other) = (chance.usize(..=input.len()), chance.usize(..=input.len()));
    // Mostly short.
    let length = one.abs_diff(other).min(if chance.bool() { 16 } else { usize::MAX });
    let from = one.min(other);
    (from, from + length)
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn each_target_is_run() {
            assert!(TARGETS.iter().map(|(name, _)| *name).eq([$(stringify!($name)),*]));
        }
    };
}

targets!(
    framing,
    websocket,
    envelope,
    alike,
    deltas,
    strings,
    collector,
    config,
    arguments,
    redaction,
    redaction_json,
    stderr
);
