//! Answers of a right status that are judged by their headers and bodies.

use super::*;
use crate::config::{Destination, SystemSecrets};

/// The rules with this `success`; answers longer than 64 bytes are cut, 8 are kept.
fn with(success: &str) -> DestinationRules {
    let text = format!("{success}\nresponse_bytes_max = \"64B\"\nresponse_excerpt_bytes = \"8B\"");
    let own: Destination = toml::from_str(&text).unwrap();
    let found = own.resolve("h.example", &hasty(), &Default::default(), &SystemSecrets);
    found.unwrap()
}

const STATUS_OK: &str = r#"success = { body = [{ pointer = "/status", is = "ok" }] }"#;

/// Status, class of the error, part of the detail.
async fn judged(
    rules: &DestinationRules,
    answer: &'static [u8],
) -> (Option<u16>, Option<ErrorClass>, String) {
    let (address, _) = always(answer).await;
    let attempt = send_once(post(address), rules.clone()).await;
    assert!(attempt.excerpt.len() <= rules.response_excerpt_bytes);
    (attempt.status, attempt.error, attempt.detail)
}

#[tokio::test]
async fn an_answer_is_judged_however_it_is_framed() {
    let not = Some(ErrorClass::NotRecorded);
    for (answer, error, detail) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}"[..], None, ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{\"status\":\"bad\"}", not, "`/status` is not"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{\"statu\r\n8\r\ns\":\"ok\"}\r\n0\r\n\r\n", None, ""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}", None, ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", not, "no body"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", not, "no body"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK", not, "no JSON"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b", not, "Content-Encoding"),
        // 65 bytes: one more than are read.
        (b"HTTP/1.1 200 OK\r\ncontent-length: 65\r\n\r\n{\"status\":\"ok\"}                                                  ", not, "was cut"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n{\"status\":\"ok\"}                                                 ", None, ""),
        // The rules are for answers of a right status alone.
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\nno", None, ""),
    ] {
        let found = judged(&with(STATUS_OK), answer).await;
        let text = String::from_utf8_lossy(answer);
        assert_eq!(found.1, error, "{text}: {}", found.2);
        assert!(found.2.contains(detail) && found.0.is_some(), "{text}: {}", found.2);
    }
}

#[tokio::test]
async fn headers_are_judged_of_the_final_answer() {
    let rules = with("success = { header = { x-result = \"^ok$\" } }");
    let answers: [(&[u8], _); 3] = [
        (b"HTTP/1.1 200 OK\r\nX-Result: ok\r\ncontent-length: 0\r\n\r\n", None),
        (b"HTTP/1.1 103 Early Hints\r\nx-result: ok\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Some(ErrorClass::NotRecorded)),
        // A long body matters to no rule, and is cut as ever.
        (b"HTTP/1.1 200 OK\r\nx-result: ok\r\ncontent-length: 70\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123456789", None),
    ];
    for (answer, error) in answers {
        assert_eq!(
            judged(&rules, answer).await.1,
            error,
            "{}",
            String::from_utf8_lossy(answer)
        );
    }
}

/// Until the connection ends, in drips, and not to its end: the first two are judged, the rest has its own class.
#[tokio::test]
async fn a_body_that_comes_late_is_judged_and_one_that_breaks_off_is_not() {
    for (length, count, status, error) in [
        ("", 15, Some(200), None),
        ("content-length: 15\r\n", 15, Some(200), None),
        (
            "content-length: 15\r\n",
            14,
            Some(200),
            Some(ErrorClass::Closed),
        ),
        ("", 14, Some(200), Some(ErrorClass::NotRecorded)),
    ] {
        let address = receiver(move |_, mut stream| async move {
            read_request(&mut stream).await;
            answer(
                &mut stream,
                format!("HTTP/1.1 200 OK\r\n{length}\r\n").as_bytes(),
            )
            .await;
            for byte in b"{\"status\":\"ok\"}".iter().take(count) {
                answer(&mut stream, &[*byte]).await;
                tokio::task::yield_now().await;
            }
        })
        .await;
        let attempt = send_once(post(address), with(STATUS_OK)).await;
        assert_eq!(
            (attempt.status, attempt.error),
            (status, error),
            "{}",
            attempt.detail
        );
        assert_eq!(&attempt.excerpt[..], b"{\"status");
    }
}

/// What is not recorded is no fault of the connection; a long body is judged beside the other work.
#[tokio::test]
async fn a_connection_is_kept_after_what_was_not_recorded() {
    let long = format!("{{\"x\":\"{}\",\"status\":\"bad\"}}", "y".repeat(100_000));
    let length = long.len();
    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{long}");
    let (address, connections) = always(text.leak().as_bytes()).await;
    let rules = DestinationRules {
        response_bytes_max: 1 << 20,
        timeout_first_byte: Duration::from_secs(9),
        timeout_total: Duration::from_secs(9),
        ..with(STATUS_OK)
    };
    let (senders, notification) = (senders(), notification(post(address)));
    for _ in 0..3 {
        let attempt = senders
            .send(&notification, &rules, Duration::from_secs(9))
            .await;
        assert_eq!(
            attempt.error,
            Some(ErrorClass::NotRecorded),
            "{}",
            attempt.detail
        );
        assert_eq!(attempt.excerpt.len(), 8);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
