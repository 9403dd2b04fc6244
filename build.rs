//! Sets the linker flags that a Node addon needs on each platform, and has the one that is shipped pack well.

use std::env::var;
use std::path::Path;
use std::process::{Command, Stdio};

/// Has equal functions be kept once, and like ones be put side by side, where gzip finds them.
const PACKS_WELL: &str = "-Wl,--icf=all,--bp-compression-sort=both";

fn main() {
    napi_build::setup();
    if knows(PACKS_WELL).unwrap_or(false) {
        println!("cargo::rustc-cdylib-link-arg={PACKS_WELL}");
    }
}

/// Whether the linker of an addon that is to be small knows some arguments: rustc's own does, where it is what links.
#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script so")]
fn knows(arguments: &str) -> Option<bool> {
    let target = var("TARGET").ok()?;
    if var("OPT_LEVEL").ok()? != "z" || target != "x86_64-unknown-linux-gnu" {
        return None;
    }
    let folder = var("OUT_DIR").ok()?;
    let source = Path::new(&folder).join("linked.rs");
    std::fs::write(&source, "").ok()?;
    let mut rustc = Command::new(var("RUSTC").ok()?);
    rustc.args(["--crate-type", "cdylib", "--target", &target, "--out-dir", &folder]);
    rustc.arg(format!("-Clink-arg={arguments}")).arg(&source);
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let linked = rustc.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    Some(linked.ok()?.success())
}
