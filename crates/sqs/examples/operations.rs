//! Calls through the operations as the gateway makes them (decode JSON, what it touches, run, encode), without HTTP and signatures:
//! CPU of the process for a call, over sends, receives and deletes alike.
//!
//! `cargo run --release -p shukuba-sqs --example operations -- DIR single|batch CYCLES`; a cycle is three calls, each of one message or
//! of ten. Alone at a time, so that counts of instructions (`valgrind --tool=callgrind`) of two lengths can be subtracted.

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

use api::{Caller, Ctx, Masked, RequestId, Service};
use base::{AccountId, Clock, NoMetrics, SystemClock};
use serde_json::{Value, json};
use shukuba_sqs::{Options, Queues, ops};
use store::record::NoObserver;
use wire::Protocol;

const BASE_URL: &str = "http://localhost:5310";
const BODY_BYTES: usize = 300;

struct Bench {
    service: Arc<dyn Service>,
    account: AccountId,
    clock: Arc<SystemClock>,
    url: String,
}

impl Bench {
    fn on(dir: &Path) -> Self {
        let account: AccountId = "123456789012".parse().unwrap();
        let region: base::Region = "ap-northeast-1".parse().unwrap();
        let options = Options {
            journal: store::Options::default(),
            account: account.clone(),
            region: region.clone(),
            are_results_sealed: false,
            expire_interval: std::time::Duration::from_secs(10),
        };
        let clock = Arc::new(SystemClock::new());
        let (metrics, observer) = (Arc::new(NoMetrics), Arc::new(NoObserver));
        let opened = Queues::open(dir, options, clock.clone(), metrics, observer);
        Self {
            service: ops::service(opened.unwrap().0, region, account.clone()),
            url: format!("{BASE_URL}/{account}/operations"),
            account,
            clock,
        }
    }

    async fn call(&self, operation: &str, body: &[u8]) -> Value {
        let decoded = self.service.decode(operation, Protocol::Json10, body);
        let call = decoded.unwrap().unwrap();
        let caller = Caller::user(
            &self.account,
            "/",
            "administrator",
            "AIDAEXAMPLE",
            "AKIAEXAMPLE",
        );
        let ctx = Ctx {
            request_id: RequestId::from_bytes([7; 16]),
            base_url: BASE_URL.into(),
            ..Ctx::inside(Arc::new(caller), self.clock.now())
        };
        assert!(!call.access(&ctx.caller).is_empty());
        let answered = call.run(ctx, Masked::Unwanted).await.unwrap();
        serde_json::from_slice(&answered.body).unwrap_or_default()
    }

    async fn single(&self, send: &[u8], receive: &[u8]) {
        self.call("SendMessage", send).await;
        let answer = self.call("ReceiveMessage", receive).await;
        let handle = &answer["Messages"][0]["ReceiptHandle"];
        let delete = json!({"QueueUrl": self.url, "ReceiptHandle": handle}).to_string();
        self.call("DeleteMessage", delete.as_bytes()).await;
    }

    async fn batch(&self, send: &[u8], receive: &[u8]) {
        self.call("SendMessageBatch", send).await;
        let answer = self.call("ReceiveMessage", receive).await;
        let messages = answer["Messages"].as_array().unwrap();
        let entry = |(n, message): (usize, &Value)| json!({"Id": n.to_string(), "ReceiptHandle": message["ReceiptHandle"]});
        let entries: Vec<Value> = messages.iter().enumerate().map(entry).collect();
        let delete = json!({"QueueUrl": self.url, "Entries": entries}).to_string();
        self.call("DeleteMessageBatch", delete.as_bytes()).await;
    }
}

async fn measure(dir: &Path, kind: &str, cycles: u32) {
    let bench = Bench::on(dir);
    bench
        .call("CreateQueue", br#"{"QueueName":"operations"}"#)
        .await;
    let body = "x".repeat(BODY_BYTES);
    let max = if kind == "batch" { 10 } else { 1 };
    let receive = json!({"QueueUrl": bench.url, "MaxNumberOfMessages": max}).to_string();
    let entries = (0..10).map(|n| json!({"Id": n.to_string(), "MessageBody": body}));
    let send = match max {
        1 => json!({"QueueUrl": bench.url, "MessageBody": body}),
        _ => json!({"QueueUrl": bench.url, "Entries": entries.collect::<Vec<_>>()}),
    };
    let send = send.to_string();
    let before = cpu::secs();
    for _ in 0..cycles {
        match max {
            1 => bench.single(send.as_bytes(), receive.as_bytes()).await,
            _ => bench.batch(send.as_bytes(), receive.as_bytes()).await,
        }
    }
    let calls = f64::from(cycles) * 3.0;
    let micros = (cpu::secs() - before) * 1e6 / calls;
    println!("{kind}: {micros:.2} µs of CPU a call, {calls} calls");
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, kind, cycles] = args.as_slice() else {
        println!("give DIR single|batch CYCLES");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let cycles = cycles.parse().expect("a number of cycles");
    runtime.block_on(measure(Path::new(dir), kind, cycles));
}
