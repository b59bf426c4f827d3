//! Requests made by templates: a route's from a line, a destination's once the receiver is known.

use super::*;
use crate::format;
use crate::making::Facts;

impl Dispatcher {
    /// The request that a line asks for.
    pub(super) fn parse_line(
        &mut self,
        at: Moment,
        key: MessageKey,
        index: u32,
        raw: &Bytes,
    ) -> Result<Parsed, format::Error> {
        if self.setup.format.request().is_none() {
            return self.setup.format.parse(raw);
        }
        let (number, attempts) = self.number_of(key, index);
        let id = self.id_of(key, number, None);
        let facts = self.facts(at, key, &id, attempts + 1);
        self.setup.format.parse_with(raw, &facts)
    }

    /// Changes the request as the rules of its receiver say; why that cannot be, where it cannot.
    pub(super) fn fill(
        &self,
        at: Moment,
        key: MessageKey,
        unit: Option<UnitId>,
        raw: &Bytes,
        notification: &mut Notification,
    ) -> Option<Reason> {
        let templates = self.units.get(unit?)?.rules.request.clone()?;
        let fields = self.setup.format.fields(raw);
        let id = notification.id.clone();
        let facts = self.facts(at, key, &id, notification.attempt);
        let filled = templates.apply(&mut notification.request, &fields, &facts);
        filled.err().map(|error| format::Error::from(error).into())
    }

    fn facts<'a>(&'a self, at: Moment, key: MessageKey, id: &'a str, attempt: u32) -> Facts<'a> {
        let message = self.messages.get(key);
        let attributes = message.map(|message| &message.received.attributes);
        Facts {
            id,
            takes_own_id: !attributes.is_some_and(|all| all.contains_key(travel::NEW_ID)),
            attempt,
            attributes,
            at: at.wall,
            accepted_at: message.map_or(at.wall, |message| message.accepted_at),
        }
    }
}
