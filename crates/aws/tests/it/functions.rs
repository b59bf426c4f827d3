//! [`Functions`] against a server in this process that answers as Lambda does.

use std::sync::Arc;

use aws::{Account, Functions};
use base::SystemClock;
use delivery::port::{Invoker, Running, StartEvent};
use delivery::share::Share;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

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
