//! The engine and its observer as one fold of the journal, so that both stand at the same position.

use std::io::Read;

use base::Timestamp;
use store::record::{Observer, decode};
use store::{BoxError, Capture, Fold, Position};

use crate::engine::Engine;

/// Engine and observer while the journal is read back.
pub(super) struct Folding<'q> {
    pub(super) engine: &'q mut Engine,
    pub(super) observer: &'q dyn Observer,
}

impl Fold for Folding<'_> {
    fn apply(&mut self, position: Position, at: Timestamp, payload: &[u8]) -> Result<(), BoxError> {
        let record = decode(payload)?;
        self.engine.apply(position, at, &record)?;
        self.observer.applied(position, at, &record);
        Ok(())
    }

    fn capture(&self) -> Capture {
        capture(self.engine, self.observer)
    }

    fn restore(&mut self, from: &mut dyn Read) -> Result<(), BoxError> {
        self.engine.restore(from)?;
        self.observer.restore(from)?;
        Ok(())
    }
}

/// Both states as of now, the engine's first.
pub(super) fn capture(engine: &Engine, observer: &dyn Observer) -> Capture {
    let (engine, observer) = (engine.capture(), observer.capture());
    Box::new(move |out| {
        engine(out)?;
        observer(out)
    })
}
