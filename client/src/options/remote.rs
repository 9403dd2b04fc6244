//! What the options of a client come to where its server runs elsewhere. Nothing is opened here.

use std::sync::Arc;
use std::time::Duration;

use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};

use super::ClientSettings;
use crate::Error;
use crate::dial::{Address, Bearer, Dial, Proxies, TokenSource, Trust};
use crate::environment::Environment;
use crate::secrets::names_secret;
use crate::surroundings::Surroundings;
use crate::transport::{DEFAULT_MESSAGE_BYTES, MOST_MESSAGE_BYTES};

const TOKEN_VARIABLE: &str = "CODEX_APP_SERVER_TOKEN";
const DEFAULT_KEEP_ALIVE_MS: u64 = 20_000;
const DEFAULT_RECONNECT_TIMEOUT_MS: u64 = 30_000;
/// Headers that the websocket itself needs.
const RESERVED: [&str; 3] = ["host", "connection", "upgrade"];

impl ClientSettings {
    /// How the server at `url` is reached, where there is one. `source` goes in the place of a token. Only then the
    /// program is looked at.
    pub fn dial(
        &self,
        surroundings: impl FnOnce() -> Result<Surroundings, Error>,
        source: Option<Arc<dyn TokenSource>>,
    ) -> Result<Option<Dial>, Error> {
        self.check_remote(source.is_some())?;
        let Some(url) = &self.url else { return Ok(None) };
        let surroundings = surroundings()?;
        let environment = &surroundings.environment;
        let address = match Address::parse(url, || environment.codex_home())? {
            Address::Unix(path) => Address::Unix(surroundings.absolute(&path)),
            address => address,
        };
        let headers = self.header_list()?;
        let has_authorization = headers.iter().any(|(name, _)| name == "authorization");
        let bearer = self.bearer(environment, source, has_authorization)?;
        let named = headers.iter().find(|(name, value)| is_credential(name, value));
        if (bearer.is_some() || named.is_some()) && address.is_exposed() && self.allow_insecure != Some(true)
        {
            let what = match (&bearer, named) {
                (None, Some((name, _))) => format!("what the header `{name}` says"),
                _ => "the token".to_owned(),
            };
            return wrong(
                "url",
                &format!(
                    "{address} would show {what} to everybody on the way; use wss://, or set allowInsecure: true \
                     if you mean it"
                ),
            );
        }
        let get = |name: &str| Some(environment.get(name)?.to_string_lossy().into_owned());
        Ok(Some(Dial {
            address,
            bearer,
            headers,
            trust: Trust::of(self.ca_file.as_deref(), get, |path| surroundings.absolute(path)),
            proxies: Proxies::of(get),
            most_message_bytes: self.most_message_bytes(),
        }))
    }

    /// The token: the one that was given, else that of the environment, unless a header says who one is.
    fn bearer(
        &self,
        environment: &Environment,
        source: Option<Arc<dyn TokenSource>>,
        has_authorization: bool,
    ) -> Result<Option<Bearer>, Error> {
        if (self.token.is_some() || source.is_some()) && has_authorization {
            return wrong(
                "headers",
                "`authorization` and options.token exclude each other; give one of them",
            );
        }
        if let Some(source) = source {
            return Ok(Some(Bearer::Asked(source)));
        }
        let (name, token) = match &self.token {
            Some(token) => ("options.token", token.clone()),
            None if has_authorization => return Ok(None),
            None => match environment.get(TOKEN_VARIABLE) {
                Some(token) => (TOKEN_VARIABLE, token.to_string_lossy().into_owned()),
                None => return Ok(None),
            },
        };
        // What was read from a file ends in a newline.
        let token = token.trim();
        if token.is_empty() && self.token.is_none() {
            return Ok(None);
        }
        let why = match token.is_empty() {
            true => "must not be empty",
            false if HeaderValue::from_str(token).is_err() => "holds a character that a header can't have",
            false => return Ok(Some(Bearer::Given(token.to_owned()))),
        };
        Err(Error::InvalidArgument(format!("{name}: {why}")))
    }

    /// The longest message that is taken. Room for one is made when a server says how long it will be, which must not
    /// take all the memory there is.
    pub fn most_message_bytes(&self) -> usize {
        let most = self.max_message_bytes.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        most.unwrap_or(DEFAULT_MESSAGE_BYTES).min(MOST_MESSAGE_BYTES)
    }

    /// Refuses what is for a server elsewhere without one, and what is for a process where none is started.
    pub fn check_remote(&self, has_source: bool) -> Result<(), Error> {
        let remote = [
            ("token", self.token.is_some() || has_source),
            ("headers", self.headers.is_some()),
            ("caFile", self.ca_file.is_some()),
            ("allowInsecure", self.allow_insecure.is_some()),
            ("keepAliveMs", self.keep_alive_ms.is_some()),
            ("reconnectTimeoutMs", self.reconnect_timeout_ms.is_some()),
        ];
        if self.url.is_none()
            && let Some((name, _)) = remote.iter().find(|(_, given)| *given)
        {
            return wrong(name, "is for a server at options.url, which is missing");
        }
        if self.url.is_some() {
            self.check_no_process("url")?;
        }
        Ok(())
    }

    /// Refuses what is for a process, where `instead` says that none is started.
    pub fn check_no_process(&self, instead: &str) -> Result<(), Error> {
        let process = [
            ("codexPath", self.codex_path.is_some()),
            ("launchArgs", self.launch_args.is_some()),
            ("cwd", self.cwd.is_some()),
            ("env", self.env.is_some()),
            ("inheritEnv", self.inherit_env.is_some()),
            ("config", self.config.is_some()),
            ("configOverrides", self.config_overrides.is_some()),
            ("baseUrl", self.base_url.is_some()),
        ];
        match process.iter().find(|(_, given)| *given) {
            Some((name, _)) => wrong(
                name,
                &format!(
                    "is for a codex that is started here, and with options.{instead} none is; leave it out"
                ),
            ),
            None => Ok(()),
        }
    }

    /// After how much silence the server is asked for a sign of life.
    pub fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms.unwrap_or(DEFAULT_KEEP_ALIVE_MS))
    }

    /// For how long a lost connection is opened again.
    pub fn reconnect_timeout(&self) -> Duration {
        Duration::from_millis(self.reconnect_timeout_ms.unwrap_or(DEFAULT_RECONNECT_TIMEOUT_MS))
    }

    fn header_list(&self) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        let mut list = Vec::new();
        for (name, value) in self.headers.iter().flatten() {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
                return wrong("headers", &format!("`{name}` can't be the name of a header"));
            };
            if RESERVED.contains(&header.as_str()) || header.as_str().starts_with("sec-websocket-") {
                return wrong("headers", &format!("`{name}` is set by the websocket itself"));
            }
            // What was read from a file ends in a newline.
            let Ok(mut value) = HeaderValue::from_str(value.trim()) else {
                return wrong(
                    "headers",
                    &format!("the value of `{name}` holds a character that a header can't have"),
                );
            };
            value.set_sensitive(true);
            list.push((header, value));
        }
        Ok(list)
    }
}

/// Whether a header says who one is, by its name or by its value.
fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    let scheme = value.to_str().ok().and_then(|value| Some(value.split_once(' ')?.0.to_ascii_lowercase()));
    names_secret(name.as_str()) || scheme.is_some_and(|scheme| scheme == "bearer" || scheme == "basic")
}

fn wrong<T>(name: &str, why: &str) -> Result<T, Error> {
    Err(Error::InvalidArgument(format!("options.{name}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELSEWHERE: &str = "ws://codex.example.com";

    fn dial(settings: &str, variables: &[(&str, &str)]) -> Result<Dial, String> {
        let settings: ClientSettings = serde_json::from_str(settings).unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables = variables.map(|(name, value)| (name, Some(value))).collect();
        let environment = Environment::default().for_child(&variables, false);
        let surroundings = Surroundings { environment, folder: None };
        let dial = settings.dial(|| Ok(surroundings), None).map_err(|error| error.to_string())?;
        Ok(dial.unwrap())
    }

    fn bearer(settings: &str, variables: &[(&str, &str)]) -> Option<String> {
        match dial(settings, variables).unwrap().bearer {
            Some(Bearer::Given(token)) => Some(token),
            Some(Bearer::Asked(_)) | None => None,
        }
    }

    #[test]
    fn the_token_of_the_environment_is_for_who_says_nothing_else() {
        let variables = [(TOKEN_VARIABLE, "of-environment\n")];
        let url = r#""url":"wss://h""#;
        assert_eq!(bearer(&format!("{{{url}}}"), &variables).as_deref(), Some("of-environment"));
        let own = format!(r#"{{{url},"token":" own\n"}}"#);
        assert_eq!(bearer(&own, &variables).as_deref(), Some("own"));
        let header = format!(r#"{{{url},"headers":{{"Authorization":"Bearer x\n"}}}}"#);
        assert_eq!(bearer(&header, &variables), None);
        assert_eq!(dial(&header, &variables).unwrap().headers[0].1, "Bearer x");
        assert_eq!(bearer(&format!("{{{url}}}"), &[(TOKEN_VARIABLE, "\n")]), None);
    }

    #[test]
    fn no_message_may_take_all_the_memory_there_is() {
        for (settings, most) in [
            ("{}", DEFAULT_MESSAGE_BYTES),
            (r#"{"maxMessageBytes":5}"#, 5),
            (r#"{"maxMessageBytes":9007199254740991}"#, MOST_MESSAGE_BYTES),
        ] {
            let settings: ClientSettings = serde_json::from_str(settings).unwrap();
            assert_eq!(settings.most_message_bytes(), most);
        }
    }

    #[test]
    fn a_wrong_token_is_named_by_where_it_comes_from() {
        let url = r#""url":"wss://h""#;
        let of = |settings: String, variables: &[(&str, &str)]| dial(&settings, variables).err().unwrap();
        let message = of(format!("{{{url}}}"), &[(TOKEN_VARIABLE, "a\nb")]);
        assert!(message.starts_with("CODEX_APP_SERVER_TOKEN: "), "{message}");
        let message = of(format!(r#"{{{url},"token":"a\nb"}}"#), &[]);
        assert!(message.starts_with("options.token: "), "{message}");
    }

    #[test]
    fn w5_a_header_that_is_a_credential_by_name_or_value_is_not_shown_to_all() {
        for header in [
            r#""x-api-key":"k""#,
            r#""X-Auth-Token":"k""#,
            r#""cookie":"a=b""#,
            r#""Proxy-Authorization":"x""#,
            r#""X-Amz-Security-Token":"x""#,
            r#""X-Who":"Bearer abc""#,
        ] {
            let of = |url: &str, more: &str| {
                dial(&format!(r#"{{"url":"{url}","headers":{{{header}}}{more}}}"#), &[])
            };
            let message = of(ELSEWHERE, "").err().unwrap_or_default();
            assert!(
                message.contains("allowInsecure: true") && message.contains("the header `"),
                "{header}: {message}"
            );
            assert!(of(ELSEWHERE, r#","allowInsecure":true"#).is_ok(), "{header}");
            assert!(of("ws://127.0.0.1:1", "").is_ok() && of("wss://h", "").is_ok(), "{header}");
        }
        assert!(dial(&format!(r#"{{"url":"{ELSEWHERE}","headers":{{"x-team":"tools"}}}}"#), &[]).is_ok());
    }
}
