//! Bytes to and from an address, through what stands on the way: proxies, TLS.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{self, ClientConfig};
use tokio_tungstenite::tungstenite::http::{self, Uri};
use tower_service::Service;

use super::names::Names;
use crate::transport::{Answered, Bounded, Bytes, Signs, Stream, Watched};

/// Why an address could not be reached.
#[derive(Debug)]
pub(super) struct Unreached {
    pub(super) why: String,
    /// Whether it would be the same again.
    pub(super) lasting: bool,
}

type BoxError = Box<dyn StdError + Send + Sync>;
type Reached<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Opens connections: plain, and with TLS where the scheme says `https`.
#[derive(Clone)]
pub(super) struct Reach {
    tcp: HttpConnector<Names>,
    tls: Option<Arc<ClientConfig>>,
    signs: Arc<Signs>,
    answered: Answered,
}

impl Reach {
    /// `tls` is needed for `wss://` and for proxies at `https://`.
    pub(super) fn new(tls: Option<Arc<ClientConfig>>, signs: Arc<Signs>, answered: Answered) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Names);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self { tcp, tls, signs, answered }
    }

    /// Bytes as they are on the wire leave signs, and are bounded.
    pub(super) fn watched(signs: &Arc<Signs>, answered: &Answered, stream: impl Bytes + 'static) -> Stream {
        Box::new(Watched::new(Bounded::new(stream, answered.clone()), Arc::clone(signs)))
    }

    /// A connection to a server, through a proxy where there is one.
    pub(super) async fn server(
        mut self,
        tls: bool,
        host: &str,
        port: u16,
        proxy: Option<Intercept>,
    ) -> Result<Stream, Unreached> {
        let authority =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let server: Uri = format!("http://{authority}/").parse().map_err(|error| lasting(&error))?;
        let config = self.tls.clone();
        let stream = match &proxy {
            None => self.call(server).await.map_err(unreached)?,
            Some(proxy) => through(proxy, self, server).await.map_err(unreached)?,
        };
        let stream = stream.into_inner();
        match (tls, config) {
            (true, Some(config)) => secured(config, host, stream).await.map_err(unreached),
            _ => Ok(stream),
        }
    }
}

async fn through(proxy: &Intercept, reach: Reach, server: Uri) -> Result<TokioIo<Stream>, BoxError> {
    let at = proxy.uri().clone();
    let reached = match at.scheme_str() {
        Some("socks5" | "socks5h") => {
            let mut socks = SocksV5::new(at.clone(), reach);
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            socks.call(server).await.map_err(|error| BoxError::from(error.to_string()))
        }
        Some("socks4" | "socks4a") => SocksV4::new(at.clone(), reach)
            .call(server)
            .await
            .map_err(|error| BoxError::from(error.to_string())),
        _ => {
            let mut tunnel = Tunnel::new(at.clone(), reach);
            if let Some(auth) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(auth.clone());
            }
            tunnel.call(server).await.map_err(BoxError::from)
        }
    };
    reached.map_err(|error| Box::new(AtProxy { at, error }) as BoxError)
}

/// What went wrong at a proxy or on the way to it.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {} did not connect", .at.authority().map_or("", |at| at.as_str()))]
struct AtProxy {
    at: Uri,
    #[source]
    error: BoxError,
}

async fn secured(config: Arc<ClientConfig>, host: &str, stream: Stream) -> Result<Stream, BoxError> {
    let name = ServerName::try_from(host.to_owned())?;
    Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
}

impl Service<Uri> for Reach {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Reached<TokioIo<Stream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, at: Uri) -> Self::Future {
        let Self { mut tcp, tls, signs, answered } = self.clone();
        Box::pin(async move {
            let host = at.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
            let secure = at.scheme_str() == Some("https");
            let stream = tcp.call(with_port(&at)?).await?.into_inner();
            let stream = Self::watched(&signs, &answered, stream);
            let stream = match tls {
                Some(config) if secure => secured(config, &host, stream).await?,
                _ => stream,
            };
            Ok(TokioIo::new(stream))
        })
    }
}

/// The usual ports of proxies are no port of TCP for the connector.
fn with_port(at: &Uri) -> Result<Uri, http::Error> {
    let port = match (at.port_u16(), at.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("https")) => 443,
        (None, Some(scheme)) if scheme.starts_with("socks") => 1080,
        (None, _) => 80,
    };
    let authority = format!("{}:{port}", at.host().unwrap_or_default());
    Uri::builder().scheme("http").authority(authority).path_and_query("/").build()
}

fn lasting(error: &dyn StdError) -> Unreached {
    Unreached { why: chain(error), lasting: true }
}

fn unreached(error: BoxError) -> Unreached {
    Unreached { why: chain(&*error), lasting: is_lasting(&*error) }
}

/// An error with what lies below it, each once.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        below = error.source();
    }
    text
}

/// Whether waiting does not help: nobody vouches for the certificate, or the proxy wants to know who asks.
fn is_lasting(error: &(dyn StdError + 'static)) -> bool {
    let tls = error
        .downcast_ref::<io::Error>()
        .and_then(|error| error.get_ref()?.downcast_ref::<rustls::Error>())
        .or_else(|| error.downcast_ref::<rustls::Error>());
    if let Some(tls) = tls {
        return matches!(tls, rustls::Error::InvalidCertificate(_) | rustls::Error::PeerIncompatible(_));
    }
    let text = error.to_string();
    text.contains("proxy authorization required") || error.source().is_some_and(is_lasting)
}
