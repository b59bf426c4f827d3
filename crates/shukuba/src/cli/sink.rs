//! `shukuba sink`: a receiver for tests and demonstrations, with TLS in front of it where names are given.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::app::{self, App};
use crate::output;
use crate::sink::{self, SinkOptions};

/// Receive: fast, slow, flaky or hostile, as the path or `--default` says; prints where it listens
///
///   /ok  /slow?ms=100  /flaky?p=0.3&times=1  /status/503?retry_after=7  /limited?rate=10  /drip?ms=50
///   /reset  /hang  /close  /garbage  /huge?bytes=1000000  /redirect?to=/ok
///
/// GET /_sink/stats shows what came in; POST /_sink/reset starts anew.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Append a line for each request: time, method, target, id
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// The header that bears the notification's id
    #[arg(long, value_name = "NAME", default_value = "x-notification-id")]
    id_header: String,

    /// What paths do that name no behaviour
    #[arg(long = "default", value_name = "TARGET", default_value = "/ok")]
    default_target: String,

    /// Offer TLS as these names, with a certificate made for this run
    #[arg(long, value_name = "NAME", requires = "tls_ca", value_delimiter = ',')]
    tls_names: Vec<String>,

    /// Where the certificate is written that clients must trust
    #[arg(long, value_name = "FILE", requires = "tls_names")]
    tls_ca: Option<PathBuf>,
}

pub(super) fn run(_: &App, args: Args) -> anyhow::Result<ExitCode> {
    app::block_on(serve(args))??;
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let options = |listen| SinkOptions {
        listen,
        log: args.log.clone(),
        id_header: args.id_header.clone(),
        default_target: args.default_target.clone(),
    };
    let Some(path) = &args.tls_ca else {
        return sink::run(options(args.listen)).await;
    };
    let tls = certificate(&args.tls_names, path)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let plain = sink::Sink::bind(options(SocketAddr::from(([127, 0, 0, 1], 0)))).await?;
    let behind = plain.address;
    output::print(&format!(
        "https://{}",
        listener.local_addr().context("no address")?
    ));
    let mut stop = crate::signal::Stop::new()?;
    let front = tokio::spawn(accept(listener, tls, behind));
    let served = plain.serve(async move { stop.wait().await }).await;
    front.abort();
    served
}

/// Takes TLS connections and hands their bytes to the plain sink behind.
async fn accept(listener: TcpListener, tls: TlsAcceptor, behind: SocketAddr) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(hand_over(stream, tls.clone(), behind));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn hand_over(stream: TcpStream, tls: TlsAcceptor, behind: SocketAddr) {
    // A client that goes away in the middle is what a sink is for.
    let handed: std::io::Result<()> = async {
        stream.set_nodelay(true)?;
        let mut outer = tls.accept(stream).await?;
        let mut inner = TcpStream::connect(behind).await?;
        inner.set_nodelay(true)?;
        tokio::io::copy_bidirectional(&mut outer, &mut inner).await?;
        Ok(())
    }
    .await;
    if let Err(error) = handed {
        tracing::debug!(%error, "connection ended");
    }
}

/// A certificate for `names`, written to `path` for those who shall trust it.
fn certificate(names: &[String], path: &Path) -> anyhow::Result<TlsAcceptor> {
    let made =
        rcgen::generate_simple_self_signed(names.to_vec()).context("cannot make a certificate")?;
    std::fs::write(path, made.cert.pem())
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS has no protocol versions")?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .context("the certificate cannot be used")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
