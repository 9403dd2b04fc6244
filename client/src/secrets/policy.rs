//! What is a secret: the one judgement for configuration, environment and headers.

use serde_json::{Map, Value};

use super::urls::passwords;
use crate::keys::is_bare;

/// The tables of MCP servers, model providers and exporters whose values are credentials, whatever their names.
const CREDENTIALS: &[&str] = &["env", "headers", "http_headers", "query_params"];

/// What names of secrets hold.
const WORDS: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "authorization",
    "cookie",
    "api_key",
    "apikey",
    "private_key",
    "privatekey",
    "access_key",
    "accesskey",
    "signing_key",
    "encryption_key",
];

/// What names of secrets are, or end in after a `_`.
const LAST_WORDS: &[&str] = &["dsn", "pat", "pwd", "auth_key", "master_key", "secret_key", "bearer"];

/// These hold the name of a variable or the place of a file, not what is in it; and limits count tokens.
const HARMLESS: &[&str] = &[
    "_env_var",
    "env_key",
    "env_http_headers",
    "_limit",
    "_tokens",
    "_file",
    "_path",
    "_dir",
    "_directory",
    "_type",
    // Where credentials are kept.
    "_store",
];

/// Whether the name of a variable, a header or a value of the configuration says that it is a secret.
pub fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    if HARMLESS.iter().any(|end| name.ends_with(end)) || name == "pwd" || name == "oldpwd" {
        return false;
    }
    let last = |word: &&str| {
        name.strip_suffix(*word).is_some_and(|before| before.is_empty() || before.ends_with('_'))
    };
    WORDS.iter().any(|word| name.contains(word)) || LAST_WORDS.iter().any(last)
}

/// Whether a value of the configuration may not appear in the argument list: what is in a table of credentials, whatever its
/// name says is one, and URLs with a password.
pub fn holds_secret(path: &str, value: &Value) -> bool {
    let mut segments = path.split('.');
    if segments.any(|segment| CREDENTIALS.contains(&segment))
        || is_below(path, "shell_environment_policy.set")
    {
        return true;
    }
    match value {
        // It is taken apart, and each of its values looked at.
        Value::Object(table) if table.keys().all(|key| is_bare(key)) => false,
        _ => holds_secret_below(path.rsplit('.').next().unwrap_or_default(), value),
    }
}

/// The same for what goes out whole.
fn holds_secret_below(key: &str, value: &Value) -> bool {
    match value {
        Value::Object(table) => table
            .iter()
            .any(|(key, value)| CREDENTIALS.contains(&key.as_str()) || holds_secret_below(key, value)),
        Value::Array(items) => items.iter().any(|item| holds_secret_below(key, item)) || names_secret(key),
        Value::String(text) => names_secret(key) || !passwords(text).is_empty(),
        _ => names_secret(key),
    }
}

fn is_below(path: &str, table: &str) -> bool {
    path.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Every text in a configuration object, dotted or nested, that may not be an argument.
pub fn secret_texts(config: &Map<String, Value>) -> Vec<String> {
    fn walk(table: &Map<String, Value>, prefix: &str, texts: &mut Vec<String>) {
        for (key, value) in table {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                _ if holds_secret(&path, value) => collect_texts(value, texts),
                Value::Object(inner) => walk(inner, &path, texts),
                _ => {}
            }
        }
    }
    let mut texts = Vec::new();
    walk(config, "", &mut texts);
    texts
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            texts.extend(passwords(text));
            texts.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(table) => table.values().for_each(|item| collect_texts(item, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            "OPENAI_API_KEY",
            "x-api-key",
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "set-cookie",
            "DEPLOY_PRIVATE_KEY",
            "PGPASSWD",
            "DB_PASSWORD",
            "SENTRY_DSN",
            "DSN",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_PAT",
            "MYSQL_PWD",
            "bearer_token",
            "clientSecret",
            "MY_TOKEN_2",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "PATH",
            "PWD",
            "OLDPWD",
            "HOME",
            "env_key",
            "bearer_token_env_var",
            "mcp_oauth_credentials_store",
            "tool_output_token_limit",
            "model_max_output_tokens",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "COMPAT",
            "KEYBOARD",
            "SSH_AUTH_SOCK",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }
}
