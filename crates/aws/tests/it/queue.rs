//! [`SqsQueue`] keeps the contract of queues against real servers, in real time (about 45 s, most of it waiting).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws::SqsQueue;
use aws_sdk_sqs::types::MessageAttributeValue;
use base::{Clock, SystemClock, Timestamp};
use delivery::contract::{MemoryStore, QueueHarness, outcome, queue};
use delivery::masking::Masking;
use delivery::port::{Ask, Carry, Next, Queue, ResultStore, Verdict};
use delivery::result::{Salt, SentBy, Writer};
use delivery::results::Results;
use delivery::results::direct::DirectResults;
use futures_util::future::BoxFuture;

use crate::server::{Kind, Server};

struct Harness {
    queue: SqsQueue,
    client: aws_sdk_sqs::Client,
    url: String,
    clock: Arc<SystemClock>,
    store: Arc<MemoryStore>,
}

impl Harness {
    async fn new(server: &Server, name: &str) -> Self {
        let url = server.queue(name).await;
        Self::with_retries(server, &url, &url)
    }

    /// What others send goes to the queue at `url`, and retries to that at `retry_url`.
    fn with_retries(server: &Server, url: &str, retry_url: &str) -> Self {
        let clock = Arc::new(SystemClock::new());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let by = SentBy {
            notifier: "test".into(),
            host: "here".into(),
            request_id: None,
        };
        let writer = Writer::new("r", &by, Masking::default(), Salt::new([7; 32]));
        let results = DirectResults::new(Results::new(store.clone()), "r", writer);
        let account = server.account();
        let queue =
            SqsQueue::new(&account, url, retry_url, Arc::new(results), clock.clone()).unwrap();
        let client = account.sqs(url).unwrap();
        Self {
            queue,
            client,
            url: url.to_owned(),
            clock,
            store,
        }
    }

    async fn receive(&self) -> Vec<delivery::port::Received> {
        let ask = Ask {
            max: 10,
            wait: Duration::from_secs(1),
            lease: Duration::from_secs(30),
        };
        self.queue.receive(ask).await.unwrap()
    }
}

impl QueueHarness for Harness {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn send<'a>(
        &'a self,
        body: &'a str,
        attributes: BTreeMap<String, String>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut call = self
                .client
                .send_message()
                .queue_url(&self.url)
                .message_body(body);
            for (name, value) in attributes {
                let value = MessageAttributeValue::builder()
                    .data_type("String")
                    .string_value(value);
                call = call.message_attributes(name, value.build().unwrap());
            }
            call.send().await.unwrap();
        })
    }

    fn pass(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(span))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn results_of<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<usize>> {
        Box::pin(std::future::ready(None))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_keeps_the_contract_of_queues() {
    let server = Server::start().await;
    queue(&Harness::new(&server, "contract").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn motos_sqs_keeps_the_contract_of_queues() {
    let server = Server::of(Kind::Moto).await;
    queue(&Harness::new(&server, "contract").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_with_a_retry_queue_keeps_the_contract_of_queues() {
    let server = Server::start().await;
    let (own, retry) = (server.queue("own").await, server.queue("retry").await);
    let straight = Harness::with_retries(&server, &own, &retry);
    // The other way round, all that the contract sends comes from the retry queue.
    let (own, retry) = (server.queue("own2").await, server.queue("retry2").await);
    let mut swapped = Harness::with_retries(&server, &own, &retry);
    swapped.url = retry;
    tokio::join!(queue(&straight), queue(&swapped));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_received_while_the_other_queue_is_waited_for() {
    let server = Server::start().await;
    for is_to_retry in [false, true] {
        // Queues of their own: the receive that is given up may hold what comes next.
        let own = server.queue(&format!("own-{is_to_retry}")).await;
        let retry = server.queue(&format!("retry-{is_to_retry}")).await;
        let sent_to = if is_to_retry { &retry } else { &own };
        let harness = Harness::with_retries(&server, &own, &retry);
        let ask = Ask {
            max: 1,
            wait: Duration::from_secs(20),
            lease: Duration::from_secs(30),
        };
        let receives = async {
            let (one, two) = (harness.queue.receive(ask), harness.queue.receive(ask));
            match futures_util::future::select(one, two).await {
                futures_util::future::Either::Left((received, _))
                | futures_util::future::Either::Right((received, _)) => received.unwrap(),
            }
        };
        let sends = harness.client.send_message().queue_url(sent_to);
        let (received, sent) = tokio::join!(receives, sends.message_body("now").send());
        assert_eq!(received.len(), 1, "sent to {sent_to}, the other is empty");
        assert_eq!(*received[0].message_id, *sent.unwrap().message_id.unwrap());
        let gone = outcome(&received[0], Verdict::Delivered, Next::Gone);
        harness.queue.settle(&[gone]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settle_that_failed_after_its_carries_sends_them_once() {
    let server = Server::start().await;
    let harness = Harness::new(&server, "twice").await;
    harness.send("a\nb", BTreeMap::new()).await;
    let received = harness.receive().await.remove(0);
    let mut half = outcome(&received, Verdict::Delivered, Next::Gone);
    half.carries = (0..12)
        .map(|n| Carry {
            body: format!("carried {n}").into(),
            lines: 1,
            attributes: BTreeMap::from([("shukuba.retry".to_owned(), format!("attempt={n}"))]),
            not_before: harness.clock.now(),
            attempt: 1,
            sent_at: received.sent_at,
            group: None,
        })
        .collect();
    // The second batch of carries holds what no queue takes: the settle fails after ten were sent.
    half.carries[11].body = "\u{0}".into();
    let failed = harness.queue.settle(std::slice::from_ref(&half)).await;
    assert!(failed.is_err_and(|error| !error.is_passing()));
    half.carries[11].body = "carried 11".into();
    harness
        .queue
        .settle(std::slice::from_ref(&half))
        .await
        .unwrap();
    let stored = harness.store.list("").await.unwrap();
    assert_eq!(
        stored.iter().filter(|object| object.bytes > 0).count(),
        stored.len()
    );
    assert!(
        !stored.is_empty(),
        "results are stored before anything else"
    );
    let mut bodies = Vec::new();
    loop {
        let batch = harness.receive().await;
        if batch.is_empty() {
            break;
        }
        bodies.extend(batch.into_iter().map(|received| received.body));
    }
    bodies.sort_unstable();
    let mut expected: Vec<bytes::Bytes> = (0..12).map(|n| format!("carried {n}").into()).collect();
    expected.sort_unstable();
    assert_eq!(bodies, expected, "each carry once, the message itself gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_whether_another_try_may_help() {
    let server = Server::start().await;
    let harness = Harness::new(&server, "errors").await;
    assert!((harness.queue.in_flight_share().await.unwrap() - 0.0).abs() < f64::EPSILON);
    harness
        .client
        .delete_queue()
        .queue_url(&harness.url)
        .send()
        .await
        .unwrap();
    let ask = Ask {
        max: 1,
        wait: Duration::ZERO,
        lease: Duration::from_secs(30),
    };
    let gone = harness.queue.receive(ask).await.unwrap_err();
    assert!(!gone.is_passing(), "{gone}");
    assert!(
        gone.to_string().contains("QueueDoesNotExist")
            || gone.to_string().contains("NonExistentQueue"),
        "{gone}"
    );
    drop(server);
    let away = harness.queue.receive(ask).await.unwrap_err();
    assert!(away.is_passing(), "{away}");
}
