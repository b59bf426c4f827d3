//! FIFO groups: one message in flight, the others behind it.

use super::*;

/// FIFO groups.
impl Dispatcher {
    pub(super) fn join_group(&mut self, key: MessageKey) {
        let group = self
            .messages
            .get(key)
            .and_then(|message| message.received.group.clone());
        if let Some(group) = group {
            self.groups
                .entry(group)
                .or_default()
                .messages
                .push_back(key);
        }
    }

    /// Lets the next line of a message stand in line, if the message is the first of its group.
    pub(super) fn next_in_group(&mut self, at: Moment, key: MessageKey) {
        let Some(message) = self.messages.get(key) else {
            return;
        };
        let group = message
            .received
            .group
            .as_ref()
            .and_then(|group| self.groups.get(group));
        let is_first = group.is_none_or(|group| group.messages.front() == Some(&key));
        let has_flight = message
            .lines
            .iter()
            .any(|line| line.state == LineState::InFlight);
        let next = message
            .lines
            .iter()
            .position(|line| line.state == LineState::Waiting);
        if let (true, false, Some(line)) = (
            is_first,
            has_flight,
            next.and_then(|line| u32::try_from(line).ok()),
        ) {
            self.queue_line(at, JobKey { message: key, line });
        }
    }

    pub(super) fn leave_group(
        &mut self,
        at: Moment,
        key: MessageKey,
        message: &Message,
        goes_on: bool,
    ) {
        if message.is_ordered
            && let Some(group) = &message.received.group
        {
            self.leave_group_named(at, key, &group.clone(), goes_on);
        }
    }

    /// A message has left its group: the next one begins, or, when it comes again, those behind it go back.
    pub(super) fn leave_group_named(
        &mut self,
        at: Moment,
        key: MessageKey,
        name: &Arc<str>,
        goes_on: bool,
    ) {
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        let Some(place) = group.messages.iter().position(|other| *other == key) else {
            return;
        };
        group.messages.remove(place);
        let behind = match goes_on {
            true => group.messages.split_off(place),
            false => VecDeque::new(),
        };
        let next = group.messages.front().copied();
        for other in behind {
            if let Some(message) = self.messages.remove(other) {
                self.releases.push(message.received.lease);
            }
        }
        match next {
            None => drop(self.groups.remove(name)),
            Some(next) if place == 0 => self.next_in_group(at, next),
            Some(_) => {}
        }
    }
}
