//! What must not show in anything that is passed on: logs, messages, results in errors, events of `codex exec`.

mod forms;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod json;
mod policy;
mod urls;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use forms::{SHORTEST_SECRET, escaped, escapes, in_base64, in_url};
use json::{common_escapes, has_rare_escapes, in_strings, within_escapes};
pub use policy::{holds_secret, names_secret, secret_texts};

use crate::lock;

/// How many texts are remembered that were learned on the way; then the oldest is forgotten.
const MOST_LEARNED: usize = 1024;
const REDACTED: &str = "[secret]";

/// Texts that must not show in anything that is passed on. Clones share them.
#[derive(Clone, Default)]
pub struct Secrets {
    texts: Arc<Mutex<Texts>>,
}

/// Where secrets come from.
#[derive(Debug, Default)]
pub struct SecretSources<'a> {
    /// Configuration, dotted or nested.
    pub config: Option<&'a Map<String, Value>>,
    /// Raw values of `--config`.
    pub overrides: &'a [String],
    /// Addresses, which may hold a password.
    pub urls: Vec<&'a str>,
    /// Values of headers, whatever their names.
    pub headers: Vec<&'a str>,
    /// API keys and tokens, whatever their names.
    pub credentials: Vec<&'a str>,
}

#[derive(Default)]
struct Texts {
    given: Vec<Arc<str>>,
    learned: VecDeque<Arc<str>>,
    /// Finds them all at once: made when it is needed.
    finder: Option<Arc<Finder>>,
}

struct Finder {
    /// As they are, and as JSON and URLs have them.
    anywhere: AhoCorasick,
    /// As they stand inside a string of JSON, which they leave whole.
    in_json: AhoCorasick,
}

impl Secrets {
    /// Each text, and the forms that it has inside JSON.
    pub fn new(texts: impl IntoIterator<Item = String>) -> Self {
        let secrets = Self::default();
        secrets.know(texts);
        secrets
    }

    /// All that a client is given. What a codex finds in its environment is added where it is started.
    pub fn of(sources: &SecretSources<'_>) -> Self {
        let mut texts: Vec<String> = sources.config.map(secret_texts).unwrap_or_default();
        for value in sources.overrides {
            if let Some((path, text)) = value.split_once('=')
                && holds_secret(path.trim(), &Value::Null)
            {
                texts.extend(quoted(text));
            }
            texts.extend(urls::passwords(value));
        }
        texts.extend(sources.urls.iter().flat_map(|url| urls::passwords(url)));
        for value in &sources.headers {
            texts.push((*value).to_owned());
            // What follows a scheme such as `Bearer` is a secret by itself, and so is each cookie.
            texts.extend(value.split_once(' ').map(|(_, credential)| credential.to_owned()));
            texts.extend(password(value));
            texts.extend(value.split(';').filter_map(|part| Some(part.split_once('=')?.1.to_owned())));
        }
        texts.retain(|text| text.trim().len() >= SHORTEST_SECRET);
        texts.extend(sources.credentials.iter().map(|text| (*text).to_owned()));
        Self::new(texts)
    }

    /// What an environment holds by names that say so, inherited or not, and the passwords of its URLs.
    pub fn know_environment<'a>(&self, environment: impl IntoIterator<Item = (&'a OsString, &'a OsString)>) {
        let secrets = |(name, value): (&OsString, &OsString)| {
            let (name, value) = (name.to_str()?, value.to_str()?);
            let is_proxy = name.to_ascii_lowercase().ends_with("_proxy");
            let mut texts = if is_proxy { urls::of_proxy(value) } else { urls::passwords(value) };
            if names_secret(name) && value.trim().len() >= SHORTEST_SECRET {
                texts.push(value.to_owned());
            }
            Some(texts)
        };
        self.know(environment.into_iter().filter_map(secrets).flatten());
    }

    /// More of them, for as long as this lives.
    fn know(&self, texts: impl IntoIterator<Item = String>) {
        let mut known = lock(&self.texts);
        for text in texts.into_iter().flat_map(parts) {
            if !known.given.contains(&text) {
                known.given.push(text);
                known.finder = None;
            }
        }
    }

    /// More of them, for as long as they are among the last that were learned.
    pub fn learn(&self, texts: impl IntoIterator<Item = String>) {
        let long = |text: &String| text.trim().len() >= SHORTEST_SECRET;
        for text in texts.into_iter().filter(long).flat_map(parts) {
            lock(&self.texts).learn(text);
        }
    }

    /// The text with every secret in it redacted.
    pub fn redact(&self, text: String) -> String {
        match self.finder().map(|finder| replaced(&finder.anywhere, &text)) {
            Some(Cow::Owned(redacted)) => redacted,
            _ => text,
        }
    }

    /// The text of a JSON value with the secrets in its strings redacted. All else stays as it is.
    pub fn redact_json<'a>(&self, json: &'a str) -> Cow<'a, str> {
        match self.finder() {
            Some(finder) if finder.in_json.is_match(json) || has_rare_escapes(json) => {
                in_strings(json, |string| struck_in_string(&finder.in_json, string))
            }
            _ => Cow::Borrowed(json),
        }
    }

    /// The length of the longest: of a text that is cut, so much may be one of which the end is missing.
    pub fn longest(&self) -> usize {
        let known = lock(&self.texts);
        // A control character that is escaped twice is as many.
        known.given.iter().chain(&known.learned).map(|text| text.len()).max().unwrap_or_default() * 7
    }

    fn finder(&self) -> Option<Arc<Finder>> {
        let mut known = lock(&self.texts);
        if known.given.is_empty() && known.learned.is_empty() {
            return None;
        }
        if known.finder.is_none() {
            known.finder = Finder::new(known.given.iter().chain(&known.learned)).map(Arc::new);
        }
        known.finder.clone()
    }
}

impl Finder {
    fn new<'a>(texts: impl Iterator<Item = &'a Arc<str>>) -> Option<Self> {
        let (mut plain, mut in_json) = (Vec::new(), Vec::new());
        for text in texts {
            plain.push(text.to_string());
            for once in escapes(text) {
                in_json.push(escaped(&once));
                in_json.push(once);
            }
            for form in in_url(text).into_iter().chain(in_base64(text)) {
                in_json.push(escaped(&form));
                plain.push(form);
            }
        }
        plain.extend_from_slice(&in_json);
        let build = |mut texts: Vec<String>| {
            // Most are the same in several forms.
            texts.sort_unstable();
            texts.dedup();
            AhoCorasick::new(texts).ok()
        };
        Some(Self { anywhere: build(plain)?, in_json: build(in_json)? })
    }
}

fn replaced<'a>(finder: &AhoCorasick, text: &'a str) -> Cow<'a, str> {
    match finder.is_match(text) {
        true => without(text, finder.find_overlapping_iter(text).map(|found| found.range())),
        false => Cow::Borrowed(text),
    }
}

/// What is in a string of JSON. What begins within an escape is none of its text.
fn struck_in_string<'a>(finder: &AhoCorasick, string: &'a str) -> Cow<'a, str> {
    let common = common_escapes(string);
    if !finder.is_match(&*common) {
        return Cow::Borrowed(string);
    }
    let within = within_escapes(&common);
    let found = finder.find_overlapping_iter(&*common).map(|found| found.range());
    match without(&common, found.filter(|found| !within.contains(&found.start))) {
        Cow::Owned(redacted) => Cow::Owned(redacted),
        Cow::Borrowed(_) => Cow::Borrowed(string),
    }
}

/// A text without some ranges of it, which come in the order of their ends. Those that overlap are one: of a secret that
/// begins within another nothing stays.
fn without(text: &str, ranges: impl Iterator<Item = Range<usize>>) -> Cow<'_, str> {
    let mut apart: Vec<Range<usize>> = Vec::new();
    for mut range in ranges {
        while let Some(last) = apart.pop_if(|last| last.end > range.start) {
            range.start = range.start.min(last.start);
        }
        apart.push(range);
    }
    if apart.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut done = 0;
    for range in apart {
        redacted.push_str(&text[done..range.start]);
        redacted.push_str(REDACTED);
        done = range.end;
    }
    redacted.push_str(&text[done..]);
    Cow::Owned(redacted)
}

impl Texts {
    fn learn(&mut self, text: Arc<str>) {
        match self.learned.iter().position(|known| *known == text) {
            // Named again, it is as new.
            Some(place) => drop(self.learned.remove(place)),
            None if self.given.contains(&text) => return,
            None => self.finder = None,
        }
        self.learned.push_back(text);
        if self.learned.len() > MOST_LEARNED {
            self.learned.pop_front();
            self.finder = None;
        }
    }
}

/// A text, and its lines where it has several: it may be passed on line by line.
fn parts(text: String) -> Vec<Arc<str>> {
    let trimmed = text.trim();
    let lines = trimmed.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_SECRET);
    let mut parts: Vec<Arc<str>> = Vec::new();
    for part in [trimmed].into_iter().chain(lines.filter(|_| trimmed.contains('\n'))) {
        if !part.is_empty() && !parts.iter().any(|known| **known == *part) {
            parts.push(part.into());
        }
    }
    parts
}

/// The password in a header of the scheme `Basic`.
fn password(header: &str) -> Option<String> {
    let (scheme, credential) = header.split_once(' ')?;
    let given = STANDARD.decode(credential.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    Some(String::from_utf8(given).ok()?.split_once(':')?.1.to_owned())
}

/// What is between the quotes in a text of TOML, or all of it where there are none.
fn quoted(text: &str) -> Vec<String> {
    let parts: Vec<String> = text.split(['"', '\'']).skip(1).step_by(2).map(str::to_owned).collect();
    if parts.is_empty() { vec![text.trim().to_owned()] } else { parts }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = lock(&self.texts);
        write!(f, "Secrets({})", known.given.len() + known.learned.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_struck_out_as_they_are_and_as_json_has_them() {
        let secrets = Secrets::new(["top\"secret".to_owned(), "plain-secret".to_owned()]);
        let text = secrets.redact(r#"a plain-secret and top"secret or "top\"secret""#.to_owned());
        assert_eq!(text, r#"a [secret] and [secret] or "[secret]""#);
        let within = json!({ "arguments": json!({ "key": "top\"secret" }).to_string() }).to_string();
        assert_eq!(secrets.redact_json(&within), r#"{"arguments":"{\"key\":\"[secret]\"}"}"#);
    }

    #[test]
    fn json_stays_json() {
        let secrets = Secrets::new([r#"a":"b"#.to_owned()]);
        assert_eq!(secrets.redact_json(r#"{"a":"b","c":"a\":\"b"}"#), r#"{"a":"b","c":"[secret]"}"#);
        assert!(matches!(secrets.redact_json(r#"{"a":1}"#), Cow::Borrowed(_)));
    }

    #[test]
    fn json_stays_json_whatever_the_secret_is() {
        let secrets = Secrets::new(["12345678", "nnnnnnnn", "0001-end", "\\xyzxyzxy"].map(str::to_owned));
        for (json, redacted) in [
            // Only strings hold secrets.
            (
                r#"{"n":12345678,"at":1712345678000,"s":"12345678"}"#,
                r#"{"n":12345678,"at":1712345678000,"s":"[secret]"}"#,
            ),
            // What begins within an escape is another text.
            (r#"["\nnnnnnnn","\nnnnnnnnn"]"#, r#"["\nnnnnnnn","\n[secret]"]"#),
            (r#"["\u0001-end","0001-end"]"#, r#"["\u0001-end","[secret]"]"#),
            (r#"["\\xyzxyzxy","\\\\xyzxyzxy"]"#, r#"["[secret]","[secret]"]"#),
        ] {
            assert_eq!(secrets.redact_json(json), redacted);
        }
    }

    #[test]
    fn a_secret_is_found_in_json_however_it_is_escaped() {
        let secrets = Secrets::new(["pä/ss\"wört<1>".to_owned()]);
        for json in [
            r#""pä/ss\"wört<1>""#,
            r#""p\u00e4\/ss\"w\u00F6rt<1>""#,
            r#""pä/ss\u0022wört\u003C1\u003e""#,
            r#""\u0070\u00e4\/ss\"wört<1>""#,
        ] {
            assert_eq!(secrets.redact_json(json), r#""[secret]""#, "{json}");
        }
        assert_eq!(secrets.redact_json(r#""\ud800 \u0041""#), r#""\ud800 \u0041""#);
    }

    #[test]
    fn of_secrets_that_overlap_nothing_stays() {
        let secrets = Secrets::new(["00000000", "0000-and-more"].map(str::to_owned));
        assert_eq!(secrets.redact("a 00000000-and-more b".to_owned()), "a [secret] b");
        assert_eq!(secrets.redact("0000000000000000".to_owned()), "[secret]");
    }

    #[test]
    fn a_password_is_one_in_base64_too() {
        let headers = vec!["Basic bWU6dGhlLXBhc3N3b3Jk"];
        let secrets = Secrets::of(&SecretSources { headers, ..SecretSources::default() });
        for said in ["the-password", "bWU6dGhlLXBhc3N3b3Jk", "Basic dXM6dGhlLXBhc3N3b3Jk"] {
            let redacted = secrets.redact(format!("it is {said}!"));
            assert!(
                redacted.contains("[secret]")
                    && !redacted.contains("password")
                    && !redacted.contains("aGUtcGFzc3dvcm"),
                "{redacted}"
            );
        }
    }

    #[test]
    fn of_several_lines_each_is_a_secret() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n  kqhkiG9w0BAQEF\nx\n-----END KEY-----\n";
        let secrets = Secrets::new([key.to_owned()]);
        assert_eq!(secrets.redact(format!("<{key}>")), "<[secret]\n>");
        assert_eq!(
            secrets.redact("1: MIIEvQIBADANBg 2: kqhkiG9w0BAQEF x".to_owned()),
            "1: [secret] 2: [secret] x"
        );
        assert_eq!(secrets.redact_json(&json!(key).to_string()), r#""[secret]\n""#);
    }

    #[test]
    fn of_secrets_that_begin_alike_the_whole_is_struck_out() {
        let secrets = Secrets::new(["secret-one".to_owned()]);
        secrets.learn(["secret-one-and-more".to_owned()]);
        assert_eq!(secrets.redact("secret-one-and-more, secret-one".to_owned()), "[secret], [secret]");
    }

    #[test]
    fn clones_learn_together_and_the_oldest_that_was_learned_is_forgotten() {
        let secrets = Secrets::new(["was-given".to_owned()]);
        let clone = secrets.clone();
        secrets.learn(["the-first".to_owned(), "the-second".to_owned(), "was-given".to_owned()]);
        assert_eq!(clone.redact("the-first the-second".to_owned()), "[secret] [secret]");
        secrets.learn((0..MOST_LEARNED - 2).map(|number| format!("number <{number}>")));
        // Named again, it is not the oldest.
        secrets.learn(["the-first".to_owned(), "the-last".to_owned()]);
        let redacted = clone.redact("was-given the-first the-second the-last".to_owned());
        assert_eq!(redacted, "[secret] [secret] the-second [secret]");
    }

    #[test]
    fn all_that_a_client_is_given_is_known() {
        let config = json!({
            "mcp_servers": { "a": { "env": { "K": "of-the-config", "S": "short" } } },
            "model_providers.p.base_url": "https://user:of-a-url@host",
        });
        let overrides = [
            r#"mcp_servers.b.env={K="of-an-override"}"#.to_owned(),
            "model=\"the-model\"".to_owned(),
            r#"url="http://user:of-another@host""#.to_owned(),
        ];
        let secrets = Secrets::of(&SecretSources {
            config: config.as_object(),
            overrides: &overrides,
            urls: vec!["https://user:of-an-address@host"],
            headers: vec!["Bearer of-a-header", "id=of-a-cookie; a=b"],
            credentials: vec!["key"],
        });
        let environment: BTreeMap<OsString, OsString> = BTreeMap::from([
            ("DEPLOY_PRIVATE_KEY".into(), "of-a-variable".into()),
            ("HOME".into(), "/home/somebody".into()),
            ("DATABASE_URL".into(), "postgres://user:of-a-database@host/db".into()),
            ("https_proxy".into(), "user:of-a-proxy@host:1".into()),
        ]);
        secrets.know_environment(&environment);
        let said = "of-the-config short of-an-override the-model of-a-header of-a-cookie key of-a-variable /home/somebody \
                    of-a-database of-a-proxy of-a-url of-another of-an-address";
        let expected = "[secret] short [secret] the-model [secret] [secret] [secret] [secret] /home/somebody \
                        [secret] [secret] [secret] [secret] [secret]";
        assert_eq!(secrets.redact(said.to_owned()), expected);
    }
}
