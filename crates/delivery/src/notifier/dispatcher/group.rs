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
        if self.setup.traits.is_fifo
            && let Some(group) = &message.received.group
        {
            self.leave_group_named(at, key, &group.clone(), goes_on);
        }
    }

    /// A message has left its group: the next one begins, or, when it must be tried again, the others go back.
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
        let was_first = group.messages.front() == Some(&key);
        group.messages.retain(|other| *other != key);
        let Some(next) = group.messages.front().copied() else {
            self.groups.remove(name);
            return;
        };
        if was_first && goes_on {
            let others = self.groups.remove(name).unwrap_or_default().messages;
            for other in others {
                if let Some(message) = self.messages.remove(other) {
                    self.releases.push(message.received.lease);
                }
            }
        } else if was_first {
            self.next_in_group(at, next);
        }
    }
}
