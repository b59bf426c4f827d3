//! A second URL beside a receiver: a *shadow* gets copies, a *canary* gets a share of the notifications first.
//!
//! - **Who is chosen** depends on the notification's id and the share alone ([`is_chosen`]), so that retries, replays and
//!   other notifiers choose alike, and a larger share holds all of a smaller one.
//! - **A shadow** gets one copy, beside the first attempt. The copy is a task of its own: the attempt ends when the
//!   receiver has answered, and frees its place. The settle waits for the copy, since a copy that left has its result in the
//!   same record; [`Second::timeout`] and the attempt's own budget bound that.
//! - **A canary** is asked first, within half of the attempt's budget. What is a success there, by its own rules and by
//!   the receiver's, is delivered; all else goes to the receiver itself, whose answer alone counts.
//! - **Bounds**: [`Second::places`] a process; beyond it nothing goes to the second URL, and that is counted.
//!
//! INVARIANT: nothing that the receiver's rules or a route's templates hold as a secret leaves for the second URL. What is
//! sent there is made by [`request`] and carries the headers, signatures and tokens of the second host's own rules.

mod request;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base::Timestamp;
use futures_util::future::BoxFuture;
use parking_lot::RwLock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::Senders;
use crate::config::DestinationRules;
use crate::port::{
    Answered, Attempt, Beside, Compared, Ended, Fate, Notification, Sender, Skip, Underway,
};
use crate::verdict;

/// What goes to the second URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Copies.
    Shadow,
    /// Some, first.
    Canary,
}

impl Kind {
    /// The name in settings and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Canary => "canary",
        }
    }

    /// The header that tells the second receiver what it gets, as `1`.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::Shadow => "x-shukuba-shadow",
            Self::Canary => "x-shukuba-canary",
        }
    }
}

/// A second URL of a destination.
pub struct Second {
    kind: Kind,
    to: Url,
    share: f64,
    timeout: Duration,
    in_flight_max: u32,
    /// Headers that go there though they are secrets by their names.
    passes: Vec<String>,
    /// The rules of its host, without a second URL of their own; and what must not go there.
    there: OnceLock<There>,
    places: Arc<Semaphore>,
    /// Shared with the settings before a reload: what was under way then is counted too.
    counts: RwLock<Arc<Counts>>,
}

struct There {
    rules: Arc<DestinationRules>,
    forbidden: Arc<[String]>,
}

/// What came of all that was chosen, by [`Compared`].
#[derive(Debug, Default)]
struct Counts([AtomicU64; 6]);

/// The same at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[expect(missing_docs, reason = "the names are those of `Compared`")]
pub struct Figures {
    pub agrees: u64,
    pub differs: u64,
    pub alone: u64,
    pub failed: u64,
    pub skipped: u64,
    pub delivered: u64,
}

impl fmt::Debug for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Second")
            .field("kind", &self.kind)
            .field("to", &self.to.as_str())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Second {
    fn eq(&self, other: &Self) -> bool {
        let of = |one: &Self| {
            (
                one.kind,
                one.share.to_bits(),
                one.timeout,
                one.in_flight_max,
            )
        };
        of(self) == of(other) && self.to == other.to && self.passes == other.passes
    }
}

impl Eq for Second {}

impl Second {
    /// A second URL whose host's rules are not known yet: until [`Second::set_there`] nothing goes there.
    #[must_use]
    pub fn new(kind: Kind, to: Url, share: f64, timeout: Duration, in_flight_max: u32) -> Self {
        Self {
            kind,
            to,
            share,
            timeout,
            in_flight_max,
            passes: Vec::new(),
            there: OnceLock::new(),
            places: Arc::new(Semaphore::new(in_flight_max as usize)),
            counts: RwLock::default(),
        }
    }

    /// Lets these headers of lines go there.
    #[must_use]
    pub fn passing(mut self, names: &[String]) -> Self {
        self.passes = names.to_vec();
        self
    }

    /// Tells the rules of its host, and what must not go there.
    pub(crate) fn set_there(&self, rules: &DestinationRules, forbidden: Arc<[String]>) {
        let rules = DestinationRules {
            beside: None,
            ..rules.clone()
        };
        let rules = Arc::new(rules);
        // Set once: they are those of the same settings.
        let _ = self.there.set(There { rules, forbidden });
    }

    /// Takes over the figures of `before`, if that is the same URL.
    pub(crate) fn go_on(&self, before: &Self) {
        if (self.kind, &self.to) != (before.kind, &before.to) {
            return;
        }
        let counts = Arc::clone(&before.counts.read());
        *self.counts.write() = counts;
    }

    /// What goes there.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it begins.
    #[must_use]
    pub fn to(&self) -> &Url {
        &self.to
    }

    /// The part of the notifications that goes there.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.share
    }

    /// The rules of its host.
    #[must_use]
    pub fn rules(&self) -> Option<&Arc<DestinationRules>> {
        self.there.get().map(|there| &there.rules)
    }

    /// Whether the notification is one of those that go there.
    #[must_use]
    pub fn takes(&self, id: &str) -> bool {
        is_chosen(id, self.share)
    }

    /// The request as it would go there.
    ///
    /// # Errors
    /// Why it does not.
    pub fn request(
        &self,
        notification: &Notification,
        rules: &DestinationRules,
        at: Timestamp,
    ) -> Result<Notification, Skip> {
        let there = self.there.get().ok_or(Skip::Secret)?;
        request::make(self, there, notification, rules, at)
    }

    /// Counts what one came to.
    pub(crate) fn count(&self, compared: Compared) {
        if let Some(count) = self.counts.read().0.get(compared as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What came of all that were chosen, since the start of the process.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let counts = Arc::clone(&self.counts.read());
        let [agrees, differs, alone, failed, skipped, delivered] =
            [0, 1, 2, 3, 4, 5].map(|place: usize| {
                let count = counts.0.get(place);
                count.map_or(0, |count| count.load(Ordering::Relaxed))
            });
        Figures {
            agrees,
            differs,
            alone,
            failed,
            skipped,
            delivered,
        }
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Skip> {
        let places = Arc::clone(&self.places);
        places.try_acquire_owned().map_err(|_| Skip::Busy)
    }
}

/// Whether an id belongs to a share: its hash, as a number from 0 to 1, lies below it.
///
/// The hash is FNV-1a with 64 bits, its bits mixed once more (the last step of `MurmurHash3`), since ids that differ in
/// their last byte alone must not lie side by side.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "53 bits")]
pub fn is_chosen(id: &str, share: f64) -> bool {
    if share >= 1.0 {
        return true;
    }
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    ((hash >> 11) as f64) / ((1_u64 << 53) as f64) < share
}

/// Sends to a receiver that has a second URL.
pub(super) fn send<'a>(
    senders: &'a Senders,
    second: &'a Arc<Second>,
    notification: &'a Notification,
    rules: &'a DestinationRules,
    budget: Duration,
) -> BoxFuture<'a, Attempt> {
    // A copy of each retry would be as many copies as the receiver fails.
    let is_turn = second.kind == Kind::Canary || notification.attempt <= 1;
    if !is_turn || !notification.request.url.has_host() || !second.takes(&notification.id) {
        return senders.send_to_receiver(notification, rules, budget);
    }
    match second.kind {
        Kind::Shadow => Box::pin(with_copy(senders, second, notification, rules, budget)),
        Kind::Canary => Box::pin(canary_first(senders, second, notification, rules, budget)),
    }
}

async fn with_copy(
    senders: &Senders,
    second: &Arc<Second>,
    notification: &Notification,
    rules: &DestinationRules,
    budget: Duration,
) -> Attempt {
    let copying = second.place().and_then(|place| {
        let copy = second.request(notification, rules, senders.tools.clock.now())?;
        let there = Arc::clone(second.rules().ok_or(Skip::Secret)?);
        Ok((place, copy, there))
    });
    let fate = match copying {
        Err(skip) => Fate::Skipped(skip),
        Ok((place, copy, there)) => {
            let senders = senders.clone();
            let budget = second.timeout.min(budget);
            let copying = async move {
                let attempt = senders.send(&copy, &there, budget).await;
                drop(place);
                let class = verdict::class(&attempt, &there);
                Ended::of(attempt, class)
            };
            Fate::Underway(Underway::new(tokio::spawn(copying)))
        }
    };
    let attempt = senders.send_to_receiver(notification, rules, budget).await;
    let own = answered(&attempt, rules);
    beside(attempt, second, Asked::Yes(own), fate)
}

async fn canary_first(
    senders: &Senders,
    second: &Arc<Second>,
    notification: &Notification,
    rules: &DestinationRules,
    budget: Duration,
) -> Attempt {
    let begun = tokio::time::Instant::now();
    let fate = match try_canary(senders, second, notification, rules, budget).await {
        Ok((attempt, ended)) if ended.class.is_none() => {
            if verdict::class(&attempt, rules).is_none() {
                return beside(attempt, second, Asked::No, Fate::Ended(ended));
            }
            Fate::Ended(ended)
        }
        Ok((_, ended)) => Fate::Ended(ended),
        Err(skip) => Fate::Skipped(skip),
    };
    let rest = budget.saturating_sub(begun.elapsed());
    let attempt = senders.send_to_receiver(notification, rules, rest).await;
    let own = answered(&attempt, rules);
    beside(attempt, second, Asked::Yes(own), fate)
}

async fn try_canary(
    senders: &Senders,
    second: &Arc<Second>,
    notification: &Notification,
    rules: &DestinationRules,
    budget: Duration,
) -> Result<(Attempt, Ended), Skip> {
    let _place = second.place()?;
    let first = second.request(notification, rules, senders.tools.clock.now())?;
    let there = second.rules().ok_or(Skip::Secret)?;
    let budget = second.timeout.min(budget / 2);
    let attempt = senders.send(&first, there, budget).await;
    let class = verdict::class(&attempt, there);
    Ok((attempt.clone(), Ended::of(attempt, class)))
}

/// What the receiver itself answered, if it did.
fn answered(attempt: &Attempt, rules: &DestinationRules) -> Option<Answered> {
    let class = verdict::class(attempt, rules);
    let is_whole = matches!(
        attempt.error,
        None | Some(crate::port::ErrorClass::NotRecorded)
    );
    let status = attempt.status.filter(|_| is_whole)?;
    Some(Answered { status, class })
}

/// Whether the receiver itself was asked, and what it answered.
enum Asked {
    No,
    Yes(Option<Answered>),
}

fn beside(mut attempt: Attempt, second: &Arc<Second>, asked: Asked, fate: Fate) -> Attempt {
    let (was_asked, own) = match asked {
        Asked::No => (false, None),
        Asked::Yes(own) => (true, own),
    };
    attempt.beside = Some(Box::new(Beside {
        second: Arc::clone(second),
        was_asked,
        own,
        fate,
    }));
    attempt
}
