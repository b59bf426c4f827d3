//! One kept-alive HTTP/1.1 connection, with just what a load needs: write a request, read one answer.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection and what was read beyond the last answer.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to `host` (`address:port`).
    pub(crate) async fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host)
            .await
            .with_context(|| format!("connecting to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends `request` and returns the body of its answer; anything but 200 is an error.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<Vec<u8>> {
        self.stream.write_all(request).await?;
        loop {
            if let Some((status, body)) = self.take_answer()? {
                if status != 200 {
                    bail!("status {status}: {}", String::from_utf8_lossy(&body));
                }
                return Ok(body);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
        }
    }

    fn take_answer(&mut self) -> Result<Option<(u16, Vec<u8>)>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut answer = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head_len) = answer.parse(&self.buffer)? else {
            return Ok(None);
        };
        let status = answer.code.context("an answer without status")?;
        let length = answer
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length: usize = match length {
            Some(header) => std::str::from_utf8(header.value)?.trim().parse()?,
            None => 0,
        };
        if self.buffer.len() < head_len + length {
            return Ok(None);
        }
        let body = self.buffer[head_len..head_len + length].to_vec();
        self.buffer.drain(..head_len + length);
        Ok(Some((status, body)))
    }
}
