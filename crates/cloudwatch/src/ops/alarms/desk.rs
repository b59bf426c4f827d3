//! What every operation here has at hand: the alarms, what an action touches, the threads that may block.

use std::collections::BTreeSet;

use api::{Access, Fault};

use super::Desk;
use super::fault;
use super::shape::Tag;
use crate::alarm::{Alarms, Error};
use crate::ops::Place;

/// Records of a page. Source: API Reference, `MaxRecords`.
const RECORDS_MAX: i32 = 100;

impl Desk {
    pub(super) fn place(&self) -> &Place {
        self.alarms.place()
    }

    /// Nothing in particular: all that is the account's.
    pub(super) fn everything(&self, action: &'static str) -> Vec<Access> {
        vec![Access::new(action, self.place().all())]
    }

    /// `action` on an alarm, whether it exists or not.
    pub(super) fn on_alarm(&self, action: &'static str, name: &str) -> Access {
        let access = Access::new(action, self.place().alarm(name));
        match self.alarms.book().alarm(name) {
            Some(entry) => with_tags(access, &entry.alarm.tags),
            None => access,
        }
    }

    /// `action` on each of some alarms.
    pub(super) fn on_alarms(&self, action: &'static str, names: &[String]) -> Vec<Access> {
        if names.is_empty() {
            return self.everything(action);
        }
        let names: BTreeSet<_> = names.iter().collect();
        names
            .into_iter()
            .map(|name| self.on_alarm(action, name))
            .collect()
    }

    /// `action` on a mute rule, whether it exists or not.
    pub(super) fn on_mute(&self, action: &'static str, name: &str) -> Access {
        let access = Access::new(action, self.place().mute_rule(name));
        match self.alarms.book().mute(name) {
            Some(mute) => with_tags(access, &mute.stored.tags),
            None => access,
        }
    }

    /// Does what blocks on the disk beside the threads that answer calls.
    pub(super) async fn blocking<R: Send + 'static>(
        &self,
        run: impl FnOnce(&Alarms) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Fault> {
        self.alarms.blocking(run).await.map_err(fault::of)
    }
}

fn with_tags(access: Access, tags: &crate::alarm::engine::book::Tags) -> Access {
    access.with_tags("aws:ResourceTag", tags)
}

/// The context of a request that gives tags.
pub(super) fn with_request_tags(access: Access, tags: &[Tag]) -> Access {
    if tags.is_empty() {
        return access;
    }
    access.with_request_tags(tags.iter().map(|tag| (&*tag.key, &*tag.value)))
}

/// How many records a page has, of those that were asked for.
pub(super) fn page_size(asked: Option<i32>, by_default: usize) -> Result<usize, Fault> {
    match asked {
        None => Ok(by_default),
        Some(count @ 1..=RECORDS_MAX) => Ok(usize::try_from(count).unwrap_or(by_default)),
        Some(count) if count < 1 => Err(fault::constraint(
            &count.to_string(),
            "maxRecords",
            "Member must have value greater than or equal to 1",
        )),
        Some(count) => Err(fault::constraint(
            &count.to_string(),
            "maxRecords",
            "Member must have value less than or equal to 100",
        )),
    }
}
