//! A notifier that is told to stop while its queue, which is elsewhere, gives it nothing.

use base::Timestamp;

use super::*;

/// The time of the runtime, which rests.
#[derive(Debug)]
struct Runtime {
    started: tokio::time::Instant,
}

impl Clock for Runtime {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_795_000_000).plus(self.monotonic())
    }
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A queue whose answers to a receive are on their way for a while.
#[derive(Debug)]
struct Far {
    queue: MemoryQueue,
    way: Duration,
}

impl Queue for Far {
    fn traits(&self) -> QueueTraits {
        self.queue.traits()
    }
    fn receive(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Received>, Error>> {
        Box::pin(async move {
            let answer = self.queue.receive(ask).await;
            tokio::time::sleep(self.way).await;
            answer
        })
    }
    fn extend<'a>(
        &'a self,
        leases: &'a [Lease],
        span: Duration,
    ) -> BoxFuture<'a, Result<Vec<Lease>, Error>> {
        self.queue.extend(leases, span)
    }
    fn release<'a>(
        &'a self,
        leases: &'a [Lease],
        wait: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.queue.release(leases, wait)
    }
    fn settle<'a>(&'a self, outcomes: &'a [Outcome]) -> BoxFuture<'a, Result<(), Error>> {
        self.queue.settle(outcomes)
    }
    fn in_flight_share(&self) -> BoxFuture<'_, Result<f64, Error>> {
        self.queue.in_flight_share()
    }
}

/// A notifier of such a queue, `messages` in it, stopped after a while: its queue, its clock, and how long it took to end.
async fn stopped(
    way: Duration,
    messages: u32,
    after: Duration,
) -> (Arc<Far>, Arc<Runtime>, Duration) {
    let clock = Arc::new(Runtime {
        started: tokio::time::Instant::now(),
    });
    let queue = MemoryQueue::new(SQS, clock.clone());
    for _ in 0..messages {
        queue.send("http://a.example/ok");
    }
    let queue = Arc::new(Far { queue, way });
    let mut parts = unqueued(FormatKind::Url);
    parts.queue = queue.clone();
    parts.clock = clock.clone();
    let (notifier, handle) = Notifier::new(parts, Directives::default());
    let work = tokio::spawn(notifier.run(Duration::from_secs(3600)));
    tokio::time::sleep(after).await;
    handle.stop(Duration::from_secs(30));
    let told_at = clock.monotonic();
    assert_eq!(work.await.unwrap().unsettled, 0);
    let took = clock.monotonic() - told_at;
    (queue, clock, took)
}

/// How many can be received, and how often they were.
fn visible(queue: &Far, clock: &Runtime) -> Vec<u32> {
    let ask = Ask {
        max: 10,
        wait: Duration::ZERO,
        lease: Duration::from_secs(1),
    };
    let received = queue.queue.with(|model| model.receive(clock.now(), ask));
    received.iter().map(|one| one.receive_count).collect()
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_found_nothing_is_not_awaited() {
    let (_, _, took) = stopped(Duration::ZERO, 0, Duration::from_secs(5)).await;
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_on_its_way_is_awaited_and_handed_back() {
    let way = Duration::from_millis(300);
    let (queue, clock, took) = stopped(way, 1, way / 2).await;
    assert!(took <= Duration::from_secs(1), "{took:?}");
    // A second's rest may be asked for what is handed back.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(visible(&queue, &clock), [2], "long before its lease ends");
}

#[tokio::test(start_paused = true)]
async fn what_a_poll_took_that_was_given_up_comes_when_its_lease_ends() {
    let (queue, clock, took) = stopped(Duration::MAX, 1, Duration::from_secs(5)).await;
    assert!(took < Duration::from_millis(100), "{took:?}");
    assert!(visible(&queue, &clock).is_empty());
    let lease = config::Notifier::default().lease.get();
    tokio::time::sleep(lease).await;
    assert_eq!(visible(&queue, &clock), [2]);
}
