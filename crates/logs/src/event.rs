//! An event, and its place in the order of its group: by time, then by when it came.

use std::fmt;

/// What an event costs beside its message. Source: API reference, PutLogEvents, "plus 26 bytes for each log event".
pub const OVERHEAD: u64 = 26;

/// Bytes of a stored event before its message.
const HEAD: usize = 16;

/// The place of an event in its group: events are in the order of their places, and no two share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot(u128);

impl Spot {
    /// Before all others.
    pub const FIRST: Self = Self(0);
    /// Behind all others.
    pub const LAST: Self = Self(u128::MAX);

    /// That of the event `number` at `millis`.
    #[must_use]
    pub const fn new(millis: u64, number: u64) -> Self {
        Self(((millis as u128) << 64) | number as u128)
    }

    /// Before all events at `millis` and later.
    #[must_use]
    pub const fn at(millis: u64) -> Self {
        Self::new(millis, 0)
    }

    /// The time, in milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0 >> 64).unwrap_or(u64::MAX)
    }

    /// The event's number.
    #[must_use]
    pub const fn number(self) -> u64 {
        // The lower half.
        (self.0 & u64::MAX as u128) as u64
    }

    /// The next one; the last has none but itself.
    #[must_use]
    pub const fn after(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// As keys and tokens have it: 16 bytes in the order of places.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// What [`Spot::bytes`] wrote.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self(u128::from_be_bytes(bytes.try_into().ok()?)))
    }
}

/// As an event's id is shown: digits, 56 of them, in the order of places.
impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:056}", self.0)
    }
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it stands.
    pub spot: Spot,
    /// The number of its stream.
    pub stream: u64,
    /// When it was put, in milliseconds.
    pub put: u64,
    /// What it says.
    pub message: String,
}

impl Event {
    /// What counts of it against bounds.
    #[must_use]
    pub const fn cost(&self) -> u64 {
        cost(self.message.len())
    }

    /// As it is stored: the stream's number, when it was put, the message.
    #[must_use]
    pub fn row(&self) -> Vec<u8> {
        let mut row = Vec::with_capacity(HEAD + self.message.len());
        row.extend(self.stream.to_be_bytes());
        row.extend(self.put.to_be_bytes());
        row.extend(self.message.as_bytes());
        row
    }

    /// What [`Event::row`] wrote; `None` where it is something else.
    #[must_use]
    pub fn read(spot: Spot, row: &[u8]) -> Option<Self> {
        let (head, message) = row.split_at_checked(HEAD)?;
        let (stream, put) = head.split_at_checked(8)?;
        Some(Self {
            spot,
            stream: u64::from_be_bytes(stream.try_into().ok()?),
            put: u64::from_be_bytes(put.try_into().ok()?),
            message: std::str::from_utf8(message).ok()?.to_owned(),
        })
    }
}

/// What counts of an event with a message of `bytes` against bounds.
#[must_use]
pub const fn cost(bytes: usize) -> u64 {
    bytes as u64 + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_ordered_by_time_then_by_when_they_came() {
        let spots = [
            Spot::FIRST,
            Spot::at(1_000),
            Spot::new(1_000, 7),
            Spot::new(1_000, 8),
            Spot::new(1_001, 2),
            Spot::LAST,
        ];
        assert!(spots.is_sorted());
        let bytes = spots.map(Spot::bytes);
        assert!(bytes.is_sorted());
        let ids = spots.map(|spot| spot.to_string());
        assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 56));
        assert_eq!(Spot::new(1_000, 7).after(), Spot::new(1_000, 8));
        assert_eq!(Spot::new(1_000, 7).millis(), 1_000);
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let event = Event {
            spot: Spot::new(1_800_000_000_000, 3),
            stream: 2,
            put: 1_800_000_000_001,
            message: "宿場\n".to_owned(),
        };
        assert_eq!(Event::read(event.spot, &event.row()), Some(event.clone()));
        assert_eq!(Event::read(event.spot, b"short"), None);
        assert_eq!(event.cost(), 7 + 26);
    }
}
