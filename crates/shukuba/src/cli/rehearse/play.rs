//! Sends along the curve, an open loop: what is due is sent, whatever the answers; and looks now and then who runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use base::{Clock, SystemClock, Timestamp};
use delivery::simulate::Traffic;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Args, DRAIN_MAX};
use crate::app::App;
use crate::cli::operator::{list, number};
use crate::client::admin::Admin;
use crate::client::endpoint;
use crate::client::http::Http;
use crate::client::sqs::SqsQueue;
use crate::client::{Answer, Message, QueueClient};
use crate::output;

/// How often what is due is sent. Chosen: short against any delay that is looked at.
const TICK: Duration = Duration::from_millis(20);
/// Messages of a call, and calls at once. Chosen: a call that takes a second does not hold up 160 a second.
const BATCH: usize = 10;
const CALLS_MAX: usize = 16;
/// How often it is looked who runs, and how often a line is printed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What was sent, and who was seen.
#[derive(Debug)]
pub(super) struct Played {
    /// When it began.
    pub(super) began: Timestamp,
    /// How many the queue has acknowledged.
    pub(super) sent: u64,
    /// How long after it was due something was sent, at most.
    pub(super) late: Duration,
    /// So long after the beginning so many notifiers ran.
    pub(super) seen: Vec<(Duration, u64)>,
}

/// Sends all, and waits until the queue is empty.
pub(super) async fn play(app: &App, args: &Args, curve: &Traffic) -> anyhow::Result<Played> {
    let admin = args.at.admin(app)?;
    let at = endpoint::for_queue(app, args.at.endpoint(), &args.queue)?;
    let queue = Arc::new(SqsQueue::open(Http::new(at, "sqs")?, &args.queue).await?);
    let clock = SystemClock::new();
    let (began, start) = (clock.now(), clock.monotonic());
    let end = async {
        let (sent, late) = send_all(&clock, args, queue, curve).await?;
        drained(&clock, &admin).await?;
        Ok::<_, anyhow::Error>((sent, late))
    };
    let mut seen = Vec::new();
    let looks = look(&clock, &admin, start, &mut seen);
    let (sent, late) = tokio::select! {
        done = end => done?,
        never = looks => match never? {},
    };
    Ok(Played {
        began,
        sent,
        late,
        seen,
    })
}

async fn send_all(
    clock: &SystemClock,
    args: &Args,
    queue: Arc<SqsQueue>,
    curve: &Traffic,
) -> anyhow::Result<(u64, Duration)> {
    let calls = Arc::new(Semaphore::new(CALLS_MAX));
    let (mut sends, mut arrivals) = (JoinSet::new(), curve.arrivals());
    let (start, mut number, mut late) = (clock.monotonic(), 0, Duration::ZERO);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for turn in 1_u64.. {
        tick.tick().await;
        let due = TICK.saturating_mul(u32::try_from(turn).unwrap_or(u32::MAX));
        late = late.max((clock.monotonic() - start).saturating_sub(due));
        let due_ms = u64::try_from(due.as_millis()).unwrap_or(u64::MAX);
        let mut left = usize::try_from(arrivals.up_to(due_ms))?;
        while left > 0 {
            let count = left.min(BATCH);
            left -= count;
            let waited = clock.monotonic();
            let permit = calls.clone().acquire_owned().await?;
            late = late.max(clock.monotonic() - waited);
            let messages = messages(args, clock.now(), number, count);
            number += count;
            let queue = queue.clone();
            sends.spawn(async move {
                let _permit = permit;
                send(&queue, &messages).await
            });
        }
        if due_ms >= curve.len_ms() {
            break;
        }
    }
    let mut sent = 0;
    while let Some(done) = sends.join_next().await {
        sent += done??;
    }
    Ok((sent, late))
}

/// Sends a batch; how many were acknowledged: all.
async fn send(queue: &SqsQueue, messages: &[Message]) -> anyhow::Result<u64> {
    let answers = queue.send_batch(messages).await?;
    let is_taken = |answer: &&Answer| matches!(answer, Answer::Accepted { .. });
    if let Some(other) = answers.iter().find(|answer| !is_taken(answer)) {
        bail!("the queue did not take a notification: {other:?}");
    }
    Ok(u64::try_from(answers.len())?)
}

/// `count` notifications from `number` on, to each receiver in turn, that say when they were sent.
fn messages(args: &Args, at: Timestamp, number: usize, count: usize) -> Vec<Message> {
    let urls = args.urls.iter().cycle().skip(number % args.urls.len());
    let message = |(url, number): (&url::Url, usize)| {
        let mut url = url.clone();
        url.query_pairs_mut()
            .append_pair("at", &at.as_millis().to_string())
            .append_pair("n", &number.to_string());
        Message {
            body: url.as_str().as_bytes().to_vec(),
            lines: 1,
            id: None,
            origin: None,
            group: None,
        }
    };
    urls.zip(number..number + count).map(message).collect()
}

/// Waits until nothing is open any more.
async fn drained(clock: &SystemClock, admin: &Admin) -> anyhow::Result<()> {
    let since = clock.monotonic();
    loop {
        let status: Value = admin.call("status", &json!({})).await?;
        if sum(&status, "open") == 0 {
            return Ok(());
        }
        if clock.monotonic() - since > DRAIN_MAX {
            bail!(
                "{} notifications are still open {} s after the last was sent",
                sum(&status, "open"),
                DRAIN_MAX.as_secs()
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Notes who runs, and prints a line now and then, as long as it is let.
async fn look(
    clock: &SystemClock,
    admin: &Admin,
    start: Duration,
    seen: &mut Vec<(Duration, u64)>,
) -> anyhow::Result<std::convert::Infallible> {
    let mut next_line = Duration::ZERO;
    loop {
        let status: Value = admin
            .call("status", &json!({}))
            .await
            .context("looking who runs")?;
        let after = clock.monotonic() - start;
        seen.push((after, sum(&status, "notifiers")));
        if after >= next_line {
            next_line += LINE_EVERY;
            output::complain(&line(after, &status));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn sum(status: &Value, name: &str) -> u64 {
    let routes = list(status, "routes").iter();
    routes.filter_map(|route| route.get(name)?.as_u64()).sum()
}

fn line(after: Duration, status: &Value) -> String {
    let routes = list(status, "routes").iter().map(|route| {
        format!(
            "accepted {}, delivered {}, waiting {}, in flight {}; notifiers {}",
            number(route, "accepted"),
            number(route, "delivered"),
            number(route, "waiting"),
            number(route, "in_flight"),
            number(route, "notifiers"),
        )
    });
    let routes: Vec<String> = routes.collect();
    format!("{:>4} s: {}", after.as_secs(), routes.join("; "))
}
