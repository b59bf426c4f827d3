//! [`Functions`] keeps the contract of invokers on real servers, and against one in this process that answers as Lambda does.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use aws::{Account, Functions};
use base::{Clock, SystemClock};
use delivery::contract::{InvokerHarness, invoker};
use delivery::port::{Invoker, Running, StartEvent};
use delivery::share::Share;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::{Kind, Server};

fn event() -> StartEvent {
    StartEvent {
        route: "s2s".to_owned(),
        plan: 7,
        index: 1,
        count: 4,
        share: Share::part(1, 4),
        deadline_ms: 1_795_410_490_000,
    }
}

/// Starts one notifier with a server that answers so; the request's head and body, and what became of it.
async fn start(answer: &'static str) -> (String, String, Result<(), delivery::port::Error>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let account = Account::with_key("AKID", "secret", "eu-west-1").unwrap();
    let account = account.at(&format!("http://{}", listener.local_addr().unwrap()));
    let clock = Arc::new(SystemClock::new());
    let functions = Functions::new(&account, "shukuba-notifier:live", clock).unwrap();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut inbox = Vec::new();
        loop {
            stream.read_buf(&mut inbox).await.unwrap();
            let text = String::from_utf8_lossy(&inbox).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                stream.write_all(answer.as_bytes()).await.unwrap();
                return (head.to_owned(), body.to_owned());
            }
        }
    };
    let ((head, body), started) = tokio::join!(serving, functions.start(event()));
    assert_eq!(functions.running("s2s").await.unwrap(), Running::Unknown);
    (head, body, started)
}

#[tokio::test]
async fn a_notifier_is_an_event_that_nobody_waits_for() {
    let (head, body, started) = start("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
    started.unwrap();
    assert!(
        head.starts_with("POST /2015-03-31/functions/shukuba-notifier%3Alive/invocations HTTP/1.1"),
        "{head}"
    );
    assert!(head.contains("x-amz-invocation-type: Event"), "{head}");
    assert!(head.contains("/eu-west-1/lambda/aws4_request"), "{head}");
    assert_eq!(serde_json::from_str::<StartEvent>(&body).unwrap(), event());
}

#[tokio::test]
async fn a_start_that_lambda_does_not_take_is_an_error() {
    let (_, _, throttled) = start("HTTP/1.1 429 Too Many Requests\r\nx-amzn-errortype: TooManyRequestsException\r\ncontent-length: 27\r\n\r\n{\"message\":\"Rate Exceeded.\"}").await;
    assert!(throttled.unwrap_err().is_passing());
    let (_, _, missing) = start("HTTP/1.1 404 Not Found\r\nx-amzn-errortype: ResourceNotFoundException\r\ncontent-length: 2\r\n\r\n{}").await;
    assert!(!missing.unwrap_err().is_passing());
    let (_, _, odd) = start("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    assert!(
        odd.is_err(),
        "an answer to a call that waits is none to an event"
    );
}

/// Writes each event that it is given to a file, in the shell of any Linux. A line is one write: several run at once.
const BOOTSTRAP: &str = r#"#!/bin/bash
IFS=: read -r host port <<< "$AWS_LAMBDA_RUNTIME_API"
while :; do
  exec 3<>"/dev/tcp/$host/$port"
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [ -z "$line" ] && break
    case "${line,,}" in lambda-runtime-aws-request-id:*) id=${line#*: };; esac
  done
  printf '%s\n' "$(cat <&3)" >> "$EVENTS"
  exec 3<>"/dev/tcp/$host/$port"
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnull' "$id" >&3
  cat <&3 >/dev/null
done
"#;

struct Harness {
    kind: Kind,
    here: Functions,
    absent: Functions,
    events: std::path::PathBuf,
}

impl Harness {
    /// Makes the function on a server.
    async fn on(server: &Server, folder: &std::path::Path) -> Self {
        let events = folder.join("events");
        let role = "Action=CreateRole&Version=2010-05-08&RoleName=runner&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";
        let form = "application/x-www-form-urlencoded";
        let made = server.call("iam", "POST", "/", form, role.to_owned()).await;
        let (_, rest) = made.split_once("<Arn>").unwrap();
        let (arn, _) = rest.split_once('<').unwrap();
        if server.kind == Kind::Moto {
            // Without Docker it takes invocations and runs nothing.
            let config = r#"{"lambda": {"use_docker": false}}"#.to_owned();
            let json = "application/json";
            server
                .call("moto", "POST", "/moto-api/config", json, config)
                .await;
        }
        let function = serde_json::json!({
            "FunctionName": "notifier", "Role": arn, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 60,
            "Code": { "ZipFile": base64(&package()) },
            "Environment": { "Variables": { "EVENTS": events } },
        });
        let (path, json) = ("/2015-03-31/functions", "application/json");
        server
            .call("lambda", "POST", path, json, function.to_string())
            .await;
        let account = server.account().at(&server.endpoint);
        let clock = Arc::new(SystemClock::new());
        let of = |name| Functions::new(&account, name, clock.clone()).unwrap();
        Self {
            kind: server.kind,
            here: of("notifier"),
            absent: of("nobody"),
            events,
        }
    }
}

impl InvokerHarness for Harness {
    fn invoker(&self) -> &dyn Invoker {
        &self.here
    }

    fn route(&self) -> &str {
        "s2s"
    }

    fn absent(&self) -> Option<(&dyn Invoker, &str)> {
        // AWS: "ResourceNotFoundException: The resource specified in the request does not exist. HTTP Status Code: 404" (API
        // Reference, Invoke). moto without Docker answers 202 for any name.
        (self.kind == Kind::Ours).then_some((&self.absent as &dyn Invoker, "s2s"))
    }

    fn begun(&self, count: usize) -> BoxFuture<'_, Option<Vec<StartEvent>>> {
        Box::pin(async move {
            // AWS: "Lambda places the event in a queue and returns a success response without additional information. A separate
            // process reads events from the queue and sends them to your function" (Developer Guide, "Invoking a Lambda function
            // asynchronously"). moto, without Docker, runs no function: there is nobody to ask.
            if self.kind == Kind::Moto {
                return None;
            }
            for _ in 0..300 {
                let text = std::fs::read_to_string(&self.events).unwrap_or_default();
                let lines = text.lines().filter(|line| !line.is_empty());
                let events: Vec<StartEvent> = lines
                    .filter_map(|line| serde_json::from_str(line).ok())
                    .collect();
                if events.len() >= count {
                    return Some(events);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("{count} functions have not begun after 30 s");
        })
    }

    fn now_ms(&self) -> u64 {
        SystemClock::new().now().as_millis()
    }
}

fn package() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    writer.start_file("bootstrap", options).unwrap();
    writer.write_all(BOOTSTRAP.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

fn base64(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_keep_the_contract_of_invokers() {
    for kind in [Kind::Ours, Kind::Moto] {
        let server = Server::of(kind).await;
        let folder = tempfile::tempdir().unwrap();
        invoker(&Harness::on(&server, folder.path()).await).await;
    }
}
