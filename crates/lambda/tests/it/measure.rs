//! What invocations cost beyond the function itself; run by hand, printed.
//!
//! cargo test --release -p shukuba-lambda --test it -- --ignored --nocapture measure

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, SystemClock};
use tokio::task::JoinSet;

use crate::bench::{Bench, call, probe, runnable};

fn spread(name: &str, mut spans: Vec<Duration>) {
    spans.sort();
    let at = |share: usize| spans[(spans.len() - 1) * share / 100];
    println!(
        "{name}: n={} p50={:?} p90={:?} p99={:?} max={:?}",
        spans.len(),
        at(50),
        at(90),
        at(99),
        at(100)
    );
}

#[ignore = "measures"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_an_empty_invocation() {
    let (bench, clock) = (
        Bench::with(|config| config.environments_max = 300).await,
        SystemClock::new(),
    );
    // The process alone: started, and ended since it finds no runtime API.
    let alone = (0..100).map(|_| {
        let began = clock.monotonic();
        std::process::Command::new(probe())
            .env_clear()
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        clock.monotonic() - began
    });
    spread("process alone", alone.collect());
    let mut cold = Vec::new();
    for revision in 1..=100 {
        let mut new = runnable();
        new.revision = revision;
        let began = clock.monotonic();
        bench.fleet.invoke(&new, call("echo")).await.unwrap();
        cold.push(clock.monotonic() - began);
    }
    spread("cold", cold);
    let mut last = runnable();
    last.revision = 100;
    let mut warm = Vec::new();
    for _ in 0..5_000 {
        let began = clock.monotonic();
        bench.fleet.invoke(&last, call("echo")).await.unwrap();
        warm.push(clock.monotonic() - began);
    }
    spread("warm", warm);
    bench.stop().await;
}

#[ignore = "measures"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_a_hundred_at_once() {
    let bench = Bench::with(|config| config.environments_max = 300).await;
    let clock = SystemClock::new();
    for command in ["sleep 5000", "sleep 50"] {
        let (mut calls, began) = (JoinSet::new(), clock.monotonic());
        for _ in 0..100 {
            let (fleet, clock) = (Arc::clone(&bench.fleet), clock);
            calls.spawn(async move {
                let mut spans = Vec::new();
                for _ in 0..(5_000 / command[6..].parse::<usize>().unwrap()) {
                    let began = clock.monotonic();
                    let outcome = fleet.invoke(&runnable(), call(command)).await.unwrap();
                    assert_eq!(outcome.error, None);
                    spans.push(clock.monotonic() - began);
                }
                spans
            });
        }
        let spans = calls.join_all().await.concat();
        println!("{command}: all within {:?}", clock.monotonic() - began);
        spread(command, spans);
        println!("processor ticks of this process so far: {:?}", own_ticks());
    }
    bench.stop().await;
}

fn own_ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some(fields.nth(11)?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}
