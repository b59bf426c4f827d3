//! Names to addresses, remembered for a short while.
//!
//! The system's resolver gives no time to live, so ours is a bound: an answer serves [`Limits::keep`], a
//! failure [`Limits::keep_failed`], and at most [`Limits::names`] names are held. Lookups of the same name at
//! the same time are one lookup.
//!
//! INVARIANT: no lock is held while a lookup runs. Whether an address may be used is not decided here (see
//! [`crate::ssrf`]); the caller checks every address of every answer.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Asks for the addresses of one name.
pub trait Resolve: Send + Sync + fmt::Debug {
    /// All addresses of `host`, in the order in which they should be tried.
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The machine's resolver (`getaddrinfo`), which follows `/etc/hosts` and the like.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.map(|address| address.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        }
        .boxed()
    }
}

/// How long and how much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long an answer serves. Default 30 s (chosen: most receivers publish 60 s or more).
    pub keep: Duration,
    /// How long a failure serves, so that a dead name costs one lookup. Default 5 s.
    pub keep_failed: Duration,
    /// Names held at once; beyond it the one that ends first goes. Default 4,096.
    pub names: usize,
    /// Addresses kept of one answer. Default 16.
    pub addresses: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(30),
            keep_failed: Duration::from_secs(5),
            names: 4096,
            addresses: 16,
        }
    }
}

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The resolver failed or knows no such name.
    #[error("name `{host}` does not resolve: {reason}")]
    Failed {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// The name exists and has no address.
    #[error("name `{host}` has no address")]
    Empty {
        /// The name.
        host: String,
    },
}

type Answer = Result<Arc<[IpAddr]>, Error>;
type Lookup = Shared<BoxFuture<'static, Answer>>;

enum Entry {
    Known { answer: Answer, until: Instant },
    Asked { lookup: Lookup, at: Instant },
}

/// The resolver with its memory. Cheap to share.
pub struct Cache {
    resolver: Arc<dyn Resolve>,
    limits: Limits,
    entries: Mutex<std::collections::HashMap<Box<str>, Entry, foldhash::fast::RandomState>>,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("resolver", &self.resolver)
            .field("limits", &self.limits)
            .field("names", &self.entries.lock().len())
            .finish()
    }
}

impl Cache {
    /// An empty cache in front of `resolver`.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolve>, limits: Limits) -> Self {
        Self {
            resolver,
            limits,
            entries: Mutex::default(),
        }
    }

    /// All addresses of `host`, at least one and at most [`Limits::addresses`].
    ///
    /// # Errors
    /// [`Error`] when the name does not resolve; remembered for [`Limits::keep_failed`].
    pub async fn lookup(&self, host: &str) -> Answer {
        match self.known_or_ask(host) {
            Ok(answer) => answer,
            Err(lookup) => {
                let answer = lookup.await;
                self.remember(host, &answer);
                answer
            }
        }
    }

    fn known_or_ask(&self, host: &str) -> Result<Answer, Lookup> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        match entries.get(host) {
            Some(Entry::Known { answer, until }) if *until > now => return Ok(answer.clone()),
            // A lookup that nobody finished (all who waited gave up) is asked anew.
            Some(Entry::Asked { lookup, at }) if now - *at < self.limits.keep => {
                return Err(lookup.clone());
            }
            _ => {}
        }
        let lookup = self.ask(host).shared();
        make_room(&mut entries, self.limits.names, now);
        let asked = Entry::Asked {
            lookup: lookup.clone(),
            at: now,
        };
        entries.insert(host.into(), asked);
        Err(lookup)
    }

    fn ask(&self, host: &str) -> BoxFuture<'static, Answer> {
        let resolving = self.resolver.resolve(host);
        let host = host.to_owned();
        let limit = self.limits.addresses;
        async move {
            match resolving.await {
                Ok(found) if found.is_empty() => Err(Error::Empty { host }),
                Ok(mut found) => {
                    found.truncate(limit);
                    Ok(found.into())
                }
                Err(error) => Err(Error::Failed {
                    host,
                    reason: error.to_string(),
                }),
            }
        }
        .boxed()
    }

    fn remember(&self, host: &str, answer: &Answer) {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        if matches!(entries.get(host), Some(Entry::Known { until, .. }) if *until > now) {
            return;
        }
        let keep = match answer {
            Ok(_) => self.limits.keep,
            Err(_) => self.limits.keep_failed,
        };
        make_room(&mut entries, self.limits.names, now);
        let known = Entry::Known {
            answer: answer.clone(),
            until: now + keep,
        };
        entries.insert(host.into(), known);
    }
}

type Entries = std::collections::HashMap<Box<str>, Entry, foldhash::fast::RandomState>;

/// Keeps fewer than `limit` names: first all that ended go, then the one that ends first.
fn make_room(entries: &mut Entries, limit: usize, now: Instant) {
    if entries.len() < limit {
        return;
    }
    entries.retain(|_, entry| ends_at(entry) > now);
    while entries.len() >= limit.max(1) {
        let first = entries
            .iter()
            .min_by_key(|(_, entry)| ends_at(entry))
            .map(|(host, _)| host.clone());
        let Some(host) = first else { return };
        entries.remove(&host);
    }
}

fn ends_at(entry: &Entry) -> Instant {
    match entry {
        Entry::Known { until, .. } => *until,
        Entry::Asked { at, .. } => *at + Duration::from_secs(60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers `n.example` with 10.0.0.n after a second of (paused) time; `missing` does not exist.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl Resolve for Counting {
        fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            let number = host.split('.').next().and_then(|n| n.parse::<u8>().ok());
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let number = number.ok_or_else(|| io::Error::other("no such name"))?;
                Ok(vec![IpAddr::from([10, 0, 0, number]); usize::from(number)])
            }
            .boxed()
        }
    }

    fn cache(limits: Limits) -> (Arc<Counting>, Cache) {
        let resolver = Arc::new(Counting::default());
        (Arc::clone(&resolver), Cache::new(resolver, limits))
    }

    fn asked(resolver: &Counting) -> usize {
        resolver.0.load(Ordering::SeqCst)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_serves_until_it_ends() {
        let (resolver, cache) = cache(Limits::default());
        for _ in 0..3 {
            assert_eq!(
                *cache.lookup("1.example").await.unwrap(),
                [IpAddr::from([10, 0, 0, 1])]
            );
        }
        assert_eq!(asked(&resolver), 1);
        tokio::time::advance(Duration::from_secs(31)).await;
        cache.lookup("1.example").await.unwrap();
        assert_eq!(asked(&resolver), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_serves_for_less_long() {
        let (resolver, cache) = cache(Limits::default());
        for _ in 0..3 {
            let error = cache.lookup("missing.example").await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "name `missing.example` does not resolve: no such name"
            );
        }
        assert_eq!(asked(&resolver), 1);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(cache.lookup("missing.example").await.is_err());
        assert_eq!(asked(&resolver), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn lookups_of_one_name_at_one_time_are_one() {
        let (resolver, cache) = cache(Limits::default());
        let all = (0..20).map(|_| cache.lookup("2.example"));
        let answers = futures_util::future::join_all(all).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(asked(&resolver), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_gives_up_leaves_the_others_their_answer() {
        let (resolver, cache) = cache(Limits::default());
        let hasty = tokio::time::timeout(Duration::from_millis(10), cache.lookup("3.example"));
        let (hasty, patient) = tokio::join!(hasty, cache.lookup("3.example"));
        assert!(hasty.is_err());
        assert!(patient.is_ok());
        assert_eq!(asked(&resolver), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_and_each_answer_are_bounded() {
        let (_, cache) = cache(Limits {
            names: 3,
            addresses: 2,
            ..Limits::default()
        });
        for number in 1..=9_u8 {
            let answer = cache.lookup(&format!("{number}.example")).await.unwrap();
            assert_eq!(answer.len(), usize::from(number.min(2)));
            assert!(cache.entries.lock().len() <= 3);
        }
        assert_eq!(
            cache.lookup("0.example").await.unwrap_err().to_string(),
            "name `0.example` has no address"
        );
    }
}
