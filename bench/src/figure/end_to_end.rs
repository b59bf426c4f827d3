//! Notifications from a signed send to a stored result, and a stored backlog drained, over `wrk` on the same sink.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::show;
use crate::server::{Server, parent};
use crate::sink::Sink;
use crate::wrk::Floor;
use crate::{Size, load, queue, wrk};

/// How the notifications are sent: one route each, so that nothing of one run is left for the next.
struct Form {
    name: &'static str,
    lines_per_call: u64,
    wanted: &'static str,
    wanted_cpu: &'static str,
}

const FORMS: &[Form] = &[
    Form {
        name: "batches of 10",
        lines_per_call: 10,
        wanted: ">= 0.35 (0.60)",
        wanted_cpu: "<= 14 (9)",
    },
    Form {
        name: "packed 200 lines",
        lines_per_call: 200,
        wanted: ">= 0.45 (0.70)",
        wanted_cpu: "<= 10 (7)",
    },
    Form {
        name: "one message a call",
        lines_per_call: 1,
        wanted: ">= 0.15 (0.30)",
        wanted_cpu: "",
    },
];

const DRAIN: &str = "draining";

const STORED_SECS_MAX: u64 = 180;
/// As many connections as `wrk` has.
const SENDERS: usize = 64;

/// All forms and the drain, or only those whose name begins with `part`.
pub(crate) async fn run(size: Size, part: &str) -> Result<()> {
    let sink = Sink::start()?;
    let secs = if size == Size::Full { 5 } else { 1 };
    let floor = wrk::measure(&format!("http://{}/ok", sink.host), secs)?;
    show(
        "wrk -t1 -c64 on the sink, before",
        floor.requests_per_sec,
        "requests/s",
        "",
    );
    show(
        "wrk's own CPU",
        floor.cpu_secs_per_million,
        "CPU s / 1 M",
        "",
    );
    for form in FORMS.iter().filter(|form| form.name.starts_with(part)) {
        let server = Server::fresh(&parent(), "e2e", &settings())?;
        let sent = size.of(if form.lines_per_call == 1 {
            60_000
        } else {
            400_000
        });
        measure(&server, &sink, form, sent, floor).await?;
    }
    if DRAIN.starts_with(part) {
        let server = Server::fresh(&parent(), "drain", &settings())?;
        drain(&server, &sink, size.of(400_000), floor).await?;
    }
    let after = wrk::measure(&format!("http://{}/ok", sink.host), secs)?;
    show(
        "wrk -t1 -c64 on the sink, after",
        after.requests_per_sec,
        "requests/s",
        "",
    );
    Ok(())
}

async fn measure(
    server: &Server,
    sink: &Sink,
    form: &Form,
    count: u64,
    floor: Floor,
) -> Result<()> {
    let access = server.access()?;
    let url = queue::create(&access, "bench").await?;
    let line = line(sink);
    let (operation, body) = match form.lines_per_call {
        1 => ("SendMessage", queue::single(&url, &line)),
        10 => ("SendMessageBatch", queue::batch_of_ten(&url, &line)),
        lines => ("SendMessage", queue::packed(&url, &line, lines as usize)),
    };
    let seen = sink.requests().await?;
    let before = server.usage()?;
    let begun = Instant::now();
    load::repeat(
        &access,
        operation,
        &body,
        count / form.lines_per_call,
        SENDERS,
    )
    .await?;
    let sending = begun.elapsed();
    wait_until_stored(server, sink, seen, count).await?;
    let elapsed = begun.elapsed();
    let cpu = server.usage()?.cpu_secs - before.cpu_secs;
    let arrived = sink.requests().await? - seen;
    if arrived < count {
        bail!("the ledger says {count} delivered, the sink saw {arrived}");
    }
    let rate = count as f64 / elapsed.as_secs_f64();
    show(
        &format!("{}: sent twice", form.name),
        (arrived - count) as f64,
        "notifications",
        "",
    );
    show(
        &format!("{}: all sent after", form.name),
        sending.as_secs_f64(),
        "s",
        "",
    );
    show(
        &format!("{}: end to end", form.name),
        rate,
        "notifications/s",
        "",
    );
    show(
        &format!("{}: end to end over wrk", form.name),
        rate / floor.requests_per_sec,
        "",
        form.wanted,
    );
    show(
        &format!("{}: server CPU", form.name),
        cpu * 1e6 / count as f64,
        "CPU s / 1 M",
        form.wanted_cpu,
    );
    show(
        &format!("{}: server CPU over wrk's", form.name),
        cpu * 1e6 / count as f64 / floor.cpu_secs_per_million,
        "",
        "",
    );
    Ok(())
}

async fn drain(server: &Server, sink: &Sink, count: u64, floor: Floor) -> Result<()> {
    let access = server.access()?;
    let url = queue::create(&access, "bench").await?;
    server.run(&["pause", "route", "bench"])?;
    let body = queue::batch_of_ten(&url, &line(sink));
    load::repeat(&access, "SendMessageBatch", &body, count / 10, SENDERS).await?;
    let seen = sink.requests().await?;
    let before = server.usage()?;
    let begun = Instant::now();
    server.run(&["resume", "route", "bench"])?;
    wait_until_stored(server, sink, seen, count).await?;
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    let cpu = server.usage()?.cpu_secs - before.cpu_secs;
    show("draining a stored backlog", rate, "notifications/s", "");
    show(
        "draining a stored backlog over wrk",
        rate / floor.requests_per_sec,
        "",
        ">= 0.50 (0.75)",
    );
    show(
        "draining: server CPU",
        cpu * 1e6 / count as f64,
        "CPU s / 1 M",
        "",
    );
    Ok(())
}

/// Settings with one route whose queue is `bench`; the scaler looks once a second.
fn settings() -> String {
    r#"
[scaler]
interval = "1s"
notifiers_min = 1

[routes.bench]
queue = "bench"
format = { kind = "url" }

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
"#
    .to_owned()
}

/// A bare URL of the length that postbacks have.
fn line(sink: &Sink) -> String {
    format!(
        "http://{}/ok?s2s=1&app_token=4w565xzmb54d&event_token=f0ob4r&gps_adid=38400000-8cf0-11bd-b23e-10b96e40000d&created_at_unix=1795410190&revenue=1.99&currency=JPY",
        sink.host
    )
}

/// Waits until the sink has seen `count` more than `seen`, and then until the ledger says that they are delivered and balances.
///
/// The sink is asked first since a ledger reads what is not sealed yet: asked ten times a second it was two fifths of the
/// server's CPU.
async fn wait_until_stored(server: &Server, sink: &Sink, seen: u64, count: u64) -> Result<()> {
    let begun = Instant::now();
    let is_late = || begun.elapsed() > Duration::from_secs(STORED_SECS_MAX);
    while sink.requests().await? < seen + count && !is_late() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    loop {
        let ledger: serde_json::Value =
            serde_json::from_str(&server.run(&["ledger", "--output", "json"])?)?;
        let books = ledger["queues"].as_array().into_iter().flatten();
        let delivered: u64 = books
            .filter_map(|book| book["total"]["delivered"].as_u64())
            .sum();
        if delivered >= count && ledger["balanced"] == true {
            return Ok(());
        }
        if is_late() {
            bail!("{delivered} of {count} stored after {STORED_SECS_MAX} s: {ledger}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
