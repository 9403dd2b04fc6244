//! The TypeScript types of the options, written from the Rust types to `types/options.d.ts`.

use ts_rs::{Config, TS};

use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../types/options.d.ts");
const LINE_WIDTH: usize = 110;
const HEADER: &str = "\
// The options as the Rust types have them. Written by a test: `UPDATE_TYPES=1 cargo test -p codex-client options_d_ts`.

import type * as Protocol from '../protocol.js'
import type { ConfigValue } from './calls.js'
import type { TokenSource } from './connection.js'
import type { JsonSchema } from './schemas.js'
";

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is a process of its own")]
fn options_d_ts_is_what_the_rust_types_say() {
    let types = render();
    if std::env::var_os("UPDATE_TYPES").is_some() {
        std::fs::write(FILE, &types).unwrap();
    }
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    if let Some((number, (is, should))) = written
        .lines()
        .chain([""])
        .zip(types.lines().chain([""]))
        .enumerate()
        .find(|(_, (is, should))| is != should)
    {
        panic!(
            "types/options.d.ts is stale; write it anew with `UPDATE_TYPES=1 cargo test -p codex-client options_d_ts`\n\
             line {}:\n- {is}\n+ {should}",
            number + 1
        );
    }
    assert_eq!(
        written.len(),
        types.len(),
        "types/options.d.ts is stale at its end: UPDATE_TYPES=1 renews it"
    );
}

fn render() -> String {
    let mut file = HEADER.to_owned();
    add::<ClientSettings>(&mut file);
    add::<ClientInfo>(&mut file);
    add::<LogLevel>(&mut file);
    add::<ThreadSettings>(&mut file);
    add::<SandboxMode>(&mut file);
    add::<ApprovalMode>(&mut file);
    add::<ApprovalPolicy>(&mut file);
    add::<ApprovalsReviewer>(&mut file);
    add::<Personality>(&mut file);
    add::<WebSearch>(&mut file);
    add::<TurnSettings>(&mut file);
    add::<ReasoningSummary>(&mut file);
    add::<SandboxPolicy>(&mut file);
    add::<turn::OuterNetwork>(&mut file);
    add::<InputItem>(&mut file);
    add::<RequestSettings>(&mut file);
    add::<ReadSettings>(&mut file);
    add::<ReaderSettings>(&mut file);
    add::<ThreadQuery>(&mut file);
    add::<TurnQuery>(&mut file);
    add::<ItemQuery>(&mut file);
    add::<ModelQuery>(&mut file);
    add::<ReviewTarget>(&mut file);
    add::<ReviewSettings>(&mut file);
    add::<CompactSettings>(&mut file);
    add::<ContinueSettings>(&mut file);
    add::<DefaultSettings>(&mut file);
    add::<GoalSettings>(&mut file);
    add::<AccountSettings>(&mut file);
    add::<LoginWaitSettings>(&mut file);
    add::<ConfigReadSettings>(&mut file);
    add::<ConfigWriteSettings>(&mut file);
    add::<ConfigBatchSettings>(&mut file);
    add::<ConfigEdit>(&mut file);
    add::<CommandSettings>(&mut file);
    add::<TerminalSize>(&mut file);
    add::<InterruptSettings>(&mut file);
    add::<TextSettings>(&mut file);
    add::<SteerSettings>(&mut file);
    add::<CloseSettings>(&mut file);
    add::<ServeSettings>(&mut file);
    add::<SignedTokenSettings>(&mut file);
    file
}

fn add<T: TS>(file: &mut String) {
    let declaration = T::decl(&Config::default().with_large_int("number")).replace('"', "'");
    let (name, definition) = declaration
        .strip_prefix("type ")
        .and_then(|rest| rest.split_once(" = "))
        .expect("type name = definition;");
    let definition = definition.trim_end().trim_end_matches(';');
    file.push('\n');
    file.push_str(&doc(T::docs().unwrap_or_default().trim(), ""));
    let parts = split(definition, '|');
    file.push_str(&match parts.as_slice() {
        [only] if only.starts_with('{') => format!("export interface {name} {}\n", object(only, "")),
        _ => format!("export type {name} ={}\n", union(&parts, "", name.len())),
    });
}

/// A type after its `=` or `:`, with the space in front of it.
fn union(parts: &[&str], indent: &str, before: usize) -> String {
    let one_line: Vec<String> = parts.iter().map(|part| inline(part)).collect();
    let one_line = one_line.join(" | ");
    if parts.len() == 1 {
        return format!(" {}", if is_documented(parts[0]) { object(parts[0], indent) } else { one_line });
    }
    let width = indent.len() + "export type  = ".len() + before + one_line.len();
    if !parts.iter().any(|part| is_documented(part)) && width <= LINE_WIDTH {
        return format!(" {one_line}");
    }
    let deeper = format!("{indent}    ");
    let line = |part: &&str| {
        let part = if is_documented(part) { object(part, &deeper) } else { inline(part) };
        format!("\n{indent}  | {part}")
    };
    parts.iter().map(line).collect()
}

/// An object with a field on each line.
fn object(text: &str, indent: &str) -> String {
    let body = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).expect("an object");
    let deeper = format!("{indent}  ");
    let mut lines = "{\n".to_owned();
    for field in split(body, ',') {
        let (comment, field) = match field.find("*/") {
            Some(end) if field.starts_with("/**") => field.split_at(end + 2),
            _ => ("", field),
        };
        let (name, kind) = field.trim().split_once(": ").expect("name: type");
        let name = name.replace('\'', "");
        let mut kinds = split(kind, '|');
        // With `exactOptionalPropertyTypes` what may be left out may not be undefined, unless that is said.
        if name.ends_with('?') && !kinds.contains(&"undefined") {
            kinds.push("undefined");
        }
        let kind = union(&kinds, &deeper, name.len());
        lines.push_str(&format!("{}{deeper}{name}:{kind}\n", doc(comment, &deeper)));
    }
    lines + indent + "}"
}

fn is_documented(text: &str) -> bool {
    text.contains("/**")
}

fn inline(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix("Array<").and_then(|text| text.strip_suffix('>')) {
        Some(item) => format!("readonly {item}[]"),
        // `{ 'type': 'x' }`
        None => text.replace("{ '", "{ ").replace("': ", ": "),
    }
}

/// A comment, on one line where it has only one.
fn doc(comment: &str, indent: &str) -> String {
    let lines: Vec<&str> = comment.lines().map(str::trim).collect();
    match lines.as_slice() {
        [] => String::new(),
        ["/**", line, "*/"] => format!("{indent}/** {} */\n", line.trim_start_matches("* ")),
        [first, rest @ ..] => {
            let rest: String = rest.iter().map(|line| format!("{indent} {line}\n")).collect();
            format!("{indent}{first}\n{rest}")
        }
    }
}

/// Splits where no bracket and no comment is open.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut comment) = (Vec::new(), 0, 0, false);
    for (at, c) in text.char_indices() {
        comment = if comment { !text[..at].ends_with("*/") } else { text[at..].starts_with("/*") };
        match c {
            _ if comment => {}
            '{' | '[' | '<' | '(' => depth += 1,
            '}' | ']' | '>' | ')' => depth -= 1,
            _ if c == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}
