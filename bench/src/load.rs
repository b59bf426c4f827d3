//! Connections that send signed requests as fast as they are answered.

use std::cell::Cell;
use std::rc::Rc;

use anyhow::Result;
use tokio::task::LocalSet;

use crate::http::Connection;
use crate::server::Access;
use crate::sign;

/// Sends one and the same signed request `times` times over `connections` connections.
///
/// Signing is done once: the sender's own cost would otherwise be the figure.
pub(crate) async fn repeat(
    access: &Access,
    operation: &str,
    body: &str,
    times: u64,
    connections: usize,
) -> Result<()> {
    let request: Rc<[u8]> = sign::request(access, operation, body)?.into();
    let left = Rc::new(Cell::new(times));
    let host = access.host.clone();
    workers(connections, move |_| {
        let (request, left, host) = (request.clone(), left.clone(), host.clone());
        async move {
            let mut connection = Connection::open(&host).await?;
            while let Some(rest) = left.get().checked_sub(1) {
                left.set(rest);
                connection.call(&request).await?;
            }
            Ok(())
        }
    })
    .await
}

/// Runs `count` copies of a task on this thread and waits for all; the first error ends the run.
pub(crate) async fn workers<F, T>(count: usize, make: F) -> Result<()>
where
    F: Fn(usize) -> T,
    T: Future<Output = Result<()>> + 'static,
{
    let local = LocalSet::new();
    let tasks: Vec<_> = (0..count)
        .map(|index| local.spawn_local(make(index)))
        .collect();
    local
        .run_until(async move {
            for task in tasks {
                task.await??;
            }
            Ok(())
        })
        .await
}
