//! Batches out, several calls at once, until each message has an answer.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::aside::Aside;
use super::flight::{Flights, Refused};
use super::line::Bad;
use crate::client::{Answer, Error, Message, QueueClient};

/// Messages in a call. Source: SQS API Reference, SendMessageBatch.
pub(crate) const BATCH_MESSAGES: usize = 10;
/// Bytes of a call's messages, attributes included. Source: the same.
pub(crate) const BATCH_BYTES: usize = 1 << 20;
/// The first and the longest wait before a call is tried again. Chosen.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Where the lines of a message lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) start: u64,
}

/// Messages for one call, each with its place.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    messages: Vec<Message>,
    places: Vec<Place>,
    bytes: usize,
}

impl Batch {
    /// Whether `message` still fits.
    pub(crate) fn has_room_for(&self, message: &Message) -> bool {
        self.messages.len() < BATCH_MESSAGES && self.bytes + message.size() <= BATCH_BYTES
    }

    pub(crate) fn push(&mut self, place: Place, message: Message) {
        self.bytes += message.size();
        self.messages.push(message);
        self.places.push(place);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

/// Why nothing more is sent.
pub(crate) type Stop = Arc<Mutex<Option<Error>>>;

/// Sends batches from `batches` until it is closed, or a call is refused as a whole.
pub(crate) async fn send_all(
    client: Arc<dyn QueueClient>,
    batches: Arc<tokio::sync::Mutex<mpsc::Receiver<Batch>>>,
    flights: Arc<Flights>,
    aside: Arc<Mutex<Aside>>,
    stop: Stop,
) {
    loop {
        let next = batches.lock().await.recv().await;
        let Some(mut batch) = next else { return };
        let mut tries = 0;
        while !batch.is_empty() {
            if tries > 0 {
                flights.count_retry();
                tokio::time::sleep(wait_before(tries)).await;
            }
            tries += 1;
            match send_once(client.as_ref(), batch, &flights, &aside).await {
                Ok(rest) => batch = rest,
                Err(error) => {
                    stop.lock().get_or_insert(error);
                    batches.lock().await.close();
                    return;
                }
            }
        }
    }
}

/// Sends a batch and gives back what has to be sent again.
async fn send_once(
    client: &dyn QueueClient,
    batch: Batch,
    flights: &Flights,
    aside: &Mutex<Aside>,
) -> Result<Batch, Error> {
    let answers = match client.send_batch(&batch.messages).await {
        Ok(answers) => answers,
        Err(Error::Unavailable { url, detail }) => {
            tracing::warn!(%url, %detail, "the queue does not take messages now; trying again");
            return Ok(batch);
        }
        Err(error) => return Err(error),
    };
    flights.count_request();
    let mut rest = Batch::default();
    for ((message, place), answer) in batch.messages.into_iter().zip(batch.places).zip(answers) {
        let bytes = message.body.len();
        match answer {
            Answer::Accepted { .. } => flights.land(place, bytes, Refused::No),
            Answer::Later { code, detail } => {
                tracing::warn!(%code, %detail, "the queue does not take a message now; trying again");
                rest.push(place, message);
            }
            Answer::Refused { code, detail } => {
                let why = Bad::Refused { code, detail };
                aside.lock().note(place, bytes, &message.body, &why);
                flights.land(place, bytes, Refused::Yes);
            }
        }
    }
    Ok(rest)
}

/// Doubles up to the longest wait, with full jitter above a half.
fn wait_before(tries: u32) -> Duration {
    let (first, longest) = WAITS;
    let full = first.saturating_mul(1 << tries.min(16)).min(longest);
    let [byte] = base::id::random_bytes::<1>();
    full / 2 + full.mul_f64(f64::from(byte) / 512.0)
}
