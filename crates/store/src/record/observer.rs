//! Who is told of every record.

use std::io::{self, Read};
use std::sync::Arc;

use base::Timestamp;

use super::Record;
use crate::{Capture, Position};

/// Something that follows the stream of records beside the queues, such as the ledger.
///
/// Calls come in the order of positions, under the lock of the queues: live after each append, in recovery after
/// each read. So whatever it counts stands at the position that the queues stand at. Calls must be short.
pub trait Observer: Send + Sync {
    /// The record at `position` was applied. `at` never goes back.
    fn applied(&self, position: Position, at: Timestamp, record: &Record<'_>);

    /// The state up to the last applied record, to be written into a snapshot.
    fn capture(&self) -> Capture;

    /// Replaces the state by a captured one.
    ///
    /// # Errors
    /// When the bytes are not what [`Observer::capture`] wrote.
    fn restore(&self, from: &mut dyn Read) -> io::Result<()>;
}

/// Observes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn applied(&self, _: Position, _: Timestamp, _: &Record<'_>) {}

    fn capture(&self) -> Capture {
        Box::new(|_| Ok(()))
    }

    fn restore(&self, _: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }
}

/// Several observers in a fixed order; each one's part of a snapshot is framed by its length.
#[derive(Clone, Default)]
pub struct Observers(pub Vec<Arc<dyn Observer>>);

impl std::fmt::Debug for Observers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Observers({})", self.0.len())
    }
}

impl Observer for Observers {
    fn applied(&self, position: Position, at: Timestamp, record: &Record<'_>) {
        for observer in &self.0 {
            observer.applied(position, at, record);
        }
    }

    fn capture(&self) -> Capture {
        let parts: Vec<Capture> = self.0.iter().map(|observer| observer.capture()).collect();
        Box::new(move |out| {
            for part in parts {
                let mut bytes = Vec::new();
                part(&mut bytes)?;
                out.write_all(&(bytes.len() as u64).to_le_bytes())?;
                out.write_all(&bytes)?;
            }
            Ok(())
        })
    }

    fn restore(&self, from: &mut dyn Read) -> io::Result<()> {
        for observer in &self.0 {
            let mut len = [0; 8];
            from.read_exact(&mut len)?;
            let mut part = from.take(u64::from_le_bytes(len));
            observer.restore(&mut part)?;
            io::copy(&mut part, &mut io::sink())?;
        }
        Ok(())
    }
}
