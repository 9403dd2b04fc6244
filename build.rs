//! Sets the linker flags that a Node addon needs on each platform, and has the one that is shipped pack well.

use std::env::var;

#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script so")]
fn main() {
    napi_build::setup();
    // Where rustc brings its own linker, which keeps equal functions once, and puts like ones side by side, where gzip
    // finds them.
    let is_small = var("OPT_LEVEL").is_ok_and(|level| level == "z");
    if is_small && var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--icf=all,--bp-compression-sort=both");
    }
}
