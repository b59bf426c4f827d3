use super::*;
use crate::port::Queue;
use base::{Clock, ManualClock, Timestamp};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

struct Memory {
    clock: Arc<ManualClock>,
    queue: MemoryQueue,
}

impl QueueHarness for Memory {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }
    fn send<'a>(
        &'a self,
        body: &'a str,
        attributes: BTreeMap<String, String>,
    ) -> BoxFuture<'a, ()> {
        let now = self.clock.now();
        let body = bytes::Bytes::from(body.to_owned());
        self.queue
            .with(|model| model.send(now, body, attributes, None));
        Box::pin(std::future::ready(()))
    }
    fn pass(&self, span: Duration) -> BoxFuture<'_, ()> {
        self.clock.advance(span);
        Box::pin(std::future::ready(()))
    }
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
    fn results_of<'a>(&'a self, notification: &'a str) -> BoxFuture<'a, Option<usize>> {
        let count = self.queue.with(|model| {
            let lines = model.settled.iter().flat_map(|outcome| &outcome.lines);
            lines
                .filter(|line| &*line.notification == notification)
                .count()
        });
        Box::pin(std::future::ready(Some(count)))
    }
}

#[tokio::test]
async fn the_queue_in_memory_keeps_the_contract() {
    for traits in [memory::EMBEDDED, memory::SQS] {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_410_190)));
        let queue = MemoryQueue::new(traits, clock.clone());
        queue_contract(&Memory { clock, queue }).await;
    }
}

async fn queue_contract(harness: &Memory) {
    super::queue(harness).await;
    assert!(harness.queue.with(|model| model.is_empty()));
}

#[tokio::test]
async fn the_store_in_memory_keeps_the_contract() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1)));
    result_store(&MemoryStore::new(clock)).await;
}

#[tokio::test]
async fn the_memories_of_scalers_keep_the_contract() {
    scaler_memory(&crate::scaler::InMemory::default()).await;
    let store = Arc::new(object_store::memory::InMemory::new());
    scaler_memory(&crate::scaler::Stored::new(store, "scaler").unwrap()).await;
}
