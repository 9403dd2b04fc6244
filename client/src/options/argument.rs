//! Arguments that are no options, read from JSON text.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::parse::{in_words, kind};
use crate::Error;

/// Reads an argument that must be there from JSON text. `what` names it in errors, `accepts` says what it takes.
pub fn parse_argument<T: DeserializeOwned>(
    json: Option<&str>,
    what: &str,
    accepts: &str,
) -> Result<T, Error> {
    let Some(json) = json else {
        return Err(Error::InvalidArgument(format!("{what}: is missing; {accepts}")));
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let given: Value = serde_json::from_str(json).unwrap_or_default();
        let path = error.path().to_string();
        let place = match path.as_str() {
            "." => what.to_owned(),
            path if path.starts_with('[') => format!("{what}{path}"),
            path => format!("{what}.{path}"),
        };
        let why = match in_words(error.inner()) {
            why if path == "." && why.starts_with("invalid type") => {
                format!("{} is not accepted", kind(&given))
            }
            why => why,
        };
        Error::InvalidArgument(format!("{place}: {why}; {accepts}"))
    })
}
