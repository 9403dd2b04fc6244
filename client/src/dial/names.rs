//! The addresses of a host, found without the environment: `getaddrinfo` of glibc reads it, on another thread than the
//! one where the program may set variables.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

/// Finds the addresses of a host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names;

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let found = addresses(name.as_str()).await?;
            Ok(found.into_iter().map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>().into_iter())
        })
    }
}

/// Whether a name is of this machine by itself, whatever a server of names says.
pub(super) fn is_local(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

async fn addresses(host: &str) -> io::Result<Vec<IpAddr>> {
    if is_local(host) {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let found = looked_up(host).await?;
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    }
    Ok(found)
}

/// By `/etc/hosts` and the servers of `/etc/resolv.conf`, read anew each time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
async fn looked_up(host: &str) -> io::Result<Vec<IpAddr>> {
    use hickory_resolver::TokioResolver;
    use hickory_resolver::config::{LookupIpStrategy, ResolveHosts};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use hickory_resolver::system_conf::read_system_conf;

    let (config, mut options) = read_system_conf().unwrap_or_default();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Always;
    let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let resolver = resolver.with_options(options).build().map_err(io::Error::other)?;
    Ok(resolver.lookup_ip(host).await.map_err(io::Error::other)?.iter().collect())
}

/// By the system, whose function reads no environment, or one that is locked while it is set.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
async fn looked_up(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_of_this_machine_asks_nobody() {
        for name in ["localhost", "LOCALHOST", "localhost.", "a.localhost"] {
            let found = addresses(name).await.unwrap();
            assert!(found.iter().all(IpAddr::is_loopback) && found.len() == 2, "{name}: {found:?}");
        }
        for name in ["notlocalhost", "localhost.example.com"] {
            assert!(!is_local(name), "{name}");
        }
    }

    /// What tests may rely on: the name of the machine that they run on.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[tokio::test]
    async fn names_of_the_hosts_file_are_found() {
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let named = hosts.lines().filter(|line| !line.trim_start().starts_with('#'));
        let mut named = named.flat_map(|line| line.split_whitespace().skip(1));
        let Some(name) = named.find(|name| !is_local(name)) else { return };
        assert!(!addresses(name).await.unwrap().is_empty(), "{name}");
    }

    /// A name in the form that URLs have it is asked for as it is, without the data of Unicode.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn an_international_name_stays_as_it_is() {
        use hickory_resolver::proto::rr::IntoName;
        for name in ["xn--mnchen-3ya.example.", "a.xn--wgv71a119e.example.", "xn--p1ai."] {
            assert_eq!(name.into_name().unwrap().to_ascii(), name);
        }
    }
}
