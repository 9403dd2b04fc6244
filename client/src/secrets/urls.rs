//! Passwords in URLs, as proxies and databases have them.

use percent_encoding::percent_decode_str;

use super::forms::SHORTEST_SECRET;

/// A name of a user that is as long is a token.
const TOKEN: usize = 20;
/// A word is shorter.
const WORD: usize = 12;

/// What is secret in the URLs of a text, as it stands there and decoded. A password that is short or a word, such as
/// `postgres`, is one only with all that stands before the host: it may stand in any text.
pub(crate) fn passwords(text: &str) -> Vec<String> {
    text.split("://").skip(1).flat_map(|rest| of_authority(rest, "://")).collect()
}

/// The same of the value of a variable for a proxy, which need not have a scheme.
pub(super) fn of_proxy(text: &str) -> Vec<String> {
    if text.contains("://") { passwords(text) } else { of_authority(text, "") }
}

fn of_authority(rest: &str, before: &str) -> Vec<String> {
    let end = |character: char| character.is_whitespace() || "/?#\"'<>".contains(character);
    let authority = rest.split(end).next().unwrap_or_default();
    let Some((login, _)) = authority.rsplit_once('@') else { return Vec::new() };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    if password.len() >= SHORTEST_SECRET && !is_word(password) {
        return forms(password);
    }
    if user.len() >= TOKEN {
        return forms(user);
    }
    if password.is_empty() { Vec::new() } else { vec![format!("{before}{login}@")] }
}

fn is_word(text: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase();
    let upper = |byte: u8| byte.is_ascii_uppercase();
    text.len() < WORD
        && text.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (text.bytes().skip(1).all(lower) || text.bytes().all(upper))
}

fn forms(text: &str) -> Vec<String> {
    let decoded = percent_decode_str(text).decode_utf8_lossy().into_owned();
    if decoded == text { vec![decoded] } else { vec![text.to_owned(), decoded] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls_are_found() {
        for (text, expected) in [
            ("postgres://user:long-password@host/db", vec!["long-password"]),
            ("http://user:p%40ssword%21@host", vec!["p%40ssword%21", "p@ssword!"]),
            ("redis://:long-password@host:1", vec!["long-password"]),
            ("a=http://u:first-one@a, b=http://v:second@one@b", vec!["first-one", "second@one"]),
            ("postgres://user:pw@host", vec!["://user:pw@"]),
            ("postgres://postgres:postgres@host", vec!["://postgres:postgres@"]),
            ("postgres://user:pOstgreS@host", vec!["pOstgreS"]),
            ("https://ghp_0123456789abcdefghij@github.com/a", vec!["ghp_0123456789abcdefghij"]),
            ("https://ghp_0123456789abcdefghij:x-oauth@github.com/a", vec!["ghp_0123456789abcdefghij"]),
            ("ssh://git@github.com/a/b", vec![]),
            ("https://host/a:b@c", vec![]),
            ("mailto:somebody@example.com", vec![]),
        ] {
            assert_eq!(passwords(text), expected, "{text}");
        }
        assert_eq!(of_proxy("user:long-password@host:80"), ["long-password"]);
        assert_eq!(of_proxy("http://user:long-password@host:80"), ["long-password"]);
        assert_eq!(of_proxy("u:pw@host:80"), ["u:pw@"]);
        assert!(of_proxy("host:80").is_empty());
    }
}
