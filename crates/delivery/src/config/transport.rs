//! How connections to a destination are made: who we say we are, which TLS, from which address, which HTTP.
//!
//! Each key is taken by itself from `[destinations."*"]` where a destination leaves it out, but a certificate and its key
//! are one: the pair is taken from where the certificate stands.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Span;
use super::destination::{Destination, key_of};
use super::secret::{self, SecretText, Secrets};
use super::{Invalid, Problems};
use crate::dns::Bounds;
use crate::sender::http;

/// The versions of HTTP that are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HttpVersion {
    /// A connection serves one request at a time.
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    /// A connection serves many at once; without TLS by prior knowledge (RFC 9113, section 3.3).
    #[serde(rename = "2")]
    Http2,
    /// What the receiver of an https URL chooses (ALPN); 1.1 without TLS.
    #[serde(rename = "auto")]
    Auto,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "1.1",
            Self::Http2 => "2",
            Self::Auto => "auto",
        })
    }
}

/// The oldest TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        })
    }
}

/// The addresses that connections come from: one, or one of each family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SourceAddress {
    /// `"192.0.2.1"`.
    One(String),
    /// `["192.0.2.1", "2001:db8::1"]`.
    Each(Vec<String>),
}

/// Where the private key of a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateKey {
    /// In a PEM file, read when the first connection needs it.
    File(PathBuf),
    /// PEM, as references gave it.
    Pem(SecretText),
}

/// Who we are to a receiver that asks for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM file of the certificate and those between it and its authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PrivateKey,
}

impl std::hash::Hash for Identity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.certificate.hash(state);
    }
}

/// Where connections come from; a family without an address is not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// For IPv4.
    pub v4: Option<Ipv4Addr>,
    /// For IPv6.
    pub v6: Option<Ipv6Addr>,
}

impl Source {
    /// The address that a connection to `peer` comes from.
    #[must_use]
    pub fn for_peer(self, peer: IpAddr) -> Option<IpAddr> {
        match peer {
            IpAddr::V4(_) => self.v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.v6.map(IpAddr::V6),
        }
    }
}

/// How connections to a destination are made, nothing left open. Two destinations share a connection only where these are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transport {
    /// See [`Destination::http`].
    pub http: HttpVersion,
    /// See [`Destination::client_certificate`].
    pub identity: Option<Identity>,
    /// See [`Destination::tls_version_min`].
    pub tls_version_min: TlsVersion,
    /// See [`Destination::tls_server_name`].
    pub tls_server_name: Option<String>,
    /// See [`Destination::source_address`].
    pub source: Option<Source>,
    /// See [`Destination::dns_ttl_min`].
    pub dns: Bounds,
}

impl Destination {
    /// Its transport over that of `*`.
    ///
    /// # Errors
    /// [`Invalid`] when a secret cannot be read.
    pub(super) fn transport(
        &self,
        name: &str,
        under: &Arc<Transport>,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<Arc<Transport>, Invalid> {
        let mut own = Transport::clone(under);
        if let Some(identity) = self
            .identity(named, secrets)
            .map_err(|error| Invalid::new(&key_of(name, "client_key"), error))?
        {
            own.identity = Some(identity);
        }
        if let Some(version) = self.http {
            own.http = version;
        }
        if let Some(version) = self.tls_version_min {
            own.tls_version_min = version;
        }
        if let Some(name) = &self.tls_server_name {
            own.tls_server_name = Some(name.clone());
        }
        if let Some(source) = &self.source_address {
            own.source = source
                .parse()
                .map_err(|detail| Invalid::new(&key_of(name, "source_address"), detail))?;
        }
        own.dns = self.dns_bounds(under.dns);
        Ok(if own == **under {
            Arc::clone(under)
        } else {
            Arc::new(own)
        })
    }

    fn dns_bounds(&self, under: Bounds) -> Bounds {
        Bounds {
            min: self.dns_ttl_min.map_or(under.min, Span::get),
            max: self.dns_ttl_max.map_or(under.max, Span::get),
        }
    }

    fn identity(
        &self,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<Option<Identity>, secret::Error> {
        let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) else {
            return Ok(None);
        };
        let key = match key.contains("${") {
            true => PrivateKey::Pem(secret::expand(key, named, secrets)?),
            false => PrivateKey::File(key.into()),
        };
        Ok(Some(Identity {
            certificate: certificate.clone(),
            key,
        }))
    }

    /// Adds what is wrong with its transport, without any I/O.
    pub(super) fn check_transport(&self, name: &str, problems: &mut Problems) {
        for (key, other, is_half) in [
            (
                "client_certificate",
                "client_key",
                self.client_certificate.is_some() && self.client_key.is_none(),
            ),
            (
                "client_key",
                "client_certificate",
                self.client_key.is_some() && self.client_certificate.is_none(),
            ),
        ] {
            if is_half {
                problems.push(
                    &key_of(name, key),
                    format!("stands without `{other}`; a certificate is of use with its key alone: give both here"),
                );
            }
        }
        let day = Duration::from_secs(86_400);
        for (key, span) in [
            ("dns_ttl_min", self.dns_ttl_min),
            ("dns_ttl_max", self.dns_ttl_max),
        ] {
            problems.span(&key_of(name, key), span, Duration::ZERO, day);
        }
        let bounds = self.dns_bounds(Bounds::default());
        if bounds.min > bounds.max {
            let key = if self.dns_ttl_min.is_some() {
                "dns_ttl_min"
            } else {
                "dns_ttl_max"
            };
            let (min, max) = (Span(bounds.min), Span(bounds.max));
            problems.push(
                &key_of(name, key),
                format!("dns_ttl_min ({min}) is longer than dns_ttl_max ({max}); give both"),
            );
        }
        if let Some(key) = &self.client_key
            && key.contains("-----BEGIN")
        {
            problems.push(
                &key_of(name, "client_key"),
                "holds a key; give the path of a PEM file, or where it is: `${file:/path}` or `${secret:NAME}`",
            );
        }
        if let Some(server) = &self.tls_server_name
            && let Err(detail) = http::check_server_name(server)
        {
            problems.push(&key_of(name, "tls_server_name"), detail);
        }
        if let Some(source) = &self.source_address
            && let Err(detail) = source.parse()
        {
            problems.push(&key_of(name, "source_address"), detail);
        }
    }

    /// Adds what is wrong with the files and secrets that its transport names.
    pub(super) fn check_transport_sources(
        &self,
        name: &str,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
        problems: &mut Problems,
    ) {
        match self.identity(named, secrets) {
            Ok(None) => {}
            Err(error) => problems.push(&key_of(name, "client_key"), error),
            Ok(Some(identity)) => {
                if let Err((key, detail)) = http::check_identity(&identity) {
                    problems.push(&key_of(name, key), detail);
                }
            }
        }
    }

    /// Adds a warning when its certificate ends soon, or has ended, at `now`.
    pub(super) fn warn_of_identity(
        &self,
        name: &str,
        now: base::Timestamp,
        problems: &mut Problems,
    ) {
        if let Some(path) = &self.client_certificate
            && let Some(detail) = http::certificate_ends_soon(path, now)
        {
            problems.push(&key_of(name, "client_certificate"), detail);
        }
    }
}

impl SourceAddress {
    /// The addresses by family; an empty text or list for none.
    ///
    /// # Errors
    /// Words for the operator.
    fn parse(&self) -> Result<Option<Source>, String> {
        let texts = match self {
            Self::One(text) if text.is_empty() => &[][..],
            Self::One(text) => std::slice::from_ref(text),
            Self::Each(texts) => texts,
        };
        let mut source = Source { v4: None, v6: None };
        for text in texts {
            let address: IpAddr = text.parse().map_err(|_| {
                format!("`{text}` is not an IP address of this machine, such as `192.0.2.1`")
            })?;
            if address.is_unspecified() || address.is_multicast() {
                return Err(format!(
                    "`{text}` is no address that a connection can come from; leave the key out to let the system choose"
                ));
            }
            let is_second = match address {
                IpAddr::V4(v4) => source.v4.replace(v4).is_some(),
                IpAddr::V6(v6) => source.v6.replace(v6).is_some(),
            };
            if is_second {
                return Err(format!(
                    "`{text}` is a second address of its family; give one of IPv4 and one of IPv6 at most"
                ));
            }
        }
        Ok((!texts.is_empty()).then_some(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DestinationRules, Settings, SystemSecrets};

    fn of(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_cannot_be_a_transport_is_refused_with_words() {
        for (rule, key, says) in [
            (
                "client_certificate = \"/c\"",
                "client_certificate",
                "without `client_key`",
            ),
            (
                "client_key = \"/k\"",
                "client_key",
                "without `client_certificate`",
            ),
            (
                "client_certificate = \"/c\"\nclient_key = \"-----BEGIN PRIVATE KEY-----\"",
                "client_key",
                "`${file:/path}`",
            ),
            ("tls_server_name = \"a b\"", "tls_server_name", "`a b`"),
            (
                "source_address = \"h\"",
                "source_address",
                "`h` is not an IP address",
            ),
            (
                "source_address = \"0.0.0.0\"",
                "source_address",
                "leave the key out",
            ),
            (
                "source_address = [\"192.0.2.1\", \"192.0.2.2\"]",
                "source_address",
                "`192.0.2.2` is a second address",
            ),
        ] {
            let found = of(&format!("[destinations.\"h.example\"]\n{rule}\n")).problems();
            let is_said = found.len() == 1
                && found[0].key == format!("destinations.\"h.example\".{key}")
                && found[0].detail.contains(says);
            assert!(is_said, "{rule}: {found:?}");
            assert!(!found[0].detail.contains("BEGIN"), "{found:?}");
        }
        for rule in ["tls_version_min = \"1.1\"", "source_address = 5"] {
            let text = format!("[destinations.\"h.example\"]\n{rule}\n");
            assert!(toml::from_str::<Settings>(&text).is_err(), "{rule}");
        }
    }

    #[test]
    fn each_key_is_taken_from_those_for_all_and_can_be_taken_back() {
        let settings = of(
            "[destinations.\"*\"]\ntls_version_min = \"1.3\"\nsource_address = [\"192.0.2.1\", \"2001:db8::1\"]\n\
             client_certificate = \"/c\"\nclient_key = \"/k\"\n\
             [destinations.\"own.example\"]\nsource_address = \"\"\ntls_server_name = \"other.example\"\n\
             [destinations.\"same.example\"]\n",
        );
        let none = BTreeMap::new();
        let resolve = |name: &str, under: &DestinationRules| {
            let own = settings.destinations.get(name).unwrap();
            own.resolve(name, under, &none, &SystemSecrets).unwrap()
        };
        let all = resolve("*", &DestinationRules::default());
        assert_eq!(
            all.transport.source,
            Some(Source {
                v4: Some("192.0.2.1".parse().unwrap()),
                v6: Some("2001:db8::1".parse().unwrap()),
            })
        );
        let own = resolve("own.example", &all).transport;
        assert_eq!((own.source, own.tls_version_min), (None, TlsVersion::V1_3));
        assert_eq!(own.tls_server_name.as_deref(), Some("other.example"));
        assert_eq!(own.identity, all.transport.identity);
        let same = resolve("same.example", &all).transport;
        assert!(Arc::ptr_eq(&same, &all.transport), "no copy for each host");
    }
}
