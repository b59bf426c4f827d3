//! Search: records found by several things at once, for people.
//!
//! LookupEvents takes one attribute, as AWS's does; this takes any number. The rarest of them goes through the index, the
//! others are asked of what the index finds.

use base::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::Trails;
use crate::history::{Attribute, Found, Query};
use crate::record::facts;
use crate::trails::Error;

/// The most records that a search looks through. Chosen: about a second's work.
const LOOKED_THROUGH_MAX: usize = 100_000;

/// How many records are taken at a time. Chosen.
const PAGE: usize = 500;

/// What is searched for; all that is given must be so.
#[derive(Clone, Debug)]
pub struct Search {
    /// Such as `alice`.
    pub user: Option<String>,
    /// Such as `AKIAIOSFODNN7EXAMPLE`.
    pub key: Option<String>,
    /// Such as `CreateQueue`.
    pub event: Option<String>,
    /// Such as `sqs.amazonaws.com` or `sqs`.
    pub service: Option<String>,
    /// The name or ARN of something that was touched.
    pub resource: Option<String>,
    /// The id of the event.
    pub id: Option<String>,
    /// The code of the failure, such as `AccessDenied`.
    pub error: Option<String>,
    /// Only what failed.
    pub is_failed: bool,
    /// Only what changes something.
    pub is_write: bool,
    /// From then on, in whole seconds.
    pub since: Timestamp,
    /// Up to then, in whole seconds.
    pub until: Timestamp,
    /// How many at most.
    pub max: usize,
}

impl Default for Search {
    /// Everything.
    fn default() -> Self {
        Self {
            user: None,
            key: None,
            event: None,
            service: None,
            resource: None,
            id: None,
            error: None,
            is_failed: false,
            is_write: false,
            since: Timestamp::EPOCH,
            until: Timestamp::MAX,
            max: usize::MAX,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Events {
    /// The records, newest first.
    pub events: Vec<Value>,
    /// Whether there may be more that were not told.
    pub is_cut: bool,
}

impl Search {
    /// What must be so of a record, the rarest first.
    fn attributes(&self) -> Vec<Attribute> {
        let source = |service: &String| match service.contains('.') {
            true => service.clone(),
            false => facts::event_source(service).into_owned(),
        };
        let all = [
            self.id.clone().map(Attribute::EventId),
            self.key.clone().map(Attribute::AccessKeyId),
            self.resource.clone().map(Attribute::ResourceName),
            self.user.clone().map(Attribute::Username),
            self.event.clone().map(Attribute::EventName),
            self.service
                .as_ref()
                .map(source)
                .map(Attribute::EventSource),
            self.is_write
                .then(|| Attribute::ReadOnly("false".to_owned())),
        ];
        all.into_iter().flatten().collect()
    }

    fn takes(&self, found: &Found, attributes: &[Attribute]) -> bool {
        let code = found.attributes.error_code.as_deref();
        let is_right_error = self.error.as_deref().is_none_or(|it| code == Some(it));
        is_right_error
            && (!self.is_failed || code.is_some())
            && attributes.iter().all(|it| it.is_of(&found.attributes))
    }
}

impl Trails {
    /// Searches the management records.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn search(&self, search: &Search) -> Result<Events, Error> {
        let attributes = search.attributes();
        let mut query = Query {
            attribute: attributes.first().cloned(),
            from: search.since,
            to: search.until,
            before: u64::MAX,
            max: PAGE,
        };
        let (mut found, mut looked_through) = (Events::default(), 0);
        loop {
            let page = self.history().look_up(&query)?;
            looked_through += page.records.len();
            for one in page
                .records
                .iter()
                .filter(|it| search.takes(it, &attributes))
            {
                if found.events.len() == search.max {
                    found.is_cut = true;
                    return Ok(found);
                }
                found
                    .events
                    .push(serde_json::from_slice(&one.frame.record).unwrap_or_default());
            }
            match page.next {
                None => return Ok(found),
                Some(_) if looked_through >= LOOKED_THROUGH_MAX => {
                    found.is_cut = true;
                    return Ok(found);
                }
                Some(before) => query.before = before,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::Class;
    use crate::trails::simulation::World;

    fn found(world: &World, search: &Search) -> Vec<String> {
        let found = world.trails.search(search).unwrap();
        let name = |event: &Value| event["eventName"].as_str().unwrap_or_default().to_owned();
        found.events.iter().map(name).collect()
    }

    #[test]
    fn all_that_is_given_must_be_so() {
        let mut world = World::new(1);
        for operation in ["CreateQueue", "ListQueues", "DeleteQueue"] {
            world.call("sqs", operation, Class::Management).unwrap();
            world.advance(10);
        }
        let text = |text: &str| Some(text.to_owned());
        let all = Search::default();
        assert_eq!(
            found(&world, &all),
            ["DeleteQueue", "ListQueues", "CreateQueue"]
        );
        let user = text("alice");
        let writes = Search {
            is_write: true,
            user,
            service: text("sqs"),
            ..all.clone()
        };
        assert_eq!(found(&world, &writes), ["DeleteQueue", "CreateQueue"]);
        let late = world.trails.now().minus(std::time::Duration::from_secs(25));
        let since = Search {
            since: late,
            ..writes.clone()
        };
        assert_eq!(found(&world, &since), ["DeleteQueue"]);
        for nothing in [
            Search {
                user: text("bob"),
                ..writes.clone()
            },
            Search {
                is_failed: true,
                ..all.clone()
            },
            Search {
                error: text("AccessDenied"),
                ..all.clone()
            },
            Search {
                event: text("ListQueues"),
                ..writes
            },
        ] {
            assert_eq!(found(&world, &nothing), [""; 0], "{nothing:?}");
        }
        let one = Search { max: 1, ..all };
        let answer = world.trails.search(&one).unwrap();
        assert_eq!((answer.events.len(), answer.is_cut), (1, true));
    }
}
