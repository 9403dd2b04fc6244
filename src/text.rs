//! Text on its way to JavaScript.

use codex_client::turn::LogText;
use napi::bindgen_prelude::{JsObjectValue, JsValue, ToNapiValue};
use napi::{Env, Result, sys};

/// Text on its way into JavaScript: pure ASCII goes as Latin-1, which V8 copies without decoding.
pub(crate) struct Text<T>(pub(crate) T);

/// Text of deltas, which knows what it is.
pub(crate) struct Delta(pub(crate) LogText);

impl<T: AsRef<str>> ToNapiValue for Text<T> {
    unsafe fn to_napi_value(env: sys::napi_env, text: Self) -> Result<sys::napi_value> {
        let text = text.0.as_ref();
        to_js(env, text, text.is_ascii())
    }
}

impl ToNapiValue for Delta {
    unsafe fn to_napi_value(env: sys::napi_env, text: Self) -> Result<sys::napi_value> {
        to_js(env, &text.0, text.0.is_ascii())
    }
}

fn to_js(env: sys::napi_env, text: &str, is_ascii: bool) -> Result<sys::napi_value> {
    let env = Env::from_raw(env);
    Ok(if is_ascii { env.create_string_latin1(text)?.raw() } else { env.create_string(text)?.raw() })
}

/// Sets a property to text.
pub(crate) fn set_text<'env>(
    object: &mut impl JsObjectValue<'env>,
    name: &str,
    text: impl AsRef<str>,
) -> Result<()> {
    object.set_named_property(name, Text(text))
}
