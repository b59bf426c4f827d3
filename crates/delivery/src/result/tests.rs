//! Results there and back.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use proptest::prelude::*;
use url::Url;

use super::*;
use crate::deadline::{By, Deadline};
use crate::masking::Masking;
use crate::port::{
    Answered, Attempt, Beside, Ended, ErrorClass, FailureClass, Fate, Lease, LineOutcome, Next,
    Notification, Outcome, Reason, Request, Skip, Timings, Verdict,
};
use crate::sender::beside::{Kind, Second};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_795_410_190_000 + millis)
}

fn writer() -> Writer {
    let who = SentBy {
        notifier: "n-1".into(),
        host: "web-1".into(),
        request_id: None,
    };
    Writer::new("s2s", &who, Masking::default(), Salt::new([7; 32]))
}

fn attempt() -> Attempt {
    Attempt {
        number: 2,
        started: at(200),
        address: Some("192.0.2.7:443".parse().unwrap()),
        http: None,
        status: Some(200),
        error: None,
        detail: String::new(),
        timings: Timings {
            first_byte: Duration::from_micros(41_200),
            total: Duration::from_micros(41_950),
            ..Timings::default()
        },
        excerpt: Bytes::from_static(b"{\"ok\":true,\"idfa\":\"AB-12\"}"),
        retry_after: None,
        sent: true,
        beside: None,
    }
}

fn line(verdict: Verdict) -> LineOutcome {
    LineOutcome {
        line: 1,
        notification: "m-1/1".into(),
        destination: "app.example".into(),
        verdict,
        number: 2,
        raw: Bytes::from_static(b"https://app.example/p?idfa=AB-12&n=1"),
        request: Some(Arc::new(Notification {
            id: "m-1/1".into(),
            request: Request {
                url: Url::parse("https://app.example/p?idfa=AB-12&n=1").unwrap(),
                method: http::Method::GET,
                headers: Vec::new(),
                body: Bytes::new(),
            },
            attempt: 2,
            expires_at: None,
            line: 1,
            message_id: "m-1".into(),
            origin: None,
            replay: None,
        })),
        attempt: Some(Box::new(attempt())),
        tried: crate::port::Tried::Usual,
    }
}

fn outcome(origin: Option<&str>) -> Outcome {
    Outcome {
        lease: Lease("l".into()),
        message_id: "m-1".into(),
        base: "m-1".into(),
        sent_at: at(0),
        receive_count: 3,
        origin: origin.map(Into::into),
        replay: Some("r-9".into()),
        attributes: Default::default(),
        lines: Vec::new(),
        next: Next::Gone,
        carries: Vec::new(),
    }
}

#[test]
fn a_result_is_exactly_these_bytes() {
    let origin = Origin {
        host: "web-2".into(),
        file: "/l".into(),
        offset: 7,
        shipped_at_ms: at(0).as_millis(),
    };
    let packed = writer().packed(
        at(250),
        &outcome(Some(&origin.to_text())),
        &line(Verdict::Delivered),
    );
    let packed = Packed::of(&packed).unwrap();
    let key = Salt::new([7; 32]).url_key("https://app.example/p?idfa=AB-12&n=1");
    assert_eq!(
        std::str::from_utf8(packed.json).unwrap(),
        format!(
            r#"{{"v":1,"at":"2026-11-23T05:03:10.250Z","route":"s2s","message_id":"m-1","notification_id":"m-1/1","url_key":"{key:016x}","destination":"app.example","verdict":"delivered","queued_at":"2026-11-23T05:03:10.000Z","line":1,"attempt":2,"receive_count":3,"sent_at":"2026-11-23T05:03:10.200Z","method":"GET","url":"https://app.example/p?idfa=***&n=1","address":"192.0.2.7:443","status":200,"timings_us":{{"first_byte":41200,"total":41950}},"excerpt":"{{\"ok\":true,\"idfa\":\"***\"}}","notifier":"n-1","host":"web-1","origin":{{"host":"web-2","file":"/l","offset":7,"shipped_at":"2026-11-23T05:03:10.000Z"}},"replay":"r-9"}}"#
        )
    );
    assert_eq!(packed.source, b"https://app.example/p?idfa=AB-12&n=1");
}

#[test]
fn a_line_with_an_id_of_its_own_says_what_its_sender_called_it() {
    let accepted_as = |base: &str, notification: &str| {
        let outcome = Outcome {
            base: base.into(),
            ..outcome(None)
        };
        let mut line = line(Verdict::Delivered);
        line.notification = notification.into();
        let packed = writer().packed(at(250), &outcome, &line);
        let json = Packed::of(&packed).unwrap().json;
        let head = Head::read(&marked_late(json))
            .unwrap()
            .accepted_as
            .map(String::from);
        assert_eq!(head, Stored::parse(json).unwrap().accepted_as);
        head
    };
    assert_eq!(accepted_as("f1-40", "own").as_deref(), Some("f1-40/1"));
    assert_eq!(accepted_as("f1-40", "f1-40/1"), None);
    assert_eq!(accepted_as("m-1", "own"), None, "nobody gave it another id");
}

#[test]
fn each_verdict_says_what_follows() {
    let retry = Verdict::RetryAt {
        at: at(9000),
        class: FailureClass::Server,
    };
    let reason = Reason::Unparsable {
        detail: "no `url` in ip=1.2.3.4".into(),
    };
    for (verdict, decision, class, next, reason) in [
        (
            retry,
            Decision::Retry,
            Some("server"),
            Some("2026-11-23T05:03:19.000Z"),
            None,
        ),
        (
            Verdict::Expired {
                deadline: Deadline {
                    at: Timestamp::from_secs(1_795_413_790),
                    by: By::After(Duration::from_secs(3600)),
                },
            },
            Decision::Expired,
            None,
            None,
            Some("deadline 2026-11-23T06:03:10.000Z passed: expires_after 1h"),
        ),
        (
            Verdict::Dead { reason },
            Decision::Dead,
            None,
            None,
            Some("unparsable: no `url` in ip=***"),
        ),
    ] {
        let packed = writer().packed(at(250), &outcome(Some("by hand")), &line(verdict));
        let packed = Packed::of(&packed).unwrap();
        let stored = Stored::parse(packed.json).unwrap();
        assert_eq!(stored.verdict, decision);
        assert_eq!(
            (stored.class.as_deref(), stored.next_at.as_deref()),
            (class, next)
        );
        assert_eq!(stored.reason.as_deref(), reason);
        assert_eq!(stored.origin, Some("by hand".into()));
        assert_eq!(packed.source.is_empty(), decision == Decision::Retry);
    }
    let later = writer().packed(at(0), &outcome(None), &line(Verdict::Later { at: at(1) }));
    assert_eq!(Packed::of(&later), None);
}

#[test]
fn an_attempt_without_answer_says_so() {
    let mut line = line(Verdict::RetryAt {
        at: at(1),
        class: FailureClass::Network,
    });
    line.attempt = Some(Box::new(Attempt {
        status: None,
        error: Some(ErrorClass::Dns),
        detail: "no such name".into(),
        sent: false,
        address: None,
        http: Some(http::Version::HTTP_2),
        retry_after: Some(Duration::from_secs(2)),
        excerpt: Bytes::from_static(&[0xff, b'a']),
        ..attempt()
    }));
    line.tried = crate::port::Tried::Probe;
    let packed = writer().packed(at(250), &outcome(None), &line);
    let stored = Stored::parse(&packed).unwrap();
    assert_eq!(stored.tried.as_deref(), Some("probe"));
    assert_eq!(
        (stored.error.as_deref(), stored.sent),
        (Some("dns"), Some(false))
    );
    assert_eq!(stored.http.as_deref(), Some("2"));
    assert_eq!(
        (stored.retry_after_ms, stored.excerpt.as_deref()),
        (Some(2000), Some("\u{fffd}a"))
    );
}

/// Senders cap at what the destination says, which may be more than `*` does.
#[test]
fn an_excerpt_is_stored_up_to_the_most_that_a_destination_may_ask_for() {
    for (sent, stored) in [
        (EXCERPT_BYTES_MAX, EXCERPT_BYTES_MAX),
        (EXCERPT_BYTES_MAX + 1, EXCERPT_BYTES_MAX),
    ] {
        let mut line = line(Verdict::Delivered);
        line.attempt = Some(Box::new(Attempt {
            excerpt: vec![b'a'; sent].into(),
            ..attempt()
        }));
        let packed = writer().packed(at(250), &outcome(None), &line);
        let packed = Packed::of(&packed).unwrap();
        let excerpt = Stored::parse(packed.json).unwrap().excerpt.unwrap();
        assert_eq!(excerpt.len(), stored);
    }
}

#[test]
fn a_late_result_is_marked_behind_its_head() {
    let packed =
        writer()
            .without_sources()
            .packed(at(250), &outcome(None), &line(Verdict::Delivered));
    let late = head::marked_late(&packed);
    assert!(Head::read(&late).unwrap().is_late && !Head::read(&packed).unwrap().is_late);
    assert!(Stored::parse(&late).unwrap().late);
    assert_eq!(head::marked_late(&late), late);
}

proptest! {
    #[test]
    fn the_head_says_what_the_whole_says(
        message in "\\PC{0,9}[\"\\\\\n]?.{0,9}", notification in ".{0,20}", destination in ".{0,20}",
    ) {
        let mut outcome = outcome(None);
        outcome.message_id = message.as_str().into();
        let mut line = line(Verdict::Delivered);
        line.notification = notification.as_str().into();
        line.destination = destination.as_str().into();
        let packed = writer().packed(at(250), &outcome, &line);
        let json = Packed::of(&packed).unwrap().json;
        let (head, stored) = (Head::read(json).unwrap(), Stored::parse(json).unwrap());
        prop_assert_eq!(&head.message_id, &message);
        prop_assert_eq!(&head.notification_id, &notification);
        prop_assert_eq!(&head.destination, &destination);
        prop_assert_eq!((&stored.message_id, &stored.notification_id), (&message, &notification));
        prop_assert_eq!(format!("{:016x}", head.url_key), stored.url_key);
        prop_assert_eq!(head.queued_at, stored.queued_at);
    }
}

fn second(kind: Kind) -> Arc<Second> {
    let to = "https://new.example/base".parse().unwrap();
    Arc::new(Second::new(kind, to, 1.0, Duration::from_secs(5), 1))
}

fn ended(status: u16, class: Option<FailureClass>) -> Fate {
    Fate::Ended(Ended {
        status: Some(status),
        class,
        error: None,
        detail: String::new(),
        excerpt: Bytes::from_static(b"{\"idfa\":\"AB-12\"}"),
        took: Duration::from_micros(1_500),
        sent: true,
    })
}

#[test]
fn what_became_of_it_at_a_second_url_stands_in_the_same_result() {
    let own = Some(Answered {
        status: 200,
        class: None,
    });
    let shadow = |fate| Beside {
        second: second(Kind::Shadow),
        was_asked: true,
        own,
        fate,
    };
    let canary = Beside {
        second: second(Kind::Canary),
        was_asked: false,
        own: None,
        fate: ended(200, None),
    };
    let answer = ",\"total_us\":1500,\"excerpt\":\"{\\\"idfa\\\":\\\"***\\\"}\"";
    for (beside, expected) in [
        (
            shadow(ended(200, None)),
            format!("\"shadow\":{{\"to\":\"https://new.example/base\",\"status\":200{answer},\"agrees\":true}}"),
        ),
        (
            shadow(ended(404, Some(FailureClass::Client))),
            format!("\"shadow\":{{\"to\":\"https://new.example/base\",\"status\":404,\"class\":\"client\"{answer},\"agrees\":false}}"),
        ),
        (
            shadow(Fate::Skipped(Skip::Busy)),
            "\"shadow\":{\"to\":\"https://new.example/base\",\"skipped\":\"in_flight_max were under way\"}".to_owned(),
        ),
        (
            canary,
            format!("\"canary\":{{\"to\":\"https://new.example/base\",\"status\":200{answer},\"delivered\":true}}"),
        ),
    ] {
        let mut line = line(Verdict::Delivered);
        if let Some(attempt) = &mut line.attempt {
            attempt.beside = Some(Box::new(beside));
        }
        let json = writer().packed(at(250), &outcome(None), &line);
        let json = Packed::of(&json).unwrap().json;
        let text = std::str::from_utf8(json).unwrap();
        assert!(text.contains(&expected), "{text}\n{expected}");
        // It reads back.
        let stored = Stored::parse(json).unwrap();
        assert_eq!(stored.status, Some(200));
        assert!(stored.shadow.is_some() != stored.canary.is_some());
    }
}
