//! Destinations at 10, 1,000 and 20,000 a second, all at once on one server, with more waiting than they may take: what arrives in a
//! minute over what the setting says, and the second that is furthest from it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::task::LocalSet;

use super::show;
use crate::receivers::{self, Arrivals, Manner};
use crate::server::{Access, Server, parent};
use crate::{Size, load, queue};

const RATES: [u64; 3] = [10, 1_000, 20_000];
/// Lines in a message; packed, since here a core is worth more than what one message a line costs.
const LINES: u64 = 200;
/// Before the measuring: connections, and notifiers that begin.
const WARM_UP: Duration = Duration::from_secs(5);

pub(crate) async fn run(size: Size) -> Result<()> {
    let seconds = size.of(60).max(5);
    LocalSet::new().run_until(measure(seconds)).await
}

async fn measure(seconds: u64) -> Result<()> {
    let mut all = Vec::new();
    let mut settings = String::from("[scaler]\ninterval = \"1s\"\nnotifiers_min = 1\n");
    for rate in RATES {
        let arrivals = Arrivals::default();
        let address = receivers::start(Manner::Answers(Duration::ZERO), arrivals.clone()).await?;
        settings.push_str(&format!(
            "[routes.at-{rate}]\nqueue = \"at-{rate}\"\n[destinations.\"{address}\"]\nrate = \"{rate}/s\"\nallow_cidrs = [\"127.0.0.1/32\"]\n"
        ));
        all.push((rate, address, arrivals));
    }
    let server = Server::fresh(&parent(), "rate", &settings)?;
    let access = server.access()?;
    // The largest first: what is filled is sent from then on, and must not run out before the end.
    for (rate, address, _) in all.iter().rev() {
        let lines = rate * (seconds + WARM_UP.as_secs() + 10) * 11 / 10;
        fill(
            &access,
            &format!("at-{rate}"),
            &format!("http://{address}/n/0"),
            lines,
        )
        .await?;
    }
    let begun = Instant::now() + WARM_UP;
    tokio::time::sleep(WARM_UP + Duration::from_secs(seconds)).await;
    for (rate, _, arrivals) in all {
        let per_sec = by_second(&arrivals, begun, seconds);
        let sent: u64 = per_sec.iter().sum();
        if sent == 0 {
            bail!("nothing arrived at {rate}/s");
        }
        let of = |count: u64, secs: u64| count as f64 / (rate * secs) as f64;
        let worst = per_sec
            .iter()
            .map(|count| of(*count, 1))
            .max_by(|a, b| (a - 1.0).abs().total_cmp(&(b - 1.0).abs()));
        let minute = of(sent, seconds);
        show(
            &format!("sent over setting at {rate}/s in {seconds} s"),
            minute,
            "",
            "0.98 to 1.02",
        );
        show(
            &format!("the furthest second at {rate}/s"),
            worst.unwrap_or_default(),
            "",
            "",
        );
    }
    let cpu = server.usage()?.cpu_secs;
    show("server CPU seconds in all", cpu, "s", "");
    Ok(())
}

async fn fill(access: &Access, name: &str, line: &str, lines: u64) -> Result<()> {
    let url = queue::create(access, name).await?;
    let (packed, rest) = (lines / LINES, lines % LINES);
    let body = queue::packed(&url, line, usize::try_from(LINES)?);
    load::repeat(access, "SendMessage", &body, packed, 8).await?;
    load::repeat(access, "SendMessage", &queue::single(&url, line), rest, 8).await
}

/// How many came in each second.
fn by_second(arrivals: &Arrivals, begun: Instant, seconds: u64) -> Vec<u64> {
    let mut counts = vec![0; usize::try_from(seconds).unwrap_or(0)];
    for (_, at) in arrivals.borrow().iter() {
        let second = at
            .checked_duration_since(begun)
            .map(|since| since.as_secs());
        let place = second.and_then(|second| usize::try_from(second).ok());
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    counts
}
