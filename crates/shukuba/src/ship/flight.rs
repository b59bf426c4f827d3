//! What is under way, and in which order it counts: a file's offset moves only over an unbroken run of answers.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::pipeline::Place;

/// What became of one pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Landed {
    pub(crate) file: usize,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) lines: u32,
    pub(crate) set_aside: u32,
}

#[derive(Debug)]
struct Flight {
    landed: Landed,
    is_down: bool,
}

/// All packs that were handed out and not yet counted.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    files: Vec<VecDeque<Flight>>,
    under_way: usize,
    totals: Totals,
}

/// Sums since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Totals {
    /// Lines read, blank ones left out.
    pub(crate) lines_read: u64,
    /// Lines that the queue accepted.
    pub(crate) accepted: u64,
    /// Lines set aside.
    pub(crate) set_aside: u64,
    /// Messages that the queue accepted.
    pub(crate) messages: u64,
    /// Bytes of their bodies.
    pub(crate) body_bytes: u64,
    /// Calls that were answered.
    pub(crate) requests: u64,
    /// Calls and messages that had to be tried again.
    pub(crate) retries: u64,
    /// Last lines without a newline that were left for the next run.
    pub(crate) unfinished: u64,
    /// Files that could not be read, or not to their end.
    pub(crate) unreadable: u64,
}

impl Totals {
    /// Lines read that are neither accepted nor set aside.
    pub(crate) fn pending(&self) -> u64 {
        self.lines_read
            .saturating_sub(self.accepted + self.set_aside)
    }
}

impl Flights {
    /// Takes off: in the order of the file.
    pub(crate) fn start(&self, landed: Landed) {
        let mut inner = self.0.lock();
        while inner.files.len() <= landed.file {
            inner.files.push(VecDeque::new());
        }
        inner.under_way += 1;
        inner.totals.lines_read += u64::from(landed.lines) + u64::from(landed.set_aside);
        let file = landed.file;
        if let Some(flights) = inner.files.get_mut(file) {
            flights.push_back(Flight {
                landed,
                is_down: false,
            });
        }
    }

    /// The pack that begins at `place` is answered. `refused`: the queue will never take it.
    pub(crate) fn land(&self, place: Place, body_bytes: usize, refused: Refused) {
        let mut inner = self.0.lock();
        let inner = &mut *inner;
        let flights = inner.files.get_mut(place.file);
        let Some(flight) = flights.and_then(|all| {
            all.iter_mut()
                .find(|flight| flight.landed.start == place.start)
        }) else {
            return;
        };
        flight.is_down = true;
        inner.under_way = inner.under_way.saturating_sub(1);
        inner.totals.set_aside += u64::from(flight.landed.set_aside);
        match refused {
            Refused::No if flight.landed.lines == 0 => {}
            Refused::No => {
                inner.totals.accepted += u64::from(flight.landed.lines);
                inner.totals.messages += 1;
                inner.totals.body_bytes += u64::try_from(body_bytes).unwrap_or(u64::MAX);
            }
            Refused::Yes => {
                inner.totals.set_aside += u64::from(flight.landed.lines);
                flight.landed.set_aside += flight.landed.lines;
                flight.landed.lines = 0;
            }
        }
    }

    /// A call was answered.
    pub(crate) fn count_request(&self) {
        self.0.lock().totals.requests += 1;
    }

    /// Something has to be tried again.
    pub(crate) fn count_retry(&self) {
        self.0.lock().totals.retries += 1;
    }

    /// A last line was left for the next run.
    pub(crate) fn count_unfinished(&self) {
        self.0.lock().totals.unfinished += 1;
    }

    /// A file cannot be read on.
    pub(crate) fn count_unreadable(&self) {
        self.0.lock().totals.unreadable += 1;
    }

    /// Takes the unbroken runs that are answered, file by file in order.
    pub(crate) fn take_landed(&self) -> Vec<Landed> {
        let mut inner = self.0.lock();
        let mut all = Vec::new();
        for flights in &mut inner.files {
            while flights.front().is_some_and(|flight| flight.is_down) {
                all.extend(flights.pop_front().map(|flight| flight.landed));
            }
        }
        all
    }

    /// Packs without an answer.
    pub(crate) fn under_way(&self) -> usize {
        self.0.lock().under_way
    }

    /// Sums since the start.
    pub(crate) fn totals(&self) -> Totals {
        self.0.lock().totals
    }
}

/// Whether the queue refused a message for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    No,
    Yes,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(start: u64, end: u64) -> Landed {
        Landed {
            file: 0,
            start,
            end,
            lines: 1,
            set_aside: 0,
        }
    }

    #[test]
    fn only_an_unbroken_run_counts() {
        let flights = Flights::default();
        for start in 0..3 {
            flights.start(pack(start, start + 1));
        }
        flights.land(Place { file: 0, start: 1 }, 5, Refused::No);
        assert!(flights.take_landed().is_empty());
        flights.land(Place { file: 0, start: 0 }, 5, Refused::No);
        assert_eq!(flights.take_landed(), [pack(0, 1), pack(1, 2)]);
        flights.land(Place { file: 0, start: 2 }, 5, Refused::Yes);
        let last = flights.take_landed();
        assert_eq!((last[0].lines, last[0].set_aside), (0, 1));
        let totals = flights.totals();
        assert_eq!(
            (
                totals.lines_read,
                totals.accepted,
                totals.set_aside,
                totals.pending()
            ),
            (3, 2, 1, 0)
        );
        assert_eq!(flights.under_way(), 0);
    }
}
