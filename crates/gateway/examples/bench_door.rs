//! The door alone, for measuring: a signed SendMessageBatch of ten through every step, without a queue behind it.
//!
//! ```text
//! cargo build --release -p shukuba-gateway --example bench_door
//! bench_door [steps | single | workers COUNT]      writes /tmp/bench_door.lua and its address, then serves
//! wrk -t1 -c32 -d8s -s /tmp/bench_door.lua http://ADDRESS/
//! ```
//!
//! The signature in the script holds for 15 minutes. CPU per request: ticks of `/proc/PID/stat` before and after.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a tool for measuring stops at the first surprise"
)]

#[path = "../tests/it/setup.rs"]
mod setup;

use std::fmt::Write;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use api::{Access, AnyOperation, Audit, Caller, Catalogue, Ctx, Fault, Operation};
use base::{AccountId, Arn, Clock, MetricSink, Region, SystemClock};
use http::{HeaderMap, HeaderValue};
use setup::FACTS;
use shukuba_gateway::{Door, Limits, Listen, NoAdmin, PlainHttp, Registry, Server};
use wire::sigv4::Signer;
use wire::{Protocol, Shape};

#[derive(Debug)]
struct Nothing {
    region: Region,
    account: AccountId,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Batch {
    #[shape(required)]
    queue_url: String,
    #[shape(flattened, query = "SendMessageBatchRequestEntry")]
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Entry {
    #[shape(required)]
    id: String,
    #[shape(required, sensitive)]
    message_body: String,
    delay_seconds: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Answer {
    #[shape(flattened)]
    successful: Vec<Done>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
struct Done {
    id: String,
    message_id: String,
    #[shape(name = "MD5OfMessageBody")]
    md5: String,
}

#[derive(Debug)]
struct SendMessageBatch;

impl Operation<Nothing> for SendMessageBatch {
    type Input = Batch;
    type Output = Answer;
    const NAME: &'static str = "SendMessageBatch";

    fn access(&self, service: &Nothing, _: &Caller, input: &Batch) -> Vec<Access> {
        let name = input.queue_url.rsplit('/').next().unwrap_or_default();
        let resource = Arn::new("sqs", &service.region, &service.account, name);
        vec![Access::new("sqs:SendMessage", resource)]
    }

    fn audit(&self) -> Audit {
        Audit::Data
    }

    fn call(
        &self,
        _: &Arc<Nothing>,
        _: Ctx,
        input: Batch,
    ) -> impl Future<Output = Result<Answer, Fault>> + Send {
        let answer = answer(&input);
        async move { Ok(answer) }
    }
}

static OPERATIONS: &[&dyn AnyOperation<Nothing>] = &[&SendMessageBatch];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_else(|| "workers".to_owned());
    if mode == "steps" {
        return steps();
    }
    let count: usize = arguments.next().map_or(2, |text| text.parse().unwrap());
    let dir = std::env::temp_dir().join(format!("bench_door_{}", std::process::id()));
    let door = door(&dir);
    let mut builder = match mode.as_str() {
        "single" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if mode == "workers" {
        builder.worker_threads(count);
    }
    let runtime = builder.enable_all().build().unwrap();
    runtime.block_on(async move {
        let listen = Listen {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            plain_http: PlainHttp::LoopbackOnly,
            limits: Limits::default(),
        };
        let server = Server::bind(listen).await.unwrap();
        write_script(&dir, &server);
        println!("{} {}", std::process::id(), server.url());
        server.serve(door, std::future::pending()).await;
    });
}

/// Times the parts of a request on one thread, in microseconds.
fn steps() {
    let clock = SystemClock::new();
    let secret = wire::sigv4::SecretKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let signer = Signer::new("AKIDEXAMPLE", &secret, "ap-northeast-1", "sqs");
    let body = batch("http://127.0.0.1:5310/123456789012/s2s");
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("127.0.0.1:5310"));
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    headers.insert(
        "x-amz-target",
        HeaderValue::from_static("AmazonSQS.SendMessageBatch"),
    );
    let now = clock.now();
    signer
        .sign("POST", "/", "", &mut headers, body.as_bytes(), now)
        .unwrap();
    let parts = wire::sigv4::RequestParts {
        method: "POST",
        path: "/",
        query: "",
        headers: &headers,
    };
    let rules = wire::sigv4::Rules::service("ap-northeast-1");
    let metrics = Registry::new();
    let time = |name: &str, work: &mut dyn FnMut()| {
        let best = (0..9).map(|_| {
            let started = clock.monotonic();
            (0..2000).for_each(|_| work());
            (clock.monotonic() - started).as_secs_f64() * 1e6 / 2000.0
        });
        println!("{name:24} {:.2} us", best.fold(f64::INFINITY, f64::min));
    };
    time("read claim", &mut || {
        wire::sigv4::Claim::read(parts, rules, now).unwrap();
    });
    let claim = wire::sigv4::Claim::read(parts, rules, now).unwrap();
    time("verify claim", &mut || {
        claim.verify(&secret, body.as_bytes()).unwrap()
    });
    time("sha256 of the body", &mut || {
        std::hint::black_box(wire::sigv4::sha256(body.as_bytes()));
    });
    time("decode", &mut || {
        wire::decode_request::<Batch>(Protocol::Json10, body.as_bytes()).unwrap();
    });
    let input: Batch = wire::decode_request(Protocol::Json10, body.as_bytes()).unwrap();
    time("ten MD5", &mut || {
        std::hint::black_box(answer(&input));
    });
    let output = answer(&input);
    let envelope = wire::Envelope {
        operation: "",
        version: "",
        xml_namespace: "",
        request_id: "",
    };
    time("encode", &mut || {
        std::hint::black_box(wire::encode_response(Protocol::Json10, &output, &envelope));
    });
    time("count a call", &mut || {
        metrics.add(
            "shukuba",
            "calls",
            &[
                ("service", "sqs"),
                ("operation", "SendMessageBatch"),
                ("code", "ok"),
            ],
            1.0,
        );
        metrics.record(
            "shukuba",
            "call_seconds",
            &[("service", "sqs"), ("operation", "SendMessageBatch")],
            0.001,
        );
    });
    time("request id", &mut || {
        std::hint::black_box(api::RequestId::next().to_string());
    });
    time("clock", &mut || {
        std::hint::black_box((clock.now(), clock.monotonic()));
    });
}

fn answer(input: &Batch) -> Answer {
    use md5::Digest;
    let done = |entry: &Entry| Done {
        id: entry.id.clone(),
        message_id: base::id::format_uuid([7; 16]),
        md5: hex::encode(md5::Md5::digest(&entry.message_body)),
    };
    Answer {
        successful: input.entries.iter().map(done).collect(),
    }
}

fn batch(queue_url: &str) -> String {
    let mut body = format!("{{\"QueueUrl\":\"{queue_url}\",\"Entries\":[");
    for index in 0..10 {
        let comma = if index == 0 { "" } else { "," };
        let text = "x".repeat(260);
        write!(
            body,
            "{comma}{{\"Id\":\"{index}\",\"MessageBody\":\"https://h.example/{text}\"}}"
        )
        .unwrap();
    }
    body.push_str("]}");
    body
}

fn door(dir: &std::path::Path) -> Arc<Door> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let keys = setup::keys(dir, &clock);
    let region: Region = "ap-northeast-1".parse().unwrap();
    let state = Arc::new(Nothing {
        region: region.clone(),
        account: keys.account_id(),
    });
    let service = Arc::new(Catalogue::new(&FACTS, state, OPERATIONS));
    let admin = Arc::new(NoAdmin);
    let limits = Limits::default();
    let parts = setup::parts(service, Arc::new(keys), admin, clock, region, limits);
    Door::new(parts)
}

fn write_script(dir: &std::path::Path, server: &Server) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let keys = setup::keys(dir, &clock);
    let key = keys.administrator().unwrap();
    let url = server.url();
    let body = batch(&format!("{url}/{}/s2s", keys.account_id()));
    let mut headers = HeaderMap::new();
    let host = server.local_addr().to_string();
    headers.insert("host", HeaderValue::from_str(&host).unwrap());
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    headers.insert(
        "x-amz-target",
        HeaderValue::from_static("AmazonSQS.SendMessageBatch"),
    );
    let signer = Signer::new(&key.key.id, &key.secret, "ap-northeast-1", "sqs");
    signer
        .sign("POST", "/", "", &mut headers, body.as_bytes(), clock.now())
        .unwrap();
    let mut script = format!("wrk.method = \"POST\"\nwrk.body = [[{body}]]\n");
    // wrk writes the host itself.
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        writeln!(
            script,
            "wrk.headers[\"{name}\"] = \"{}\"",
            value.to_str().unwrap()
        )
        .unwrap();
    }
    script.push_str("function done(s, l, r) if s.errors.status > 0 then print(\"WRONG STATUS\", s.errors.status) end end\n");
    std::fs::write("/tmp/bench_door.lua", script).unwrap();
}
