//! Cycles (send, receive, delete in batches of 10) through the queues per CPU second of the process, with an empty queue
//! and with messages waiting, the memory that waiting messages take, and how long it takes to serve again.
//!
//! `cargo run --release -p shukuba-sqs --example cycles -- [DIR] [WAITING…]`; default: a directory under the temporary one,
//! and 0, 1,000,000 and 5,000,000 waiting. Prints one line for each.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a tool for the command line"
)]

mod cpu;

use std::path::Path;
use std::sync::Arc;

use base::{Clock, NoMetrics, SystemClock};
use bytes::Bytes;
use shukuba_sqs::{Access, Options, Outgoing, Queue, Queues, Receive, Sender};
use store::record::{Cause, NoObserver};

const BODY_BYTES: usize = 300;
const WORKERS: usize = 64;
const CYCLES: usize = 10_000;

fn open(dir: &Path) -> Arc<Queues> {
    let options = Options {
        journal: store::Options::default(),
        account: "123456789012".parse().unwrap(),
        region: "ap-northeast-1".parse().unwrap(),
        are_results_sealed: false,
        expire_interval: std::time::Duration::from_secs(10),
    };
    let clock = Arc::new(SystemClock::new());
    Queues::open(
        dir,
        options,
        clock,
        Arc::new(NoMetrics),
        Arc::new(NoObserver),
    )
    .unwrap()
    .0
}

fn batch(body: &Bytes) -> Vec<Outgoing> {
    (0..10)
        .map(|_| Outgoing {
            body: body.clone(),
            ..Outgoing::default()
        })
        .collect()
}

const SENDER: Sender<'static> = Sender {
    id: "AIDAEXAMPLE",
    cause: Cause::Sent,
};

async fn fill(queues: &Arc<Queues>, queue: &Arc<Queue>, messages: usize) {
    let body = Bytes::from(vec![b'x'; BODY_BYTES]);
    let tasks = (0..WORKERS).map(|_| {
        let (queues, queue, body) = (Arc::clone(queues), Arc::clone(queue), body.clone());
        tokio::spawn(async move {
            for _ in 0..messages / WORKERS / 10 {
                queues.send(&queue, SENDER, batch(&body)).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

async fn cycle(queues: &Queues, queue: &Arc<Queue>, body: &Bytes) -> usize {
    queues.send(queue, SENDER, batch(body)).await.unwrap();
    let receive = Receive {
        max: 10,
        ..Receive::default()
    };
    let messages = queues.receive(queue, receive).await.unwrap();
    let handles: Vec<&str> = messages
        .iter()
        .map(|message| message.receipt_handle.as_str())
        .collect();
    if !handles.is_empty() {
        queues
            .delete(queue, Access::Outside, &handles)
            .await
            .unwrap();
    }
    messages.len()
}

async fn cycles(queues: &Arc<Queues>, queue: &Arc<Queue>) -> usize {
    let body = Bytes::from(vec![b'y'; BODY_BYTES]);
    let tasks = (0..WORKERS).map(|_| {
        let (queues, queue, body) = (Arc::clone(queues), Arc::clone(queue), body.clone());
        tokio::spawn(async move {
            let mut cycled = 0;
            for _ in 0..CYCLES / 10 {
                cycled += cycle(&queues, &queue, &body).await;
            }
            cycled
        })
    });
    let mut cycled = 0;
    for task in tasks.collect::<Vec<_>>() {
        cycled += task.await.unwrap();
    }
    cycled
}

fn memory_mib(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1024.0
}

async fn measure(dir: &Path, waiting: usize) {
    let clock = SystemClock::new();
    let queues = open(dir);
    let queue = queues
        .create("cycles", &[].into(), &[].into())
        .await
        .unwrap();
    let before_mib = memory_mib("RssAnon");
    let keeper = tokio::spawn(Arc::clone(&queues).run());
    fill(&queues, &queue, waiting).await;
    let filled_mib = memory_mib("RssAnon") - before_mib;
    let (cpu, wall) = (cpu::secs(), clock.monotonic());
    let cycled = cycles(&queues, &queue).await;
    let (cpu, wall) = (cpu::secs() - cpu, (clock.monotonic() - wall).as_secs_f64());
    let visible = queues.counts(&queue).unwrap().visible;
    keeper.abort();
    assert!(keeper.await.is_err(), "the keeper runs until it is stopped");
    drop((queue, queues));
    let started = clock.monotonic();
    let queues = open(dir);
    let recovered = (clock.monotonic() - started).as_secs_f64();
    let queue = queues.queue("cycles").unwrap();
    assert_eq!(queues.counts(&queue).unwrap().visible, visible);
    println!(
        "waiting {waiting:>8}: {:>8.0} cycles/CPU s, {:>8.0} cycles/s, RssAnon +{filled_mib:.1} MiB when filled \
         ({:.1} MiB now), opened again in {recovered:.3} s with {visible} waiting",
        cycled as f64 / cpu,
        cycled as f64 / wall,
        memory_mib("RssAnon"),
    );
}

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(std::env::temp_dir, Into::into);
    let mut waiting: Vec<usize> = args
        .map(|count| count.parse().expect("a number of messages"))
        .collect();
    if waiting.is_empty() {
        waiting = vec![0, 1_000_000, 5_000_000];
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for count in waiting {
        let place = tempfile::tempdir_in(&dir).unwrap();
        runtime.block_on(measure(place.path(), count));
    }
}
