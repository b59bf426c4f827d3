//! `shukuba notifier`: a notifier of its own on any SQS queue.

use std::process::ExitCode;

use delivery::config::Span;
use delivery::notifier::Summary;

use crate::app::{self, App};
use crate::lone::{self, Order};
use crate::output;

/// Sends what waits in a queue, on any SQS endpoint, and stores a result for each.
///
/// Results are stored first, then retries are sent, then messages are deleted. When its time is over or SIGTERM comes,
/// nothing new starts and what it cannot finish goes back to the queue. Credentials as in the AWS CLI (variables,
/// profile, role), else the key of the data directory.
///
///   shukuba notifier --route s2s --queue https://sqs.eu-west-1.amazonaws.com/123456789012/s2s --results s3://results/s2s --for 5m
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The route whose format and rules hold
    #[arg(long, value_name = "NAME")]
    route: String,

    /// The queue, a URL or a name [default: the route's]
    #[arg(long, value_name = "URL|NAME")]
    queue: Option<String>,

    /// Where results go: s3://bucket/prefix, file:///folder or a path [default: results.url of the settings]
    #[arg(long, value_name = "URL")]
    results: Option<String>,

    /// How long it works, 1s to 7d [default: notifier.life of the settings]
    #[arg(long = "for", value_name = "SPAN", value_parser = life)]
    life: Option<Span>,

    /// Its share of every rate and concurrency limit, over 0 up to 1; with four notifiers give each 0.25
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    share: f64,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let order = Order {
        route: args.route,
        queue: args.queue,
        results: args.results,
        life: args.life.map(Span::get),
        share: args.share,
    };
    let summary = app::block_on(lone::run(app, &order))??;
    output::show(app.output(), &json(&summary), |_| table(&summary));
    Ok(ExitCode::from(u8::from(summary.unsettled > 0)))
}

fn life(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error| format!("{error}"))?;
    let secs = span.get().as_secs();
    if (1..=7 * 86_400).contains(&secs) {
        Ok(span)
    } else {
        Err(format!("{span} is out of range: 1s to 7d"))
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is not a number"))?;
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err(format!("{share} is out of range: over 0 up to 1"))
    }
}

fn json(summary: &Summary) -> serde_json::Value {
    let counts = &summary.counts;
    serde_json::json!({
        "received": summary.received, "attempts": counts.attempts, "delivered": counts.delivered,
        "retried": counts.retried, "dead": counts.dead, "expired": counts.expired, "later": counts.later,
        "unsettled": summary.unsettled,
    })
}

fn table(summary: &Summary) -> String {
    let counts = &summary.counts;
    output::pairs(&[
        ("messages received", output::count(summary.received)),
        ("attempts", output::count(counts.attempts)),
        ("delivered", output::count(counts.delivered)),
        ("to be tried again", output::count(counts.retried)),
        ("given up", output::count(counts.dead)),
        ("expired", output::count(counts.expired)),
        ("put off untried", output::count(counts.later)),
        ("messages not settled", output::count(summary.unsettled)),
    ])
}
