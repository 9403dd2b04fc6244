//! Reads actions from a script. Every error says where in the script it is.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::action::{Action, Flood};
use crate::json::{Json, object};

type Result<T> = std::result::Result<T, String>;

/// Knows the fragment names that a string action may be.
pub(crate) struct Parser {
    pub(crate) fragments: HashSet<String>,
}

impl Parser {
    /// A list of actions, or one action.
    pub(crate) fn list(&self, json: &Json, at: &str) -> Result<Vec<Action>> {
        match json {
            Json::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.action(item, &format!("{at}[{index}]")))
                .collect(),
            single => Ok(vec![self.action(single, at)?]),
        }
    }

    fn action(&self, json: &Json, at: &str) -> Result<Action> {
        match json {
            Json::String(name) => self.named(name, at),
            Json::Object(entries) => {
                let mut entries = entries.iter();
                let (key, value) = entries.next().ok_or_else(|| format!("{at}: an action needs a key"))?;
                self.keyed(key, value, &entries.collect::<Vec<_>>(), &format!("{at}.{key}"))
            }
            other => Err(format!("{at}: an action is a string or an object, not {other}")),
        }
    }

    fn named(&self, name: &str, at: &str) -> Result<Action> {
        Ok(match name {
            "default" => Action::Default,
            "reply" => Action::Reply(None),
            "never" => Action::Never,
            "closeStdout" => Action::CloseStdout,
            "ignoreEof" => Action::IgnoreEof(true),
            "ignoreSigterm" => Action::IgnoreSigterm(true),
            _ => Action::Play { name: self.fragment(name, at)?, with: Vec::new() },
        })
    }

    /// A name with a placeholder is looked up when it is played.
    fn fragment(&self, name: &str, at: &str) -> Result<String> {
        if self.fragments.contains(name) || name.contains('$') {
            Ok(name.to_owned())
        } else {
            Err(format!("{at}: unknown action or fragment {name:?}"))
        }
    }

    fn keyed(&self, key: &str, value: &Json, modifiers: &[(&String, &Json)], at: &str) -> Result<Action> {
        let allowed: &[&str] = match key {
            "request" => &["wait"],
            "play" => &["with"],
            "repeat" => &["do"],
            _ => &[],
        };
        if let Some((name, _)) = modifiers.iter().find(|(name, _)| !allowed.contains(&name.as_str())) {
            return Err(format!("{at}: unknown key {name:?} beside it"));
        }
        let modifier = |name: &str| modifiers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        Ok(match key {
            "default" | "never" | "closeStdout" => {
                flag(value, at)?;
                self.named(key, at)?
            }
            "ignoreEof" => Action::IgnoreEof(flag(value, at)?),
            "ignoreSigterm" => Action::IgnoreSigterm(flag(value, at)?),
            "reply" => Action::Reply(Some(value.clone())),
            "error" => {
                let fields = Fields::new(value, at, &["code", "message", "data"])?;
                fields.need("code")?;
                fields.need("message")?;
                Action::Error(value.clone())
            }
            "notify" => {
                Fields::any(value, at)?.text("method")?;
                Action::Notify(value.clone())
            }
            "line" => Action::Line(value.clone()),
            "request" => {
                Fields::new(value, at, &["id", "method", "params"])?.text("method")?;
                let wait = modifier("wait").map_or(Ok(true), |wait| flag(wait, at))?;
                Action::Request { message: value.clone(), wait }
            }
            "raw" => Action::Raw(text(value, at)?),
            "rawBase64" => {
                let bytes = STANDARD.decode(text(value, at)?).map_err(|error| format!("{at}: {error}"))?;
                Action::RawBytes(bytes)
            }
            "deltas" => {
                let fields = Fields::new(value, at, &["text", "pieces"])?;
                let pieces = fields.number_or("pieces", 4)?.max(1) as usize;
                Action::Deltas { text: fields.need("text")?.clone(), pieces }
            }
            "fill" => {
                let fields = Fields::new(value, at, &["bytes", "text"])?;
                Action::Fill { bytes: fields.number("bytes")? as usize, text: fields.text_or("text", "x")? }
            }
            "bigLine" => {
                let fields = Fields::new(value, at, &["bytes", "text", "method", "params"])?;
                let (bytes, text) = (fields.number("bytes")? as usize, fields.text_or("text", "x")?);
                Action::BigLine { bytes, text, message: fields.delta_message()? }
            }
            "flood" => Action::Flood(flood(value, at)?),
            "chunked" => {
                let fields = Fields::new(value, at, &["bytes", "pauseUs", "do"])?;
                Action::Chunked {
                    bytes: fields.number("bytes")?.max(1) as usize,
                    pause_us: fields.number_or("pauseUs", 0)?,
                    actions: self.list(fields.need("do")?, &format!("{at}.do"))?,
                }
            }
            "repeat" => {
                let body = modifier("do").ok_or_else(|| format!("{at}: needs \"do\""))?;
                Action::Repeat { times: number(value, at)?, actions: self.list(body, &format!("{at}.do"))? }
            }
            "play" => {
                let with = modifier("with").map_or(Ok(Vec::new()), |with| entries(with, at))?;
                Action::Play { name: self.fragment(&text(value, at)?, at)?, with }
            }
            "set" => Action::Set(entries(value, at)?),
            "settle" => Action::Settle(text(value, at)?),
            "stderr" => Action::Stderr(text(value, at)?),
            "stderrBytes" => Action::StderrBytes(number(value, at)? as usize),
            "sleepMs" => Action::SleepMs(number(value, at)?),
            "waitFor" => Action::WaitFor(text(value, at)?),
            "waitForReply" => Action::WaitForReply(value.clone()),
            "waitForFile" => Action::WaitForFile(text(value, at)?),
            "writeFile" => Action::WriteFile(text(value, at)?),
            "exit" => Action::Exit(number(value, at)? as i32),
            "kill" => Action::Kill(text(value, at)?),
            "spawn" => spawn(value, at)?,
            _ => return Err(format!("{at}: unknown action {key:?}")),
        })
    }
}

fn flood(value: &Json, at: &str) -> Result<Flood> {
    let keys = ["count", "bytes", "text", "numbered", "perSecond", "method", "params"];
    let fields = Fields::new(value, at, &keys)?;
    Ok(Flood {
        count: fields.number("count")?,
        bytes: fields.number_or("bytes", 16)? as usize,
        text: fields.text_or("text", "x")?,
        numbered: fields.get("numbered").map_or(Ok(false), |value| flag(value, at))?,
        per_second: fields.get("perSecond").map(|value| number(value, at)).transpose()?,
        message: fields.delta_message()?,
    })
}

fn spawn(value: &Json, at: &str) -> Result<Action> {
    let fields = Fields::new(value, at, &["argv", "ownGroup", "holdStdout"])?;
    let argv = fields.need("argv")?.as_array().map_or(&[][..], Vec::as_slice);
    if argv.is_empty() {
        return Err(format!("{at}.argv: needs a list of strings"));
    }
    Ok(Action::Spawn {
        argv: argv.iter().map(|word| text(word, at)).collect::<Result<_>>()?,
        own_group: fields.get("ownGroup").map_or(Ok(false), |value| flag(value, at))?,
        hold_stdout: fields.get("holdStdout").map_or(Ok(false), |value| flag(value, at))?,
    })
}

/// An object of which only known keys are taken.
struct Fields<'j> {
    json: &'j Json,
    at: &'j str,
}

impl<'j> Fields<'j> {
    fn any(json: &'j Json, at: &'j str) -> Result<Self> {
        entries(json, at).map(|_| Self { json, at })
    }

    fn new(json: &'j Json, at: &'j str, keys: &[&str]) -> Result<Self> {
        match entries(json, at)?.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            Some((key, _)) => Err(format!("{at}: unknown key {key:?}, expected one of {keys:?}")),
            None => Ok(Self { json, at }),
        }
    }

    fn get(&self, key: &str) -> Option<&'j Json> {
        self.json.get(key)
    }

    fn need(&self, key: &str) -> Result<&'j Json> {
        self.get(key).ok_or_else(|| format!("{}: needs {key:?}", self.at))
    }

    fn number(&self, key: &str) -> Result<u64> {
        number(self.need(key)?, &format!("{}.{key}", self.at))
    }

    fn number_or(&self, key: &str, default: u64) -> Result<u64> {
        self.get(key).map_or(Ok(default), |value| number(value, &format!("{}.{key}", self.at)))
    }

    fn text(&self, key: &str) -> Result<String> {
        text(self.need(key)?, &format!("{}.{key}", self.at))
    }

    fn text_or(&self, key: &str, default: &str) -> Result<String> {
        self.get(key).map_or(Ok(default.to_owned()), |value| text(value, &format!("{}.{key}", self.at)))
    }

    /// `method` and `params`, by default an agent message delta whose text is `$fill`.
    fn delta_message(&self) -> Result<Json> {
        let params = self.get("params").cloned().unwrap_or_else(|| {
            object([
                ("threadId", "$threadId".into()),
                ("turnId", "$turnId".into()),
                ("itemId", "$itemId".into()),
                ("delta", "$fill".into()),
            ])
        });
        let method = self.text_or("method", "item/agentMessage/delta")?;
        Ok(object([("method", method.into()), ("params", params)]))
    }
}

fn entries(json: &Json, at: &str) -> Result<Vec<(String, Json)>> {
    match json {
        Json::Object(entries) => Ok(entries.clone().into_iter().collect()),
        other => Err(format!("{at}: needs an object, not {other}")),
    }
}

fn text(json: &Json, at: &str) -> Result<String> {
    json.as_str().map(str::to_owned).ok_or_else(|| format!("{at}: needs a string, not {json}"))
}

fn number(json: &Json, at: &str) -> Result<u64> {
    json.as_u64().ok_or_else(|| format!("{at}: needs a whole number, not {json}"))
}

fn flag(json: &Json, at: &str) -> Result<bool> {
    if let Json::Bool(value) = json {
        Ok(*value)
    } else {
        Err(format!("{at}: needs true or false, not {json}"))
    }
}
