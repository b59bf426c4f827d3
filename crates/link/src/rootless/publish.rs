//! From a port of the private address to a service on loopback.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::pump::pump;
use super::settings::Limits;
use super::stream::Stream;

/// Carries each connection to the service at `to`. Where the service does not answer, the connection is reset.
pub(super) async fn run(mut inbound: mpsc::Receiver<Stream>, to: SocketAddr, limits: Limits) {
    // As many as the stack has connections: there is no bound to keep here.
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = tasks.join_next() => {}
            stream = inbound.recv() => match stream {
                Some(there) => {
                    tasks.spawn(carry(there, to, limits));
                }
                None => return,
            }
        }
    }
}

async fn carry(there: Stream, to: SocketAddr, limits: Limits) {
    match timeout(limits.connect, TcpStream::connect(to)).await {
        Ok(Ok(here)) => pump(here, there, limits.idle).await,
        Ok(Err(error)) => tracing::debug!(%to, %error, "a published service did not answer"),
        Err(_) => tracing::debug!(%to, "a published service did not answer in time"),
    }
}
