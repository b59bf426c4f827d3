//! Measures the hot path: SendMessageBatch of ten in JSON, decoded, and its answer, encoded.
//!
//! `cargo run --release -p shukuba-wire --example batch` prints microseconds a batch, best and median of 2,000 short runs
//! (short, so that on a busy machine some of them are not interrupted).
//! The goal is under 8 µs for both together.

// Elsewhere the crate is called `wire` by the workspace; within its own package it has its full name.
extern crate shukuba_wire as wire;

use std::hint::black_box;

use base::{Clock, SystemClock};
use wire::{Envelope, Protocol, Shape, decode_request, encode_request, encode_response};

#[derive(Debug, Clone, Shape)]
struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required)]
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Shape)]
struct Entry {
    #[shape(required)]
    id: String,
    #[shape(required, sensitive)]
    message_body: String,
    delay_seconds: Option<i32>,
    message_group_id: Option<String>,
}

#[derive(Debug, Clone, Shape)]
struct Response {
    successful: Vec<Done>,
    failed: Vec<String>,
}

#[derive(Debug, Clone, Shape)]
struct Done {
    id: String,
    message_id: String,
    #[shape(name = "MD5OfMessageBody")]
    md5_of_message_body: String,
}

const ENVELOPE: Envelope<'_> = Envelope {
    operation: "SendMessageBatch",
    version: "2012-11-05",
    xml_namespace: "",
    request_id: "",
};

/// A postback of about 300 bytes, as a JSON line: its quotation marks are escaped in the request.
fn body(number: usize, is_escaped: bool) -> String {
    let quote = if is_escaped { '"' } else { '\'' };
    let line = format!(
        "{{'id':'{number:08}','url':'https://postback.example.com/v1/install?idfa=AEBE52E7-03EE-455A-B3C4-E57283966239&\
         campaign=spring&adset=42&payout=1.25&currency=JPY&click_id=8f14e45fceea167a5a36dedd4bea2543&event=install','method':'GET',\
         'at':'2026-11-23T12:00:00Z','app':'com.example.game','os':'ios 19.1'}}"
    );
    line.replace('\'', &quote.to_string())
}

fn request(is_escaped: bool) -> Request {
    let entry = |number: usize| Entry {
        id: number.to_string(),
        message_body: body(number, is_escaped),
        delay_seconds: None,
        message_group_id: None,
    };
    Request {
        queue_url: "http://localhost:5310/123456789012/s2s".to_owned(),
        entries: (0..10).map(entry).collect(),
    }
}

fn response() -> Response {
    let done = |number: usize| Done {
        id: number.to_string(),
        message_id: "5fea7756-0ea4-451a-a703-a558b933e274".to_owned(),
        md5_of_message_body: "5d41402abc4b2a76b9719d911017c592".to_owned(),
    };
    Response {
        successful: (0..10).map(done).collect(),
        failed: Vec::new(),
    }
}

/// Microseconds a call: the best and the median of 2,000 runs of 100.
fn measure(clock: &SystemClock, mut call: impl FnMut()) -> (f64, f64) {
    let mut runs: Vec<f64> = (0..2000)
        .map(|_| {
            let start = clock.monotonic();
            (0..100).for_each(|_| call());
            (clock.monotonic() - start).as_secs_f64() * 1e6 / 100.0
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    let best = runs.first().copied().unwrap_or_default();
    (best, runs.get(1000).copied().unwrap_or_default())
}

#[expect(clippy::print_stdout, reason = "an example prints what it measures")]
fn main() {
    let clock = SystemClock::new();
    let answer = response();
    for is_escaped in [false, true] {
        let bytes = encode_request(Protocol::Json10, &request(is_escaped), &ENVELOPE);
        let decode = measure(&clock, || {
            black_box(decode_request::<Request>(Protocol::Json10, black_box(&bytes)).ok());
        });
        println!(
            "decode {} bytes, bodies {}: best {:.2} us, median {:.2} us",
            bytes.len(),
            if is_escaped { "with escapes" } else { "plain" },
            decode.0,
            decode.1
        );
    }
    let encode = measure(&clock, || {
        black_box(encode_response(
            Protocol::Json10,
            black_box(&answer),
            &ENVELOPE,
        ));
    });
    println!(
        "encode the answer: best {:.2} us, median {:.2} us",
        encode.0, encode.1
    );
}
