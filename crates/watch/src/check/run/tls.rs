//! The built-in check of a certificate, and whom checks trust.
//!
//! A server is spoken to whatever it shows, so that a certificate that is wrong is said with what is wrong: its end, its name,
//! who issued it. Nothing is sent over the connection.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use crate::check::config::{Check, Tls as Wanted};
use crate::check::range::Range;
use crate::check::{Outcome, Status};
use crate::datum::{Measured, PLUGINS, Unit};

/// What is left that is a warning, in days, where the check does not say. Chosen: half of what renewers leave.
const WARNING_DAYS: f64 = 14.0;
/// What is left that is critical.
const CRITICAL_DAYS: f64 = 3.0;
const DAY_SECS: f64 = 86_400.0;
/// The first second after all that a certificate can say: year 10000. Source: RFC 5280, 4.1.2.5.
const FAR_SECS: u64 = 253_402_300_800;

/// TLS with the host's own authorities, read when they are first needed.
#[derive(Debug, Default)]
pub struct Tls {
    trust: OnceCell<Arc<Trust>>,
}

#[derive(Debug)]
struct Trust {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// TLS that trusts these authorities.
    #[must_use]
    pub fn trusting(roots: RootCertStore) -> Self {
        Self {
            trust: OnceCell::new_with(Trust::of(roots).ok().map(Arc::new)),
        }
    }

    pub(super) async fn connector(&self) -> Result<TlsConnector, String> {
        Ok(TlsConnector::from(Arc::clone(&self.trust().await?.config)))
    }

    async fn trust(&self) -> Result<&Trust, String> {
        let read = || async {
            let roots = tokio::task::spawn_blocking(system_roots).await;
            Trust::of(roots.map_err(|error| error.to_string())?).map(Arc::new)
        };
        self.trust.get_or_try_init(read).await.map(AsRef::as_ref)
    }
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // What cannot be read is not trusted; the check says so of the page.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

impl Trust {
    fn of(roots: RootCertStore) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        Ok(Self {
            roots,
            provider,
            config: Arc::new(config),
        })
    }

    /// A connector that takes every certificate, to be looked at.
    fn looker(&self) -> Result<TlsConnector, String> {
        let algorithms = self.provider.signature_verification_algorithms;
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Taken(algorithms)))
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Takes every certificate whose key the server has.
#[derive(Debug)]
struct Taken(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Taken {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// What a certificate is.
#[derive(Debug, PartialEq)]
struct Seen {
    ends: Timestamp,
    /// What is wrong with it beside its end; empty where nothing is.
    wrong: Vec<String>,
}

/// Looks at the certificate of a server.
pub(super) async fn check(check: &Check, wanted: &Wanted, tls: &Tls, clock: &dyn Clock) -> Outcome {
    let now = clock.now();
    match look(wanted, tls, now).await {
        Err(why) => Outcome::of(Status::Critical, format!("{}: {why}", wanted.address)),
        Ok(seen) => judged(check, &seen, now),
    }
}

async fn look(wanted: &Wanted, tls: &Tls, now: Timestamp) -> Result<Seen, String> {
    let name = ServerName::try_from(wanted.wanted_name().to_owned());
    let name = name.map_err(|error| error.to_string())?;
    let trust = tls.trust().await?;
    let stream = TcpStream::connect(&wanted.address).await;
    let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
    let stream = trust.looker()?.connect(name.clone(), stream).await;
    let stream = stream.map_err(|error| format!("no TLS: {error}"))?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let (own, others) = chain.split_first().ok_or("shows no certificate")?;
    seen(own, others, &name, trust, now)
}

fn seen(
    own: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    trust: &Trust,
    now: Timestamp,
) -> Result<Seen, String> {
    let parsed = ParsedCertificate::try_from(own);
    let parsed = parsed.map_err(|error| format!("its certificate cannot be read: {error}"))?;
    let at = |secs| UnixTime::since_unix_epoch(Duration::from_secs(secs));
    let algorithms = trust.provider.signature_verification_algorithms.all;
    let verified = |secs| {
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &trust.roots,
            others,
            at(secs),
            algorithms,
        )
    };
    // A certificate's own times are looked at before anything else, so that in the far future its end is what is wrong.
    let ends = match verified(FAR_SECS) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Timestamp::from_secs(not_after.as_secs())
        }
        Err(error) => return Err(format!("its certificate cannot be read: {error}")),
        Ok(()) => return Err("its certificate does not say when it ends".to_owned()),
    };
    let mut wrong = Vec::new();
    if let Err(error) = verify_server_name(&parsed, name) {
        wrong.push(misnamed(&error, name));
    }
    // Whether an ended one was trusted is asked of its last moment.
    if let Err(error) = verified(now.as_secs().min(ends.as_secs())) {
        wrong.push(distrusted(&error, others.is_empty()));
    }
    Ok(Seen { ends, wrong })
}

fn misnamed(error: &Error, name: &ServerName<'_>) -> String {
    let wanted = name.to_str();
    match error {
        Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented, ..
        }) if !presented.is_empty() => {
            let shown: Vec<&str> = presented.iter().take(10).map(String::as_str).collect();
            format!(
                "the certificate is not for `{wanted}`, but for {}",
                shown.join(", ")
            )
        }
        _ => format!("the certificate is not for `{wanted}`"),
    }
}

fn distrusted(error: &Error, is_alone: bool) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) if is_alone => {
            "the certificate is not trusted: its issuer is none of this host's authorities, and the server shows no other certificate (self-signed, or a chain that is not whole)".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate is not trusted: its chain ends at none of this host's authorities"
                .to_owned()
        }
        // As `openssl req -x509` makes them. No variant of rustls says it.
        Error::InvalidCertificate(CertificateError::Other(why))
            if why.to_string().contains("CaUsedAsEndEntity") =>
        {
            "the certificate is not trusted: it is an authority's own (self-signed), not one that an authority issued to a server".to_owned()
        }
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            let begins = Timestamp::from_secs(not_before.as_secs());
            format!("the certificate is not valid before {}", begins.rfc3339_secs())
        }
        other => format!("the certificate is not trusted: {other}"),
    }
}

fn judged(check: &Check, seen: &Seen, now: Timestamp) -> Outcome {
    let (ends, now) = (seen.ends.as_secs(), now.as_secs());
    #[expect(clippy::cast_precision_loss, reason = "at most year 9999")]
    let days = (ends as f64 - now as f64) / DAY_SECS;
    let until = seen.ends.rfc3339_secs();
    let left = match days < 0.0 {
        true => format!("the certificate ended {:.0} days ago, on {until}", -days),
        false => format!(
            "the certificate is valid for {:.0} days, until {until}",
            days.floor()
        ),
    };
    let mut outcome = match (&seen.wrong[..], days < 0.0) {
        ([], true) => Outcome::of(Status::Critical, left),
        ([], false) => Outcome::of(status(check, days), left),
        (wrong, _) => Outcome::of(Status::Critical, format!("{}; {left}", wrong.join("; "))),
    };
    let left = Measured::new(PLUGINS, "days", Unit::None, days);
    outcome.metrics.push(left);
    outcome
}

fn status(check: &Check, days: f64) -> Status {
    let below = |days| Range::outside(days, f64::INFINITY);
    let (warning, critical) = (
        check.warning.of_main("days"),
        check.critical.of_main("days"),
    );
    // What is said of one is not said of the other.
    let is_over = |range: Option<Range>, usual| range.unwrap_or(below(usual)).alerts(days);
    match (
        is_over(critical, CRITICAL_DAYS),
        is_over(warning, WARNING_DAYS),
    ) {
        (true, _) => Status::Critical,
        (false, true) => Status::Warning,
        (false, false) => Status::Ok,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::check::config::{Form, Settings};

    /// 2026-01-01T00:00:00Z.
    const NEW_YEAR_SECS: u64 = 1_767_225_600;

    struct House {
        issuer: CertifiedIssuer<'static, KeyPair>,
        tls: Tls,
    }

    fn house() -> House {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = rcgen::DnType::CommonName;
        params.distinguished_name.push(name, "an authority");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone()).unwrap();
        House {
            issuer,
            tls: Tls::trusting(roots),
        }
    }

    async fn serve(issuer: Option<&CertifiedIssuer<'static, KeyPair>>) -> String {
        serve_as(issuer, rcgen::IsCa::NoCa).await
    }

    /// A server with a certificate for `a.example` of the year 2026, by `issuer` or by itself.
    async fn serve_as(
        issuer: Option<&CertifiedIssuer<'static, KeyPair>>,
        is_ca: rcgen::IsCa,
    ) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 4, 11);
        params.is_ca = is_ca;
        let own = match issuer {
            Some(issuer) => params.signed_by(&key, issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read_u8().await;
                }
            }
        });
        address
    }

    fn one(text: &str) -> Check {
        let settings = Settings::parse("t", text, Form::Toml).unwrap();
        settings.checks["cert"].clone()
    }

    async fn look_at(house: &House, address: &str, more: &str, day: u64) -> Outcome {
        let name = "a.example";
        let text = format!(
            "[checks.cert]\ntls = {{ address = \"{address}\", name = \"{name}\" }}\n{more}"
        );
        look_for(house, &text, day).await
    }

    async fn look_for(house: &House, text: &str, day: u64) -> Outcome {
        let check = one(text);
        let wanted = check.tls.clone().unwrap();
        let clock = base::ManualClock::at(Timestamp::from_secs(NEW_YEAR_SECS + day * 86_400));
        super::check(&check, &wanted, &house.tls, &clock).await
    }

    // The certificate ends 100 days after new year.
    #[tokio::test]
    async fn days_that_are_left_warn_and_are_critical_and_an_end_is_said() {
        let house = house();
        let address = serve(Some(&house.issuer)).await;
        for (day, more, status, days) in [
            (0, "", Status::Ok, 100.0),
            (85, "", Status::Ok, 15.0),
            (87, "", Status::Warning, 13.0),
            (98, "", Status::Critical, 2.0),
            (87, "warning = \"10:\"\n", Status::Ok, 13.0),
            (
                70,
                "critical = { days = \"40:\" }\n",
                Status::Critical,
                30.0,
            ),
            (103, "", Status::Critical, -3.0),
        ] {
            let outcome = look_at(&house, &address, more, day).await;
            assert_eq!(outcome.status, status, "{day} {}", outcome.text);
            assert_eq!(outcome.metrics[0].value, days);
            let said = match days < 0.0 {
                true => "ended 3 days ago, on 2026-04-11".to_owned(),
                false => format!("valid for {days} days, until 2026-04-11"),
            };
            assert!(outcome.text.contains(&said), "{}", outcome.text);
        }
    }

    #[tokio::test]
    async fn another_name_and_an_issuer_that_nobody_knows_are_said() {
        let house = house();
        let (trusted, alone) = (serve(Some(&house.issuer)).await, serve(None).await);
        let authority = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = serve_as(None, authority).await;
        let other =
            format!("[checks.cert]\ntls = {{ address = \"{trusted}\", name = \"b.example\" }}\n");
        let outcome = look_for(&house, &other, 0).await;
        assert_eq!(outcome.status, Status::Critical);
        assert!(
            outcome.text.contains("not for `b.example`, but for")
                && outcome.text.contains("a.example"),
            "{}",
            outcome.text
        );
        for address in [alone, authority] {
            let outcome = look_at(&house, &address, "", 0).await;
            assert_eq!(outcome.status, Status::Critical);
            assert!(outcome.text.contains("self-signed"), "{}", outcome.text);
            assert!(outcome.text.contains("100 days"), "its end is said as well");
        }
        let outcome = look_at(&house, &trusted, "", 0).await;
        assert_eq!(outcome.status, Status::Ok, "{}", outcome.text);
    }

    #[tokio::test]
    async fn what_speaks_no_tls_is_critical() {
        let house = house();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { drop(listener.accept().await) });
        let outcome = look_at(&house, &address, "", 0).await;
        assert_eq!(outcome.status, Status::Critical);
        assert!(outcome.text.contains("no TLS"), "{}", outcome.text);
        let outcome = look_at(&house, &address, "", 0).await;
        assert!(outcome.text.contains("cannot connect"), "{}", outcome.text);
    }
}
