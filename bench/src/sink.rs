//! `shukuba sink` as the receiver, in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::http::Connection;
use crate::server::binary;

/// A running receiver.
pub(crate) struct Sink {
    child: Child,
    /// `address:port`.
    pub(crate) host: String,
}

impl Sink {
    /// Starts one on a free port.
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new(binary())
            .args(["sink", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the sink")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the sink's standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let host = line
            .split_whitespace()
            .last()
            .unwrap_or_default()
            .trim_start_matches("http://")
            .to_owned();
        Ok(Self { child, host })
    }

    /// How many requests it has seen.
    pub(crate) async fn requests(&self) -> Result<u64> {
        let request = format!("GET /_sink/stats HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        let body = Connection::open(&self.host)
            .await?
            .call(request.as_bytes())
            .await?;
        let stats: Value = serde_json::from_slice(&body)?;
        stats["requests"]
            .as_u64()
            .context("the sink's stats have no `requests`")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
