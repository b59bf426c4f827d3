//! Names to addresses, remembered for as long as they hold.
//!
//! - [`stub`]: asks the machine's DNS servers; [`wire`]: the bytes of that; [`machine`]: `/etc/resolv.conf` and the like
//! - [`SystemResolver`]: the machine's own resolver (`getaddrinfo`)
//!
//! An answer serves for its time to live within the [`Bounds`] of who asks; without one, as from the machine's own resolver,
//! for [`Limits::keep`]. A name that does not exist is remembered as its zone says (RFC 2308) and at most
//! [`Limits::keep_missing`]. When the resolver is away or slow, the last answer serves up to [`Limits::stale`] beyond its end (RFC
//! 8767). At most [`Limits::names`] names are held. Lookups of the same name at the same time are one lookup.
//!
//! INVARIANT: no lock is held while a lookup runs. Whether an address may be used is not decided here (see
//! [`crate::ssrf`]); the caller checks every address of every answer.

mod machine;
mod stub;
mod wire;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use crate::config::dns::{Dns, Resolver};

/// Asks for the addresses of one name.
pub trait Resolve: Send + Sync + fmt::Debug {
    /// All addresses of `host`, in the order in which they should be tried.
    fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Found, Missing>>;
}

/// What a resolver found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order in which they should be tried.
    pub addresses: Vec<IpAddr>,
    /// How long they hold, where the resolver says so.
    pub ttl: Option<Duration>,
}

impl From<Vec<IpAddr>> for Found {
    fn from(addresses: Vec<IpAddr>) -> Self {
        Self {
            addresses,
            ttl: None,
        }
    }
}

/// Why a resolver found nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Words for the operator.
    pub reason: String,
    /// How long that holds, where the resolver says so.
    pub ttl: Option<Duration>,
    /// Whether it could not be asked, rather than that there is nothing.
    pub is_away: bool,
}

impl Missing {
    fn unknown(reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            ttl: None,
            is_away: false,
        }
    }

    fn away(reason: &str) -> Self {
        Self {
            is_away: true,
            ..Self::unknown(reason)
        }
    }
}

impl From<io::Error> for Missing {
    fn from(error: io::Error) -> Self {
        let reason = error.to_string();
        // EAI_AGAIN of getaddrinfo(3) has no kind of its own.
        match reason.contains("Temporary failure") {
            true => Self::away(&reason),
            false => Self::unknown(&reason),
        }
    }
}

/// The machine's resolver (`getaddrinfo`), which follows every source of `/etc/nsswitch.conf`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Found, Missing>> {
        let host = host.to_owned();
        async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.map(|address| address.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(Found::from(addresses))
        }
        .boxed()
    }
}

/// The resolver that the settings name. `auto` asks DNS where the machine would do no more than that.
#[must_use]
pub fn resolver(settings: &Dns) -> Arc<dyn Resolve> {
    let is_stub = match settings.resolver {
        Resolver::Dns => true,
        Resolver::System => false,
        Resolver::Auto => {
            !settings.servers.is_empty()
                || (std::path::Path::new("/etc/resolv.conf").exists()
                    && machine::is_plain(&machine::read("/etc/nsswitch.conf".as_ref())))
        }
    };
    match is_stub {
        true => Arc::new(stub::Stub::new(settings.servers.clone())),
        false => Arc::new(SystemResolver),
    }
}

/// How long an answer serves, whatever it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// An answer that holds shorter serves so long.
    pub min: Duration,
    /// An answer that holds longer serves so long.
    pub max: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            min: Duration::from_secs(5),
            max: Duration::from_secs(300),
        }
    }
}

impl Bounds {
    fn of(self, ttl: Duration) -> Duration {
        ttl.max(self.min).min(self.max)
    }
}

/// A resolver that takes longer does not hold up who has an answer that ended (RFC 8767, section 5: 1.8 s).
const STALE_AFTER: Duration = Duration::from_millis(1800);

/// How long and how much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long an answer serves that does not say it. Default 30 s (chosen: most receivers publish 60 s or more).
    pub keep: Duration,
    /// How long a failure serves, so that a dead name costs one lookup. Default 5 s.
    pub keep_failed: Duration,
    /// How long it serves at most that there is no such name. Default 30 s.
    pub keep_missing: Duration,
    /// How long after its end an answer serves while the resolver is away. Default 1 h (RFC 8767 advises 1 to 3 days; chosen
    /// shorter, as the bodies are for the receiver alone).
    pub stale: Duration,
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
            keep_missing: Duration::from_secs(30),
            stale: Duration::from_secs(3600),
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
type Lookup = Shared<BoxFuture<'static, Known>>;

/// An answer and how long it holds.
#[derive(Clone, Debug)]
struct Known {
    answer: Answer,
    at: Instant,
    /// Before any bounds.
    ttl: Duration,
    /// Whether `ttl` is ours and final.
    is_fixed: bool,
    /// The last addresses and when they were found.
    good: Option<Good>,
}

#[derive(Clone, Debug)]
struct Good {
    addresses: Arc<[IpAddr]>,
    until: Instant,
}

impl Known {
    fn serves(&self, bounds: Bounds, now: Instant) -> bool {
        let ttl = if self.is_fixed {
            self.ttl
        } else {
            bounds.of(self.ttl)
        };
        now - self.at < ttl
    }
}

enum Entry {
    Known(Known),
    Asked { lookup: Lookup, at: Instant },
}

/// The resolver with its memory. Cheap to share.
pub struct Cache {
    resolver: Arc<dyn Resolve>,
    limits: Limits,
    entries: Mutex<Entries>,
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

    /// All addresses of `host`, at least one and at most [`Limits::addresses`], not older than `bounds` say.
    ///
    /// # Errors
    /// [`Error`] when the name does not resolve; remembered for a while.
    pub async fn lookup(&self, host: &str, bounds: Bounds) -> Answer {
        match self.known_or_ask(host, bounds) {
            Ok(answer) => answer,
            Err(lookup) => {
                let known = lookup.await;
                self.remember(host, &known);
                known.answer
            }
        }
    }

    fn known_or_ask(&self, host: &str, bounds: Bounds) -> Result<Answer, Lookup> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        let good = match entries.get(host) {
            Some(Entry::Known(known)) if known.serves(bounds, now) => {
                return Ok(known.answer.clone());
            }
            Some(Entry::Known(known)) => known.good.clone(),
            // A lookup that nobody finished (all who waited gave up) is asked anew.
            Some(Entry::Asked { lookup, at }) if now - *at < self.limits.keep => {
                return Err(lookup.clone());
            }
            Some(Entry::Asked { .. }) | None => None,
        };
        let lookup = self.ask(host, good).shared();
        make_room(&mut entries, self.limits.names, now);
        let asked = Entry::Asked {
            lookup: lookup.clone(),
            at: now,
        };
        entries.insert(host.into(), asked);
        Err(lookup)
    }

    fn ask(&self, host: &str, good: Option<Good>) -> BoxFuture<'static, Known> {
        let resolving = self.resolver.resolve(host);
        let (host, limits) = (host.to_owned(), self.limits);
        async move {
            let good = good.filter(|good| good.until > Instant::now());
            let found = match &good {
                None => resolving.await,
                Some(_) => timeout(STALE_AFTER, resolving)
                    .await
                    .unwrap_or_else(|_| Err(Missing::away("the resolver is slow"))),
            };
            known(host, found, good, limits)
        }
        .boxed()
    }

    fn remember(&self, host: &str, known: &Known) {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        if matches!(entries.get(host), Some(Entry::Known(other)) if other.at >= known.at) {
            return;
        }
        make_room(&mut entries, self.limits.names, now);
        entries.insert(host.into(), Entry::Known(known.clone()));
    }
}

/// What is remembered of what the resolver said.
fn known(host: String, found: Result<Found, Missing>, good: Option<Good>, limits: Limits) -> Known {
    let at = Instant::now();
    let fixed = |answer, ttl, good| Known {
        answer,
        at,
        ttl,
        is_fixed: true,
        good,
    };
    match (found, good) {
        (Ok(found), _) if found.addresses.is_empty() => {
            fixed(Err(Error::Empty { host }), limits.keep_failed, None)
        }
        (Ok(mut found), _) => {
            found.addresses.truncate(limits.addresses);
            let addresses: Arc<[IpAddr]> = found.addresses.into();
            let ttl = found.ttl.unwrap_or(limits.keep);
            let until = at + ttl.min(limits.stale) + limits.stale;
            Known {
                answer: Ok(Arc::clone(&addresses)),
                at,
                ttl,
                is_fixed: false,
                good: Some(Good { addresses, until }),
            }
        }
        (Err(missing), Some(good)) if missing.is_away => fixed(
            Ok(Arc::clone(&good.addresses)),
            limits.keep_failed,
            Some(good),
        ),
        (Err(missing), _) => {
            let said = missing.ttl.map(|ttl| ttl.min(limits.keep_missing));
            let ttl = said
                .unwrap_or(limits.keep_failed)
                .max(Duration::from_secs(1));
            let reason = missing.reason;
            fixed(Err(Error::Failed { host, reason }), ttl, None)
        }
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
        Entry::Known(known) => known.at + known.ttl.min(Bounds::default().max),
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
        fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Found, Missing>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            let number = host.split('.').next().and_then(|n| n.parse::<u8>().ok());
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let number = number.ok_or_else(|| io::Error::other("no such name"))?;
                Ok(Found::from(vec![
                    IpAddr::from([10, 0, 0, number]);
                    usize::from(number)
                ]))
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
                *cache.lookup("1.example", Bounds::default()).await.unwrap(),
                [IpAddr::from([10, 0, 0, 1])]
            );
        }
        assert_eq!(asked(&resolver), 1);
        tokio::time::advance(Duration::from_secs(31)).await;
        cache.lookup("1.example", Bounds::default()).await.unwrap();
        assert_eq!(asked(&resolver), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_serves_for_less_long() {
        let (resolver, cache) = cache(Limits::default());
        for _ in 0..3 {
            let error = cache
                .lookup("missing.example", Bounds::default())
                .await
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "name `missing.example` does not resolve: no such name"
            );
        }
        assert_eq!(asked(&resolver), 1);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(
            cache
                .lookup("missing.example", Bounds::default())
                .await
                .is_err()
        );
        assert_eq!(asked(&resolver), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn lookups_of_one_name_at_one_time_are_one() {
        let (resolver, cache) = cache(Limits::default());
        let all = (0..20).map(|_| cache.lookup("2.example", Bounds::default()));
        let answers = futures_util::future::join_all(all).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(asked(&resolver), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_gives_up_leaves_the_others_their_answer() {
        let (resolver, cache) = cache(Limits::default());
        let hasty = tokio::time::timeout(
            Duration::from_millis(10),
            cache.lookup("3.example", Bounds::default()),
        );
        let (hasty, patient) = tokio::join!(hasty, cache.lookup("3.example", Bounds::default()));
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
            let answer = cache
                .lookup(&format!("{number}.example"), Bounds::default())
                .await
                .unwrap();
            assert_eq!(answer.len(), usize::from(number.min(2)));
            assert!(cache.entries.lock().len() <= 3);
        }
        assert_eq!(
            cache
                .lookup("0.example", Bounds::default())
                .await
                .unwrap_err()
                .to_string(),
            "name `0.example` has no address"
        );
    }

    /// Answers in turn with what it was given; after half a second.
    #[derive(Debug, Default)]
    struct Told(Mutex<std::collections::VecDeque<Result<Found, Missing>>>);

    impl Resolve for Told {
        fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Found, Missing>> {
            let next = self.0.lock().pop_front();
            async move {
                tokio::time::sleep(Duration::from_millis(500)).await;
                match next {
                    Some(next) => next,
                    None => std::future::pending().await,
                }
            }
            .boxed()
        }
    }

    fn told(answers: Vec<Result<Found, Missing>>) -> Cache {
        Cache::new(
            Arc::new(Told(Mutex::new(answers.into()))),
            Limits::default(),
        )
    }

    fn found(last: u8, ttl_secs: u64) -> Result<Found, Missing> {
        Ok(Found {
            addresses: vec![[192, 0, 2, last].into()],
            ttl: Some(Duration::from_secs(ttl_secs)),
        })
    }

    async fn last(cache: &Cache, bounds: Bounds) -> Option<u8> {
        match cache.lookup("h.example", bounds).await.ok()?.first() {
            Some(IpAddr::V4(address)) => address.octets().last().copied(),
            _ => None,
        }
    }

    async fn pass(secs: u64) {
        tokio::time::advance(Duration::from_secs(secs)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_serves_for_its_time_within_the_bounds_of_who_asks() {
        let bounds = Bounds {
            min: Duration::from_secs(10),
            max: Duration::from_secs(100),
        };
        let cache = told(vec![
            found(1, 60),
            found(2, 0),
            found(3, 86_400),
            found(4, 60),
        ]);
        assert_eq!(last(&cache, bounds).await, Some(1));
        pass(59).await;
        assert_eq!(last(&cache, bounds).await, Some(1));
        pass(1).await;
        assert_eq!(last(&cache, bounds).await, Some(2), "its time was over");
        pass(9).await;
        assert_eq!(last(&cache, bounds).await, Some(2), "not below the least");
        pass(1).await;
        assert_eq!(last(&cache, bounds).await, Some(3));
        pass(99).await;
        assert_eq!(last(&cache, bounds).await, Some(3));
        pass(1).await;
        assert_eq!(last(&cache, bounds).await, Some(4), "not above the most");
    }

    #[tokio::test(start_paused = true)]
    async fn who_bounds_it_tighter_asks_sooner() {
        let tight = Bounds {
            min: Duration::ZERO,
            max: Duration::from_secs(1),
        };
        let cache = told(vec![found(1, 60), found(2, 60)]);
        assert_eq!(last(&cache, Bounds::default()).await, Some(1));
        pass(2).await;
        assert_eq!(last(&cache, Bounds::default()).await, Some(1));
        assert_eq!(last(&cache, tight).await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_serves_while_the_resolver_is_away_or_slow() {
        let away = || Err(Missing::away("SERVFAIL"));
        let bounds = Bounds::default();
        let cache = told(vec![found(1, 60), away(), found(2, 60)]);
        assert_eq!(last(&cache, bounds).await, Some(1));
        pass(61).await;
        assert_eq!(last(&cache, bounds).await, Some(1), "away");
        pass(6).await;
        assert_eq!(last(&cache, bounds).await, Some(2), "asked again soon");
        pass(61).await;
        let begun = Instant::now();
        assert_eq!(
            last(&cache, bounds).await,
            Some(2),
            "it says nothing any more"
        );
        assert_eq!(begun.elapsed(), STALE_AFTER);
        let cache = told(vec![found(1, 60), away()]);
        assert_eq!(last(&cache, bounds).await, Some(1));
        pass(60 + 3601).await;
        assert_eq!(last(&cache, bounds).await, None, "an hour later");
    }

    #[tokio::test(start_paused = true)]
    async fn that_there_is_no_such_name_ends_every_answer_and_holds_as_its_zone_says() {
        let no_name = |ttl_secs| {
            Err(Missing {
                ttl: Some(Duration::from_secs(ttl_secs)),
                ..Missing::unknown("no such name")
            })
        };
        let bounds = Bounds::default();
        let cache = told(vec![
            found(1, 60),
            no_name(10),
            no_name(86_400),
            found(2, 60),
        ]);
        assert_eq!(last(&cache, bounds).await, Some(1));
        pass(61).await;
        assert_eq!(last(&cache, bounds).await, None);
        pass(9).await;
        assert_eq!(last(&cache, bounds).await, None);
        pass(1).await;
        assert_eq!(last(&cache, bounds).await, None, "asked again");
        pass(29).await;
        assert_eq!(last(&cache, bounds).await, None);
        pass(1).await;
        assert_eq!(
            last(&cache, bounds).await,
            Some(2),
            "not longer than half a minute"
        );
    }
}
