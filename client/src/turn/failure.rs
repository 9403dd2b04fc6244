//! How a turn failed: whether it may pass, and when.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::raw_text::string;
use crate::result::TurnResult;
use crate::{Error, TurnFailure};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WireError {
    message: Option<Box<RawValue>>,
    codex_error_info: Option<Box<RawValue>>,
    additional_details: Option<Box<RawValue>>,
}

/// The failure that the server tells of a turn, of which something `has_effect` or nothing.
pub(super) fn failure(error: Option<&str>, result: TurnResult, has_effect: bool) -> Error {
    let wire: WireError = error.and_then(|error| serde_json::from_str(error).ok()).unwrap_or_default();
    let text = |raw: Option<Box<RawValue>>| raw.as_deref().and_then(string).map(Cow::into_owned);
    let message = text(wire.message).unwrap_or_default();
    let info = wire.codex_error_info.filter(|info| info.get() != "null").map(|info| info.get().to_owned());
    let kind = info.as_deref().map(|info| serde_json::from_str::<Value>(info).unwrap_or_default());
    let http_status = kind.as_ref().and_then(http_status);
    let transient = may_pass(kind.as_ref(), http_status, &message);
    let retry_after = retry_after(&message);
    let message = match message.is_empty() {
        true => "the turn failed and the server gave no reason".to_owned(),
        false => message,
    };
    Error::TurnFailed(Arc::new(TurnFailure {
        message,
        codex_error_info: info,
        additional_details: text(wire.additional_details),
        http_status,
        transient,
        retryable: transient && !has_effect,
        retry_after,
        result: Arc::new(result),
    }))
}

fn http_status(kind: &Value) -> Option<u16> {
    let status = kind.as_object()?.values().next()?.get("httpStatusCode")?.as_u64()?;
    u16::try_from(status).ok()
}

/// Whether the failure is of a kind that passes by itself.
fn may_pass(kind: Option<&Value>, http_status: Option<u16>, message: &str) -> bool {
    let name = kind.and_then(|kind| match kind {
        Value::String(name) => Some(name.as_str()),
        Value::Object(object) => object.keys().next().map(String::as_str),
        _ => None,
    });
    match name {
        Some(
            "serverOverloaded"
            | "internalServerError"
            | "rateLimitExceeded"
            | "flexUnavailable"
            | "policyCapacityUnavailable"
            | "responseStreamConnectionFailed"
            | "responseStreamDisconnected",
        ) => true,
        Some("httpConnectionFailed" | "responseTooManyFailedAttempts") => {
            http_status.is_none_or(|status| status == 408 || status == 429 || status >= 500)
        }
        _ => message.starts_with("stream disconnected before completion"),
    }
}

/// After how long to try again, in the words of the provider: "try again in 1.5s", "in 2m30s", "in 3 days 2 hours".
fn retry_after(message: &str) -> Option<Duration> {
    const SIGN: &str = "try again in ";
    // Its own text, in which bytes have the same places.
    let at = message.to_ascii_lowercase().find(SIGN)? + SIGN.len();
    let mut rest = message.get(at..)?;
    let mut whole = None;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
        let Ok(count) = rest.get(..digits)?.trim_end_matches('.').parse::<f64>() else { break };
        rest = rest.get(digits..)?.trim_start_matches(' ');
        let letters = rest.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(rest.len());
        let Some(seconds) = rest.get(..letters).and_then(seconds_of) else { break };
        whole = Some(whole.unwrap_or(0.0) + count * seconds);
        rest = rest.get(letters..)?;
    }
    // A time that nobody waits for is none.
    whole.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_says_when_to_try_again() {
        for (message, ms) in [
            ("Rate limit reached for gpt-5.5. Please try again in 1.898s. Visit", Some(1898)),
            ("Please try again in 20ms.", Some(20)),
            ("Try again in 6m0s", Some(360_000)),
            ("try again in 35 seconds", Some(35_000)),
            ("You've hit your usage limit. Try again in 3 days 2 hours 5 minutes.", Some(266_700_000)),
            ("try again in 1 minute and 2 seconds", Some(62_000)),
            ("try again later", None),
            ("try again in a while", None),
            ("try again in 5", None),
            ("try again in 9999999999999999999999999999999999 days", None),
            ("", None),
        ] {
            let told = retry_after(message).map(|after| u64::try_from(after.as_millis()).unwrap());
            assert_eq!(told, ms, "{message}");
        }
    }
}
