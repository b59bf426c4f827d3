//! HTTPS, a new certificate while serving, and no plain HTTP beyond loopback.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use gateway::{Limits, Listen, PlainHttp, Server, Tls};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Client, House};

/// Writes a new certificate for `localhost` and gives it.
fn issue(dir: &Path) -> CertificateDer<'static> {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("cert.pem"), issued.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), issued.signing_key.serialize_pem()).unwrap();
    issued.cert.der().clone()
}

async fn connect(
    addr: SocketAddr,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let stream = TcpStream::connect(addr).await?;
    let name = "localhost".try_into().unwrap();
    Ok(Client::new(
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?,
    ))
}

#[tokio::test]
async fn calls_go_through_tls_and_a_new_certificate_serves_new_connections() {
    let dir = tempfile::tempdir().unwrap();
    let first = issue(dir.path());
    let tls =
        Arc::new(Tls::open(&dir.path().join("cert.pem"), &dir.path().join("key.pem")).unwrap());
    let house = House::open_with(Limits::default(), Some(Arc::clone(&tls))).await;
    let form = "Action=SendMessage";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let request = house.signed("sqs", "POST", "/1/s2s", &headers, form);
    let mut old = connect(house.addr, &first).await.unwrap();
    let got = old.ask(&request).await;
    assert!(
        got.body.contains(&format!(
            "<QueueUrl>https://{}/1/s2s</QueueUrl>",
            house.addr
        )),
        "{got:?}"
    );
    let second = issue(dir.path());
    assert!(
        connect(house.addr, &second).await.is_err(),
        "not before the reload"
    );
    tls.reload().unwrap();
    assert_eq!(
        connect(house.addr, &second)
            .await
            .unwrap()
            .ask(&request)
            .await
            .status,
        200
    );
    assert_eq!(old.ask(&request).await.status, 200, "old connections go on");
    std::fs::write(dir.path().join("key.pem"), "nonsense").unwrap();
    assert!(tls.reload().unwrap_err().to_string().contains("key.pem"));
    assert_eq!(
        connect(house.addr, &second)
            .await
            .unwrap()
            .ask(&request)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn plain_http_stays_on_loopback_unless_it_is_asked_for() {
    let listen = |addr: [u8; 4], plain_http| Listen {
        addr: SocketAddr::from((addr, 0)),
        tls: None,
        plain_http,
        limits: Limits::default(),
    };
    let refused = Server::bind(listen([0, 0, 0, 0], PlainHttp::LoopbackOnly))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("--insecure-http"), "{refused}");
    let taken = Server::bind(listen([127, 0, 0, 1], PlainHttp::LoopbackOnly))
        .await
        .unwrap();
    assert!(taken.url().starts_with("http://127.0.0.1:"));
}
