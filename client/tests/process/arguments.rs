//! What `config` becomes on the command line, read again as codex reads it.

use codex_client::Error;
use codex_client::config::{ConfigArguments, LargeNumbers};
use serde_json::{Value, json};

fn arguments(config: &Value) -> ConfigArguments {
    ConfigArguments::new(config.as_object().unwrap(), LargeNumbers::Refused).unwrap()
}

/// What codex makes of the arguments: each a line of TOML, later ones over earlier ones.
fn understood(arguments: &[String]) -> Value {
    let mut all = json!({});
    for argument in arguments {
        let line: toml::Table =
            toml::from_str(argument).unwrap_or_else(|error| panic!("{argument}: {error}"));
        merge(&mut all, serde_json::to_value(line).unwrap());
    }
    all
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(json!({})), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Goes out as arguments alone, and means what it meant.
fn check(config: &Value) -> Vec<String> {
    let flat = arguments(config);
    assert!(flat.apart.is_empty(), "{:?}", flat.apart);
    assert_eq!(understood(&flat.arguments), *config);
    flat.arguments
}

#[test]
fn tables_become_dotted_keys() {
    let mut flat = check(&json!({ "model": "m", "a": { "b": { "c": 1, "d": true }, "e-f_9": -2.5 } }));
    flat.sort();
    assert_eq!(flat, ["a.b.c=1", "a.b.d=true", "a.e-f_9=-2.5", "model=\"m\""]);
}

#[test]
fn a_table_with_a_key_that_needs_quotes_goes_out_whole() {
    let flat = check(
        &json!({ "projects": { "/home/me/a b": { "trust_level": "trusted" } }, "x": { "y": { "z w": 1 } } }),
    );
    assert!(flat.iter().any(|argument| argument.starts_with("projects={")), "{flat:?}");
    assert!(flat.iter().any(|argument| argument.starts_with("x.y={")), "{flat:?}");
}

#[test]
fn values_of_every_kind_survive() {
    check(&json!({
        "list": [1, "two", [3.5, false], { "four": { "five": [] } }],
        "empty": [],
        "none": {},
        "large": i64::MAX,
        "small": 1e-7,
    }));
    for text in
        ["", "it's \"quoted\"", "'''", "\"\"\"", "a\nb\r\n\tc", "\\n \u{1}\u{7f}", "é 😀 \u{2028}", "a=b # c"]
    {
        check(&json!({ "text": text, "list": [text], "table": { "key with space": text } }));
    }
}

#[test]
fn null_is_refused_with_its_place() {
    for (config, place) in [
        (json!({ "a": { "b": null } }), "a.b"),
        (json!({ "a": [1, null] }), "a[1]"),
        (json!({ "a": { "b c": { "d": null } } }), "a.b c.d"),
    ] {
        let Err(Error::InvalidArgument(message)) =
            ConfigArguments::new(config.as_object().unwrap(), LargeNumbers::Refused)
        else {
            panic!("{config} has no TOML")
        };
        assert!(message.contains(&format!("`{place}`")) && message.contains("null"), "{message}");
    }
}

#[test]
fn p6_secrets_are_not_arguments() {
    const SECRET: &str = "hush-hush";
    for (config, key) in [
        (json!({ "mcp_servers": { "s": { "env": { "A": SECRET } } } }), "mcp_servers.s.env"),
        (
            json!({ "mcp_servers": { "s": { "http_headers": { "A": SECRET } } } }),
            "mcp_servers.s.http_headers",
        ),
        (json!({ "mcp_servers": { "s": { "bearer_token": SECRET } } }), "mcp_servers.s.bearer_token"),
        (
            json!({ "model_providers": { "p": { "http_headers": { "A": SECRET } } } }),
            "model_providers.p.http_headers",
        ),
        (
            json!({ "model_providers": { "p": { "query_params": { "A": SECRET } } } }),
            "model_providers.p.query_params",
        ),
        (
            json!({ "model_providers": { "p": { "experimental_bearer_token": SECRET } } }),
            "model_providers.p.experimental_bearer_token",
        ),
        (json!({ "shell_environment_policy": { "set": { "A": SECRET } } }), "shell_environment_policy.set"),
        // However the caller writes the key.
        (json!({ "mcp_servers.s.env": { "A": SECRET } }), "mcp_servers.s.env"),
        (json!({ "mcp_servers.s": { "env": { "A": SECRET } } }), "mcp_servers.s.env"),
        // A table that goes out whole is a secret where one is in it.
        (json!({ "mcp_servers": { "my server": { "env": { "A": SECRET } } } }), "mcp_servers"),
        (json!({ "mcp_servers": { "my server": { "bearer_token": SECRET } } }), "mcp_servers"),
        (json!({ "x": { "y": [{ "api_key": SECRET }] } }), "x.y"),
        (json!({ "x": { "a b": [[{ "password": SECRET }]] } }), "x"),
    ] {
        let flat = arguments(&config);
        assert!(!flat.arguments.concat().contains(SECRET), "{config}: {:?}", flat.arguments);
        assert_eq!(flat.apart.keys().collect::<Vec<_>>(), [key], "{config}");
        assert!(Value::Object(flat.apart).to_string().contains(SECRET), "it is sent in another way");
    }
}

#[test]
fn what_stands_beside_a_secret_stays_an_argument() {
    let flat = arguments(
        &json!({ "mcp_servers": { "s": { "command": "c", "env": { "A": "hush" }, "args": ["a"] } } }),
    );
    let expected = json!({ "mcp_servers": { "s": { "command": "c", "args": ["a"] } } });
    assert_eq!(understood(&flat.arguments), expected);
    assert_eq!(Value::Object(flat.apart), json!({ "mcp_servers.s.env": { "A": "hush" } }));
}

#[test]
fn the_name_of_a_variable_and_a_number_of_tokens_are_no_secrets() {
    check(&json!({
        "model_providers": { "p": { "env_key": "A_KEY", "env_key_instructions": "get one", "base_url": "http://x" } },
        "mcp_servers": { "s": { "bearer_token_env_var": "A_TOKEN", "env_vars": ["A"] } },
        "tool_output_token_limit": 5,
        "model_auto_compact_token_limit": 6,
        "model_max_output_tokens": 7,
    }));
}
