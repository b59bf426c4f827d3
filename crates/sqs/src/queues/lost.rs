//! Messages whose entries lay where the journal was damaged.
//!
//! `check-data --quarantine` cuts a stretch out and books it, but cannot tell what of it the queues still know from a
//! snapshot: that is found here, at the start. What can still be read in a cut stretch (a frame holds more than the
//! bytes that are damaged) stays and is delivered; the rest would be received in vain for ever, and is booked as lost.

use std::collections::BTreeMap;

use store::record::{QueueId, Record, Touched};
use store::{Class, Position, ReadError};

use super::Queues;
use crate::Error;
use crate::engine::Engine;
use crate::engine::clean::Resident;

/// Messages of one record.
const BOOKED_MAX: usize = 1000;

impl Queues {
    /// Takes what is lost with the stretches that were cut out off its queues. At a second start nothing is left to find.
    ///
    /// # Errors
    /// When the journal refuses the record.
    pub(super) fn book_lost(&self) -> Result<(), Error> {
        let mut engine = self.engine.lock();
        let stretches = engine.lost().to_vec();
        let known = stretches
            .iter()
            .flat_map(|(from, to)| engine.residents(from.get()..to.get(), usize::MAX));
        let lost: Vec<Resident> = known.filter(|resident| self.is_lost(resident)).collect();
        let mut by_queue: BTreeMap<QueueId, Vec<Touched>> = BTreeMap::new();
        for resident in lost {
            let of_queue = by_queue.entry(resident.queue).or_default();
            of_queue.push(resident.message);
        }
        by_queue
            .into_iter()
            .try_for_each(|(queue, messages)| self.lose(&mut engine, queue, &messages))
    }

    /// Whether a message cannot be read, for another reason than a disk that may answer tomorrow.
    fn is_lost(&self, resident: &Resident) -> bool {
        let place = Position::new(resident.location);
        self.entry(resident.location).is_err()
            && !matches!(self.journal.read(place, 1), Err(ReadError::Disk { .. }))
    }

    fn lose(&self, engine: &mut Engine, queue: QueueId, messages: &[Touched]) -> Result<(), Error> {
        let name = self.queue_by_id(queue);
        let name = name.as_ref().map_or("", |queue| queue.name());
        tracing::error!(
            queue = name,
            messages = messages.len(),
            "messages lay where the journal was damaged: they are lost, and the ledger says so"
        );
        let at = engine.time(self.now());
        messages.chunks(BOOKED_MAX).try_for_each(|messages| {
            let messages = messages.to_vec();
            let mut record = Record::MessagesLost { queue, messages };
            self.write(engine, Class::Settle, at, &mut record)?;
            Ok(())
        })
    }
}
