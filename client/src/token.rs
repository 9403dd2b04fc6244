//! Signed bearer tokens for a server that checks them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

use crate::Error;
use crate::options::SignedTokenSettings;

/// The server takes no shorter secret.
const SHORTEST_SECRET: usize = 32;
const DEFAULT_LIFE_MS: u64 = 5 * 60 * 1000;

#[derive(Serialize)]
struct Claims<'a> {
    exp: u64,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

/// A token for a server that was started with `--ws-auth signed-bearer-token`: a JWT signed by HS256.
pub fn signed_bearer_token(settings: &SignedTokenSettings) -> Result<String, Error> {
    let wrong = |name: &str, why: &str| Err(Error::InvalidArgument(format!("options.{name}: {why}")));
    // As codex reads its file of it, which may end in a newline.
    let secret = settings.secret.trim();
    if secret.len() < SHORTEST_SECRET {
        return wrong("secret", "must have at least 32 bytes; the server refuses a shorter one");
    }
    let life = settings.expires_in_ms.unwrap_or(DEFAULT_LIFE_MS);
    if life < 1000 {
        return wrong("expiresInMs", "must be at least 1000");
    }
    for (name, value) in
        [("issuer", &settings.issuer), ("audience", &settings.audience), ("subject", &settings.subject)]
    {
        if value.as_ref().is_some_and(String::is_empty) {
            return wrong(name, "must not be empty");
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = Claims {
        exp: now.saturating_add(Duration::from_millis(life)).as_secs(),
        iat: now.as_secs(),
        iss: settings.issuer.as_deref(),
        aud: settings.audience.as_deref(),
        sub: settings.subject.as_deref(),
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::default(), &claims, &key).map_err(|error| {
        Error::InvalidArgument(format!("options.secret: the token could not be signed: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};

    use super::*;

    #[test]
    fn a_token_says_what_it_was_asked_to_and_is_signed() {
        let secret = "0123456789abcdef0123456789abcdef";
        let settings = SignedTokenSettings {
            secret: format!("{secret}\n"),
            issuer: Some("me".to_owned()),
            audience: Some("codex".to_owned()),
            ..SignedTokenSettings::default()
        };
        let token = signed_bearer_token(&settings).unwrap();
        let mut validation = Validation::default();
        validation.set_audience(&["codex"]);
        validation.set_issuer(&["me"]);
        let key = DecodingKey::from_secret(secret.as_bytes());
        let claims = decode::<serde_json::Value>(&token, &key, &validation).unwrap().claims;
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 300);
        assert!(claims.get("sub").is_none());
    }

    #[test]
    fn a_short_secret_is_refused_and_not_shown() {
        let settings = SignedTokenSettings { secret: "shorty".to_owned(), ..SignedTokenSettings::default() };
        let message = signed_bearer_token(&settings).unwrap_err().to_string();
        assert!(message.contains("options.secret") && !message.contains("shorty"), "{message}");
    }
}
