//! A listener on loopback and its connections: each has a task, and all end with the listener.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long nothing is accepted after that has failed, as it does without free descriptors. Chosen.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves connections as they come, at most `connections_max` at a time; others wait in the kernel.
pub(super) async fn serve<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    connections_max: usize,
    mut each: impl FnMut(TcpStream) -> F,
) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept(), if tasks.len() < connections_max => match accepted {
                Ok((stream, _)) => {
                    tasks.spawn(each(stream));
                }
                Err(error) => {
                    tracing::debug!(%error, "no connection was accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
