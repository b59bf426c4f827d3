//! HTTP/2 connections by origin, shared by as many requests as they take.
//!
//! INVARIANT: as with HTTP/1.1, a connection serves only requests of its origin under equal settings for how to connect.
//!
//! One connection of an origin is made at a time: who waits for it gets a stream on it, or its failure, so that a receiver that
//! is away is asked once and not once for each notification. A connection that failed because its maker's own time was over says
//! nothing of the receiver and is made again by the next one.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::super::connect::Failure;
use super::super::connection::Connection;
use super::super::pool::{LIFE, Profile, SWEEP_EVERY};
use super::super::sweeper::Sweeper;
use super::super::{ErrorClass, failure};
use super::link::{Link, Slot};
use crate::config::DestinationRules;

/// Origins that are known at once; beyond it those without a connection are forgotten. Chosen.
const ORIGINS_KEPT: usize = 16_384;

/// HTTP/2 connections of all origins.
#[derive(Debug, Default)]
pub(in super::super) struct Pool {
    shared: Arc<Shared>,
    /// The tasks that drive connections; they end with the pool.
    drivers: Mutex<JoinSet<()>>,
    sweeper: Sweeper,
}

type Origins = HashMap<Box<str>, Arc<Origin>, foldhash::fast::RandomState>;

#[derive(Debug, Default)]
struct Shared {
    origins: Mutex<Origins>,
}

#[derive(Debug)]
struct Origin {
    profile: Profile,
    known: Mutex<Known>,
    making: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Known {
    links: Vec<Link>,
    idle_max: usize,
    idle_for: Duration,
    /// The last failure to connect and when it was seen.
    failed: Option<(Instant, Failure)>,
    /// The receiver chose HTTP/1.1; asked again after [`LIFE`].
    http1_since: Option<Instant>,
}

/// How a request may go.
#[derive(Debug)]
pub(in super::super) enum Place {
    /// On a stream.
    Stream(Slot),
    /// By HTTP/1.1, which the receiver chose not long ago.
    Http1,
    /// On a connection that the caller makes.
    Make(Making),
}

/// The right to make the next connection of an origin.
#[derive(Debug)]
pub(in super::super) struct Making {
    origin: Arc<Origin>,
    _turn: OwnedMutexGuard<()>,
}

impl Pool {
    /// A stream on a connection to `origin`, waiting `until` then at most while one is being made; else what to do instead.
    ///
    /// # Errors
    /// The failure of the connection that was waited for, or that the time is over.
    pub(in super::super) async fn place(
        &self,
        origin: &str,
        rules: &DestinationRules,
        until: Instant,
    ) -> Result<Place, Failure> {
        let entry = self.origin(origin, rules);
        if let Some(place) = entry.place() {
            return Ok(place);
        }
        let begun = Instant::now();
        let turn = timeout_at(until, Arc::clone(&entry.making).lock_owned()).await;
        let turn = turn.map_err(|_| {
            failure(
                ErrorClass::TotalTimeout,
                "no connection before the attempt's time was over",
            )
        })?;
        if let Some(place) = entry.place() {
            return Ok(place);
        }
        match entry.failed_since(begun) {
            Some(failed) => Err(failed),
            None => Ok(Place::Make(Making {
                origin: entry,
                _turn: turn,
            })),
        }
    }

    fn origin(&self, origin: &str, rules: &DestinationRules) -> Arc<Origin> {
        let mut origins = self.shared.origins.lock();
        if let Some(entry) = origins.get(origin)
            && entry.profile.fits(rules)
        {
            return Arc::clone(entry);
        }
        if origins.len() >= ORIGINS_KEPT {
            origins.retain(|_, entry| !entry.known.lock().links.is_empty());
        }
        let known = Known {
            idle_max: usize::try_from(rules.idle_connections_max).unwrap_or(usize::MAX),
            idle_for: rules.idle_for,
            ..Known::default()
        };
        let entry = Arc::new(Origin {
            profile: Profile::of(rules),
            known: Mutex::new(known),
            making: Arc::default(),
        });
        origins.insert(origin.into(), Arc::clone(&entry));
        drop(origins);
        self.sweeper.start(|| sweep(Arc::downgrade(&self.shared)));
        entry
    }

    /// Remembers that the receiver at `origin` wants HTTP/1.1.
    pub(in super::super) fn wants_http1(&self, origin: &str, rules: &DestinationRules) {
        self.origin(origin, rules).known.lock().http1_since = Some(Instant::now());
    }
}

impl Origin {
    fn place(&self) -> Option<Place> {
        let now = Instant::now();
        let mut known = self.known.lock();
        if known.http1_since.is_some_and(|since| now - since < LIFE) {
            return Some(Place::Http1);
        }
        let slot = known.links.iter().find_map(|link| link.slot(now));
        if slot.is_none() {
            // Those that end go; their streams hold them until they have ended.
            known.links.retain(|link| !link.is_over(now));
        }
        slot.map(Place::Stream)
    }

    fn failed_since(&self, begun: Instant) -> Option<Failure> {
        let known = self.known.lock();
        let (seen, failed) = known.failed.as_ref()?;
        (*seen >= begun).then(|| failed.clone())
    }
}

impl Making {
    /// Notes that there is no connection.
    pub(in super::super) fn failed(self, failed: Failure) -> Failure {
        if failed.class != ErrorClass::TotalTimeout {
            self.origin.known.lock().failed = Some((Instant::now(), failed.clone()));
        }
        failed
    }

    /// Notes that the receiver chose HTTP/1.1.
    pub(in super::super) fn chose_http1(self) {
        self.origin.known.lock().http1_since = Some(Instant::now());
    }

    /// Begins HTTP/2 on a new connection and takes a stream on it.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub(in super::super) async fn open(
        self,
        pool: &Pool,
        connection: Connection,
    ) -> Result<Slot, Failure> {
        let peer = connection.peer;
        let opened = Link::open(connection).await;
        let gone = |detail: String| Failure {
            address: Some(peer),
            ..failure(ErrorClass::Closed, detail)
        };
        let (link, driver) = match opened {
            Ok(opened) => opened,
            Err(error) => return Err(self.failed(gone(error.to_string()))),
        };
        {
            let mut drivers = pool.drivers.lock();
            while drivers.try_join_next().is_some() {}
            drivers.spawn(driver);
        }
        let slot = link.slot(Instant::now());
        self.origin.known.lock().links.push(link);
        slot.ok_or_else(|| gone("the connection was closed before a request began".to_owned()))
    }
}

impl Known {
    /// Takes out what ended or is too many.
    fn sweep(&mut self, now: Instant) -> Vec<Link> {
        let mut idle = 0;
        let (idle_max, idle_for) = (self.idle_max, self.idle_for);
        let ends = |link: &mut Link| {
            let rest = link.idle_for(now);
            idle += usize::from(rest.is_some());
            let is_unused = rest
                .is_some_and(|rest| rest >= idle_for || (idle > idle_max && rest >= SWEEP_EVERY));
            is_unused || link.is_over(now)
        };
        self.links.extract_if(.., ends).collect()
    }
}

/// Closes what ended, until the pool is gone.
async fn sweep(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let now = Instant::now();
        let mut closed = Vec::new();
        {
            let mut origins = shared.origins.lock();
            for origin in origins.values() {
                closed.extend(origin.known.lock().sweep(now));
            }
            origins.retain(|_, origin| {
                let known = origin.known.lock();
                let is_http1 = known.http1_since.is_some_and(|since| now - since < LIFE);
                is_http1 || !known.links.is_empty() || Arc::strong_count(origin) > 1
            });
        }
        drop(closed);
    }
}
