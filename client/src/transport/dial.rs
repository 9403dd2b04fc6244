use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::address::Address;
use super::websocket::Socket;
use crate::{Error, SecretSources, Secrets};

/// What the server says it takes in one frame, where it does not say.
const MOST_UNFRAGMENTED: usize = 16 * 1024 * 1024;
const MOST_UNFRAGMENTED_HEADER: &str = "x-codex-websocket-max-unfragmented-message-bytes";
/// How much of a refusal is shown.
const LONGEST_REFUSAL: usize = 200;

/// Bytes both ways, whatever carries them.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A connection of bytes.
pub type Stream = Box<dyn Bytes>;

/// What a websocket is opened with.
#[derive(Clone)]
pub struct Dial {
    /// Where to.
    pub address: Address,
    /// Bearer token.
    pub token: Option<String>,
    /// Further headers of the upgrade.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Certificates that are trusted beside those of the system: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The longest message that is taken.
    pub most_message_bytes: usize,
}

impl Dial {
    /// Opens the websocket. The caller bounds how long that may take.
    pub async fn open(&self) -> Result<Socket, Error> {
        let stream = self.stream().await?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(self.most_message_bytes))
            .max_frame_size(Some(self.most_message_bytes));
        let (stream, response) = client_async_with_config(self.request()?, stream, Some(config))
            .await
            .map_err(|error| self.refused(error))?;
        let most = response.headers().get(MOST_UNFRAGMENTED_HEADER);
        let most = most.and_then(|most| most.to_str().ok()?.parse().ok()).filter(|most| *most > 0);
        Ok(Socket { stream, most_unfragmented: most.unwrap_or(MOST_UNFRAGMENTED) })
    }

    /// An upgrade without `Origin`, which the server refuses.
    fn request(&self) -> Result<Request, Error> {
        let uri = match &self.address {
            Address::Tcp { uri, .. } => uri.to_string(),
            Address::Unix(_) => "ws://localhost/".to_owned(),
        };
        let mut request = uri.into_client_request().map_err(|error| self.failed(&error.to_string(), None))?;
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                Error::InvalidArgument("options.token: holds a character that a header can't have".to_owned())
            })?;
            value.set_sensitive(true);
            request.headers_mut().insert("authorization", value);
        }
        Ok(request)
    }

    /// What must not show in logs and errors.
    pub(crate) fn secret_sources(&self) -> SecretSources<'_> {
        SecretSources {
            headers: self.headers.iter().filter_map(|(_, value)| value.to_str().ok()).collect(),
            credentials: self.token.as_deref().into_iter().collect(),
            ..SecretSources::default()
        }
    }

    async fn stream(&self) -> Result<Stream, Error> {
        let failed = |error: std::io::Error| self.failed(&error.to_string(), None);
        match &self.address {
            Address::Tcp { host, port, tls, .. } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                let _ = stream.set_nodelay(true);
                if !tls {
                    return Ok(Box::new(stream));
                }
                let connector = TlsConnector::from(self.trust().await?);
                let name = ServerName::try_from(host.clone())
                    .map_err(|error| self.failed(&error.to_string(), None))?;
                Ok(Box::new(connector.connect(name, stream).await.map_err(failed)?))
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let path = super::socket_path(path);
                Ok(Box::new(tokio::net::UnixStream::connect(path).await.map_err(failed)?))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(self.failed("there are no unix sockets here; use ws://", None)),
        }
    }

    async fn trust(&self) -> Result<Arc<ClientConfig>, Error> {
        let ca_file = self.ca_file.clone();
        // Reading the system's certificates takes its time.
        let roots = tokio::task::spawn_blocking(move || roots(ca_file.as_deref()));
        let roots = roots.await.map_err(|error| self.failed(&error.to_string(), None))??;
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| self.failed(&error.to_string(), None))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    fn refused(&self, error: WsError) -> Error {
        let WsError::Http(response) = error else { return self.failed(&error.to_string(), None) };
        let status = response.status();
        let said = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        // Who refuses may show what it was sent. Struck before it is cut, so that no part of a secret stays at the end.
        let said = Secrets::of(&self.secret_sources()).strike(said.into_owned());
        let said: String = said.trim().chars().take(LONGEST_REFUSAL).collect();
        let colon = if said.is_empty() { "" } else { ": " };
        let hint = match (status.as_u16(), &self.token) {
            (401 | 403, None) => "; it wants a token: options.token, or CODEX_APP_SERVER_TOKEN",
            (401 | 403, Some(_)) => "; the token is not the one that it wants, or has expired",
            _ => "",
        };
        self.failed(&format!("the server answered {status}{colon}{said}{hint}"), Some(status.as_u16()))
    }

    fn failed(&self, why: &str, status: Option<u16>) -> Error {
        Error::Connect { message: format!("could not connect to {}: {why}", self.address), status }
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        let wrong = |why: &str| Error::InvalidArgument(format!("options.caFile: {}: {why}", file.display()));
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error.to_string()))?;
        let mut count = 0;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(&error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(&error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(wrong("holds no certificate in PEM"));
        }
    }
    Ok(roots)
}
