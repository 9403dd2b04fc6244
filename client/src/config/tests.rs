//! What `config` becomes: arguments, and the file for what no argument may hold.

use serde_json::json;

use super::*;

fn flat(json: &str) -> Result<ConfigArguments, Error> {
    let config: Value = serde_json::from_str(json).unwrap();
    ConfigArguments::new(config.as_object().unwrap(), LargeNumbers::AsFloats)
}

#[test]
fn values_keep_their_order_and_become_toml() {
    let json = r#"{"b":{"d":"x \"y\"\n\u007f","c":[1,true,{"k":1.5}]},"a":{},"n":1e+21,"big":100000000000000000000,"i":-3}"#;
    assert_eq!(
        flat(json).unwrap().arguments,
        [r#"b.d="x \"y\"\n\u007F""#, r#"b.c=[1, true, {k = 1.5}]"#, "a={}", "n=1e+21", "big=1e20", "i=-3"]
    );
}

#[test]
fn numbers_are_written_as_javascript_does() {
    for number in ["1e-7", "1.5e+300", "0.000001", "123456789.125", "-2.5", "9007199254740993", "5e-324"] {
        assert_eq!(flat(&format!(r#"{{"n":{number}}}"#)).unwrap().arguments, [format!("n={number}")]);
    }
}

#[test]
fn secrets_are_in_the_file_and_not_in_the_arguments() {
    let json = r#"{"mcp_servers":{"x":{"command":"c","env":{"K":"secret-value"}},"my.srv":{"url":"u","bearer_token":"bearer-value"}},"experimental_bearer_token":"top-secret"}"#;
    let flat = flat(json).unwrap();
    assert!(!flat.arguments.iter().any(|argument| argument.contains("value")), "{:?}", flat.arguments);
    assert_eq!(flat.secret_texts(), ["c", "secret-value", "u", "bearer-value", "top-secret"]);
    let parsed: ::toml::Table = file(&flat.apart, LargeNumbers::AsFloats).unwrap().parse().unwrap();
    assert_eq!(parsed["mcp_servers"]["x"]["env"]["K"].as_str(), Some("secret-value"));
    assert_eq!(parsed["mcp_servers"]["my.srv"]["bearer_token"].as_str(), Some("bearer-value"));
}

#[test]
fn urls_with_a_password_are_in_the_file() {
    let json = r#"{"model_providers":{"p":{"base_url":"https://u:the-password@host","name":"P"}}}"#;
    let flat = flat(json).unwrap();
    assert_eq!(flat.arguments, [r#"model_providers.p.name="P""#]);
    assert_eq!(flat.secret_texts(), ["the-password", "https://u:the-password@host"]);
}

#[test]
fn what_is_too_long_for_an_argument_goes_apart() {
    let config = json!({ "a": "short", "long": "x".repeat(LONGEST_VALUE), "b": { "c": 1 } });
    let flat = ConfigArguments::new(config.as_object().unwrap(), LargeNumbers::Refused).unwrap();
    assert_eq!(flat.arguments, ["a=\"short\"", "b.c=1"]);
    assert_eq!(flat.apart.keys().collect::<Vec<_>>(), ["long"]);
    assert_eq!(flat.first_apart(), Some(("long", "too long for an argument")));
    assert!(flat.secret_texts().is_empty());
}

#[test]
fn of_much_in_all_the_shortest_are_arguments() {
    let piece = LONGEST_VALUE / 2;
    let mut config: Map<String, Value> =
        (0..100).map(|at| (format!("k{at}"), "x".repeat(piece).into())).collect();
    config.insert("short".to_owned(), 1.into());
    config.extend((0..100_000).map(|at| (format!("tiny{at}"), at.into())));
    let flat = ConfigArguments::new(&config, LargeNumbers::Refused).unwrap();
    let in_all: usize = flat.arguments.iter().map(|argument| argument.len() + 32).sum();
    assert!(in_all <= LONGEST_IN_ALL, "{in_all}");
    assert!(flat.arguments.contains(&"short=1".to_owned()));
    assert_eq!(flat.arguments.len() + flat.apart.len(), 100_101, "nothing is lost");
}

#[test]
fn the_keys_of_the_outermost_table_are_checked() {
    for key in
        ["", "a=b", "a b", "a.", ".a", "a..b", "a.\"b c\"", "a\nb", "a.b\0", "ä", " a", "a. b", "a.b=c"]
    {
        let config = Map::from_iter([(key.to_owned(), Value::from(1))]);
        let refused = ConfigArguments::new(&config, LargeNumbers::Refused);
        let Err(Error::InvalidArgument(message)) = refused else { panic!("{key:?} is taken") };
        assert!(message.starts_with("options.config: "), "{message}");
    }
    for key in ["a", "a.b", "a-b.c_d", "projects./home/me", "mcp_servers.my server.command"] {
        let config = Map::from_iter([(key.to_owned(), Value::from(1))]);
        let flat = ConfigArguments::new(&config, LargeNumbers::Refused).unwrap();
        assert_eq!(flat.arguments, [format!("{key}=1")]);
    }
}

#[test]
fn a_file_has_each_table_once() {
    let config = json!({
        "mcp_servers.a.env": { "K": "of-the-dotted-one" },
        "mcp_servers": { "a": { "env": { "L": "of-the-nested-one" } } },
        "mcp_servers.b.env.K": "first",
        "mcp_servers.b.env": { "M": "last" },
        "mcp_servers.c.env": { "K": "kept" },
        "mcp_servers.c.env.L.M": "added",
    });
    let flat = ConfigArguments::new(config.as_object().unwrap(), LargeNumbers::AsFloats).unwrap();
    let file = file(&flat.apart, LargeNumbers::AsFloats).unwrap();
    let parsed: ::toml::Table = file.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
    let servers = &parsed["mcp_servers"];
    assert_eq!(servers["a"]["env"].to_string(), r#"{ L = "of-the-nested-one" }"#);
    assert_eq!(servers["b"]["env"].to_string(), r#"{ M = "last" }"#);
    assert_eq!(servers["c"]["env"]["L"]["M"].as_str(), Some("added"));
}

#[test]
fn a_value_that_begins_with_a_dash_is_one_with_its_name() {
    let pair = |value: &str| argument_pair("--model", value).collect::<Vec<_>>();
    assert_eq!(pair("-x"), ["--model=-x"]);
    assert_eq!(pair("x"), ["--model", "x"]);
    assert_eq!(pair(""), ["--model", ""]);
}
