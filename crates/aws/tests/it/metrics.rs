//! [`QueueMetrics`] keeps the contract of sources of metrics against real servers.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws::{Account, QueueMetrics};
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use aws_smithy_types::DateTime;
use base::{Clock, SystemClock, Timestamp};
use delivery::contract::{MetricHarness, metric_source};
use delivery::port::MetricSource;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use crate::door;
use crate::server::{Kind, Server};

struct Harness {
    server: Server,
    account: Account,
    source: QueueMetrics,
    resting: Arc<Mutex<BTreeSet<String>>>,
}

impl Harness {
    async fn new(kind: Kind) -> Self {
        let server = Server::of(kind).await;
        // moto speaks Query alone, and the SDK to CloudWatch CBOR alone.
        let account = match kind {
            Kind::Ours => server.account(),
            Kind::Moto => server.account().at(&door::open(&server.endpoint).await),
        };
        let mut routes = Vec::new();
        for route in ["one", "other"] {
            let url = server.queue(&format!("queue-of-{route}")).await;
            routes.push((route.to_owned(), url));
        }
        let resting = Arc::<Mutex<BTreeSet<String>>>::default();
        let rests = Arc::clone(&resting);
        let is_paused = Arc::new(move |route: &str| rests.lock().contains(route));
        Self {
            source: QueueMetrics::new(&account, routes, is_paused).unwrap(),
            server,
            account,
            resting,
        }
    }
}

impl MetricHarness for Harness {
    fn source(&self) -> &dyn MetricSource {
        &self.source
    }

    fn now(&self) -> Timestamp {
        SystemClock::new().now()
    }

    /// Tells the server what SQS would.
    fn send_at<'a>(&'a self, route: &'a str, at: Timestamp, count: u64) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let cloudwatch = self.account.cloudwatch(&self.server.endpoint).unwrap();
            let queue = Dimension::builder()
                .name("QueueName")
                .value(format!("queue-of-{route}"));
            let datum = MetricDatum::builder()
                .metric_name("NumberOfMessagesSent")
                .dimensions(queue.build())
                .timestamp(DateTime::from_millis(
                    i64::try_from(at.as_millis()).unwrap(),
                ))
                .unit(StandardUnit::Count)
                .value(f64::from(u32::try_from(count).unwrap()));
            let put = cloudwatch.put_metric_data().namespace("AWS/SQS");
            put.metric_data(datum.build()).send().await.unwrap();
        })
    }

    fn leave<'a>(&'a self, route: &'a str, count: u64) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let endpoint = &self.server.endpoint;
            let sqs = self.server.account().sqs(endpoint).unwrap();
            let url = self.server.queue(&format!("queue-of-{route}")).await;
            for _ in 0..count {
                let send = sqs.send_message().queue_url(&url).message_body("left");
                send.send().await.unwrap();
            }
        })
    }

    fn rest<'a>(&'a self, route: &'a str) -> BoxFuture<'a, ()> {
        self.resting.lock().insert(route.to_owned());
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudwatch_keeps_the_contract_of_sources_of_metrics() {
    metric_source(&Harness::new(Kind::Ours).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn motos_cloudwatch_keeps_the_contract_of_sources_of_metrics() {
    metric_source(&Harness::new(Kind::Moto).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cloudwatch_does_not_answer_is_an_error_and_not_nothing_sent() {
    let harness = Harness::new(Kind::Ours).await;
    let now = harness.now();
    let (from, long_ago) = (now.minus(aws::metrics::SPAN_MAX), Timestamp::EPOCH);
    assert_eq!(harness.source.sent_in("one", from, now).await.unwrap(), 0);
    let refused = harness.source.sent_in("one", long_ago, now).await;
    assert!(!refused.unwrap_err().is_passing());
    let refused = harness.source.sent_in("unknown", from, now).await;
    assert!(!refused.unwrap_err().is_passing());
    let Harness { server, source, .. } = harness;
    drop(server);
    let away = source.sent_in("one", from, now).await.unwrap_err();
    assert!(away.is_passing(), "{away}");
    assert!(source.backlog("one").await.unwrap_err().is_passing());
}
