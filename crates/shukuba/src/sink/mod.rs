//! `shukuba sink`: a receiver for demonstrations, tests and measurements.
//!
//! It answers 200 as fast as it can, and misbehaves on request: by the first part of the path (see
//! [`behaviour`]) or for every path by [`SinkOptions::default_target`]. It counts what it sees and shows it at
//! `GET /_sink/stats`; `POST /_sink/reset` starts the counters anew.
//!
//! - [`behaviour`]: from a path to what is done
//! - [`request`]: one request from bytes
//! - [`connection`]: one connection
//! - [`stats`]: the counters
//!
//! Its HTTP is the least that senders need: Content-Length bodies, keep-alive, pipelining; no TLS.

mod behaviour;
mod connection;
mod request;
mod stats;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base::{Clock, SystemClock};
use parking_lot::Mutex;
use tokio::net::TcpListener;

use self::stats::Stats;

/// The log is on disk at most so late. Chosen.
const LOG_FLUSH_EVERY: Duration = Duration::from_millis(100);

/// What a sink is started with.
#[derive(Clone, Debug)]
pub(crate) struct SinkOptions {
    /// Where to listen, such as `127.0.0.1:0`.
    pub(crate) listen: SocketAddr,
    /// A file to which one line per request is appended: time, method, target, id, separated by tabs.
    pub(crate) log: Option<PathBuf>,
    /// The header that bears the notification's id; without it, the query parameter `id` does.
    pub(crate) id_header: String,
    /// What paths do that name no behaviour, such as `/slow?ms=20`.
    pub(crate) default_target: String,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            log: None,
            id_header: "x-notification-id".to_owned(),
            default_target: "/ok".to_owned(),
        }
    }
}

/// Listens, prints `http://ADDRESS:PORT` as one line, and serves until SIGINT or SIGTERM.
///
/// # Errors
/// When the address or the log cannot be opened.
pub(crate) async fn run(options: SinkOptions) -> anyhow::Result<()> {
    let mut ended = crate::signal::Stop::new()?;
    let sink = Sink::bind(options).await?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "http://{}", sink.address)?;
    stdout.flush()?;
    drop(stdout);
    sink.serve(ended.wait()).await
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    options: SinkOptions,
    stats: Stats,
    tries: behaviour::Tries,
    log: Option<Log>,
}

/// A sink that listens.
#[derive(Debug)]
pub(crate) struct Sink {
    listener: TcpListener,
    /// The bound address.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Sink {
    /// Opens the log and the address.
    ///
    /// # Errors
    /// When either cannot be opened.
    pub(crate) async fn bind(options: SinkOptions) -> anyhow::Result<Self> {
        let log = options.log.as_ref().map(Log::open).transpose()?;
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("listening on {}", options.listen))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            options,
            stats: Stats::default(),
            tries: behaviour::Tries::default(),
            log,
        });
        Ok(Self {
            listener,
            address,
            shared,
        })
    }

    /// Serves until `end`; connections that are open then are cut.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub(crate) async fn serve(self, end: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut connections = tokio::task::JoinSet::new();
        let mut flush = tokio::time::interval(LOG_FLUSH_EVERY);
        tokio::pin!(end);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    // Out of file descriptors: those that are open go on, and the next flush tries again.
                    let Ok((stream, _)) = accepted else {
                        flush.tick().await;
                        continue;
                    };
                    connections.spawn(connection::serve(stream, Arc::clone(&self.shared)));
                }
                _ = connections.join_next(), if !connections.is_empty() => {}
                _ = flush.tick(), if self.shared.log.is_some() => self.shared.flush()?,
                () = &mut end => break,
            }
        }
        connections.shutdown().await;
        self.shared.flush()
    }
}

impl Shared {
    fn flush(&self) -> anyhow::Result<()> {
        match &self.log {
            Some(log) => log.file.lock().flush().context("writing the log"),
            None => Ok(()),
        }
    }
}

/// The file of requests.
#[derive(Debug)]
struct Log {
    file: Mutex<BufWriter<File>>,
    clock: SystemClock,
}

impl Log {
    fn open(path: &PathBuf) -> anyhow::Result<Self> {
        let file = File::options().append(true).create(true).open(path);
        let file = file.with_context(|| format!("opening the log `{}`", path.display()))?;
        Ok(Self {
            file: Mutex::new(BufWriter::new(file)),
            clock: SystemClock::new(),
        })
    }

    /// A line is whole or absent: a failed write shows at the next flush.
    fn write(&self, method: &str, target: &str, id: &str) {
        let at = self.clock.now();
        let _ = writeln!(self.file.lock(), "{at}\t{method}\t{target}\t{id}");
    }
}
