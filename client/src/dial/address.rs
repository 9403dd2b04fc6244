//! Where a server listens. Nothing is opened here.

use std::net::IpAddr;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

use tokio_tungstenite::tungstenite::http::Uri;

use super::names::is_local;
use crate::Error;

/// Where the server made for its own machine listens, below its `CODEX_HOME`.
const CONTROL_SOCKET: &str = "app-server-control/app-server-control.sock";

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `ws://` or `wss://`.
    Tcp {
        /// The whole address.
        uri: Uri,
        /// Name or address of the host, without brackets.
        host: String,
        /// The port, also where the address leaves it out.
        port: u16,
        /// Whether it is `wss://`.
        tls: bool,
    },
    /// `unix://PATH`.
    Unix(PathBuf),
}

impl Address {
    /// Reads an address. `codex_home` is where `unix://` without a path looks.
    pub fn parse(url: &str, codex_home: impl FnOnce() -> Option<PathBuf>) -> Result<Self, Error> {
        let wrong = |why: &str| Err(Error::InvalidArgument(format!("options.url: {why}")));
        if let Some(path) = url.strip_prefix("unix://") {
            if !path.is_empty() {
                return Ok(Self::Unix(PathBuf::from(path)));
            }
            return match codex_home() {
                Some(home) => Ok(Self::Unix(home.join(CONTROL_SOCKET))),
                None => wrong(
                    "`unix://` is the control socket below CODEX_HOME, but neither CODEX_HOME nor a home is known; name the path",
                ),
            };
        }
        let tls = match url.split_once("://") {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("ws") => false,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return wrong("must begin with ws://, wss:// or unix://"),
        };
        let Ok(uri) = url.parse::<Uri>() else { return wrong("is not a valid URL") };
        let Some(authority) = uri.authority() else { return wrong("names no host") };
        if authority.as_str().contains('@') {
            return wrong("must not hold a user name or password; use options.token");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return wrong("names no host");
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self::Tcp { uri, host, port, tls })
    }

    /// Whether what is sent can be read on its way by others than this machine.
    pub fn is_exposed(&self) -> bool {
        match self {
            Self::Tcp { host, tls: false, .. } => !is_loopback(host),
            Self::Tcp { .. } | Self::Unix(_) => false,
        }
    }
}

impl std::fmt::Display for Address {
    /// Without path and query, which may hold what is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { uri, tls, .. } => {
                let scheme = if *tls { "wss" } else { "ws" };
                write!(f, "{scheme}://{}", uri.authority().map_or("", |authority| authority.as_str()))
            }
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// Whether a host is this machine, whoever is asked for it.
pub(super) fn is_loopback(host: &str) -> bool {
    is_local(host) || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The path that a socket can be reached by: one that is too long for the system is a link to a short one.
#[cfg(unix)]
pub fn socket_path(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, String> {
        Address::parse(url, || Some("/home/x/.codex".into())).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_are_told_apart() {
        let Ok(Address::Tcp { host, port, tls, .. }) = parse("wss://[::1]/x?y=z") else { panic!() };
        assert_eq!((host.as_str(), port, tls), ("::1", 443, true));
        assert_eq!(parse("ws://h:4500").unwrap().to_string(), "ws://h:4500");
        assert_eq!(parse("unix:///run/x.sock"), Ok(Address::Unix("/run/x.sock".into())));
        let control = "/home/x/.codex/app-server-control/app-server-control.sock";
        assert_eq!(parse("unix://"), Ok(Address::Unix(control.into())));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (url, why) in [
            ("http://h", "must begin with"),
            ("h:4500", "must begin with"),
            ("ws://", "not a valid URL"),
            ("ws://:80", "names no host"),
            ("ws://user:pass@h", "options.token"),
        ] {
            let message = parse(url).unwrap_err();
            assert!(message.contains(why), "{url}: {message}");
        }
    }

    #[test]
    fn w5_only_plain_text_to_another_machine_is_exposed() {
        for url in ["ws://127.0.0.1:1", "ws://localhost:1", "ws://[::1]:1", "wss://example.com", "unix:///x"]
        {
            assert!(!parse(url).unwrap().is_exposed(), "{url}");
        }
        for url in ["ws://example.com", "ws://10.0.0.1:1", "ws://localhost.example.com"] {
            assert!(parse(url).unwrap().is_exposed(), "{url}");
        }
    }
}
