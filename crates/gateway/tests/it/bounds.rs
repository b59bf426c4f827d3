//! Slow, oversized and too many clients: cut off, without harm to others.

use std::time::Duration;

use base::ByteCount;
use gateway::Limits;

use crate::harness::House;

const SEND: &str = r#"{"QueueUrl":"q","MessageBody":"hello"}"#;

/// Short enough to wait for, long enough for a busy machine to get through a request.
fn short() -> Limits {
    Limits {
        header_time: Duration::from_millis(300),
        body_time: Duration::from_millis(300),
        write_time: Duration::from_millis(300),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_and_others_go_on() {
    let house = House::open(short()).await;
    let mut good = house.connect().await;
    assert_eq!(good.ask(&house.json("SendMessage", SEND)).await.status, 200);
    let mut slow = house.connect().await;
    slow.send(b"POST / HTTP/1.1\r\nhost: x\r\n").await;
    assert!(slow.is_closed().await);
    assert_eq!(good.ask(&house.json("SendMessage", SEND)).await.status, 200);
}

#[tokio::test]
async fn who_says_nothing_is_cut_but_who_has_proven_himself_may_rest() {
    let house = House::open(short()).await;
    let mut good = house.connect().await;
    assert_eq!(good.ask(&house.json("SendMessage", SEND)).await.status, 200);
    let mut silent = house.connect().await;
    assert!(silent.is_closed().await);
    let mut unproven = house.connect().await;
    unproven
        .ask(b"GET /_shukuba/health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    assert!(unproven.is_closed().await);
    assert_eq!(good.ask(&house.json("SendMessage", SEND)).await.status, 200);
}

#[tokio::test]
async fn a_proven_connection_is_cut_when_it_rests_too_long() {
    let limits = Limits {
        idle_time: Duration::from_millis(100),
        ..Limits::default()
    };
    let house = House::open(limits).await;
    let mut client = house.connect().await;
    assert_eq!(
        client.ask(&house.json("SendMessage", SEND)).await.status,
        200
    );
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_timed_out() {
    let house = House::open(short()).await;
    let mut client = house.connect().await;
    let request = house.json("SendMessage", SEND);
    client.send(&request[..request.len() - 5]).await;
    let got = client.answer().await.unwrap();
    assert!(
        got.status == 408 && got.body.contains("RequestTimeoutException"),
        "{got:?}"
    );
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_head_is_refused_from_the_first_byte_too_many() {
    for bytes in [1024, 20_000] {
        let house = House::open(Limits {
            header_bytes: ByteCount::new(bytes),
            ..Limits::default()
        })
        .await;
        for (more, status) in [(0, 200), (1, 431), (20_000, 431)] {
            let mut client = house.connect().await;
            let rest = "GET /_shukuba/health HTTP/1.1\r\nhost: x\r\nx-long: \r\n\r\n";
            let long = "x".repeat(usize::try_from(bytes).unwrap() + more - rest.len());
            let head = rest.replace("x-long: ", &format!("x-long: {long}"));
            client.send(head.as_bytes()).await;
            let got = client.answer().await.unwrap();
            assert_eq!(got.status, status, "{bytes} + {more}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_by_its_length_or_on_the_way() {
    let house = House::open(Limits {
        body_bytes: ByteCount::kib(4),
        ..Limits::default()
    })
    .await;
    let mut announced = house.connect().await;
    let large = format!(r#"{{"QueueUrl":"{}"}}"#, "q".repeat(5000));
    let got = announced.ask(&house.json("SendMessage", &large)).await;
    assert!(
        got.status == 413 && got.body.contains("larger than 4KiB"),
        "{got:?}"
    );
    let mut chunked = house.connect().await;
    let request = String::from_utf8(house.json("SendMessage", SEND)).unwrap();
    let head = request.split("content-length").next().unwrap();
    chunked
        .send(
            format!(
                "{head}transfer-encoding: chunked\r\n\r\n1400\r\n{}\r\n",
                "x".repeat(0x1400)
            )
            .as_bytes(),
        )
        .await;
    let got = chunked.answer().await.unwrap();
    assert_eq!(got.status, 413, "{got:?}");
    assert!(chunked.is_closed().await);
}

#[tokio::test]
async fn the_body_of_an_unknown_caller_is_dropped_and_answered() {
    let house = House::open(Limits::default()).await;
    let mut client = house.connect().await;
    let body = "x".repeat(1 << 20);
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let got = client.ask(request.as_bytes()).await;
    assert!(
        got.status == 403 && got.body.contains("MissingAuthenticationToken"),
        "{got:?}"
    );
    assert_eq!(
        client.ask(&house.json("SendMessage", SEND)).await.status,
        200,
        "the connection goes on"
    );
}

#[tokio::test]
async fn who_asks_before_sending_a_body_is_refused_at_once() {
    let house = House::open(Limits::default()).await;
    let signed = String::from_utf8(house.json("SendMessage", SEND)).unwrap();
    let signed = signed.split("content-length").next().unwrap();
    let unknown = signed.replace("Credential=", "Credential=X");
    for head in ["POST / HTTP/1.1\r\nhost: x\r\n", &unknown] {
        let mut client = house.connect().await;
        let request = format!("{head}content-length: 1000000\r\nexpect: 100-continue\r\n\r\n");
        let got = client.ask(request.as_bytes()).await;
        assert_eq!(got.status, 403, "{got:?}");
        assert_eq!(got.headers["connection"], "close");
        assert!(client.is_closed().await);
    }
    let mut client = house.connect().await;
    let head = format!(
        "{signed}content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        SEND.len()
    );
    assert_eq!(client.ask(head.as_bytes()).await.status, 100);
    assert_eq!(client.ask(SEND.as_bytes()).await.status, 200);
}

#[tokio::test]
async fn large_bodies_share_a_budget() {
    let limits = Limits {
        bodies_bytes: ByteCount::kib(256),
        ..Limits::default()
    };
    let house = House::open(limits).await;
    let large = format!(
        r#"{{"QueueUrl":"q","MessageBody":"{}"}}"#,
        "x".repeat(200 << 10)
    );
    let request = house.json("SendMessage", &large);
    let mut second = house.connect().await;
    // Who has announced a body and sends none takes nothing. The word to go on says that the body is being read.
    let mut silent = Vec::new();
    for framing in ["content-length: 262144", "transfer-encoding: chunked"] {
        let request = String::from_utf8(house.json("SendMessage", SEND)).unwrap();
        let head = request.split("content-length").next().unwrap();
        let mut client = house.connect().await;
        let head = format!("{head}{framing}\r\nexpect: 100-continue\r\n\r\n");
        client.send(head.as_bytes()).await;
        assert_eq!(client.answer().await.unwrap().status, 100);
        silent.push(client);
    }
    assert_eq!(second.ask(&request).await.status, 200);
    let mut first = house.connect().await;
    first.send(&request[..request.len() - 1]).await;
    // The second is refused as soon as the first has taken its share; before that both fit one after the other.
    loop {
        let got = second.ask(&request).await;
        if got.status == 503 {
            break;
        }
        assert_eq!(got.status, 200, "{got:?}");
    }
    first.send(&request[request.len() - 1..]).await;
    assert_eq!(first.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn who_does_not_read_is_cut() {
    let house = House::open(short()).await;
    let mut good = house.connect().await;
    assert_eq!(good.ask(&house.json("SendMessage", SEND)).await.status, 200);
    let mut deaf = house.connect().await;
    deaf.send(&house.json("ListQueues", SEND)).await;
    // 32 MiB do not fit into the sockets' buffers, so the server waits for the client, and then no more.
    loop {
        let got = good
            .ask(b"GET /_shukuba/metrics HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
        if got.body.contains("shukuba_connections 1\n") {
            break;
        }
    }
    assert!(deaf.answer().await.is_none(), "the answer is not whole");
}

#[tokio::test]
async fn a_newcomer_takes_the_place_of_a_silent_one() {
    let house = House::open(Limits {
        connections: 2,
        ..Limits::default()
    })
    .await;
    let mut good = house.connect().await;
    assert_eq!(good.ask(&house.json("SendMessage", SEND)).await.status, 200);
    let mut silent = house.connect().await;
    let mut next = house.connect().await;
    assert_eq!(next.ask(&house.json("SendMessage", SEND)).await.status, 200);
    assert!(silent.is_closed().await);
    assert_eq!(good.ask(&house.json("SendMessage", SEND)).await.status, 200);
}

#[tokio::test]
async fn nonsense_is_refused_and_pipelined_requests_are_answered_in_order() {
    let house = House::open(Limits::default()).await;
    let mut nonsense = house.connect().await;
    nonsense.send(b"\x16\x03\x01 nonsense\r\n\r\n").await;
    assert!(nonsense.answer().await.is_none_or(|got| got.status == 400));
    let mut folded = house.connect().await;
    folded
        .send(b"GET / HTTP/1.1\r\nhost: x\r\nmy-header: a\r\n b\r\n\r\n")
        .await;
    assert_eq!(
        folded.answer().await.unwrap().status,
        400,
        "folded headers are not taken"
    );
    let mut client = house.connect().await;
    let mut both = house.json("SendMessage", r#"{"QueueUrl":"1"}"#);
    both.extend(house.json("SendMessage", r#"{"QueueUrl":"2"}"#));
    client.send(&both).await;
    assert!(
        client
            .answer()
            .await
            .unwrap()
            .body
            .contains(r#""QueueUrl":"1""#)
    );
    assert!(
        client
            .answer()
            .await
            .unwrap()
            .body
            .contains(r#""QueueUrl":"2""#)
    );
}
