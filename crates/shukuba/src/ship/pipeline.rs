//! Batches out, several calls at once, until each message has an answer.

use std::sync::Arc;

use aws::batch::{BYTES_MAX, ENTRIES_MAX};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::aside::Aside;
use super::away::{Away, wait_before};
use super::ending::Ending;
use super::flight::{Flights, Refused};
use super::line::Bad;
use crate::client::{Answer, Error, Message, QueueClient};

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
        self.messages.len() < ENTRIES_MAX && self.bytes + message.size() <= BYTES_MAX
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

/// What the senders of a queue work with.
#[derive(Clone)]
pub(crate) struct Senders {
    pub(crate) client: Arc<dyn QueueClient>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) aside: Arc<Mutex<Aside>>,
    pub(crate) stop: Stop,
    pub(crate) ending: Ending,
}

impl Senders {
    /// Starts `calls` of them. They end when the batches do, a call is refused as a whole, or the
    /// time to end is over: what has no answer then may have come or not, as after a crash.
    pub(crate) fn start(self, calls: usize) -> (mpsc::Sender<Batch>, Vec<JoinHandle<()>>) {
        let (batches, received) = mpsc::channel(calls);
        let received = Arc::new(tokio::sync::Mutex::new(received));
        let away = Arc::<Away>::default();
        let start = |_| {
            let sending = self.clone().send_all(received.clone(), away.clone());
            tokio::spawn(sending)
        };
        (batches, (0..calls).map(start).collect())
    }

    async fn send_all(
        self,
        batches: Arc<tokio::sync::Mutex<mpsc::Receiver<Batch>>>,
        away: Arc<Away>,
    ) {
        tokio::select! {
            () = self.send_each(&batches, &away) => {}
            () = self.ending.over() => {}
        }
        // All have come, or nobody takes what comes: who waits to hand a batch on is told.
        batches.lock().await.close();
    }

    async fn send_each(&self, batches: &tokio::sync::Mutex<mpsc::Receiver<Batch>>, away: &Away) {
        loop {
            let next = batches.lock().await.recv().await;
            let Some(mut batch) = next else { return };
            let mut tries = 0;
            while !batch.is_empty() {
                if tries > 0 {
                    self.flights.count_retry();
                    tokio::time::sleep(wait_before(tries)).await;
                }
                tries += 1;
                match send_once(self, batch, away).await {
                    Ok(rest) => batch = rest,
                    Err(error) => {
                        self.stop.lock().get_or_insert(error);
                        return;
                    }
                }
            }
        }
    }
}

/// Sends a batch and gives back what has to be sent again.
async fn send_once(to: &Senders, batch: Batch, away: &Away) -> Result<Batch, Error> {
    let (flights, aside) = (&to.flights, &to.aside);
    let answers = match to.client.send_batch(&batch.messages).await {
        Ok(answers) => answers,
        Err(Error::Unavailable { url, detail }) => {
            away.failed(&url, &detail);
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
                away.failed("the queue", &format!("{code}: {detail}"));
                rest.push(place, message);
            }
            Answer::Refused { code, detail } => {
                let why = Bad::Refused { code, detail };
                aside.lock().note(place, bytes, &message.body, &why);
                flights.land(place, bytes, Refused::Yes);
            }
        }
    }
    if rest.is_empty() {
        away.answered();
    }
    Ok(rest)
}
