//! Stands in for `codex app-server` in tests and benchmarks: polite by default, and whatever a script makes of it.
//! README.md has the script language.

mod action;
mod child;
mod complaint;
mod defaults;
mod flood;
mod json;
mod launch;
mod log;
mod output;
mod parse;
mod placeholder;
mod player;
mod polite;
mod receive;
mod script;
mod server;
mod speak;
mod state;
mod websocket;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crate::complaint::{BAD_SCRIPT, complain};
use crate::json::Json;
use crate::output::{Piece, Stdout};
use crate::player::Player;
use crate::polite::Polite;
use crate::script::{Script, VERSION};
use crate::server::Server;
use crate::websocket::Listener;

/// The exit code for a life that lasted too long.
const TOO_LONG: i32 = 71;
/// No test runs longer; what a failed test leaves behind ends by itself.
const LIFE: Duration = Duration::from_secs(600);

static SERVER: OnceLock<Server> = OnceLock::new();

fn main() -> ExitCode {
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    if let [flag, ms] = args.as_slice()
        && flag == "--sleep-ms"
    {
        thread::sleep(Duration::from_millis(ms.parse().unwrap_or(0)));
        return ExitCode::SUCCESS;
    }
    run(&args).unwrap_or_else(|error| {
        complain(&error);
        ExitCode::from(BAD_SCRIPT as u8)
    })
}

fn run(args: &[String]) -> Result<ExitCode, String> {
    let asks_version = args.iter().any(|arg| arg == "--version" || arg == "-V");
    let (script, log) = launch::launch(args, !asks_version)?;
    let mut polite = Polite::load()?;
    let script = Script::parse(&script, Some(&polite.script))?;
    if script.not_codex {
        let _ =
            writeln!(io::stdout(), "Usage: something-else [FILE]...\nThis program is not what you look for.");
        let _ = writeln!(io::stderr(), "something-else: unrecognized arguments");
        log.entry([("exit", Json::from(2))]);
        return Ok(ExitCode::from(2));
    }
    if asks_version {
        let _ = writeln!(io::stdout(), "codex-cli {}", script.version.as_deref().unwrap_or(VERSION));
        log.entry([("exit", Json::from(0))]);
        return Ok(ExitCode::SUCCESS);
    }
    polite.adapt(&script);
    let listener = websocket::address(args).map(Listener::bind).transpose()?;
    serve(SERVER.get_or_init(|| Server::new(script, polite, log)), listener)
}

fn serve(server: &'static Server, listener: Option<Listener>) -> Result<ExitCode, String> {
    child::watch_sigterm(move || {
        server.log.entry([("signal", "SIGTERM".into())]);
        // On a thread of its own, so that a second signal is seen while a list plays.
        thread::spawn(move || server.end(&server.script.on_sigterm, &server.ignore_sigterm));
    })?;
    let on_broken = move || server.log.entry([("stdoutBroken", Json::Bool(true))]);
    match &listener {
        Some(listener) => server.output.start(listener.sink(), on_broken),
        None => server.output.start(Stdout::open().map_err(|error| error.to_string())?, on_broken),
    }
    let life = server.script.life_ms.map_or(LIFE, Duration::from_millis);
    thread::spawn(move || {
        thread::sleep(life);
        server.exit(TOO_LONG, Duration::ZERO)
    });

    for line in &server.script.banner {
        server.output.push(Piece::Bytes(format!("{line}\n").into_bytes()), false, None);
    }
    if !server.script.start.is_empty() {
        // The first thing a client sees, before anything it sends is read.
        Player::new(server, 0).play(&server.script.start);
    }
    if !server.script.background.is_empty() {
        thread::spawn(move || Player::new(server, 0).play(&server.script.background));
    }
    if let Some(listener) = listener {
        return listener.serve(server).map_err(|error| error.to_string());
    }
    read_lines(server)?;
    server.log.entry([("eof", Json::Bool(true))]);
    server.end(&server.script.on_eof, &server.ignore_eof);
    loop {
        thread::park();
    }
}

/// Until the end of stdin; a last line needs no newline.
fn read_lines(server: &'static Server) -> Result<(), String> {
    let mut stdin = io::stdin().lock();
    let mut pending = Vec::new();
    let mut chunk = vec![0; 256 << 10];
    loop {
        let read = match stdin.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.to_string()),
        };
        if read == 0 {
            server.receive(&pending);
            return Ok(());
        }
        let mut rest = &chunk[..read];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let keeps_on = if pending.is_empty() {
                server.receive(&rest[..end])
            } else {
                pending.extend_from_slice(&rest[..end]);
                server.receive(&std::mem::take(&mut pending))
            };
            if !keeps_on {
                server.exit(0, Duration::from_secs(1));
            }
            rest = &rest[end + 1..];
        }
        pending.extend_from_slice(rest);
    }
}
