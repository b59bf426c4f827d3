//! The p99 of 1,000 receivers without and with one of them that hangs, and of 50 beside a dead, a slow and a limited one: in one run,
//! on one server, with the same steady load.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::LocalSet;

use super::show;
use crate::http::Connection;
use crate::receivers::{self, Arrivals, Manner};
use crate::server::{Access, Server, parent};
use crate::{Size, disk, queue, sign};

/// Calls a second, and lines in each.
const CALLS_PER_SEC: u64 = 70;
const LINES: u64 = 7;
const CONNECTIONS: usize = 8;
/// Marks lines for receivers that are not healthy.
const BAD: u64 = 1 << 40;

const SETTINGS: &str = r#"
[scaler]
interval = "1s"
notifiers_min = 1

[routes.bench]
queue = "bench"
retry_for = "1m"

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.0/8"]
"#;

pub(crate) async fn run(size: Size) -> Result<()> {
    let seconds = size.of(60).max(5);
    LocalSet::new().run_until(measure(seconds)).await
}

async fn measure(seconds: u64) -> Result<()> {
    let hung = [Manner::Hangs];
    let bad = [
        Manner::Hangs,
        Manner::Answers(Duration::from_secs(8)),
        Manner::Limits(5),
    ];
    for (count, bad, what) in [
        (1_000, &hung[..], "1,000 receivers, one hangs"),
        (50, &bad, "50 receivers; dead, slow, limited"),
    ] {
        // Alone, beside them, and alone again: the machine's own mood is the difference of the first and the last.
        let mut p99 = Vec::new();
        for bad in [&[][..], bad, &[]] {
            let times = play(count, bad, seconds).await?;
            p99.push(disk::quantile(&times, 0.99).as_secs_f64() * 1e3);
        }
        show(
            &format!("{what}: p99 of the others without, first"),
            p99[0],
            "ms",
            "",
        );
        show(
            &format!("{what}: p99 of the others without, again"),
            p99[2],
            "ms",
            "",
        );
        show(
            &format!("{what}: p99 of the others beside"),
            p99[1],
            "ms",
            "",
        );
        let alone = (p99[0] + p99[2]) / 2.0;
        show(
            &format!("{what}: beside over without"),
            p99[1] / alone,
            "",
            "<= 1.10",
        );
    }
    Ok(())
}

/// From the time at which each line should be sent to its arrival; only of healthy receivers.
async fn play(count: usize, bad: &[Manner], seconds: u64) -> Result<Vec<Duration>> {
    let arrivals = Arrivals::default();
    let mut healthy = Vec::new();
    for _ in 0..count - bad.len().min(1) {
        healthy.push(receivers::start(Manner::Answers(Duration::ZERO), arrivals.clone()).await?);
    }
    let mut unwell = Vec::new();
    for manner in bad {
        unwell.push(receivers::start(*manner, arrivals.clone()).await?);
    }
    let server = Server::fresh(&parent(), "fairness", SETTINGS)?;
    let access = server.access()?;
    let url = queue::create(&access, "bench").await?;
    // Connections, and what a receiver that hangs does before it is known as such, are no part of it.
    send(&access, &url, &healthy, &unwell, 3).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    arrivals.borrow_mut().clear();
    let due = send(&access, &url, &healthy, &unwell, seconds).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut times: Vec<Duration> = arrivals
        .borrow()
        .iter()
        .filter_map(|(number, at)| {
            let call = due.get(usize::try_from(number / LINES).ok()?)?;
            Some(at.saturating_duration_since(*call))
        })
        .collect();
    times.sort_unstable();
    Ok(times)
}

/// Sends batches at a steady pace, each with lines for as many receivers, all in turn; when each should have been sent.
async fn send(
    access: &Access,
    url: &str,
    healthy: &[SocketAddr],
    bad: &[SocketAddr],
    seconds: u64,
) -> Result<Vec<Instant>> {
    let mut lanes = Vec::new();
    for _ in 0..CONNECTIONS {
        let lane = Connection::open(&access.host).await?;
        lanes.push(Rc::new(tokio::sync::Mutex::new(lane)));
    }
    let pace = Duration::from_micros(1_000_000 / CALLS_PER_SEC);
    let begun = Instant::now() + Duration::from_millis(100);
    let failed = Rc::new(RefCell::new(None));
    let mut due = Vec::new();
    let mut sends = Vec::new();
    for call in 0..seconds * CALLS_PER_SEC {
        let mut lines: Vec<String> = (0..LINES)
            .map(|line| {
                let number = call * LINES + line;
                let place = usize::try_from(number).unwrap_or(0) % healthy.len();
                format!("http://{}/n/{number}", healthy[place])
            })
            .collect();
        // One that is not well gets as much as a healthy one, or one line in a second where that is more.
        let every = (healthy.len() as u64 / LINES).clamp(1, CALLS_PER_SEC);
        for (n, bad) in bad.iter().enumerate() {
            if call % every == n as u64 % every {
                lines.push(format!("http://{bad}/n/{}", BAD + call));
            }
        }
        let request = sign::request(access, "SendMessageBatch", &queue::batch(url, &lines))?;
        let lane = lanes[usize::try_from(call)? % CONNECTIONS].clone();
        let at = begun + pace * u32::try_from(call)?;
        tokio::time::sleep_until(at.into()).await;
        // The sender's own lateness is no part of it.
        due.push(Instant::now());
        let failed = failed.clone();
        sends.push(tokio::task::spawn_local(async move {
            if let Err(error) = lane.lock().await.call(&request).await {
                *failed.borrow_mut() = Some(error);
            }
        }));
    }
    for send in sends {
        send.await?;
    }
    match failed.take() {
        Some(error) => Err(error),
        None => Ok(due),
    }
}
