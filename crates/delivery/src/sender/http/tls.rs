//! TLS settings of a client, one per set of authorities, identity and versions.
//!
//! INVARIANT: the name in the certificate is always checked; there is no switch to leave it out. Sessions are resumed only
//! under the settings that they were made with, so never by another identity.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::identity;
use crate::config::DestinationRules;
use crate::config::transport::{HttpVersion, Identity, TlsVersion};

/// Whom TLS is spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    /// The receiver itself, which is offered these versions of HTTP.
    Receiver(HttpVersion),
    /// The proxy before it: it gets no certificate of ours, and the machine's authorities are trusted beside `ca_file`.
    Proxy,
}

/// What makes settings different.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    ca_file: Option<PathBuf>,
    identity: Option<Identity>,
    version_min: TlsVersion,
    peer: Peer,
}

/// Settings read so far.
///
/// They are read once; who reads the settings again builds new senders and so reads them again.
#[derive(Debug, Default)]
pub(super) struct Configs(Mutex<HashMap<Key, Arc<ClientConfig>>>);

impl Configs {
    /// The settings that trust `ca_file` alone, or the machine's authorities without it, and show the identity of the rules.
    ///
    /// # Errors
    /// Words for the operator when there is nothing to trust, or a file cannot be used.
    pub(super) async fn get(
        &self,
        rules: &DestinationRules,
        peer: Peer,
    ) -> Result<Arc<ClientConfig>, String> {
        let transport = &rules.transport;
        let key = match peer {
            Peer::Receiver(_) => Key {
                ca_file: rules.ca_file.clone(),
                identity: transport.identity.clone(),
                version_min: transport.tls_version_min,
                peer,
            },
            Peer::Proxy => Key {
                ca_file: rules.ca_file.clone(),
                identity: None,
                version_min: TlsVersion::default(),
                peer,
            },
        };
        if let Some(config) = self.0.lock().get(&key) {
            return Ok(Arc::clone(config));
        }
        let wanted = key.clone();
        let built = tokio::task::spawn_blocking(move || build(&wanted)).await;
        let config = built.map_err(|error| error.to_string())??;
        self.0.lock().insert(key, Arc::clone(&config));
        Ok(config)
    }
}

fn build(key: &Key) -> Result<Arc<ClientConfig>, String> {
    let roots = match (&key.ca_file, key.peer) {
        (Some(path), Peer::Receiver(_)) => roots_in(path)?,
        (Some(path), Peer::Proxy) => {
            let mut roots = roots_in(path)?;
            roots.extend(native_roots().map_or_else(|_| Vec::new(), |native| native.roots));
            roots
        }
        (None, _) => native_roots()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(key.version_min))
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match &key.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, private) = identity::load(identity).map_err(|(_, detail)| detail)?;
            builder
                .with_client_auth_cert(chain, private)
                .map_err(|error| identity::unfit(identity, &error))?
        }
    };
    let offered: &[&[u8]] = match key.peer {
        Peer::Receiver(HttpVersion::Http2) => &[b"h2"],
        Peer::Receiver(HttpVersion::Auto) => &[b"h2", b"http/1.1"],
        Peer::Receiver(HttpVersion::Http1) | Peer::Proxy => &[b"http/1.1"],
    };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

static FROM_1_2: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS13, &rustls::version::TLS12];
static FROM_1_3: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match least {
        TlsVersion::V1_2 => &FROM_1_2,
        TlsVersion::V1_3 => &FROM_1_3,
    }
}

/// Whether the other side ended the connection by an alert of TLS.
pub(super) fn is_refusal(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::AlertReceived(_)))
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
