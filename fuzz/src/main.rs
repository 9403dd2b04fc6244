//! One target of the core's under libFuzzer, by its name in CODEX_FUZZ_TARGET.
#![no_main]

use std::sync::OnceLock;

use codex_client::fuzzing::TARGETS;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("CODEX_FUZZ_TARGET").unwrap_or_default();
        let found = TARGETS.iter().find(|(known, _)| *known == name);
        let (_, target) = found.unwrap_or_else(|| panic!("CODEX_FUZZ_TARGET={name} is no target"));
        let _ = TARGET.set(*target);
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            target(data);
        }
    }
);
