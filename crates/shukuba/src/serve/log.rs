//! The journal and the queues as delivery's ledger, results and replays see them.

use std::sync::Arc;

use delivery::ledger::{Ledger, LiveCounts, balance::LiveQueues};
use delivery::port;
use delivery::results::ResultLog;
use delivery::results::sealer::Scanned;
use futures_util::future::BoxFuture;
use parking_lot::RwLock;
use sqs::Queues;
use store::Position;
use store::record::{MessageKey, QueueId, Record};

use super::routes::Routes;

/// The journal of this process.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) queues: Arc<Queues>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) routes: Arc<RwLock<Routes>>,
}

const WHAT: &str = "the journal";

impl ResultLog for Log {
    fn sealed_up_to(&self) -> Position {
        self.ledger.sealed_up_to()
    }

    fn lost(&self) -> Vec<(Position, Position)> {
        self.queues.lost()
    }

    fn scan(&self, from: Position) -> Box<dyn Iterator<Item = Scanned> + Send> {
        Box::new(self.queues.journal().scan(from))
    }

    fn durable_through(&self, position: Position) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            // The end of the record is not known here; the end of the log by now lies behind it.
            let end = self.queues.journal().end().max(position);
            self.queues
                .journal()
                .committed(end)
                .await
                .map_err(|error| port::Error::unavailable(WHAT, error))
        })
    }

    fn mark_sealed(&self, up_to: Position) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            let marked = self.queues.record(Record::Sealed { up_to }).await;
            marked.map_err(|error| port::Error::unavailable(WHAT, error))
        })
    }

    fn route(&self, queue: QueueId) -> Option<String> {
        let routes = self.routes.read();
        let route = routes.values().find(|route| route.queue.id() == queue)?;
        Some(route.results.clone())
    }

    fn message_id(&self, key: MessageKey) -> String {
        self.queues.message_id(key)
    }
}

impl LiveQueues for Log {
    fn live(&self, queue: &str) -> Option<LiveCounts> {
        let queue = self.queues.queue(queue).ok()?;
        let counts = self.queues.counts(&queue).ok()?;
        Some(LiveCounts {
            visible: counts.visible,
            in_flight: counts.in_flight,
            delayed: counts.delayed,
            retry_wait: counts.retry,
        })
    }
}
