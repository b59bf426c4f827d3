//! Measures the results: writing one, sealing, and `why` over many.
//!
//! ```text
//! cargo run --release -p shukuba-delivery --example results_bench -- DIR [MILLIONS] [cold]
//! ```
//! Fills `DIR` with synthetic results of 24 hours unless it holds some already (about 90 MB a million), then asks for ids and
//! URLs in it. `cold` evicts nothing by itself: run it after `echo 3 > /proc/sys/vm/drop_caches`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a measurement prints, reads the clock and stops at the first error"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::Timestamp;
use bytes::Bytes;
use shukuba_delivery::masking::Masking;
use shukuba_delivery::port::{
    Attempt, Lease, LineOutcome, Next, Notification, Outcome, Request, ResultStore as _, Timings,
    Verdict,
};
use shukuba_delivery::result::{Packed, Salt, SentBy, Writer};
use shukuba_delivery::results::set::Window;
use shukuba_delivery::results::{ObjectBuilder, ObjectName, ObjectResults, Range, Results};
use shukuba_delivery::why::{NotKnown, Question, Why};

const START_MS: u64 = 1_795_392_000_000;

/// Numbers that look random and can be made again.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn message_id(number: u64) -> String {
    let bytes = (u128::from(mixed(number)) << 64 | u128::from(mixed(!number))).to_be_bytes();
    base::id::format_uuid(base::id::as_version_4(bytes))
}

fn url(number: u64) -> String {
    format!(
        "https://app{}.example.com/postback?event=purchase&click_id={:016x}&amount={}.99&idfa={:032X}&country=JP",
        number % 40,
        mixed(number ^ 7),
        number % 90,
        mixed(number ^ 9)
    )
}

fn outcome(number: u64, at: Timestamp) -> (Outcome, LineOutcome) {
    let id: Arc<str> = message_id(number).into();
    let outcome = Outcome {
        lease: Lease("lease".into()),
        message_id: Arc::clone(&id),
        base: Arc::clone(&id),
        sent_at: at.minus(Duration::from_millis(900)),
        receive_count: 1,
        origin: Some(
            format!(
                r#"{{"h":"web-3","f":"/var/log/s2s/postbacks.ltsv","o":{},"t":{}}}"#,
                number * 263,
                at.as_millis()
            )
            .into(),
        ),
        replay: None,
        attributes: Default::default(),
        lines: Vec::new(),
        next: Next::Gone,
        carries: Vec::new(),
    };
    let notification: Arc<str> = format!("{id}/1").into();
    let url = url(number);
    let line = LineOutcome {
        line: 1,
        notification: Arc::clone(&notification),
        destination: format!("app{}.example.com", number % 40).into(),
        verdict: Verdict::Delivered,
        number: 1,
        raw: Bytes::from(format!("url:{url}\tmethod:GET")),
        request: Some(Arc::new(Notification {
            id: notification,
            request: Request {
                url: url.parse().expect("a URL"),
                method: http::Method::GET,
                headers: Vec::new(),
                body: Bytes::new(),
            },
            attempt: 1,
            expires_at: None,
            line: 1,
            message_id: id,
            origin: None,
            replay: None,
        })),
        attempt: Some(Box::new(Attempt {
            number: 1,
            started: at.minus(Duration::from_millis(40)),
            address: Some("203.0.113.9:443".parse().expect("an address")),
            http: None,
            status: Some(200),
            error: None,
            detail: String::new(),
            timings: Timings {
                first_byte: Duration::from_micros(20_000 + mixed(number) % 20_000),
                total: Duration::from_micros(40_100 + mixed(number) % 9000),
                ..Timings::default()
            },
            excerpt: Bytes::from_static(b"{\"status\":\"ok\"}"),
            retry_after: None,
            sent: true,
            beside: None,
        })),
        tried: shukuba_delivery::port::Tried::Usual,
    };
    (outcome, line)
}

fn writer() -> Writer {
    let who = SentBy {
        notifier: "n-5f3a".into(),
        host: "web-1".into(),
        request_id: None,
    };
    Writer::new("s2s", &who, Masking::default(), Salt::new([7; 32]))
}

fn measure_writer() {
    let writer = writer();
    let at = Timestamp::from_millis(START_MS);
    let inputs: Vec<_> = (0..100).map(|number| outcome(number, at)).collect();
    let mut best = Duration::MAX;
    let mut bytes = 0;
    for _ in 0..3000 {
        let started = Instant::now();
        bytes = 0;
        for (outcome, line) in &inputs {
            bytes += writer.packed(at, outcome, line).len();
        }
        best = best.min(started.elapsed());
    }
    println!(
        "write: {} ns a result (best of 3,000 x 100), {} bytes with its source",
        best.as_nanos() / 100,
        bytes / 100
    );
    let packed: Vec<Bytes> = inputs
        .iter()
        .map(|(outcome, line)| writer.packed(at, outcome, line))
        .collect();
    let mut best = Duration::MAX;
    let mut stored = (0, 0, 0);
    for _ in 0..300 {
        let started = Instant::now();
        let mut builder = ObjectBuilder::new().expect("a compressor");
        for packed in &packed {
            builder
                .push(at, Packed::of(packed).expect("a result"))
                .expect("pushed");
        }
        let built = builder.finish().expect("built");
        best = best.min(started.elapsed());
        stored = (
            built.data.len(),
            built.sidecar.len(),
            built.sources.map_or(0, |sources| sources.len()),
        );
    }
    println!(
        "seal: {} ns a result (best of 300 x 100: index, bloom, zstd 1 of result and source); stored {} + sidecar {:.1} + source {} bytes each",
        best.as_nanos() / 100,
        stored.0 / 100,
        stored.1 as f64 / 100.0,
        stored.2 / 100
    );
}

async fn fill(results: &ObjectResults, total: u64) {
    let writer = writer();
    let started = Instant::now();
    let objects = total.div_ceil(700_000);
    let each = total / objects;
    for object in 0..objects {
        let hour_ms = object * 24 / objects * 3_600_000;
        let mut builder = ObjectBuilder::new().expect("a compressor");
        for number in object * each..(object + 1) * each {
            let at = Timestamp::from_millis(START_MS + hour_ms + number % each * 3_600_000 / each);
            let (outcome, line) = outcome(number, at);
            let packed = writer.packed(at, &outcome, &line);
            builder
                .push(at, Packed::of(&packed).expect("a result"))
                .expect("pushed");
        }
        let range = Range::Journal {
            first: object * 1_000_000,
            last: object * 1_000_000 + 999_999,
        };
        let name = ObjectName::new("s2s", (START_MS + hour_ms) / 3_600_000, range);
        let built = builder.finish().expect("built");
        let object = built.object().expect("joined");
        results.put(&name.data(), object).await.expect("stored");
    }
    println!(
        "filled: {} results in {} objects in {:.1} s",
        each * objects,
        objects,
        started.elapsed().as_secs_f64()
    );
}

async fn ask(why: &Why, total: u64) {
    for (what, text, wanted) in (0..9).flat_map(|n| {
        let number = mixed(n) % (total - 1000);
        [
            ("message id", message_id(number), 1),
            ("notification id", format!("{}/1", message_id(number)), 1),
            ("URL", url(number), 1),
            ("unknown id", message_id(number + 3 * total), 0),
        ]
    }) {
        let started = Instant::now();
        let answer = why
            .ask(&Question::of(&text), &Window::default())
            .await
            .expect("an answer");
        let took = started.elapsed();
        assert_eq!(answer.stories.len(), wanted, "{what}");
        println!(
            "why {what}: {:.1} ms, {} objects, {} frames of 256 KiB",
            took.as_secs_f64() * 1000.0,
            answer.effort.objects,
            answer.effort.frames
        );
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = arguments
        .get(1)
        .map_or("/tmp/results-bench", String::as_str);
    let millions: u64 = arguments
        .get(2)
        .and_then(|text| text.parse().ok())
        .unwrap_or(10);
    measure_writer();
    let store = Arc::new(ObjectResults::local(Path::new(folder)).expect("a folder"));
    let results = Results::new(store.clone());
    let total = millions * 1_000_000;
    if results
        .entries(&Window::default())
        .await
        .expect("listed")
        .is_empty()
    {
        fill(&store, total).await;
    }
    let why = Why::new(results, None, Arc::new(NotKnown), vec![Salt::new([7; 32])]);
    let effort = why.effort(&Window::default()).await.expect("listed");
    println!(
        "in {folder}: {} objects, {} MB",
        effort.objects,
        effort.bytes / 1_000_000
    );
    ask(&why, total).await;
}
