//! The main job once: many notifications sent by signed calls, until each has a stored result.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::server::Server;
use crate::sink::Sink;
use crate::{load, queue};

/// How the notifications are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pub(crate) lines_per_call: u64,
}

pub(crate) const BATCHES: Form = Form {
    name: "batches of 10",
    lines_per_call: 10,
};
pub(crate) const PACKED: Form = Form {
    name: "packed 200 lines",
    lines_per_call: 200,
};
pub(crate) const SINGLE: Form = Form {
    name: "one message a call",
    lines_per_call: 1,
};

/// As many connections as `wrk` has.
pub(crate) const SENDERS: usize = 64;
const STORED_SECS_MAX: u64 = 180;

/// What one burst gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burst {
    /// Until every send was acknowledged.
    pub(crate) sending: Duration,
    /// Notifications a second from the first send to the last stored result.
    pub(crate) per_sec: f64,
    /// CPU time of the server for a million notifications, in seconds.
    pub(crate) cpu_secs_per_million: f64,
    /// How many came to the sink more than once.
    pub(crate) twice: u64,
}

/// Sends `count` notifications, or as many of them as fill whole calls, to the queue `bench` of a server with [`SETTINGS`], and
/// waits until all have a stored result.
pub(crate) async fn run(server: &Server, sink: &Sink, form: Form, count: u64) -> Result<Burst> {
    let access = server.access()?;
    let url = queue::create(&access, "bench").await?;
    let line = line(sink);
    let (operation, body) = match form.lines_per_call {
        1 => ("SendMessage", queue::single(&url, &line)),
        10 => ("SendMessageBatch", queue::batch_of_ten(&url, &line)),
        lines => ("SendMessage", queue::packed(&url, &line, lines as usize)),
    };
    let calls = count / form.lines_per_call;
    let count = calls * form.lines_per_call;
    let seen = sink.requests().await?;
    let stored = delivered(server)?.0;
    let before = server.usage()?;
    let begun = Instant::now();
    load::repeat(&access, operation, &body, calls, SENDERS).await?;
    let sending = begun.elapsed();
    wait_until_stored(server, sink, seen, stored, count).await?;
    let elapsed = begun.elapsed();
    let cpu_secs = server.usage()?.cpu_secs - before.cpu_secs;
    let arrived = sink.requests().await? - seen;
    if arrived < count {
        bail!("the ledger says {count} delivered, the sink saw {arrived}");
    }
    Ok(Burst {
        sending,
        per_sec: count as f64 / elapsed.as_secs_f64(),
        cpu_secs_per_million: cpu_secs * 1e6 / count as f64,
        twice: arrived - count,
    })
}

/// Settings with one route whose queue is `bench`; the scaler looks once a second.
pub(crate) const SETTINGS: &str = r#"
[scaler]
interval = "1s"
notifiers_min = 1

[routes.bench]
queue = "bench"
format = { kind = "url" }

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
"#;

/// A bare URL of the length that postbacks have.
pub(crate) fn line(sink: &Sink) -> String {
    format!(
        "http://{}/ok?s2s=1&app_token=4w565xzmb54d&event_token=f0ob4r&gps_adid=38400000-8cf0-11bd-b23e-10b96e40000d&created_at_unix=1795410190&revenue=1.99&currency=JPY",
        sink.host
    )
}

/// Waits until the sink has seen `count` more than `seen`, and then until the ledger says that they are delivered, besides the
/// `stored` that were before, and balances.
///
/// The sink is asked first since a ledger reads what is not sealed yet: asked ten times a second it was two fifths of the
/// server's CPU.
pub(crate) async fn wait_until_stored(
    server: &Server,
    sink: &Sink,
    seen: u64,
    stored: u64,
    count: u64,
) -> Result<()> {
    let begun = Instant::now();
    let is_late = || begun.elapsed() > Duration::from_secs(STORED_SECS_MAX);
    while sink.requests().await? < seen + count && !is_late() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    loop {
        let (delivered, is_balanced) = delivered(server)?;
        let new = delivered - stored;
        if new >= count && is_balanced {
            return Ok(());
        }
        if is_late() {
            bail!(
                "{new} of {count} stored after {STORED_SECS_MAX} s; the books balance: {is_balanced}"
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many the ledger says are delivered, and whether it balances.
fn delivered(server: &Server) -> Result<(u64, bool)> {
    let ledger: serde_json::Value =
        serde_json::from_str(&server.run(&["ledger", "--output", "json"])?)?;
    let books = ledger["queues"].as_array().into_iter().flatten();
    let delivered = books.filter_map(|book| book["total"]["delivered"].as_u64());
    Ok((delivered.sum(), ledger["balanced"] == true))
}
