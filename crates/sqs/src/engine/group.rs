//! Message groups: of FIFO queues by name, of standard queues (fair queues) as tenants.
//!
//! The groups that may give a message stand in a ring; each receive takes from its front. On a FIFO queue a group of
//! which a message is in flight gives none. On a standard queue each group gives one message a turn, so that a tenant
//! with a long backlog delays no other; tenants are 1,024 buckets by the hash of their name, which bounds them, and two
//! tenants in one bucket share its turns.

use std::collections::{HashMap, VecDeque};

use super::hot::List;

/// How many tenants a standard queue tells apart.
pub(crate) const TENANTS: u32 = 1024;

/// One group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Of FIFO queues.
    pub(crate) name: Option<Box<str>>,
    /// Its ready messages.
    pub(crate) list: List,
    pub(crate) ready: u32,
    /// How many are in flight or wait for a retry.
    pub(crate) locked: u32,
    pub(crate) delayed: u32,
    /// Until when the last delayed message waits: later ones wait at least as long, so that order holds.
    pub(crate) delay_floor: u64,
    is_in_ring: bool,
}

impl Group {
    const fn new(name: Option<Box<str>>) -> Self {
        Self {
            name,
            list: List::EMPTY,
            ready: 0,
            locked: 0,
            delayed: 0,
            delay_floor: 0,
            is_in_ring: false,
        }
    }

    fn is_unused(&self) -> bool {
        self.ready == 0 && self.locked == 0 && self.delayed == 0
    }
}

/// The groups of a queue, by number; 0 is no group's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    groups: Vec<Option<Group>>,
    free: Vec<u32>,
    names: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    ring: VecDeque<u32>,
}

impl Groups {
    /// The number of the group `name` of a FIFO queue, which is made when there is none.
    pub(crate) fn named(&mut self, name: &str) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = self.free.pop().unwrap_or(self.groups.len() as u32 + 1);
        self.put(number, Some(name.into()));
        self.names.insert(name.into(), number);
        number
    }

    /// Makes the group of a number when there is none.
    pub(crate) fn put(&mut self, number: u32, name: Option<Box<str>>) {
        let index = number.saturating_sub(1) as usize;
        if self.groups.len() <= index {
            self.groups.resize_with(index + 1, || None);
        }
        if let Some(group) = self.groups.get_mut(index)
            && group.is_none()
        {
            *group = Some(Group::new(name));
        }
    }

    /// Restores a named group with its number.
    pub(crate) fn restore(&mut self, number: u32, name: &str) {
        self.put(number, Some(name.into()));
        self.names.insert(name.into(), number);
    }

    /// After a restore: the numbers that no group has are free.
    pub(crate) fn find_free(&mut self) {
        let free = self
            .groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.is_none());
        self.free = free.map(|(index, _)| index as u32 + 1).collect();
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Group> {
        self.groups.get(number.checked_sub(1)? as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Group> {
        self.groups
            .get_mut(number.checked_sub(1)? as usize)?
            .as_mut()
    }

    /// The named groups with their numbers.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = (&str, u32)> {
        self.names.iter().map(|(name, number)| (&**name, *number))
    }

    /// The groups in the order of the ring. Some may give nothing.
    pub(crate) fn ring(&self) -> impl Iterator<Item = &Group> {
        self.ring.iter().filter_map(|number| self.get(*number))
    }

    /// The group at a place in the ring; an empty one when it is no more.
    pub(crate) fn in_ring_at(&self, place: usize) -> Option<&Group> {
        const NONE: &Group = &Group::new(None);
        self.ring
            .get(place)
            .map(|number| self.get(*number).unwrap_or(NONE))
    }

    /// Whether a group stands in the ring.
    pub(crate) fn is_in_ring(&self, number: u32) -> bool {
        self.get(number).is_some_and(|group| group.is_in_ring)
    }

    /// A group of which something changed joins the ring when it may give a message, and is forgotten when it has none.
    pub(crate) fn settle(&mut self, number: u32, is_fifo: bool) {
        let Some(group) = self.get_mut(number) else {
            return;
        };
        if group.is_unused() && !group.is_in_ring {
            self.forget(number);
            return;
        }
        let may_give = group.ready > 0 && !(is_fifo && group.locked > 0);
        if may_give && !group.is_in_ring {
            group.is_in_ring = true;
            self.ring.push_back(number);
        }
    }

    fn forget(&mut self, number: u32) {
        let Some(slot) = self.groups.get_mut(number.saturating_sub(1) as usize) else {
            return;
        };
        if let Some(name) = slot.take().and_then(|group| group.name) {
            self.names.remove(&name);
            self.free.push(number);
        }
    }

    /// A turn is over: the group at the front goes to the end.
    pub(crate) fn rotate(&mut self, number: u32) {
        if self.ring.front() == Some(&number) {
            self.ring.rotate_left(1);
        }
    }

    /// Takes the groups at the front that may give nothing out of the ring.
    pub(crate) fn tidy(&mut self, is_fifo: bool) {
        while let Some(number) = self.ring.front().copied() {
            let Some(group) = self.get_mut(number) else {
                self.ring.pop_front();
                continue;
            };
            if group.ready > 0 && !(is_fifo && group.locked > 0) {
                return;
            }
            group.is_in_ring = false;
            self.ring.pop_front();
            self.settle(number, is_fifo);
        }
    }

    /// How many named groups there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}
