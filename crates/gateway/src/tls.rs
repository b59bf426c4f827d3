//! TLS with a certificate that can be replaced while serving.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::TlsFacts;
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate and its key, as files that are read again on demand.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

/// Why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The certificate's file cannot be read as PEM.
    #[error("`{}` cannot be read as a certificate chain in PEM", path.display())]
    Certificate {
        /// Which.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// There is something else in it, a key perhaps.
    #[error("`{}` holds no certificate in PEM", path.display())]
    NoCertificate {
        /// Which.
        path: PathBuf,
    },
    /// It is in PEM, and no certificate that serves.
    #[error("the certificate in `{}` cannot be used", path.display())]
    BadCertificate {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The key's file cannot be read as PEM.
    #[error("`{}` cannot be read as a private key in PEM", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// It is in PEM, and of a kind that is not supported.
    #[error("the private key in `{}` cannot be used", path.display())]
    BadKey {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The two are no pair.
    #[error("`{}` is not the key of the certificate in `{}`", key.display(), certificate.display())]
    NoPair {
        /// The key's file.
        key: PathBuf,
        /// The certificate's.
        certificate: PathBuf,
    },
}

impl Error {
    /// Whether the key is to be looked at, not the certificate.
    #[must_use]
    pub fn is_of_key(&self) -> bool {
        matches!(
            self,
            Self::Key { .. } | Self::BadKey { .. } | Self::NoPair { .. }
        )
    }
}

impl Tls {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// When a file cannot be read or the two are no pair.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let config = RwLock::new(read(certificate, key)?);
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            config,
        })
    }

    /// Reads both files again. New connections get the new certificate; on an error the old one stays.
    ///
    /// # Errors
    /// As [`Tls::open`].
    pub fn reload(&self) -> Result<(), Error> {
        let config = read(&self.certificate, &self.key)?;
        *self.config.write() = config;
        Ok(())
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// What a handshake came to, for records. The cipher suite by its IANA name.
pub(crate) fn facts(connection: &rustls::ServerConnection) -> Option<TlsFacts> {
    use rustls::CipherSuite as Suite;
    use rustls::ProtocolVersion as Version;
    let version = match connection.protocol_version()? {
        Version::TLSv1_2 => "TLSv1.2",
        Version::TLSv1_3 => "TLSv1.3",
        _ => return None,
    };
    let suite = connection.negotiated_cipher_suite()?.suite();
    let cipher_suite = match suite {
        Suite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        Suite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        Suite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        // The older ones carry their IANA names already.
        other => other.as_str().unwrap_or("unknown"),
    };
    Some(TlsFacts {
        version,
        cipher_suite,
    })
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
    let path = certificate.to_owned();
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| Error::Certificate { path, source })?;
    if chain.is_empty() {
        let path = certificate.to_owned();
        return Err(Error::NoCertificate { path });
    }
    let path = key.to_owned();
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|source| Error::Key { path, source })?;
    let not_used = |source| why(source, certificate, key);
    let mut config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(not_used)?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(not_used)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Which of the two files rustls speaks of.
fn why(source: rustls::Error, certificate: &Path, key: &Path) -> Error {
    let (path, key) = (certificate.to_owned(), key.to_owned());
    match source {
        rustls::Error::InconsistentKeys(_) => Error::NoPair {
            key,
            certificate: path,
        },
        rustls::Error::InvalidCertificate(_) => Error::BadCertificate { path, source },
        source => Error::BadKey { path: key, source },
    }
}
