//! TLS settings of a client, one per set of trusted authorities.
//!
//! INVARIANT: the name in the certificate is always checked; there is no switch to leave it out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Settings read so far: by `ca_file`, `None` for the machine's own authorities.
///
/// They are read once; who reads the settings again builds new senders and so reads them again.
#[derive(Debug, Default)]
pub(super) struct Configs(Mutex<HashMap<Option<PathBuf>, Arc<ClientConfig>>>);

impl Configs {
    /// The settings that trust `ca_file` alone, or the machine's authorities without it.
    ///
    /// # Errors
    /// Words for the operator when there is nothing to trust.
    pub(super) async fn get(&self, ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
        let key = ca_file.map(Path::to_owned);
        if let Some(config) = self.0.lock().get(&key) {
            return Ok(Arc::clone(config));
        }
        let path = key.clone();
        let built = tokio::task::spawn_blocking(move || build(path.as_deref())).await;
        let config = built.map_err(|error| error.to_string())??;
        self.0.lock().insert(key, Arc::clone(&config));
        Ok(config)
    }
}

fn build(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let roots = match ca_file {
        Some(path) => roots_in(path)?,
        None => native_roots()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Whether authorities can be read from a file.
///
/// # Errors
/// Words for the operator.
pub(in crate::sender) fn check_file(path: &Path) -> Result<(), String> {
    roots_in(path).map(|_| ())
}

fn roots_in(path: &Path) -> Result<RootCertStore, String> {
    let name = path.display();
    let wrong = |error: &dyn std::fmt::Display| format!("ca_file `{name}` cannot be used: {error}");
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(format!("ca_file `{name}` holds no certificate in PEM form"));
    }
    Ok(roots)
}

fn native_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(
            "this machine has no trusted authorities; install ca-certificates or set ca_file"
                .to_owned(),
        );
    }
    Ok(roots)
}
