//! A websocket to a server that runs elsewhere.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::address::Address;
use super::proxy::Proxies;
use super::reach::{Reach, Unreached};
use super::trust::Trust;
use crate::transport::{Answered, Signs, Socket, Stream};
use crate::{Error, SecretSources, Secrets};

/// What the server says it takes in one frame, where it does not say.
const MOST_UNFRAGMENTED: usize = 16 * 1024 * 1024;
const MOST_UNFRAGMENTED_HEADER: &str = "x-codex-websocket-max-unfragmented-message-bytes";
/// How much of a refusal is shown.
const LONGEST_REFUSAL: usize = 200;

/// What a token source gives: a token, or why there is none.
pub type TokenFuture = Pin<Box<dyn Future<Output = Result<String, Error>> + Send>>;

/// Gives a token for each connection, made by whoever uses this crate.
pub trait TokenSource: Send + Sync {
    /// A token for the next connection. Dropped where nobody waits for it any more.
    fn token(&self) -> TokenFuture;
}

/// Where the token comes from.
#[derive(Clone)]
pub enum Bearer {
    /// It is this one.
    Given(String),
    /// It is asked for.
    Asked(Arc<dyn TokenSource>),
}

/// What a websocket is opened with.
#[derive(Clone)]
pub struct Dial {
    /// Where to.
    pub address: Address,
    /// Bearer token.
    pub bearer: Option<Bearer>,
    /// Further headers of the upgrade.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Certificates that are trusted.
    pub trust: Trust,
    /// What may stand on the way.
    pub proxies: Proxies,
    /// The longest message that is taken.
    pub most_message_bytes: usize,
}

impl Dial {
    /// The token for the next connection, which is one of `secrets` then. The caller bounds how long that may take.
    pub async fn token(&self, secrets: &Secrets) -> Result<Option<HeaderValue>, Error> {
        let token = match &self.bearer {
            None => return Ok(None),
            Some(Bearer::Given(token)) => token.clone(),
            Some(Bearer::Asked(source)) => source.token().await?,
        };
        let token = token.trim();
        if token.is_empty() {
            return Err(Error::InvalidArgument("options.token: the function gave an empty token".to_owned()));
        }
        secrets.learn([token.to_owned()]);
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            Error::InvalidArgument("options.token: holds a character that a header can't have".to_owned())
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Opens the websocket. The caller bounds how long that may take. Little is taken of what comes before `answered`
    /// is set.
    pub async fn open(
        &self,
        token: Option<HeaderValue>,
        answered: &Answered,
        secrets: &Secrets,
    ) -> Result<Socket, Error> {
        let signs = Signs::new();
        let stream = self.stream(&signs, answered).await?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(self.most_message_bytes))
            .max_frame_size(Some(self.most_message_bytes));
        let (stream, response) = client_async_with_config(self.request(token)?, stream, Some(config))
            .await
            .map_err(|error| self.refused(error, secrets))?;
        let most = response.headers().get(MOST_UNFRAGMENTED_HEADER);
        let most = most.and_then(|most| most.to_str().ok()?.parse().ok()).filter(|most| *most > 0);
        Ok(Socket { stream, most_unfragmented: most.unwrap_or(MOST_UNFRAGMENTED), signs })
    }

    /// An upgrade without `Origin`, which the server refuses.
    fn request(&self, token: Option<HeaderValue>) -> Result<Request, Error> {
        let uri = match &self.address {
            Address::Tcp { uri, .. } => uri.to_string(),
            Address::Unix(_) => "ws://localhost/".to_owned(),
        };
        let mut request = uri.into_client_request().map_err(|error| self.failed(&error.to_string()))?;
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        if let Some(token) = token {
            request.headers_mut().insert("authorization", token);
        }
        Ok(request)
    }

    /// What must not show in logs and errors, as far as it is known before a connection.
    pub fn secret_sources(&self) -> SecretSources<'_> {
        SecretSources {
            headers: self.headers.iter().filter_map(|(_, value)| value.to_str().ok()).collect(),
            credentials: self.credentials().collect(),
            ..SecretSources::default()
        }
    }

    /// The token, where it is known, and the passwords of proxies.
    pub fn credentials(&self) -> impl Iterator<Item = &str> {
        let token = match &self.bearer {
            Some(Bearer::Given(token)) => Some(token.as_str()),
            Some(Bearer::Asked(_)) | None => None,
        };
        token.into_iter().chain(self.proxies.passwords())
    }

    async fn stream(&self, signs: &Arc<Signs>, answered: &Answered) -> Result<Stream, Error> {
        match &self.address {
            Address::Tcp { host, port, tls, .. } => {
                let proxy = self.proxies.on_the_way(*tls, host, *port)?.map(|(_, proxy)| proxy);
                let secure_proxy =
                    proxy.as_ref().is_some_and(|proxy| proxy.uri().scheme_str() == Some("https"));
                let config = match *tls || secure_proxy {
                    true => Some(self.trust.config().await?),
                    false => None,
                };
                let reach = Reach::new(config, Arc::clone(signs), answered.clone());
                reach.server(*tls, host, *port, proxy).await.map_err(|error| self.unreached(&error))
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let path = super::socket_path(path);
                let stream = tokio::net::UnixStream::connect(path).await;
                let stream = stream.map_err(|error| self.failed(&error.to_string()))?;
                Ok(Reach::watched(signs, answered, stream))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(self.unreached(&Unreached {
                why: "there are no unix sockets here; use ws://".to_owned(),
                lasting: true,
            })),
        }
    }

    fn refused(&self, error: WsError, secrets: &Secrets) -> Error {
        let WsError::Http(response) = error else { return self.failed(&error.to_string()) };
        let status = response.status();
        let said = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        // Who refuses may show what it was sent. Struck before it is cut, so that no part of a secret stays at the end.
        let said = secrets.redact(said.into_owned());
        let said: String = said.trim().chars().take(LONGEST_REFUSAL).collect();
        let colon = if said.is_empty() { "" } else { ": " };
        let hint = match (status.as_u16(), &self.bearer) {
            (401 | 403, None) => "; it wants a token: options.token, or CODEX_APP_SERVER_TOKEN",
            (401 | 403, Some(_)) => "; the token is not the one that it wants, or has expired",
            _ => "",
        };
        let why = format!("the server answered {status}{colon}{said}{hint}");
        // Who is refused is refused again. All else may pass: a server that is not there yet, a gateway before it.
        let retry = match status.as_u16() {
            401 | 403 | 407 => None,
            _ => Some(retry_after(&response, SystemTime::now()).unwrap_or_default()),
        };
        Error::Connect { message: self.message(&why), status: Some(status.as_u16()), retry }
    }

    fn unreached(&self, Unreached { why, lasting }: &Unreached) -> Error {
        let retry = if *lasting { None } else { Some(Duration::ZERO) };
        Error::Connect { message: self.message(why), status: None, retry }
    }

    fn failed(&self, why: &str) -> Error {
        Error::Connect { message: self.message(why), status: None, retry: Some(Duration::ZERO) }
    }

    fn message(&self, why: &str) -> String {
        format!("could not connect to {}: {why}", self.address)
    }
}

/// How long the server asks to wait: `Retry-After` in seconds or as a date.
fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let value = response.headers().get("retry-after")?.to_str().ok()?.trim();
    match value.parse::<u32>() {
        Ok(seconds) => Some(Duration::from_secs(seconds.into())),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 29 Nov 2026 09:00:00 GMT").unwrap();
        let asked = |value: &str| {
            let mut response = Response::new(None);
            response.headers_mut().insert("retry-after", value.parse().unwrap());
            retry_after(&response, now)
        };
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("Sun, 29 Nov 2026 09:01:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(asked("Sun, 29 Nov 2026 08:59:00 GMT"), None);
        for nonsense in ["", "soon", "-1", "1.5"] {
            assert_eq!(asked(nonsense), None, "{nonsense}");
        }
    }
}
