//! Whose certificates are trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_native_certs::{CertificateResult, load_certs_from_paths};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// Files of bundles, of systems where the folders alone don't do.
#[cfg(all(unix, not(target_os = "macos")))]
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// Where the certificates are that are trusted.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// A PEM file beside all others; it must be there.
    pub ca_file: Option<PathBuf>,
    /// The same from the environment, as Node takes it: one that can't be read is passed over.
    pub extra_file: Option<PathBuf>,
    /// A PEM file in place of the system's.
    pub cert_file: Option<PathBuf>,
    /// Folders in place of the system's.
    pub cert_dirs: Vec<PathBuf>,
}

impl Trust {
    /// What the variables that `get` gives say, with `ca_file` beside it. `absolute` says where their paths begin.
    pub fn of(
        ca_file: Option<&str>,
        get: impl Fn(&str) -> Option<String>,
        absolute: impl Fn(&Path) -> PathBuf,
    ) -> Self {
        let get = |name| get(name).filter(|value| !value.is_empty());
        let file = |name| get(name).map(|file| absolute(Path::new(&file)));
        let folders = get("SSL_CERT_DIR").unwrap_or_default();
        let folders = std::env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty());
        Self {
            ca_file: ca_file.map(|file| absolute(Path::new(file))),
            extra_file: file("NODE_EXTRA_CA_CERTS"),
            cert_file: file("SSL_CERT_FILE"),
            cert_dirs: folders.map(|folder| absolute(&folder)).collect(),
        }
    }

    /// The settings of TLS.
    pub(super) async fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        let trust = self.clone();
        // Reading the system's certificates takes its time.
        let roots = tokio::task::spawn_blocking(move || trust.roots()).await;
        let roots = roots.map_err(|error| Error::Lost(error.to_string()))??;
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Lost(error.to_string()))?;
        Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        let found = self.of_system();
        if found.certs.is_empty() {
            let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            tracing::warn!(?errors, "the system trusts no certificate");
        }
        roots.add_parsable_certificates(found.certs);
        if let Some(file) = &self.extra_file
            && let Err(why) = add(file, &mut roots)
        {
            tracing::warn!(file = %file.display(), why, "NODE_EXTRA_CA_CERTS is passed over");
        }
        if let Some(file) = &self.ca_file {
            add(file, &mut roots).map_err(|why| {
                Error::InvalidArgument(format!("options.caFile: {}: {why}", file.display()))
            })?;
        }
        Ok(roots)
    }

    fn of_system(&self) -> CertificateResult {
        if self.cert_file.is_none() && self.cert_dirs.is_empty() {
            return system();
        }
        let mut found = load_certs_from_paths(self.cert_file.as_deref(), None);
        for folder in &self.cert_dirs {
            let more = load_certs_from_paths(None, Some(folder));
            found.certs.extend(more.certs);
            found.errors.extend(more.errors);
        }
        found
    }
}

/// Not by `load_native_certs`, which reads the environment.
#[cfg(all(unix, not(target_os = "macos")))]
fn system() -> CertificateResult {
    let bundle = BUNDLES.iter().map(Path::new).find(|file| file.exists());
    let mut found = load_certs_from_paths(bundle, None);
    // Folders beside a bundle hold the same again, one by one.
    if found.certs.is_empty() {
        for folder in openssl_probe::candidate_cert_dirs() {
            found.certs.extend(load_certs_from_paths(None, Some(folder)).certs);
        }
    }
    found
}

/// The keychains: what the user has set goes before what the administrator has, and that before the system's.
#[cfg(target_os = "macos")]
fn system() -> CertificateResult {
    use security_framework::trust_settings::{Domain, TrustSettings, TrustSettingsForCertificate as Trusted};
    let mut known = std::collections::BTreeMap::new();
    for domain in [Domain::User, Domain::Admin, Domain::System] {
        let settings = TrustSettings::new(domain);
        // Where nobody has set anything that is an error, too.
        let Ok(certificates) = settings.iter() else { continue };
        for certificate in certificates {
            let Ok(trusted) = settings.tls_trust_settings_for_certificate(&certificate) else { continue };
            // One without a word on it is trusted.
            known.entry(certificate.to_der()).or_insert(trusted.unwrap_or(Trusted::TrustRoot));
        }
    }
    let mut found = CertificateResult::default();
    let trusted = |trusted: &Trusted| matches!(trusted, Trusted::TrustRoot | Trusted::TrustAsRoot);
    let roots = known.into_iter().filter(|(_, how)| trusted(how)).map(|(der, _)| der.into());
    found.certs.extend(roots);
    found
}

/// The store of the system. It asks the environment first, which nothing can change meanwhile on Windows.
#[cfg(windows)]
fn system() -> CertificateResult {
    rustls_native_certs::load_native_certs()
}

fn add(file: &Path, roots: &mut RootCertStore) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.len() == before {
        return Err("holds no certificate in PEM".to_owned());
    }
    Ok(())
}
