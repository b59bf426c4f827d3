//! The inventory on disk, and what is done with it.
//!
//! All of it is in memory; what changes is written to tables of the data directory in the order in which it was decided,
//! and whoever asked hears when it is there. When a host was heard of last is written once a minute for all.
//!
//! INVARIANT: who is told that something was done finds it done after a crash. A reader may see a change some milliseconds
//! before that; what comes of a change that could not be written is known after the next start, and until then the tables
//! take no others.
//!
//! Gateways and hosts are told what their part of private networks is, and wait for news of it: [`Instances::serve_network`] and
//! [`Instances::serve_host`].
//!
//! Whoever opens it calls [`Instances::tick`] every [`TICK_EVERY`], which finds silent hosts and finishes what a crash or a
//! trouble of the credentials' keeper has left undone.

mod agents;
mod error;
mod links;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Arn, Clock, Region, Timestamp};
use parking_lot::Mutex;
use store::tables::{Changes, Table, Tables};
use tokio::sync::{broadcast, watch};

use crate::credentials::{Credentials, Token};
use crate::engine::command::{Revoked, Run};
use crate::engine::enrol::{Cancel, Enrol, Withdrawn};
use crate::engine::filter::Placed;
use crate::engine::network::{Draw, SubnetId};
use crate::engine::tick::Tick;
use crate::engine::{
    Command, Event, Filter, Instance, InstanceId, Inventory, Networks, Pattern, Rules, State, id,
};
pub use agents::{AgentAnswer, AgentOrder, JoinAnswer, JoinRequest, SyncRequest};
pub use error::Error;

/// Instances by id, as JSON.
pub const INSTANCES: Table = "ec2-instances";
/// Enrolments by their keys' ids, as JSON; no secrets.
pub const ENROLMENTS: Table = "ec2-enrolments";
/// When each instance was heard of last, by id: milliseconds since 1970, 8 bytes, the most significant first.
pub const HEARD: Table = "ec2-heard";
/// What private networks are made of by id, as JSON: networks, subnets, security groups, route tables, peerings.
pub const NETWORKS: Table = "ec2-networks";
/// The tables of the inventory, to be opened with it.
pub const TABLES: &[Table] = &[INSTANCES, ENROLMENTS, HEARD, NETWORKS];

/// How often [`Instances::tick`] is to be called. Chosen: a tenth of the shortest patience with a silent host.
pub const TICK_EVERY: Duration = Duration::from_secs(3);
/// How often is written down when hosts were heard of.
const HEARD_EVERY: Duration = Duration::from_secs(60);
/// By how much the clock may go another way than time does before it has jumped. Chosen.
const JUMP: Duration = Duration::from_secs(10);
/// Events that wait for a slow listener, which then misses the oldest. Chosen.
const EVENTS_MAX: usize = 1024;
/// How long an enrolment for an instance may be used. Chosen.
pub const ENROLMENT_FOR: Duration = Duration::from_secs(24 * 3600);
/// The longest that any enrolment may be used. Chosen.
pub const ENROLMENT_FOR_MAX: Duration = Duration::from_secs(90 * 24 * 3600);

/// Where this inventory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its region.
    pub region: Region,
    /// Its account.
    pub account: AccountId,
}

impl Place {
    /// The ARN of an instance: `arn:aws:ec2:ap-northeast-1:123456789012:instance/i-0f1e2d3c4b5a69788`.
    #[must_use]
    pub fn instance(&self, id: &str) -> Arn {
        self.arn(&format!("instance/{id}"))
    }

    /// What actions without a resource act on.
    #[must_use]
    pub fn all(&self) -> Arn {
        self.arn("*")
    }

    /// The zone that all hosts are in: that of the region with the letter `a`.
    #[must_use]
    pub fn zone(&self) -> String {
        format!("{}a", self.region)
    }

    /// The ARN of any resource, such as of `vpc/vpc-0f1e2d3c4b5a69788`.
    #[must_use]
    pub fn arn(&self, resource: &str) -> Arn {
        Arn::new("ec2", &self.region, &self.account, resource)
    }
}

/// All hosts.
#[derive(Debug)]
pub struct Instances {
    tables: Arc<Tables>,
    place: Place,
    clock: Arc<dyn Clock>,
    credentials: Arc<dyn Credentials>,
    inventory: Arc<Mutex<Inventory>>,
    beat: Mutex<Beat>,
    events: broadcast::Sender<Event>,
    /// The last generation of a plan.
    generations: watch::Sender<u64>,
    /// Whether nobody waits any more.
    is_ending: watch::Sender<bool>,
}

/// What the last tick saw.
#[derive(Debug)]
struct Beat {
    wall: Timestamp,
    monotonic: Duration,
    saved: Duration,
    /// The time up to which it is written down when hosts were heard of.
    saved_until: Timestamp,
}

impl Instances {
    /// Reads the inventory back from `tables`, which has [`TABLES`] open. Nobody is silent before they could have reported.
    ///
    /// # Errors
    /// When a table cannot be read, or holds what is no row of it.
    pub fn open(
        tables: Arc<Tables>,
        place: Place,
        clock: Arc<dyn Clock>,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Arc<Self>, Error> {
        Self::open_with(tables, place, clock, credentials, Rules::default())
    }

    /// As [`Instances::open`], with other rules.
    ///
    /// # Errors
    /// As [`Instances::open`].
    pub fn open_with(
        tables: Arc<Tables>,
        place: Place,
        clock: Arc<dyn Clock>,
        credentials: Arc<dyn Credentials>,
        rules: Rules,
    ) -> Result<Arc<Self>, Error> {
        let now = clock.now();
        let inventory = rows::load(&tables.view(), rules, now)?;
        let monotonic = clock.monotonic();
        Ok(Arc::new(Self {
            inventory: Arc::new(Mutex::new(inventory)),
            beat: Mutex::new(Beat {
                wall: now,
                monotonic,
                saved: monotonic,
                saved_until: now,
            }),
            events: broadcast::channel(EVENTS_MAX).0,
            generations: watch::Sender::new(0),
            is_ending: watch::Sender::new(false),
            tables,
            place,
            clock,
            credentials,
        }))
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What happens from now on. A listener that is 1,024 behind misses some: read [`Instances::all`] then.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// All instances by id, terminated ones too.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Instance>> {
        self.inventory.lock().iter().cloned().collect()
    }

    /// An instance.
    #[must_use]
    pub fn get(&self, id: &InstanceId) -> Option<Arc<Instance>> {
        self.inventory.lock().get(id).cloned()
    }

    /// When an instance was heard of last.
    #[must_use]
    pub fn heard(&self, id: &InstanceId) -> Option<Timestamp> {
        self.inventory.lock().heard(id)
    }

    /// Reads what is known of networks.
    pub fn networks<T>(&self, read: impl FnOnce(&Networks) -> T) -> T {
        read(self.inventory.lock().networks())
    }

    /// Reads what is known.
    pub(crate) fn inventory<T>(&self, read: impl FnOnce(&Inventory) -> T) -> T {
        read(&self.inventory.lock())
    }

    /// Those of `ids`, or of all where that is empty, that every one of `filters` admits, by id.
    ///
    /// # Errors
    /// [`crate::engine::Error::NotFound`] where an id is unknown.
    pub fn describe(
        &self,
        ids: &[InstanceId],
        filters: &[Filter],
    ) -> Result<Vec<Arc<Instance>>, Error> {
        let inventory = self.inventory.lock();
        let mut found = match ids {
            [] => inventory.iter().cloned().collect(),
            ids => inventory.all(ids)?,
        };
        found.sort_by(|a, b| a.id.cmp(&b.id));
        let (zone, owner) = (self.place.zone(), self.place.account.to_string());
        found.retain(|instance| {
            let placed = Placed {
                instance,
                zone: &zone,
                owner: &owner,
                networks: inventory.networks(),
            };
            filters.iter().all(|filter| filter.admits(&placed))
        });
        Ok(found)
    }

    /// Those whose tag `Name` is as `pattern` says, by id, without those that are leaving. Two may have one name.
    #[must_use]
    pub fn by_name(&self, pattern: &str) -> Vec<Arc<Instance>> {
        let pattern = Pattern::new(pattern);
        let mut found = self.all();
        found.retain(|it| {
            let name = it.tags.get(crate::engine::tags::NAME);
            !it.state.is_leaving() && name.is_some_and(|name| pattern.matches(name))
        });
        found
    }

    /// Does a command, and answers when what came of it is on disk.
    ///
    /// # Errors
    /// When the command is refused, or cannot be written down.
    pub async fn change<C>(&self, command: C) -> Result<C::Outcome, Error>
    where
        C: Command + Send + 'static,
        C::Outcome: Send + 'static,
    {
        let inventory = Arc::clone(&self.inventory);
        let clock = Arc::clone(&self.clock);
        let decide = move |_: &_, changes: &mut Changes| {
            let mut inventory = inventory.lock();
            let done = inventory.apply(clock.now(), command)?;
            rows::write(&inventory, &done, changes)?;
            Ok::<_, Error>((done.outcome, done.events))
        };
        let (outcome, events) = self.tables.change(decide).await??;
        self.tell_generation();
        for event in events {
            tracing::debug!(?event, "inventory");
            // Nobody may listen.
            let _ = self.events.send(event);
        }
        Ok(outcome)
    }

    /// Makes instances as which agents are to join. `count`: how many there shall be at most; the ids of `run` are drawn here.
    ///
    /// # Errors
    /// As [`Instances::change`].
    pub async fn run(&self, mut run: Run, count: usize) -> Result<Vec<Arc<Instance>>, Error> {
        run.ids = (0..count).map(|_| new_id()).collect();
        run.reservation = new_reservation();
        self.change(run).await
    }

    /// A key that may only join, for `span`: as `instance`, where earlier ones for it end, or as any where that is `None`.
    ///
    /// # Errors
    /// When the instance is unknown or leaving, `span` is longer than [`ENROLMENT_FOR_MAX`], or no key can be made.
    pub async fn enrol(
        &self,
        instance: Option<&InstanceId>,
        span: Duration,
    ) -> Result<(Token, Timestamp), Error> {
        if span.is_zero() || span > ENROLMENT_FOR_MAX {
            return Err(Error::Span);
        }
        self.enrol_as(Enrol {
            key_id: String::new(),
            instance: instance.cloned(),
            subnet: None,
            until: self.clock.now().plus(span),
            is_first_only: false,
        })
        .await
    }

    /// A key that may only join, for `span`: any host, as a new instance inside the network of `subnet`. A host that is known
    /// stays where it is.
    ///
    /// # Errors
    /// As [`Instances::enrol`], and when there is no such subnet.
    pub async fn enrol_inside(
        &self,
        subnet: &SubnetId,
        span: Duration,
    ) -> Result<(Token, Timestamp), Error> {
        if span.is_zero() || span > ENROLMENT_FOR_MAX {
            return Err(Error::Span);
        }
        self.enrol_as(Enrol {
            key_id: String::new(),
            instance: None,
            subnet: Some(subnet.clone()),
            until: self.clock.now().plus(span),
            is_first_only: false,
        })
        .await
    }

    /// The key by which a host may join as `instance`, for [`ENROLMENT_FOR`], unless one was made before.
    ///
    /// # Errors
    /// As [`Instances::enrol`], and [`crate::engine::Error::Shown`].
    pub(crate) async fn enrol_first(
        &self,
        instance: &InstanceId,
    ) -> Result<(Token, Timestamp), Error> {
        self.enrol_as(Enrol {
            key_id: String::new(),
            instance: Some(instance.clone()),
            subnet: None,
            until: self.clock.now().plus(ENROLMENT_FOR),
            is_first_only: true,
        })
        .await
    }

    /// Makes the key of an enrolment, and takes it back where that is refused.
    async fn enrol_as(&self, enrol: Enrol) -> Result<(Token, Timestamp), Error> {
        let (instance, until) = (enrol.instance.clone(), enrol.until);
        if let Some(id) = &instance {
            // Before a key is made for nothing.
            self.inventory.lock().all(std::slice::from_ref(id))?;
        }
        let token = self.credentials.enrolment(instance.as_ref(), until).await?;
        let key_id = token.0.access_key_id.clone();
        let enrol = Enrol {
            key_id: key_id.clone(),
            ..enrol
        };
        if let Err(error) = self.change(enrol).await {
            if let Err(trouble) = self.credentials.withdraw(&key_id).await {
                tracing::warn!(key = key_id, error = %trouble, "an enrolment's key is left over");
            }
            return Err(error);
        }
        self.finish().await;
        Ok((token, until))
    }

    /// Ends an enrolment.
    ///
    /// # Errors
    /// When there is none with this key.
    pub async fn cancel_enrolment(&self, key_id: &str) -> Result<(), Error> {
        let key_id = key_id.to_owned();
        self.change(Cancel { key_id }).await?;
        self.finish().await;
        Ok(())
    }

    /// Lets time pass: finds those that are silent, forgets those that left an hour ago, and finishes what is left to do.
    ///
    /// # Errors
    /// When what has changed cannot be written down.
    pub async fn tick(&self) -> Result<(), Error> {
        let now = self.clock.now();
        self.notice_jumps(now);
        let is_due = self.inventory.lock().is_due(now);
        if is_due {
            self.change(Tick).await?;
        }
        self.save_heard().await?;
        self.finish().await;
        Ok(())
    }

    /// After a jump of the clock, and after the machine has slept, nobody is silent who could not report.
    fn notice_jumps(&self, now: Timestamp) {
        let monotonic = self.clock.monotonic();
        let mut beat = self.beat.lock();
        let passed = monotonic.saturating_sub(beat.monotonic);
        let expected = beat.wall.plus(passed);
        if now.since(expected).max(expected.since(now)) > JUMP {
            tracing::info!(%expected, %now, "the clock has jumped; hosts have time to report");
            self.inventory.lock().listen_from(now);
            beat.saved_until = beat.saved_until.min(now);
        }
        beat.wall = now;
        beat.monotonic = monotonic;
    }

    async fn save_heard(&self) -> Result<(), Error> {
        let monotonic = self.clock.monotonic();
        let (due, from) = {
            let beat = self.beat.lock();
            (
                monotonic.saturating_sub(beat.saved) >= HEARD_EVERY,
                beat.saved_until,
            )
        };
        if !due {
            return Ok(());
        }
        let until = self.clock.now();
        let inventory = Arc::clone(&self.inventory);
        let write = move |_: &_, changes: &mut Changes| {
            rows::write_heard(&inventory.lock(), from, changes);
            Ok::<_, Error>(())
        };
        self.tables.change(write).await??;
        let mut beat = self.beat.lock();
        beat.saved = monotonic;
        beat.saved_until = until;
        Ok(())
    }

    /// Revokes credentials and takes enrolments back, as far as there are any to. What fails is tried at the next tick.
    async fn finish(&self) {
        let (revoke, withdraw) = {
            let inventory = self.inventory.lock();
            (inventory.to_revoke(), inventory.to_withdraw())
        };
        for id in revoke {
            match self.credentials.revoke(&id).await {
                Ok(()) => self.note(Revoked(id)).await,
                Err(error) => {
                    tracing::warn!(instance = %id, %error, "credentials are not revoked yet")
                }
            }
        }
        let mut key_ids = Vec::with_capacity(withdraw.len());
        for key_id in withdraw {
            match self.credentials.withdraw(&key_id).await {
                Ok(()) => key_ids.push(key_id),
                Err(error) => {
                    tracing::warn!(key = key_id, %error, "an enrolment is not taken back yet")
                }
            }
        }
        if !key_ids.is_empty() {
            self.note(Withdrawn { key_ids }).await;
        }
    }

    async fn note<C>(&self, command: C)
    where
        C: Command<Outcome = ()> + Send + 'static,
    {
        if let Err(error) = self.change(command).await {
            tracing::warn!(%error, "what was finished is not noted yet");
        }
    }

    /// Lets what a command has left to do be done now rather than at the next tick.
    pub(crate) async fn change_and_finish<C>(&self, command: C) -> Result<C::Outcome, Error>
    where
        C: Command + Send + 'static,
        C::Outcome: Send + 'static,
    {
        let outcome = self.change(command).await?;
        self.finish().await;
        Ok(outcome)
    }

    /// How many are in a state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        let inventory = self.inventory.lock();
        inventory.iter().filter(|it| it.state == state).count()
    }
}

fn new_id() -> InstanceId {
    InstanceId::from_random(base::id::random_bytes())
}

/// What the ids of new resources are drawn from.
pub(crate) fn new_draw() -> Draw {
    Draw::new(base::id::random_bytes())
}

fn new_reservation() -> String {
    format!("r-{}", id::digits(base::id::random_bytes()))
}
