//! `shukuba rehearse`.
//!
//! - `play`: sends along the curve, and looks who runs; `measure`: what the receivers' logs say of it

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use delivery::config::Span;
use delivery::simulate::{Traffic, traffic};
use serde_json::{Value, json};

use super::operator::At;
use super::simulate::{self, picture};
use crate::app::{self, App};
use crate::output;

mod measure;
mod play;

use measure::Measured;

/// How long all may take to be delivered after the last was sent. Chosen.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// Points of the picture. Chosen: as many as are told apart.
const POINTS: u64 = 120;

/// Rehearse a day: send along its curve within minutes, and say how late it came and who ran
///
/// The server sends to receivers on this machine, such as `shukuba sink --log FILE`, whose logs say when each notification came. The
/// delay is from just before a notification is sent to the queue until its receiver has it. `make demo-elastic` is a whole one.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue of the route
    #[arg(long, value_name = "QUEUE")]
    queue: String,
    /// A receiver's URL; several take turns
    #[arg(long = "url", value_name = "URL", required = true)]
    urls: Vec<url::Url>,
    /// The log of a sink that these URLs lead to
    #[arg(long = "log", value_name = "FILE", required = true)]
    logs: Vec<PathBuf>,
    /// The traffic, as of `simulate` [default: the example of `simulate --example-traffic`, a day]
    #[arg(long, value_name = "FILE")]
    traffic: Option<PathBuf>,
    /// How long it takes here, 1s to 1h
    #[arg(long, value_name = "SPAN", default_value = "150s")]
    within: Span,
    /// How many notifications it is here, 1 to 10000000
    #[arg(long, value_name = "N", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: u64,
    /// 99 of 100 must be there within this time, else the exit code is 1
    #[arg(long, value_name = "SPAN")]
    target_p99: Option<Span>,
    /// Draw it: an SVG or a PNG, by the file's name
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    #[command(flatten)]
    at: At,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let within = args.within.get();
    if !(Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(&within) {
        return Err(app::usage("--within is out of range: 1s to 1h"));
    }
    let day = match &args.traffic {
        Some(file) => simulate::read(file)?,
        None => traffic::example(),
    };
    let curve = day.squeezed(within, args.count);
    let played = app::block_on(play::play(app, args, &curve))??;
    let period = Duration::from_secs((within.as_secs() / POINTS).max(1));
    let measured = measure::measured(&args.logs, &played, period)?;
    if let Some(file) = &args.picture {
        let curves = picture::Curves {
            title: "Rehearsed",
            start_secs: 0,
            secs: measured.secs,
            period_secs: u32::try_from(period.as_secs()).unwrap_or(u32::MAX),
        };
        picture::store(file, &curves.draw(&[("here", &measured.points)], None))?;
    }
    let target = args.target_p99.map(Span::get);
    output::show(app.output(), &value(&day, &measured, target), |_| {
        table(&measured, target)
    });
    Ok(ExitCode::from(u8::from(!is_good(&measured, target))))
}

fn is_kept(measured: &Measured, target: Duration) -> bool {
    u128::from(measured.p99_ms) <= target.as_millis()
}

/// Whether all came, in time.
fn is_good(measured: &Measured, target: Option<Duration>) -> bool {
    measured.received == measured.sent && target.is_none_or(|target| is_kept(measured, target))
}

fn value(day: &Traffic, measured: &Measured, target: Option<Duration>) -> Value {
    json!({
        "of": day.count(),
        "measured": measured,
        "target_p99_ms": target.map(|target| u64::try_from(target.as_millis()).unwrap_or(u64::MAX)),
        "is_kept": target.map(|target| is_kept(measured, target)),
    })
}

fn table(measured: &Measured, target: Option<Duration>) -> String {
    let span = |ms: u64| output::span(Duration::from_millis(ms));
    let kept = |target: Duration| match is_kept(measured, target) {
        true => format!("kept: {}", output::span(target)),
        false => format!("MISSED: {}", output::span(target)),
    };
    let rows = [
        ("sent", output::count(measured.sent)),
        ("received", output::count(measured.received)),
        ("sent late at most", span(measured.late_ms)),
        ("delay p50", span(measured.p50_ms)),
        ("delay p99", span(measured.p99_ms)),
        ("target of p99", target.map_or("none".to_owned(), kept)),
        ("longest delay", span(measured.max_ms)),
        ("notifiers at most", measured.notifiers_max.to_string()),
        (
            "notifier-minutes",
            format!("{:.1}", measured.notifier_minutes),
        ),
    ];
    output::pairs(&rows)
}
