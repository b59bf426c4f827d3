//! The sums of some whole days (UTC), by queue and destination: what statements are made of.
//!
//! Minutes, hours and days of the histories never cross a day, so the sums are exact, however old the days are, up to
//! [`DAYS_MAX`](super::failures::DAYS_MAX).

use base::Timestamp;
use store::Position;

use super::Ledger;
use super::book::{Book, Destination};
use super::cell::{Cell, Outcomes, Tally};
use super::failures::Failures;
use super::history::History;

/// Whole days: minutes since the epoch, the last one not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// When the first one begins.
    pub from: u32,
    /// When the last one has ended.
    pub to: u32,
}

/// Counts of what was accepted in some days, at one position.
#[derive(Clone, Debug, PartialEq)]
pub struct Period {
    /// The last record that is in it.
    pub position: Position,
    /// When that was appended.
    pub at: Timestamp,
    /// Since when failures are counted by class; the epoch: since ever.
    pub failures_since: Timestamp,
    /// In order of name.
    pub queues: Vec<QueuePeriod>,
}

/// Those of one queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuePeriod {
    /// Its name.
    pub queue: String,
    /// What was accepted, by where it is.
    pub cell: Cell,
    /// In order of name, those that something was settled for; the last may be `(other)`.
    pub destinations: Vec<DestinationPeriod>,
    /// Whether anything was ever settled for a destination: it is, or was, the queue of a route.
    pub is_of_route: bool,
}

/// Those of one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationPeriod {
    /// Its name.
    pub destination: String,
    /// What its notifications came to.
    pub outcomes: Outcomes,
    /// Why those that are dead failed.
    pub failures: Failures,
}

impl Ledger {
    /// The sums of `days`.
    #[must_use]
    pub fn period(&self, days: Days) -> Period {
        let state = self.state.lock();
        let books = state.books.iter();
        Period {
            position: state.position,
            at: state.at,
            failures_since: state.failures_since,
            queues: books.map(|(name, book)| days.of_book(name, book)).collect(),
        }
    }
}

impl Days {
    fn of_book(self, name: &str, book: &Book) -> QueuePeriod {
        let destinations = book.destinations.iter();
        QueuePeriod {
            queue: name.to_owned(),
            cell: self.sum(&book.history),
            destinations: destinations
                .map(|(name, destination)| self.of_destination(name, destination))
                .filter(|one| one.outcomes != Outcomes::default())
                .collect(),
            is_of_route: !book.destinations.is_empty(),
        }
    }

    fn of_destination(self, name: &str, destination: &Destination) -> DestinationPeriod {
        DestinationPeriod {
            destination: name.to_owned(),
            outcomes: self.sum(&destination.history),
            failures: destination.failures.sum(self.from, self.to),
        }
    }

    fn sum<T: Tally>(self, history: &History<T>) -> T {
        let mut sum = T::default();
        for span in history.spans() {
            // The sum of all that is older has no length.
            if span.minutes > 0 && (self.from..self.to).contains(&span.minute) {
                sum.merge(&span.counts);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use store::record::{
        Cause, LineOutcome, LineState, MessageKey, NewMessage, Next, Observer as _, QueueId,
        Record, Settlement,
    };

    use super::*;

    const DAY: u32 = 24 * 60;

    const AT: Timestamp = Timestamp::from_secs(20_000 * 86_400 + 60);

    /// A ledger in which one message of three lines was sent and settled so.
    fn settled(states: &[(LineState, &'static [u8])]) -> Ledger {
        let ledger = Ledger::new();
        let lines = (0u32..).zip(states);
        let settlement = Settlement {
            key: MessageKey(1),
            sent_at: AT,
            lines_before: 3,
            lines: lines
                .map(|(line, (state, result))| LineOutcome {
                    line,
                    destination: "d",
                    state: *state,
                    result,
                })
                .collect(),
            next: Next::Gone,
            carries: Vec::new(),
        };
        let message = NewMessage {
            lines: 3,
            ..NewMessage::plain(AT, b"x")
        };
        let records = [
            Record::QueueCreated {
                queue: QueueId(1),
                name: "q",
                settings: b"{}",
            },
            Record::Enqueued {
                queue: QueueId(1),
                cause: Cause::Sent,
                messages: vec![message],
            },
            Record::Settled {
                queue: QueueId(1),
                settlements: vec![settlement],
            },
        ];
        for (position, record) in (1u64..).zip(&records) {
            ledger.applied(Position::new(position), AT, record);
        }
        ledger
    }

    fn bytes_of(ledger: &Ledger) -> Vec<u8> {
        let mut bytes = Vec::new();
        ledger.capture()(&mut bytes).unwrap();
        bytes
    }

    fn of_day(ledger: &Ledger) -> Period {
        ledger.period(Days {
            from: 20_000 * DAY,
            to: 20_001 * DAY,
        })
    }

    #[test]
    fn failures_are_counted_by_class_and_survive_a_restart() {
        let result = br#"{"class":"client","sent_at":"x"}"#.as_slice();
        let ledger = settled(&[
            (LineState::Delivered, b""),
            (LineState::Dead, result),
            (LineState::Dead, b""),
        ]);
        let restored = Ledger::new();
        restored.restore(&mut bytes_of(&ledger).as_slice()).unwrap();
        for ledger in [ledger, restored] {
            let period = of_day(&ledger);
            let queue = &period.queues[0];
            assert!(queue.cell.is_balanced() && queue.is_of_route);
            let one = &queue.destinations[0];
            assert_eq!((one.outcomes.delivered, one.outcomes.dead), (1, 2));
            assert_eq!((one.failures.by_class[4], one.failures.unsent), (1, 1));
            assert_eq!(period.failures_since, Timestamp::EPOCH);
        }
    }

    /// What older builds wrote is the same without failures by class.
    #[test]
    fn a_ledger_without_classes_is_read_and_says_from_when_it_knows_them() {
        let ledger = settled(&[(LineState::Delivered, b"".as_slice()); 3]);
        let mut bytes = bytes_of(&ledger);
        let (mut destination, mut requests) = (Vec::new(), Vec::new());
        {
            let state = ledger.state.lock();
            let book = &state.books["q"];
            let of = &book.destinations["d"];
            of.total.put(&mut destination);
            of.history.put(&mut destination);
            book.requests.put(&mut requests);
        }
        let place = |bytes: &[u8], part: &[u8]| {
            let mut all = bytes.windows(part.len());
            all.position(|found| found == part).unwrap()
        };
        let at = place(&bytes, &requests);
        bytes.drain(at..at + requests.len());
        let at = place(&bytes, &destination);
        assert_eq!(
            (bytes[0], bytes.remove(at + destination.len()), bytes.pop()),
            (3, 0, Some(0))
        );
        bytes[0] = 1;
        let older = Ledger::new();
        older.restore(&mut bytes.as_slice()).unwrap();
        let period = of_day(&older);
        assert_eq!(period.queues, of_day(&ledger).queues);
        assert_eq!(period.failures_since, AT);
        let again = Ledger::new();
        again.restore(&mut bytes_of(&older).as_slice()).unwrap();
        assert_eq!(of_day(&again), period);
        bytes[0] = 4;
        assert!(Ledger::new().restore(&mut bytes.as_slice()).is_err());
    }

    #[test]
    fn days_are_summed_whatever_has_become_of_their_minutes() {
        let first = 20_000 * DAY;
        for rolled in [0, 1, 3, 20, 390] {
            let mut history: History<Outcomes> = History::default();
            history.roll(first);
            for minute in [first - 1, first, first + 61, first + DAY - 1, first + DAY] {
                history.at(minute).delivered += 1;
                history.roll(minute);
            }
            history.roll(first + rolled * DAY);
            let sum = |from, to| Days { from, to }.sum(&history).delivered;
            assert_eq!(sum(first, first + DAY), 3, "after {rolled} days");
            assert_eq!(sum(first - DAY, first), 1);
            assert_eq!(sum(first - DAY, first + 2 * DAY), 5);
        }
    }
}
