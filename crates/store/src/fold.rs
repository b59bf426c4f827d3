//! What the journal's records add up to.

use std::io::{self, Read, Write};

use base::Timestamp;

use crate::Position;

/// An error of any kind, as a fold reports it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Writes a captured state. It runs on another thread, after the lock over the state has been let go.
pub type Capture = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// A state that is a function of the records, in order, and of nothing else.
///
/// INVARIANT: `restore(capture at P)` followed by the records from P on equals all the records from the start.
pub trait Fold {
    /// Takes in the record that starts at `position`; its payload starts at [`Position::payload`].
    ///
    /// # Errors
    /// When the payload cannot be understood; the journal then refuses to open and names the place.
    fn apply(&mut self, position: Position, at: Timestamp, payload: &[u8]) -> Result<(), BoxError>;

    /// The state as of now, to be written later by the returned closure. It must be quick (at most a copy):
    /// the engine's lock is held meanwhile.
    fn capture(&self) -> Capture;

    /// Replaces the state by one that [`Fold::capture`] wrote.
    ///
    /// # Errors
    /// When the bytes cannot be read or understood; the journal then tries the snapshot before.
    fn restore(&mut self, from: &mut dyn Read) -> Result<(), BoxError>;
}
