//! Notifications from a signed send to a stored result, and a stored backlog drained, over `wrk` on the same sink.

use std::time::Instant;

use anyhow::Result;

use super::show;
use crate::burst::{self, Burst, Form, SENDERS};
use crate::server::{Server, parent};
use crate::sink::Sink;
use crate::wrk::Floor;
use crate::{Size, load, queue, wrk};

/// A form and what is wanted of it.
struct Row {
    form: Form,
    wanted: &'static str,
    wanted_cpu: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        form: burst::BATCHES,
        wanted: ">= 0.35 (0.60)",
        wanted_cpu: "<= 14 (9)",
    },
    Row {
        form: burst::PACKED,
        wanted: ">= 0.45 (0.70)",
        wanted_cpu: "<= 10 (7)",
    },
    Row {
        form: burst::SINGLE,
        wanted: ">= 0.15 (0.30)",
        wanted_cpu: "",
    },
];

const DRAIN: &str = "draining";

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
    for row in ROWS.iter().filter(|row| row.form.name.starts_with(part)) {
        // One server each, so that nothing of one is left for the next.
        let server = Server::fresh(&parent(), "e2e", burst::SETTINGS)?;
        let sent = size.of(if row.form.lines_per_call == 1 {
            60_000
        } else {
            400_000
        });
        tell(
            row,
            &burst::run(&server, &sink, row.form, sent).await?,
            floor,
        );
    }
    if DRAIN.starts_with(part) {
        let server = Server::fresh(&parent(), "drain", burst::SETTINGS)?;
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

fn tell(row: &Row, burst: &Burst, floor: Floor) {
    let name = row.form.name;
    let rows = [
        ("sent twice", burst.twice as f64, "notifications", ""),
        ("all sent after", burst.sending.as_secs_f64(), "s", ""),
        ("end to end", burst.per_sec, "notifications/s", ""),
        (
            "end to end over wrk",
            burst.per_sec / floor.requests_per_sec,
            "",
            row.wanted,
        ),
        (
            "server CPU",
            burst.cpu_secs_per_million,
            "CPU s / 1 M",
            row.wanted_cpu,
        ),
        (
            "server CPU over wrk's",
            burst.cpu_secs_per_million / floor.cpu_secs_per_million,
            "",
            "",
        ),
    ];
    for (what, value, unit, wanted) in rows {
        show(&format!("{name}: {what}"), value, unit, wanted);
    }
}

async fn drain(server: &Server, sink: &Sink, count: u64, floor: Floor) -> Result<()> {
    let access = server.access()?;
    let url = queue::create(&access, "bench").await?;
    server.run(&["pause", "route", "bench"])?;
    let body = queue::batch_of_ten(&url, &burst::line(sink));
    load::repeat(&access, "SendMessageBatch", &body, count / 10, SENDERS).await?;
    let seen = sink.requests().await?;
    let before = server.usage()?;
    let begun = Instant::now();
    server.run(&["resume", "route", "bench"])?;
    burst::wait_until_stored(server, sink, seen, 0, count).await?;
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
