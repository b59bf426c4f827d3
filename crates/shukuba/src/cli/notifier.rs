//! `shukuba notifier`: a notifier of its own on any SQS queue.

use std::net::SocketAddr;
use std::process::ExitCode;

use delivery::config::Span;
use delivery::notifier::Summary;
use delivery::share::Share;

use crate::app::{self, App};
use crate::lone::{self, Order};
use crate::output;

/// Send what waits in a queue, on any SQS endpoint, and store a result for each
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

    /// How long it lives at most, 1s to 7d [default: notifier.life of the settings]
    ///
    /// It takes nothing new once less is left than a `timeout_total` and a tenth of its life (5s at most) for storing
    /// results, and ends when what it holds is done: with the default timeout of 15s, --for 40s takes messages for 21s.
    #[arg(long = "for", value_name = "SPAN", value_parser = life)]
    life: Option<Span>,

    /// Its part of every rate and concurrency limit: of four notifiers give them 1/4, 2/4, 3/4 and 4/4
    #[arg(long, value_name = "PLACE/COUNT", default_value = "1/1", value_parser = share)]
    share: Share,

    /// Show its counts for Prometheus: GET /metrics at this address of loopback
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let order = Order {
        route: args.route,
        queue: args.queue,
        results: args.results,
        life: args.life.map(Span::get),
        share: args.share,
        metrics: args.metrics,
    };
    let summary = app::block_on(lone::run(app, &order))??;
    output::show(app.output(), &lone::json(&summary), |_| table(&summary));
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

fn share(text: &str) -> Result<Share, String> {
    let parts = text.split_once('/');
    let number = |text: &str| text.parse::<u32>().ok();
    match parts.and_then(|(place, count)| Some((number(place)?, number(count)?))) {
        Some((place, count)) if (1..=count).contains(&place) => Ok(Share::part(place - 1, count)),
        _ => Err(format!(
            "`{text}` is not a place and a count, such as 2/4 for the second of four"
        )),
    }
}

fn table(summary: &Summary) -> String {
    let counts = &summary.counts;
    output::pairs(&[
        ("messages received", output::count(summary.received)),
        ("attempts", output::count(counts.attempts)),
        ("delivered", output::count(counts.delivered)),
        ("to be tried again", output::count(counts.retried)),
        ("given up", output::count(counts.dead)),
        ("of these unresolved", output::count(counts.unresolved)),
        ("expired", output::count(counts.expired)),
        ("put off untried", output::count(counts.later)),
        ("messages not settled", output::count(summary.unsettled)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_place_and_a_count() {
        assert_eq!(share("2/4"), Ok(Share::part(1, 4)));
        assert_eq!(share("1/1"), Ok(Share::WHOLE));
        for text in ["0.25", "0/4", "5/4", "/", "1/0", "1/2/3"] {
            let error = share(text).unwrap_err();
            assert!(error.contains("such as 2/4"), "{text}: {error}");
        }
    }
}
