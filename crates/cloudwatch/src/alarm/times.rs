//! When something is due, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;

/// At most one moment for each name.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    queue: BTreeSet<(Timestamp, Arc<str>)>,
    due: BTreeMap<Arc<str>, Timestamp>,
}

impl Timetable {
    /// Sets or takes away the moment of `name`.
    pub(super) fn set(&mut self, name: &Arc<str>, at: Option<Timestamp>) {
        if let Some(before) = self.due.remove(name) {
            self.queue.remove(&(before, Arc::clone(name)));
        }
        if let Some(at) = at {
            self.due.insert(Arc::clone(name), at);
            self.queue.insert((at, Arc::clone(name)));
        }
    }

    /// Takes out at most `most` names whose moment has come, earliest first.
    pub(super) fn take_due(&mut self, now: Timestamp, most: usize) -> Vec<Arc<str>> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let Some((at, _)) = self.queue.first() else {
                break;
            };
            if *at > now {
                break;
            }
            if let Some((_, name)) = self.queue.pop_first() {
                self.due.remove(&name);
                taken.push(name);
            }
        }
        taken
    }
}
