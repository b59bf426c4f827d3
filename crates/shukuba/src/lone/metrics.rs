//! The counts of a lone notifier for Prometheus: `GET /metrics`, on loopback only since nobody signs it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gateway::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::app::usage;
use crate::serve::HELP;

/// The longest head of a request. Chosen: a scraper sends a few hundred bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// How long a request may take to come, and its answer to go. Chosen.
const WITHIN: Duration = Duration::from_secs(5);

/// Counts, shown at `address` while the runtime lives.
pub(super) async fn show(address: SocketAddr) -> anyhow::Result<Arc<Registry>> {
    if !address.ip().is_loopback() {
        return Err(usage(format!(
            "--metrics {address} is not on loopback: nobody signs them, give 127.0.0.1:PORT"
        )));
    }
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    tracing::info!("metrics at http://{address}/metrics");
    let registry = Arc::new(Registry::new());
    registry.describe(HELP);
    tokio::spawn(serve(listener, registry.clone()));
    Ok(registry)
}

/// One request after the other: who is slow holds nobody back for longer than [`WITHIN`].
async fn serve(listener: TcpListener, registry: Arc<Registry>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // A scraper that is gone is no fault of ours.
                let _ = tokio::time::timeout(WITHIN, answer(stream, &registry)).await;
            }
            Err(error) => {
                tracing::warn!(%error, "a request for metrics was not taken");
                tokio::time::sleep(WITHIN).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, registry: &Registry) -> std::io::Result<()> {
    let mut head = Vec::new();
    let is_whole = |head: &[u8]| head.windows(4).any(|four| four == b"\r\n\r\n");
    while !is_whole(&head) && head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let target = head.split(|byte| *byte == b' ').nth(1);
    let is_asked =
        head.starts_with(b"GET ") && matches!(target, Some(b"/metrics" | b"/_shukuba/metrics"));
    let (status, text) = match is_asked {
        true => ("200 OK", registry.text()),
        false => ("404 Not Found", "GET /metrics\n".to_owned()),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn metrics_are_shown_on_loopback_only() {
        let beyond = show("192.0.2.1:9000".parse().unwrap()).await;
        assert!(beyond.unwrap_err().to_string().contains("not on loopback"));
        let registry = Registry::new();
        base::MetricSink::add(&registry, "Shukuba", "Attempts", &[("Route", "r")], 3.0);
        for (request, words) in [
            (
                "GET /metrics HTTP/1.1\r\nhost: h\r\n\r\n",
                "shukuba_attempts_total{",
            ),
            ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "404 Not Found"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let asking = async {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).await.unwrap();
                text
            };
            let answering = async {
                let (stream, _) = listener.accept().await.unwrap();
                answer(stream, &registry).await.unwrap();
            };
            let (text, ()) = tokio::join!(asking, answering);
            assert!(text.contains(words), "{request:?}: {text}");
        }
    }
}
