//! Numbered sends and their acknowledgements.
//!
//! Every notification has a number of its own, in its id and in its URL, so that results and the sink's log can be
//! compared with what was acknowledged. A send without an answer may have been accepted or not: its numbers are
//! never used again.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use base::{Clock, SystemClock};
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use wire::sigv4::{SecretKey, Signer};

use super::child::{Access, QUEUE};
use super::hostile;

/// Messages of a batch, as many as SQS takes.
const BATCH: u64 = 10;
/// What waits is kept below this many batches for each sender's pause, so that a run drains in minutes. Chosen.
const PAUSE: Duration = Duration::from_millis(4);

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Numbers whose send was acknowledged.
    pub(super) acknowledged: HashSet<u64>,
}

/// Senders that run until they are stopped.
#[derive(Debug)]
pub(super) struct Load {
    shared: Arc<Shared>,
    senders: JoinSet<anyhow::Result<()>>,
}

#[derive(Debug)]
struct Shared {
    access: Mutex<Access>,
    queue_url: Mutex<String>,
    sink: String,
    next: AtomicU64,
    is_ending: AtomicBool,
    sent: Mutex<Sent>,
    clock: SystemClock,
}

impl Load {
    /// Makes the queue and starts `senders` connections.
    pub(super) async fn start(access: Access, sink: &str, senders: usize) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            access: Mutex::new(access),
            queue_url: Mutex::default(),
            sink: sink.to_owned(),
            next: AtomicU64::new(0),
            is_ending: AtomicBool::new(false),
            sent: Mutex::default(),
            clock: SystemClock::new(),
        });
        let created = shared
            .call(&mut None, "CreateQueue", &json!({ "QueueName": QUEUE }))
            .await?;
        let url = created
            .get("QueueUrl")
            .and_then(Value::as_str)
            .context("an answer without QueueUrl")?;
        url.clone_into(&mut shared.queue_url.lock());
        let mut tasks = JoinSet::new();
        for _ in 0..senders {
            tasks.spawn(Arc::clone(&shared).send_until_ended());
        }
        Ok(Self {
            shared,
            senders: tasks,
        })
    }

    /// The server came up at another place.
    pub(super) fn go_to(&self, access: Access) {
        *self.shared.access.lock() = access;
    }

    /// Ends the senders after what they are sending.
    pub(super) async fn stop(mut self) -> anyhow::Result<Sent> {
        self.shared.is_ending.store(true, Ordering::SeqCst);
        while let Some(ended) = self.senders.join_next().await {
            ended.context("a sender panicked")??;
        }
        Ok(std::mem::take(&mut self.shared.sent.lock()))
    }
}

impl Shared {
    async fn send_until_ended(self: Arc<Self>) -> anyhow::Result<()> {
        let mut connection = None;
        while !self.is_ending.load(Ordering::SeqCst) {
            let first = self.next.fetch_add(BATCH, Ordering::SeqCst);
            let body = self.batch(first);
            match self.call(&mut connection, "SendMessageBatch", &body).await {
                Ok(answer) => self.note(first, &answer),
                Err(_) => connection = None,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    fn batch(&self, first: u64) -> Value {
        let line = |n: u64| format!("url:{}\tid:n{n}", hostile::url(n, &self.sink));
        let entry = |n: u64| json!({ "Id": (n - first).to_string(), "MessageBody": line(n) });
        let entries: Vec<Value> = (first..first + BATCH).map(entry).collect();
        json!({ "QueueUrl": *self.queue_url.lock(), "Entries": entries })
    }

    fn note(&self, first: u64, answer: &Value) {
        let taken = answer
            .get("Successful")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let ids = taken.filter_map(|entry| entry.get("Id")?.as_str()?.parse::<u64>().ok());
        self.sent
            .lock()
            .acknowledged
            .extend(ids.map(|id| first + id));
    }

    async fn call(
        &self,
        connection: &mut Option<TcpStream>,
        operation: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let access = self.access.lock().clone();
        let request = request(&access, operation, &body.to_string(), self.clock.now())?;
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&access.host).await?,
        };
        stream.write_all(&request).await?;
        let answer = answer(&mut stream).await?;
        *connection = Some(stream);
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// The bytes of a signed call.
pub(super) fn request(
    access: &Access,
    operation: &str,
    body: &str,
    at: base::Timestamp,
) -> anyhow::Result<Vec<u8>> {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_str(&access.host)?);
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    headers.insert(
        "x-amz-target",
        HeaderValue::from_str(&format!("AmazonSQS.{operation}"))?,
    );
    let secret = SecretKey::new(&access.secret);
    Signer::new(&access.key_id, &secret, &access.region, "sqs").sign(
        "POST",
        "/",
        "",
        &mut headers,
        body.as_bytes(),
        at,
    )?;
    let mut bytes = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in &headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.as_bytes());
    Ok(bytes)
}

/// The body of one answer; anything but 200 is an error.
pub(super) async fn answer(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let body_start = end + 4;
            let head =
                String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).to_ascii_lowercase();
            let length = head.lines().find_map(|line| {
                line.strip_prefix("content-length:")?
                    .trim()
                    .parse::<usize>()
                    .ok()
            });
            let length = length.unwrap_or_default();
            if let Some(body) = buffer.get(body_start..body_start + length) {
                if !head.starts_with("http/1.1 200") {
                    bail!("{}", String::from_utf8_lossy(body));
                }
                return Ok(body.to_vec());
            }
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            bail!("the server closed the connection");
        }
    }
}
