//! A continuation as a program hands it back.

use crate::Error;
use crate::result::Continuation;

/// Reads one from JSON text.
pub fn parse_continuation(json: Option<&str>) -> Result<Continuation, Error> {
    // It could be read from an array as well, which nobody means.
    let object = json.filter(|json| json.starts_with('{'));
    serde_json::from_str(object.unwrap_or("null")).map_err(|_| {
        Error::InvalidArgument(
            "continuation: must be what `continuation()` or a TurnInactiveError gave: \
             {threadId, turnId, cursor, mode}"
                .to_owned(),
        )
    })
}
