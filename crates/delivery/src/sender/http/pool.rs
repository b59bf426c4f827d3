//! Idle connections, kept for the next request to the same origin.
//!
//! INVARIANT: a connection serves only requests of its origin under the same settings for how to connect, so a
//! changed `allow_cidrs`, `connect_to`, `proxy`, `ca_file` or transport (identity, source address and the like) never
//! meets an old connection. How many requests run at once is decided by the dispatcher, not here.
//!
//! Bounds: a connection idles for `idle_for`, lives [`LIFE`] (so that a name's new addresses are taken up), and at
//! most [`IDLE_LIMIT`] idle in all. `idle_connections_max` of an origin is enforced each [`SWEEP_EVERY`] rather
//! than at once: a burst that ends would otherwise close connections that the next one opens again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::time::Instant;
use url::Url;

use super::connection::Connection;
use super::sweeper::Sweeper;
use crate::config::{DestinationRules, Transport};

/// The longest life of a connection (chosen: well above a handshake's cost, well below a day).
pub(super) const LIFE: Duration = Duration::from_secs(300);

/// Idle connections of all origins together (chosen: a quarter of a usual limit of open files).
const IDLE_LIMIT: usize = 16_384;

/// How often connections that ended or are too many are closed.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(2);

type Origins = HashMap<Box<str>, Origin, foldhash::fast::RandomState>;

/// Idle connections by origin (`scheme://host:port`).
#[derive(Debug, Default)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    sweeper: Sweeper,
}

#[derive(Debug, Default)]
struct Shared {
    origins: Mutex<Origins>,
}

#[derive(Debug)]
struct Origin {
    profile: Profile,
    /// The one used last is at the end and is used first.
    idle: Vec<Idle>,
    idle_max: usize,
    idle_for: Duration,
}

#[derive(Debug)]
struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

/// The settings that decide where a connection leads.
#[derive(Debug, PartialEq)]
pub(super) struct Profile {
    connect_to: Option<String>,
    proxy: Option<Url>,
    ca_file: Option<PathBuf>,
    allow_cidrs: Vec<IpNet>,
    transport: Arc<Transport>,
}

impl Profile {
    pub(super) fn of(rules: &DestinationRules) -> Self {
        Self {
            connect_to: rules.connect_to.clone(),
            proxy: rules.proxy.clone(),
            ca_file: rules.ca_file.clone(),
            allow_cidrs: rules.allow_cidrs.clone(),
            transport: Arc::clone(&rules.transport),
        }
    }

    pub(super) fn fits(&self, rules: &DestinationRules) -> bool {
        self.connect_to == rules.connect_to
            && self.proxy == rules.proxy
            && self.ca_file == rules.ca_file
            && self.allow_cidrs == rules.allow_cidrs
            && (Arc::ptr_eq(&self.transport, &rules.transport) || self.transport == rules.transport)
    }
}

impl Pool {
    /// A connection that is open and silent, the one used last.
    pub(super) fn take(&self, origin: &str, rules: &DestinationRules) -> Option<Box<Connection>> {
        loop {
            let idle = self.pop(origin, rules)?;
            let now = Instant::now();
            let mut connection = idle.connection;
            let is_fresh = now - idle.since < rules.idle_for && now - connection.made < LIFE;
            if is_fresh && connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// Whether the close of each idle connection to `origin` has arrived.
    #[cfg(test)]
    pub(super) fn are_closed(&self, origin: &str) -> bool {
        let mut origins = self.shared.origins.lock();
        let entry = origins.get_mut(origin);
        let idle = entry.map(|entry| entry.idle.iter_mut());
        idle.is_none_or(|mut idle| idle.all(|idle| !idle.connection.is_quiet()))
    }

    fn pop(&self, origin: &str, rules: &DestinationRules) -> Option<Idle> {
        let mut origins = self.shared.origins.lock();
        let entry = origins.get_mut(origin)?;
        if !entry.profile.fits(rules) {
            origins.remove(origin);
            return None;
        }
        entry.idle.pop()
    }

    /// Keeps a connection whose exchange ended cleanly.
    pub(super) fn put(
        &self,
        origin: &str,
        rules: &DestinationRules,
        mut connection: Box<Connection>,
    ) {
        if rules.idle_connections_max == 0 || rules.idle_for.is_zero() {
            return;
        }
        connection.rest();
        let idle = Idle {
            connection,
            since: Instant::now(),
        };
        let mut origins = self.shared.origins.lock();
        match origins.get_mut(origin) {
            Some(entry) if entry.profile.fits(rules) => entry.put(idle, rules),
            _ => {
                let mut entry = Origin::new(rules);
                entry.put(idle, rules);
                origins.insert(origin.into(), entry);
                drop(origins);
                self.sweeper.start(|| sweep(Arc::downgrade(&self.shared)));
            }
        }
    }
}

impl Origin {
    fn new(rules: &DestinationRules) -> Self {
        Self {
            profile: Profile::of(rules),
            idle: Vec::new(),
            idle_max: 0,
            idle_for: Duration::ZERO,
        }
    }

    fn put(&mut self, idle: Idle, rules: &DestinationRules) {
        self.idle_max = usize::try_from(rules.idle_connections_max).unwrap_or(usize::MAX);
        self.idle_for = rules.idle_for;
        self.idle.push(idle);
    }

    /// Takes out what ended or is too many, the longest idle first.
    fn sweep(&mut self, now: Instant) -> Vec<Idle> {
        let ends =
            |idle: &Idle| now - idle.since >= self.idle_for || now - idle.connection.made >= LIFE;
        let mut closed: Vec<Idle> = self.idle.extract_if(.., |idle| ends(idle)).collect();
        let excess = self.idle.len().saturating_sub(self.idle_max);
        // A connection that served within the last round is in use rather than idle.
        let is_unused = |idle: &Idle| now - idle.since >= SWEEP_EVERY;
        let unused = self
            .idle
            .iter()
            .take(excess)
            .filter(|idle| is_unused(idle))
            .count();
        closed.extend(self.idle.drain(..unused));
        closed
    }
}

/// Closes what ended, until the pool is gone or empty.
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
            for origin in origins.values_mut() {
                closed.extend(origin.sweep(now));
            }
            let mut left: usize = origins.values().map(|origin| origin.idle.len()).sum();
            for origin in origins.values_mut() {
                if left <= IDLE_LIMIT {
                    break;
                }
                left -= origin.idle.len();
                closed.append(&mut origin.idle);
            }
            origins.retain(|_, origin| !origin.idle.is_empty());
        }
        // Sockets are closed outside of the lock.
        drop(closed);
    }
}
