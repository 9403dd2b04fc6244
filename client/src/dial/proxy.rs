//! Proxies on the way to a server, by the variables and rules of curl.

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio_tungstenite::tungstenite::http::Uri;

use super::address::is_loopback;
use crate::Error;

/// What an environment says of proxies.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    all: Option<Variable>,
    http: Option<Variable>,
    https: Option<Variable>,
    no: String,
}

#[derive(Clone)]
struct Variable {
    name: &'static str,
    value: String,
}

impl std::fmt::Debug for Variable {
    /// The value may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Proxies {
    /// Of the variables that `get` gives.
    pub fn of(get: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            let value = |name: &&'static str| get(name).filter(|value| !value.trim().is_empty());
            names.iter().find_map(|name| Some(Variable { name, value: value(name)?.trim().to_owned() }))
        };
        // In a CGI script it is what the caller says in a header named `Proxy`.
        let is_cgi = get("REQUEST_METHOD").is_some();
        let http: &[&str] = if is_cgi { &["http_proxy"] } else { &["http_proxy", "HTTP_PROXY"] };
        Self {
            all: first(&["all_proxy", "ALL_PROXY"]),
            http: first(http),
            https: first(&["https_proxy", "HTTPS_PROXY"]),
            no: first(&["no_proxy", "NO_PROXY"]).map(|no| no.value).unwrap_or_default(),
        }
    }

    /// The passwords among them.
    pub(super) fn passwords(&self) -> impl Iterator<Item = &str> {
        let variables = [&self.all, &self.http, &self.https].into_iter().flatten();
        variables.filter_map(|variable| {
            let (user, _) = variable.value.rsplit_once('@')?;
            let user = user.split_once("://").map_or(user, |(_, user)| user);
            Some(user.split_once(':').map_or(user, |(_, password)| password))
        })
    }

    /// The proxy for a server, if there is one; never for this machine.
    pub(super) fn on_the_way(
        &self,
        tls: bool,
        host: &str,
        port: u16,
    ) -> Result<Option<(&'static str, Intercept)>, Error> {
        if is_loopback(host) {
            return Ok(None);
        }
        let Some(variable) = if tls { &self.https } else { &self.http }.as_ref().or(self.all.as_ref()) else {
            return Ok(None);
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let Ok(server) = format!("http://{host}:{port}/").parse::<Uri>() else { return Ok(None) };
        let of = |no: &str| {
            let matcher = Matcher::builder().all(variable.value.clone()).no(no.to_owned()).build();
            matcher.intercept(&server)
        };
        if of("").is_none() {
            return Err(Error::InvalidArgument(format!(
                "{}: is not a proxy that can be used; it must be http://, https:// or socks5:// with HOST:PORT",
                variable.name
            )));
        }
        Ok(of(&exceptions(&self.no, port)).map(|proxy| (variable.name, proxy)))
    }
}

/// `NO_PROXY` as the matcher takes it: without ports, where they are those of the server, and `*.x` as `.x`.
fn exceptions(no: &str, port: u16) -> String {
    let entries = no.split([',', ' ', '\t', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
    let entries = entries.filter_map(|entry| {
        let entry = match entry.rsplit_once(':') {
            // An IPv6 address without brackets has no port.
            Some((host, number)) if !host.contains(':') || host.ends_with(']') => {
                (number.parse() == Ok(port)).then_some(host)?
            }
            _ => entry,
        };
        let entry = entry.trim_start_matches('[').trim_end_matches(']');
        Some(entry.strip_prefix("*.").map_or(entry.to_owned(), |domain| format!(".{domain}")))
    });
    entries.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(variables: &[(&str, &str)], url: (bool, &str, u16)) -> Result<Option<String>, String> {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let proxy = Proxies::of(get).on_the_way(url.0, url.1, url.2);
        proxy.map(|proxy| proxy.map(|(_, proxy)| proxy.uri().to_string())).map_err(|error| error.to_string())
    }

    const SECURE: (bool, &str, u16) = (true, "codex.example.com", 443);

    #[test]
    fn each_scheme_has_its_variable_and_all_is_for_both() {
        let of = |name, server| way(&[(name, "http://proxy:1")], server).unwrap().is_some();
        let plain = (false, "example.com", 80);
        for (name, secure, open) in [
            ("HTTPS_PROXY", true, false),
            ("https_proxy", true, false),
            ("HTTP_PROXY", false, true),
            ("ALL_PROXY", true, true),
            ("all_proxy", true, true),
        ] {
            assert_eq!((of(name, SECURE), of(name, plain)), (secure, open), "{name}");
        }
        let cgi = [("HTTP_PROXY", "http://evil:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(way(&cgi, plain), Ok(None));
        let both = [("https_proxy", "http://lower:1"), ("HTTPS_PROXY", "http://upper:1")];
        assert_eq!(way(&both, SECURE), Ok(Some("http://lower:1/".to_owned())));
    }

    #[test]
    fn exceptions_are_by_name_domain_network_and_port() {
        let is_excepted = |no: &str, host, port| {
            way(&[("HTTPS_PROXY", "proxy:8080"), ("NO_PROXY", no)], (true, host, port)).unwrap().is_none()
        };
        for no in
            ["example.com", ".example.com", "*.example.com", "a, codex.example.com b", "*", "example.com:443"]
        {
            assert!(is_excepted(no, "codex.example.com", 443), "{no}");
        }
        for no in ["", "codex.example.co", "ample.com", "codex.example.com:444"] {
            assert!(!is_excepted(no, "codex.example.com", 443), "{no}");
        }
        assert!(is_excepted("10.0.0.0/8", "10.1.2.3", 443));
        assert!(is_excepted("fd00::/8,[fd00::2]:443", "fd00::1", 443));
        assert!(is_excepted("[fe80::2]:443", "fe80::2", 443));
        assert!(!is_excepted("10.0.0.0/8", "11.1.2.3", 443));
    }

    #[test]
    fn this_machine_has_none() {
        for host in ["localhost", "127.0.0.1", "::1", "127.1.2.3"] {
            assert_eq!(way(&[("ALL_PROXY", "http://proxy:1")], (false, host, 80)), Ok(None), "{host}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_showing_it() {
        for value in ["ftp://user:secret@proxy:1", "http://", "a b"] {
            let message = way(&[("ALL_PROXY", value)], SECURE).unwrap_err();
            assert!(message.starts_with("ALL_PROXY: ") && !message.contains("secret"), "{message}");
        }
    }
}
