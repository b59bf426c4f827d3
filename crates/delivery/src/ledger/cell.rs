//! Counts of one span of time.

use serde::{Deserialize, Serialize};
use store::record::codec::{Malformed, Reader, put_signed, put_varint};

/// Something that can be added up, written and read.
pub trait Tally: Copy + Default + PartialEq + std::fmt::Debug {
    /// Adds the counts of another span.
    fn merge(&mut self, other: &Self);
    /// Writes them.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads what [`Tally::put`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] when it is something else.
    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Notifications accepted in one span, by where they are. The states are those of the table in [`super`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the table in the module's documentation says what each state means"
)]
pub struct Cell {
    pub sent: u64,
    pub moved_in: u64,
    pub replayed: u64,
    pub corrected: i64,
    pub open: i64,
    pub delivered: u64,
    pub dead: u64,
    pub expired: u64,
    pub taken: u64,
    pub purged: u64,
    pub moved_out: u64,
    pub lost: i64,
}

impl Cell {
    /// How many were accepted.
    #[must_use]
    pub fn accepted(&self) -> i64 {
        signed(self.sent) + signed(self.moved_in) + signed(self.replayed) + self.corrected
    }

    /// How many are accounted for, in any state but lost.
    #[must_use]
    pub fn accounted(&self) -> i64 {
        let ended = [
            self.delivered,
            self.dead,
            self.expired,
            self.taken,
            self.purged,
            self.moved_out,
        ];
        self.open + ended.into_iter().map(signed).sum::<i64>()
    }

    /// Whether every accepted notification is in a state.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.accepted() == self.accounted() && self.open >= 0 && self.lost == 0
    }

    fn unsigned(&mut self) -> [&mut u64; 9] {
        [
            &mut self.sent,
            &mut self.moved_in,
            &mut self.replayed,
            &mut self.delivered,
            &mut self.dead,
            &mut self.expired,
            &mut self.taken,
            &mut self.purged,
            &mut self.moved_out,
        ]
    }

    fn signed(&mut self) -> [&mut i64; 3] {
        [&mut self.corrected, &mut self.open, &mut self.lost]
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Tally for Cell {
    fn merge(&mut self, other: &Self) {
        let mut other = *other;
        for (into, from) in self.unsigned().into_iter().zip(other.unsigned()) {
            *into += *from;
        }
        for (into, from) in self.signed().into_iter().zip(other.signed()) {
            *into += *from;
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        let mut cell = *self;
        for value in cell.unsigned() {
            put_varint(out, *value);
        }
        for value in cell.signed() {
            put_signed(out, *value);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut cell = Self::default();
        for value in cell.unsigned() {
            *value = reader.varint()?;
        }
        for value in cell.signed() {
            *value = reader.signed()?;
        }
        Ok(cell)
    }
}

/// What a destination's notifications, accepted in one span, came to. Those without an outcome have no destination yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Delivered.
    pub delivered: u64,
    /// Given up.
    pub dead: u64,
    /// Expired by their own deadline.
    pub expired: u64,
    /// Attempts that failed and were followed by another.
    pub retries: u64,
}

impl Tally for Outcomes {
    fn merge(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.dead += other.dead;
        self.expired += other.expired;
        self.retries += other.retries;
    }

    fn put(&self, out: &mut Vec<u8>) {
        for value in [self.delivered, self.dead, self.expired, self.retries] {
            put_varint(out, value);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            delivered: reader.varint()?,
            dead: reader.varint()?,
            expired: reader.varint()?,
            retries: reader.varint()?,
        })
    }
}
