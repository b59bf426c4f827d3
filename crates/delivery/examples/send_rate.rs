//! How fast the http sender is beside `wrk` on the same receiver, in alternating rounds of one run.
//!
//! ```text
//! shukuba sink --listen 127.0.0.1:5399 &
//! cargo run --release -p shukuba-delivery --example send_rate -- http://127.0.0.1:5399/ok [in flight] [secs] [rounds]
//! ```
//!
//! Caveats: both share the machine with the receiver and with whatever else runs; CPU is of the client process
//! alone, from `/proc` in ticks of 10 ms; one thread, as one notifier shard has it.

#![allow(clippy::print_stdout, reason = "a measurement prints its figures")]
#![allow(clippy::expect_used, reason = "a measurement that cannot run ends")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base::SystemClock;
use bytes::Bytes;
use shukuba_delivery::config::DestinationRules;
use shukuba_delivery::port::{Notification, Request, Sender};
use shukuba_delivery::sender::{Senders, Tools};
use tokio::time::Instant;

/// Requests a second and CPU milliseconds per 1,000 requests.
#[derive(Clone, Copy, Debug)]
struct Figure {
    rate: f64,
    cpu_ms: f64,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the receiver's URL");
    let mut number = |default: u64| {
        arguments
            .next()
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let (in_flight, secs, rounds) = (number(64), number(3), number(5));
    println!("{in_flight} in flight, {secs} s a round; requests/s · CPU ms per 1,000");
    let mut own = Vec::new();
    let mut wrk = Vec::new();
    for _ in 0..rounds {
        wrk.push(run_wrk(&url, in_flight, secs));
        own.push(run_sender(&url, in_flight, secs));
        if let (Some(wrk), Some(own)) = (wrk.last(), own.last()) {
            println!(
                "wrk {:>8.0} · {:.2}    sender {:>8.0} · {:.2}",
                wrk.rate, wrk.cpu_ms, own.rate, own.cpu_ms
            );
        }
    }
    let (wrk, own) = (median(&wrk), median(&own));
    println!(
        "medians: wrk {:.0} · {:.2}, sender {:.0} · {:.2}; sender over wrk: rate {:.2}, CPU {:.2}",
        wrk.rate,
        wrk.cpu_ms,
        own.rate,
        own.cpu_ms,
        own.rate / wrk.rate,
        own.cpu_ms / wrk.cpu_ms
    );
}

fn median(figures: &[Figure]) -> Figure {
    let middle = |of: fn(&Figure) -> f64| {
        let mut all: Vec<f64> = figures.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    Figure {
        rate: middle(|figure| figure.rate),
        cpu_ms: middle(|figure| figure.cpu_ms),
    }
}

/// CPU milliseconds used by this process and by its ended children.
fn cpu_ms() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let after_name = stat.rsplit_once(')').expect("a name").1;
    let ticks: Vec<f64> = after_name
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|text| text.parse().expect("ticks"))
        .collect();
    let [user, system, child_user, child_system] = ticks[..] else {
        return (0.0, 0.0);
    };
    ((user + system) * 10.0, (child_user + child_system) * 10.0)
}

fn run_wrk(url: &str, in_flight: u64, secs: u64) -> Figure {
    let before = cpu_ms().1;
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{in_flight}"), &format!("-d{secs}"), url])
        .output()
        .expect("wrk; install it with `apt-get install wrk`");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .and_then(|rate| rate.trim().parse::<f64>().ok())
        .expect("wrk's rate");
    let requests = rate * secs as f64;
    Figure {
        rate,
        cpu_ms: (cpu_ms().1 - before) / requests * 1000.0,
    }
}

fn run_sender(url: &str, in_flight: u64, secs: u64) -> Figure {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let senders = Senders::new(Tools::new(Arc::new(SystemClock::new())));
        let rules = Arc::new(DestinationRules {
            allow_cidrs: vec!["127.0.0.0/8".parse().expect("a network")],
            ..DestinationRules::default()
        });
        let notification = Arc::new(notification(url));
        send_for(
            Duration::from_millis(200),
            &senders,
            &rules,
            &notification,
            in_flight,
        )
        .await;
        let before = cpu_ms().0;
        let begun = Instant::now();
        let count = send_for(
            Duration::from_secs(secs),
            &senders,
            &rules,
            &notification,
            in_flight,
        )
        .await;
        let took = begun.elapsed().as_secs_f64();
        Figure {
            rate: count as f64 / took,
            cpu_ms: (cpu_ms().0 - before) / count as f64 * 1000.0,
        }
    })
}

async fn send_for(
    span: Duration,
    senders: &Senders,
    rules: &Arc<DestinationRules>,
    notification: &Arc<Notification>,
    in_flight: u64,
) -> u64 {
    let end = Instant::now() + span;
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (senders, rules, notification) =
                (senders.clone(), Arc::clone(rules), Arc::clone(notification));
            tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < end {
                    let attempt = senders
                        .send(&notification, &rules, Duration::from_secs(15))
                        .await;
                    assert_eq!(attempt.status, Some(200), "{attempt:?}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut all = 0;
    for task in tasks {
        all += task.await.expect("a task");
    }
    all
}

fn notification(url: &str) -> Notification {
    Notification {
        id: Arc::from("n"),
        request: Request {
            url: url.parse().expect("a URL"),
            method: http::Method::GET,
            headers: Vec::new(),
            body: Bytes::new(),
        },
        attempt: 1,
        expires_at: None,
        line: 1,
        message_id: Arc::from("m"),
        origin: None,
        replay: None,
    }
}
