//! JSON of scripts and messages. Keys keep their order, so that what the rig plays looks like the real server's lines.

pub(crate) use serde_json::Value as Json;

/// JSON from its text.
pub(crate) fn parse(text: &[u8]) -> Result<Json, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

/// An object with these keys, in this order.
pub(crate) fn object<const N: usize>(entries: [(&str, Json); N]) -> Json {
    Json::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn keeps_the_order_of_keys() {
        let text = r#"{"z":1,"a":[true,null,-3,1.5],"m":"é"}"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
    }
}
