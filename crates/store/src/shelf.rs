//! The segments there are, and their files, of which a bounded number is kept open.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::disk::{Disk, FileRef};
use crate::segment::{Span, name};

/// Files kept open at once; more segments are opened when they are read (chosen: 256 x 64 MiB = 16 GiB).
const OPEN_FILES_MAX: usize = 256;

#[derive(Debug)]
pub(crate) struct Shelf {
    disk: Arc<dyn Disk>,
    slots: RwLock<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    by_base: BTreeMap<u64, Slot>,
    /// Bases of open files, the one opened first in front.
    open: VecDeque<u64>,
}

#[derive(Debug)]
struct Slot {
    span: Span,
    file: Option<FileRef>,
}

impl Shelf {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            slots: RwLock::default(),
        }
    }

    pub(crate) fn insert(&self, span: Span, file: FileRef) {
        let mut slots = self.slots.write();
        let file = Some(file);
        slots.by_base.insert(span.base, Slot { span, file });
        slots.opened(span.base);
    }

    /// Says whether it was there.
    pub(crate) fn remove(&self, base: u64) -> bool {
        let mut slots = self.slots.write();
        slots.open.retain(|open| *open != base);
        slots.by_base.remove(&base).is_some()
    }

    pub(crate) fn holds(&self, base: u64) -> bool {
        self.slots.read().by_base.contains_key(&base)
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let slots = self.slots.read();
        slots.by_base.values().map(|slot| slot.span).collect()
    }

    /// The segment that holds `position`, opened.
    pub(crate) fn find(&self, position: u64) -> io::Result<Option<(Span, FileRef)>> {
        let span = {
            let slots = self.slots.read();
            let Some(slot) = slots.holding(position) else {
                return Ok(None);
            };
            if let Some(file) = &slot.file {
                return Ok(Some((slot.span, Arc::clone(file))));
            }
            slot.span
        };
        let file = self.disk.open(&name(span.base))?;
        let mut slots = self.slots.write();
        if let Some(slot) = slots.by_base.get_mut(&span.base) {
            slot.file = Some(Arc::clone(&file));
            slots.opened(span.base);
        }
        Ok(Some((span, file)))
    }
}

impl Slots {
    fn holding(&self, position: u64) -> Option<&Slot> {
        let (_, slot) = self.by_base.range(..=position).next_back()?;
        (position < slot.span.end()).then_some(slot)
    }

    fn opened(&mut self, base: u64) {
        self.open.retain(|open| *open != base);
        self.open.push_back(base);
        if self.open.len() <= OPEN_FILES_MAX {
            return;
        }
        let oldest = self.open.pop_front();
        if let Some(slot) = oldest.and_then(|base| self.by_base.get_mut(&base)) {
            slot.file = None;
        }
    }
}
