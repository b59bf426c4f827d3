//! HTTP/1.1 beside HTTP/2 of the http sender, on the same receiver, in alternating rounds of one run.
//!
//! ```text
//! cargo run --release -p shukuba-delivery --example http2_rate -- URL CA_FILE [in flight] [secs] [rounds] [body bytes]
//! ```
//!
//! `URL`: of a receiver that speaks both, `https://`, or `http://` where it takes HTTP/2 by prior knowledge on the same port;
//! `CA_FILE`: its authority, `-` for none. Caveats: the receiver shares the machine; CPU is of this process alone, from `/proc`
//! in ticks of 10 ms; one thread, as one notifier shard has it; sockets are those open at the end of a round.

#![allow(clippy::print_stdout, reason = "a measurement prints its figures")]
#![allow(clippy::expect_used, reason = "a measurement that cannot run ends")]

use std::sync::Arc;
use std::time::Duration;

use base::SystemClock;
use bytes::Bytes;
use shukuba_delivery::config::transport::HttpVersion;
use shukuba_delivery::config::{DestinationRules, Transport};
use shukuba_delivery::port::{Notification, Request, Sender};
use shukuba_delivery::sender::{Senders, Tools};
use tokio::time::Instant;

/// Requests a second, CPU milliseconds per 1,000 requests, open sockets.
#[derive(Clone, Copy, Debug)]
struct Figure {
    rate: f64,
    cpu_ms: f64,
    sockets: usize,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the receiver's URL");
    let ca_file = arguments.next().filter(|path| path != "-");
    let mut number = |default: usize| {
        let text = arguments.next();
        text.map_or(default, |text| text.parse().expect("a number"))
    };
    let (in_flight, secs, rounds, body) = (number(64), number(3), number(5), number(0));
    println!(
        "{in_flight} in flight, {secs} s a round, {body} bytes; requests/s, CPU ms per 1,000, sockets"
    );
    let mut all = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (version, figures) in [HttpVersion::Http1, HttpVersion::Http2]
            .into_iter()
            .zip(&mut all)
        {
            let rules = Arc::new(rules(version, ca_file.as_deref()));
            let figure = round(
                &rules,
                &Arc::new(notification(&url, body)),
                in_flight,
                secs as u64,
            );
            println!(
                "HTTP/{version}: {:.0}, {:.2}, {}",
                figure.rate, figure.cpu_ms, figure.sockets
            );
            figures.push(figure);
        }
    }
    let [first, second] = all.map(|figures| median(&figures));
    println!(
        "medians: HTTP/1.1 {:.0}, {:.2}, {}; HTTP/2 {:.0}, {:.2}, {}; 2 over 1.1: rate {:.2}, CPU {:.2}",
        first.rate,
        first.cpu_ms,
        first.sockets,
        second.rate,
        second.cpu_ms,
        second.sockets,
        second.rate / first.rate,
        second.cpu_ms / first.cpu_ms
    );
}

fn median(figures: &[Figure]) -> Figure {
    let mut all = figures.to_vec();
    all.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    all.get(all.len() / 2).copied().expect("a round")
}

fn rules(version: HttpVersion, ca_file: Option<&str>) -> DestinationRules {
    DestinationRules {
        allow_cidrs: vec!["127.0.0.0/8".parse().expect("a network")],
        ca_file: ca_file.map(Into::into),
        transport: Arc::new(Transport {
            http: version,
            ..Transport::default()
        }),
        ..DestinationRules::default()
    }
}

/// CPU milliseconds used by this process.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let after_name = stat.rsplit_once(')').expect("a name").1;
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks
        .map(|text| text.parse::<f64>().expect("ticks") * 10.0)
        .sum()
}

fn sockets() -> usize {
    let all = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    let links = all.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

fn round(
    rules: &Arc<DestinationRules>,
    notification: &Arc<Notification>,
    in_flight: usize,
    secs: u64,
) -> Figure {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let senders = Senders::new(Tools::new(Arc::new(SystemClock::new())));
        let others = sockets();
        let warm = Duration::from_millis(300);
        send_for(warm, &senders, rules, notification, in_flight).await;
        let (before, begun) = (cpu_ms(), Instant::now());
        let span = Duration::from_secs(secs);
        let count = send_for(span, &senders, rules, notification, in_flight).await as f64;
        Figure {
            rate: count / begun.elapsed().as_secs_f64(),
            cpu_ms: (cpu_ms() - before) / count * 1000.0,
            sockets: sockets().saturating_sub(others),
        }
    })
}

async fn send_for(
    span: Duration,
    senders: &Senders,
    rules: &Arc<DestinationRules>,
    notification: &Arc<Notification>,
    in_flight: usize,
) -> u64 {
    let end = Instant::now() + span;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..in_flight {
        let (senders, rules, notification) =
            (senders.clone(), Arc::clone(rules), Arc::clone(notification));
        tasks.spawn(async move {
            let mut count = 0;
            while Instant::now() < end {
                let budget = Duration::from_secs(15);
                let attempt = senders.send(&notification, &rules, budget).await;
                assert_eq!(attempt.status, Some(200), "{attempt:?}");
                count += 1;
            }
            count
        });
    }
    tasks.join_all().await.into_iter().sum()
}

fn notification(url: &str, body: usize) -> Notification {
    let method = if body == 0 {
        http::Method::GET
    } else {
        http::Method::POST
    };
    Notification {
        id: Arc::from("n"),
        request: Request {
            url: url.parse().expect("a URL"),
            method,
            headers: Vec::new(),
            body: Bytes::from(vec![b'a'; body]),
        },
        attempt: 1,
        expires_at: None,
        line: 1,
        message_id: Arc::from("m"),
        origin: None,
        replay: None,
    }
}
