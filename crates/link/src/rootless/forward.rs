//! From a listener on loopback to one address of the network.

use std::net::SocketAddrV4;

use tokio::net::TcpListener;

use super::accept::serve;
use super::pump::{pump, reset};
use super::settings::Limits;
use super::stack::Stack;

/// Carries each connection to `to`. One that cannot be opened there is reset here.
pub(super) async fn run(listener: TcpListener, to: SocketAddrV4, stack: Stack, limits: Limits) {
    let each = |here| {
        let stack = stack.clone();
        async move {
            match stack.connect(to).await {
                Ok(there) => pump(here, there, limits.idle).await,
                Err(error) => {
                    tracing::debug!(%to, %error, "a forward was not opened");
                    reset(&here);
                }
            }
        }
    };
    serve(listener, limits.connections, each).await;
}
