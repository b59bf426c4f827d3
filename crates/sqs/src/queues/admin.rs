//! Creating, changing, listing and purging queues.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;
use store::record::{QueueId, Record, Stored};
use store::{Class, Position};

use super::{Queue, Queues};
use crate::engine::decide::{Creation, Rest};
use crate::engine::{Engine, json};
use crate::policy::Permission;
use crate::settings::Settings;
use crate::{Error, name, policy};

/// A page of queues.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of names.
    pub queues: Vec<Arc<Queue>>,
    /// Where the next page begins; `None` = this was the last.
    pub next: Option<String>,
}

/// How many messages are in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// May be received now.
    pub visible: u64,
    /// Received and not yet deleted or visible again.
    pub in_flight: u64,
    /// Sent with a delay that is not over.
    pub delayed: u64,
    /// Settled, to be tried again later.
    pub retry: u64,
    /// When the oldest that is there was sent; to the minute for what was received and came back.
    pub oldest: Option<Timestamp>,
}

impl Queues {
    /// Creates a queue, or finds the one that has the name and the same attributes.
    ///
    /// # Errors
    /// When name, attributes or tags break a rule, the name exists with other attributes, or was deleted in the last 60 s.
    pub async fn create(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Arc<Queue>, Error> {
        self.create_after(Rest::Kept, name, attributes, tags).await
    }

    /// Creates a queue that the server itself needs, or finds the one of that name. A name that rests after a deletion is no
    /// obstacle: the rest is there for callers who know the old queue, and a server must not wait for it to start.
    ///
    /// # Errors
    /// When name or attributes break a rule.
    pub async fn find_or_create(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<Arc<Queue>, Error> {
        if let Ok(queue) = self.queue(name) {
            return Ok(queue);
        }
        self.create_after(Rest::Skipped, name, attributes, &BTreeMap::new())
            .await
    }

    async fn create_after(
        &self,
        rest: Rest,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Arc<Queue>, Error> {
        name::check(name)?;
        let (queue, end) = {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            let wanted = Settings::create(name, attributes, tags, at)?;
            let given: Vec<&str> = attributes.keys().map(String::as_str).collect();
            match engine.decide_create(name, wanted, &given, rest, at)? {
                Creation::Exists(id) => (self.view(id, name)?, self.journal.end()),
                Creation::New(id, settings) => {
                    self.create_new(&mut engine, id, name, settings, at)?
                }
            }
        };
        self.journal.committed(end).await?;
        Ok(queue)
    }

    fn create_new(
        &self,
        engine: &mut Engine,
        id: QueueId,
        name: &str,
        settings: Settings,
        at: Timestamp,
    ) -> Result<(Arc<Queue>, Position), Error> {
        let bytes = json(&settings);
        let mut record = Record::QueueCreated {
            queue: id,
            name,
            settings: &bytes,
        };
        let end = self.write(engine, Class::Send, at, &mut record)?.end;
        warn_of_unmet(name, None, &settings);
        let queue = Arc::new(Queue::new(id, name, Arc::new(settings)));
        let mut views = self.views.write();
        // Before anybody can find it: an outsider could take a message of the route else.
        queue.bind(views.bound.get(name).cloned());
        views.by_name.insert(name.to_owned(), Arc::clone(&queue));
        views.by_id.insert(id, Arc::clone(&queue));
        Ok((queue, end))
    }

    /// Binds queues to routes, by their names: outsiders may not receive from them and delete then. One that is created
    /// later under such a name is bound from its first moment. A queue that is not named is bound to none.
    ///
    /// `routes`: by the name of the queue.
    pub fn bind(&self, routes: BTreeMap<String, String>) {
        let mut views = self.views.write();
        for queue in views.by_id.values() {
            queue.bind(routes.get(queue.name()).cloned());
        }
        views.bound = routes;
    }

    /// Whether the queue `name` is bound to a route, or would be once it is made.
    #[must_use]
    pub fn is_bound(&self, name: &str) -> bool {
        self.views.read().bound.contains_key(name)
    }

    /// Whether the policy of some queue may allow something to callers who have not signed.
    #[must_use]
    pub fn is_some_open(&self) -> bool {
        self.views
            .read()
            .by_id
            .values()
            .any(|queue| queue.is_open())
    }

    fn view(&self, id: QueueId, name: &str) -> Result<Arc<Queue>, Error> {
        self.queue_by_id(id).ok_or_else(|| Error::QueueNotFound {
            name: name.to_owned(),
        })
    }

    /// Deletes a queue with everything in it. Its name rests for 60 s.
    ///
    /// # Errors
    /// [`Error::QueueNotFound`].
    pub async fn delete_queue(&self, queue: &Queue) -> Result<(), Error> {
        let end = {
            let mut engine = self.engine.lock();
            engine.queue(queue.id()).map_err(|_| queue.not_found())?;
            let at = engine.time(self.now());
            let end = self
                .write(
                    &mut engine,
                    Class::Settle,
                    at,
                    &mut Record::QueueDeleted { queue: queue.id() },
                )?
                .end;
            let mut views = self.views.write();
            views.by_name.remove(queue.name());
            views.by_id.remove(&queue.id());
            end
        };
        queue.arrivals.notify_waiters();
        if let Some(route) = queue.route() {
            tracing::warn!(
                queue = queue.name(),
                route,
                "the queue of a route was deleted, with all that waited in it: the route has none until it is created again, the settings are read again (SIGHUP) or the server starts anew"
            );
        }
        Ok(self.journal.committed(end).await?)
    }

    /// The queues whose names begin with `prefix`, in the order of names.
    ///
    /// `max`: 1 to 1,000. `from`: the `next` of the page before.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for another `max`.
    pub fn list(&self, prefix: &str, max: usize, from: Option<&str>) -> Result<Page, Error> {
        let engine = self.engine.lock();
        let names = engine.names_from(from.unwrap_or(prefix).max(prefix));
        let named = names.take_while(|(name, _)| name.starts_with(prefix));
        self.page(named, max)
    }

    /// The queues whose redrive policy names this one, in the order of names.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when `max` is not 1 to 1,000.
    pub fn dead_letter_sources(
        &self,
        queue: &Queue,
        max: usize,
        from: Option<&str>,
    ) -> Result<Page, Error> {
        let engine = self.engine.lock();
        engine.queue(queue.id()).map_err(|_| queue.not_found())?;
        let sources = engine.sources_of(queue.id()).into_iter();
        self.page(
            sources.filter(|(name, _)| from.is_none_or(|from| *name >= from)),
            max,
        )
    }

    fn page<'n>(
        &self,
        names: impl Iterator<Item = (&'n str, QueueId)>,
        max: usize,
    ) -> Result<Page, Error> {
        if !(1..=1000).contains(&max) {
            return Err(Error::parameter(
                "MaxResults",
                max.to_string(),
                "it is an integer from 1 to 1000",
            ));
        }
        let mut page: Vec<(&str, QueueId)> = names.take(max + 1).collect();
        let next = if page.len() > max {
            page.pop().map(|(name, _)| name.to_owned())
        } else {
            None
        };
        let views = self.views.read();
        Ok(Page {
            queues: page
                .iter()
                .filter_map(|(_, id)| views.by_id.get(id).cloned())
                .collect(),
            next,
        })
    }

    /// Every attribute that GetQueueAttributes shows with `All`.
    ///
    /// # Errors
    /// [`Error::QueueNotFound`].
    pub fn attributes(&self, queue: &Queue) -> Result<BTreeMap<String, String>, Error> {
        let counts = self.count_messages(queue, Oldest::Skip)?;
        let mut all = queue.settings().all();
        for (name, count) in [
            ("ApproximateNumberOfMessages", counts.visible),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight),
            // A retry wait is a delay to everybody outside.
            (
                "ApproximateNumberOfMessagesDelayed",
                counts.delayed + counts.retry,
            ),
        ] {
            all.insert(name.to_owned(), count.to_string());
        }
        all.insert("QueueArn".to_owned(), self.arn(queue.name()));
        Ok(all)
    }

    /// Replaces some attributes; an empty policy removes it.
    ///
    /// # Errors
    /// When an attribute breaks a rule; then none is changed.
    pub async fn set_attributes(
        &self,
        queue: &Queue,
        attributes: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        self.change(queue, |engine, settings, at| {
            let changed = settings.change(attributes, at)?;
            if attributes.contains_key("RedrivePolicy") {
                engine.check_redrive(queue.name(), &changed)?;
            }
            Ok(changed)
        })
        .await?;
        // What waits for less now may be there.
        queue.wake();
        Ok(())
    }

    /// Adds or replaces tags.
    ///
    /// # Errors
    /// When a tag breaks a rule or there would be more than 50.
    pub async fn tag(&self, queue: &Queue, tags: &BTreeMap<String, String>) -> Result<(), Error> {
        self.change(queue, |_, settings, _| {
            let mut changed = settings.clone();
            changed.add_tags(tags)?;
            Ok(changed)
        })
        .await
    }

    /// Removes tags; keys that are not there are none's loss.
    ///
    /// # Errors
    /// [`Error::QueueNotFound`].
    pub async fn untag(&self, queue: &Queue, keys: &[String]) -> Result<(), Error> {
        self.change(queue, |_, settings, _| {
            let mut changed = settings.clone();
            changed.tags.retain(|key, _| !keys.contains(key));
            Ok(changed)
        })
        .await
    }

    /// Adds a statement to the queue's policy. `actions`: names of actions, or `*`.
    ///
    /// # Errors
    /// When label, accounts or actions break a rule, the label exists, or the policy would be beyond a quota.
    pub async fn add_permission(
        &self,
        queue: &Queue,
        label: &str,
        accounts: &[String],
        actions: &[String],
    ) -> Result<(), Error> {
        let permission = Permission {
            label,
            accounts,
            actions,
        };
        permission.check()?;
        self.change_policy(queue, |policy, arn| policy::add(policy, arn, permission))
            .await
    }

    /// Removes a statement of the queue's policy.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no statement has the label.
    pub async fn remove_permission(&self, queue: &Queue, label: &str) -> Result<(), Error> {
        self.change_policy(queue, |policy, arn| policy::remove(policy, arn, label))
            .await
    }

    async fn change_policy(
        &self,
        queue: &Queue,
        change: impl FnOnce(Option<&str>, &str) -> Result<Option<String>, Error>,
    ) -> Result<(), Error> {
        let arn = self.arn(queue.name());
        self.change(queue, |_, settings, at| {
            Ok(Settings {
                policy: change(settings.policy.as_deref(), &arn)?,
                modified_ms: at.as_millis(),
                ..settings.clone()
            })
        })
        .await
    }

    async fn change(
        &self,
        queue: &Queue,
        change: impl FnOnce(&Engine, &Settings, Timestamp) -> Result<Settings, Error>,
    ) -> Result<(), Error> {
        let end = {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            let before = Arc::clone(
                &engine
                    .queue(queue.id())
                    .map_err(|_| queue.not_found())?
                    .settings,
            );
            let changed = change(&engine, &before, at)?;
            let bytes = json(&changed);
            let mut record = Record::QueueChanged {
                queue: queue.id(),
                settings: &bytes,
            };
            let end = self.write(&mut engine, Class::Settle, at, &mut record)?.end;
            warn_of_unmet(queue.name(), Some(&before), &changed);
            queue.set_settings(Arc::new(changed));
            end
        };
        Ok(self.journal.committed(end).await?)
    }

    /// Takes everything out of a queue, in flight or not.
    ///
    /// # Errors
    /// [`Error::PurgeInProgress`] when it was purged in the last 60 s.
    pub async fn purge(&self, queue: &Queue) -> Result<(), Error> {
        let end = {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            engine.queue(queue.id()).map_err(|_| queue.not_found())?;
            engine.decide_purge(queue.id(), at)?;
            self.write(
                &mut engine,
                Class::Settle,
                at,
                &mut Record::Purged { queue: queue.id() },
            )?
            .end
        };
        Ok(self.journal.committed(end).await?)
    }

    /// How many messages are in the queue.
    ///
    /// # Errors
    /// [`Error::QueueNotFound`].
    pub fn counts(&self, queue: &Queue) -> Result<Counts, Error> {
        self.count_messages(queue, Oldest::Find)
    }

    fn count_messages(&self, queue: &Queue, oldest: Oldest) -> Result<Counts, Error> {
        let (counts, cold) = {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            let state = engine
                .queue_mut(queue.id())
                .map_err(|_| queue.not_found())?;
            state.advance(at);
            let find = oldest == Oldest::Find;
            let counts = Counts {
                visible: state.visible(),
                in_flight: u64::from(state.in_flight),
                delayed: u64::from(state.delayed),
                retry: u64::from(state.retry),
                oldest: find.then(|| state.oldest_hot()).flatten(),
            };
            let cold = state.oldest_cold().filter(|_| find);
            (
                counts,
                cold.map(|(key, minute)| (state.location(key), minute)),
            )
        };
        // Of a cold message only the journal knows the second.
        let cold = cold.map(|(location, minute)| self.sent_at(location).unwrap_or(minute));
        let oldest = counts.oldest.into_iter().chain(cold).min();
        Ok(Counts { oldest, ..counts })
    }

    /// When the message at a place in the log was sent; `None` when it cannot be read, or is not there any more.
    fn sent_at(&self, location: u64) -> Option<Timestamp> {
        let entry = self.entry(location).ok()?;
        match Stored::read(&entry).ok()? {
            Stored::Message { message, .. } => Some(message.sent_at),
            Stored::Longer { .. } => None,
        }
    }

    /// Messages sent in the minutes from that of `from` to that of `to` (exclusive). Kept for 24 h.
    ///
    /// # Errors
    /// [`Error::QueueNotFound`].
    pub fn sent_in(&self, queue: &Queue, from: Timestamp, to: Timestamp) -> Result<u64, Error> {
        let engine = self.engine.lock();
        let state = engine.queue(queue.id()).map_err(|_| queue.not_found())?;
        let minutes = from.as_minutes()..to.as_minutes();
        let counts = state
            .sent
            .iter()
            .filter(|(minute, _)| minutes.contains(&u64::from(*minute)));
        Ok(counts.map(|(_, count)| u64::from(*count)).sum())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Oldest {
    Find,
    Skip,
}

/// Says once what a queue is set to and does not do.
fn warn_of_unmet(queue: &str, before: Option<&Settings>, settings: &Settings) {
    let was_said = |what| before.is_some_and(|before| before.unmet().any(|said| said == what));
    for what in settings.unmet().filter(|what| !was_said(*what)) {
        tracing::warn!(queue, "{what}");
    }
}
