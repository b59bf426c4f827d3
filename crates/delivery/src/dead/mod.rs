//! Dead notifications: kept with their reason in the route's dead queue until somebody decides.
//!
//! # Format
//! A message of the dead queue holds one line and these attributes, beside those of [`crate::travel`] that keep its id:
//!
//! ```text
//! shukuba.dead         reason in words
//! shukuba.notification its id
//! shukuba.destination  destination by name
//! shukuba.life         `attempts=3 died=1795410190250 first=1795410100000`: attempts made, when it died, when it was accepted
//! ```
//!
//! Where notifiers run alone there is no dead queue: [`stored`] reads the same letters from their results.
//!
//! Listing receives and hands back, which counts nothing; others do not see the messages for that moment. A retry makes one new
//! message in the route's queue, with the same id and a new life, which the ledger books as replayed; the embedded queue does
//! both in one record, elsewhere the new one is acknowledged before the old one is deleted. Dropping deletes, which the ledger books as taken.

pub mod page;
pub mod stored;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::port::{Carry, Error, Lease, LineOutcome, Outcome, Received, Verdict};
use crate::travel::{self, Retry, is_line_of, without_line};

/// The attribute with the reason.
pub const REASON: &str = "shukuba.dead";
/// The attribute with the notification's id.
pub const NOTIFICATION: &str = "shukuba.notification";
/// The attribute with the destination.
pub const DESTINATION: &str = "shukuba.destination";
/// The attribute with what it went through.
pub const LIFE: &str = "shukuba.life";

/// The attribute with the masked URL, of letters that are read from results; others tell it from their line.
const URL: &str = "shukuba.url";

/// The longest reason that travels.
const REASON_BYTES_MAX: usize = 1024;

/// Messages that are looked at in one call.
pub const LOOKED_AT_MAX: usize = 100_000;

/// How long messages are held while they are looked at.
const HOLD: Duration = Duration::from_secs(60);

/// A route's dead queue.
pub trait DeadQueue: Send + Sync {
    /// How many messages one receive can give at most; what it gives may be less.
    fn receive_max(&self) -> usize;

    /// Receives without waiting; an empty list when there is nothing more to see.
    fn receive(&self, max: usize, hold: Duration) -> BoxFuture<'_, Result<Vec<Received>, Error>>;

    /// Hands messages back, which counts nothing.
    fn release<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>>;

    /// Sends each carry to the route's queue, booked as replayed, and lets its message go: in one record where there is a
    /// journal.
    fn retry<'a>(&'a self, letters: &'a [(Lease, Carry)]) -> BoxFuture<'a, Result<(), Error>>;

    /// Deletes messages.
    fn delete<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>>;
}

/// A dead notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// Its id.
    pub notification_id: String,
    /// The message that holds it in the dead queue.
    pub message_id: String,
    /// Why it is dead.
    pub reason: String,
    /// Where it should have gone.
    pub destination: String,
    /// Attempts made.
    pub attempts: u32,
    /// When it died, RFC 3339.
    pub died_at: String,
    /// When it was first accepted, RFC 3339.
    pub first_at: String,
    /// Where it should have gone, masked, where results tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The line, byte for byte where it is UTF-8.
    pub line: String,
    #[serde(skip)]
    died: Timestamp,
    #[serde(skip)]
    body: Bytes,
    #[serde(skip)]
    number: u32,
}

/// Which letters. What is not set is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Notification ids, ids of the messages that they came in, or of those in the dead queue; empty: any.
    pub ids: Vec<String>,
    /// The destination.
    pub destination: Option<String>,
    /// A part of the reason.
    pub reason: Option<String>,
    /// Died at or after.
    pub from: Option<Timestamp>,
    /// Died before.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// Whether it takes a letter.
    #[must_use]
    pub fn takes(&self, letter: &Letter) -> bool {
        let is_of = |id: &String| {
            *id == letter.notification_id
                || *id == letter.message_id
                || is_line_of(&letter.notification_id, id)
        };
        (self.ids.is_empty() || self.ids.iter().any(is_of))
            && self
                .destination
                .as_ref()
                .is_none_or(|wanted| *wanted == letter.destination)
            && self
                .reason
                .as_ref()
                .is_none_or(|part| letter.reason.contains(part.as_str()))
            && self.from.is_none_or(|from| letter.died >= from)
            && self.to.is_none_or(|to| letter.died < to)
    }
}

/// The message for the dead queue that holds a dead line; `None` for a line that is not dead.
#[must_use]
pub fn carry(at: Timestamp, outcome: &Outcome, line: &LineOutcome) -> Option<Carry> {
    let Verdict::Dead { reason } = &line.verdict else {
        return None;
    };
    let retry = Retry {
        lines: vec![line.line],
        ..Retry::default()
    };
    let mut attributes = travel::carry(&outcome.attributes, &outcome.base, 1, &retry);
    let life = format!(
        "attempts={} died={} first={}",
        line.number,
        at.as_millis(),
        outcome.sent_at.as_millis()
    );
    attributes.insert(REASON.to_owned(), shortened(&reason.to_string()));
    attributes.insert(NOTIFICATION.to_owned(), line.notification.to_string());
    attributes.insert(DESTINATION.to_owned(), line.destination.to_string());
    attributes.insert(LIFE.to_owned(), life);
    for (name, value) in [
        (travel::ORIGIN, &outcome.origin),
        (travel::REPLAY, &outcome.replay),
    ] {
        if let Some(value) = value {
            attributes.insert(name.to_owned(), value.to_string());
        }
    }
    Some(Carry {
        body: line.raw.clone(),
        lines: 1,
        attributes,
        not_before: at,
        attempt: 0,
        // The dead queue's retention counts from its death.
        sent_at: at,
        group: None,
    })
}

/// Characters that SQS refuses are replaced; what is too long is cut at a character.
fn shortened(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut out = String::new();
    for c in clean {
        if out.len() + c.len_utf8() > REASON_BYTES_MAX {
            break;
        }
        out.push(c);
    }
    if out.is_empty() {
        "dead".to_owned()
    } else {
        out
    }
}

impl Letter {
    /// Reads a message of the dead queue. One that redrive put there whole has its receive count as the reason.
    #[must_use]
    pub fn read(received: &Received) -> Self {
        let attribute = |name: &str| received.attributes.get(name).map(String::as_str);
        let life = attribute(LIFE).unwrap_or_default();
        let of = |name: &str| {
            let value = life
                .split(' ')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse::<u64>().ok())
        };
        let retry = Retry::parse(attribute(travel::RETRY).unwrap_or_default());
        let number = retry.lines.first().copied().unwrap_or(1);
        let base = attribute(travel::ID).unwrap_or(&received.message_id);
        let died = of("died").map_or(received.sent_at, Timestamp::from_millis);
        let first = of("first").map_or(received.sent_at, Timestamp::from_millis);
        let redriven = || {
            format!(
                "received {} times without an outcome",
                received.receive_count
            )
        };
        Self {
            notification_id: attribute(NOTIFICATION)
                .map_or_else(|| travel::line_id(base, number).to_string(), str::to_owned),
            message_id: received.message_id.to_string(),
            reason: attribute(REASON).map_or_else(redriven, str::to_owned),
            destination: attribute(DESTINATION).unwrap_or("(unknown)").to_owned(),
            attempts: of("attempts")
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(retry.attempt),
            died_at: died.rfc3339(),
            first_at: first.rfc3339(),
            url: attribute(URL).map(str::to_owned),
            line: String::from_utf8_lossy(&received.body).into_owned(),
            died,
            body: received.body.clone(),
            number,
        }
    }

    /// The new message with which it lives again.
    fn reborn(&self, received: &Received, now: Timestamp) -> Carry {
        let lines = received.body.split(|byte| *byte == b'\n').count();
        let lines = u32::try_from(lines).unwrap_or(u32::MAX);
        // As its sender called it: the line may bear another id.
        let of_id = || without_line(&self.notification_id).unwrap_or(&self.notification_id);
        let base = received.attributes.get(travel::ID);
        let base = base.map_or_else(of_id, String::as_str);
        let numbers = if lines == 1 {
            vec![self.number]
        } else {
            Vec::new()
        };
        let retry = Retry {
            // Its age counts from now, as the ledger books it.
            first: Some(now),
            lines: numbers,
            ..Retry::default()
        };
        let mut attributes = received.attributes.clone();
        for name in [REASON, NOTIFICATION, DESTINATION, LIFE, URL] {
            attributes.remove(name);
        }
        Carry {
            body: self.body.clone(),
            lines,
            attributes: travel::carry(&attributes, base, lines, &retry),
            not_before: now,
            attempt: 0,
            sent_at: now,
            group: received.group.as_ref().map(Arc::clone),
        }
    }
}

/// The letters that pass `filter`, at most `max`, in the queue's order.
///
/// # Errors
/// What the queue says.
pub async fn list(
    queue: &dyn DeadQueue,
    filter: &Filter,
    max: usize,
) -> Result<Vec<Letter>, Error> {
    let mut letters = Vec::new();
    let page = queue.receive_max().min(max.max(10));
    each_page(queue, page, async |page| {
        letters.extend(
            page.iter()
                .map(Letter::read)
                .filter(|letter| filter.takes(letter)),
        );
        Ok(if letters.len() < max {
            After::Hold
        } else {
            After::Enough(Vec::new())
        })
    })
    .await?;
    letters.truncate(max);
    Ok(letters)
}

/// How many letters there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Those that were seen.
    pub count: u64,
    /// Whether there may be more: [`LOOKED_AT_MAX`] messages were looked at, and the queue had not ended.
    pub is_cut: bool,
}

/// How many letters pass `filter`.
///
/// # Errors
/// What the queue says.
pub async fn count(queue: &dyn DeadQueue, filter: &Filter) -> Result<Count, Error> {
    let mut count = 0;
    let is_all = each_page(queue, queue.receive_max(), async |page| {
        let letters = page.iter().map(Letter::read);
        count += letters.filter(|letter| filter.takes(letter)).count() as u64;
        Ok(After::Hold)
    })
    .await?;
    let is_cut = !is_all;
    Ok(Count { count, is_cut })
}

/// The letter of a notification id or of a message id.
///
/// # Errors
/// What the queue says.
pub async fn show(queue: &dyn DeadQueue, id: &str) -> Result<Option<Letter>, Error> {
    let filter = Filter {
        ids: vec![id.to_owned()],
        ..Filter::default()
    };
    Ok(list(queue, &filter, 1).await?.pop())
}

/// How far a command goes in one call; the caller goes on until there is no more.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Only what died before: what dies again, or dies meanwhile, is not part of the command.
    pub began: Timestamp,
    /// At most so many a second; 0: as fast as it goes.
    pub rate: u32,
    /// How long a call may take.
    pub within: Duration,
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Letters that were sent again or dropped.
    pub count: u64,
    /// Whether there may be more: the call ended before the queue did.
    pub more: bool,
}

impl Bounds {
    fn narrow(&self, filter: &Filter) -> Filter {
        let to = filter.to.map_or(self.began, |to| to.min(self.began));
        Filter {
            to: Some(to),
            ..filter.clone()
        }
    }

    /// Messages in a page: those of a tenth of a second, so that a rate is no burst every few seconds.
    fn page(&self, queue: &dyn DeadQueue) -> usize {
        let rate = usize::try_from(self.rate).unwrap_or(usize::MAX);
        match rate {
            0 => queue.receive_max(),
            _ => queue.receive_max().min(rate.div_ceil(10)),
        }
    }
}

/// Lets what passes `filter` live again: one new message for each that was dead when the command began.
///
/// # Errors
/// What the queue says; those that were sent stay sent.
pub async fn retry(queue: &dyn DeadQueue, filter: &Filter, bounds: Bounds) -> Result<Done, Error> {
    let filter = &bounds.narrow(filter);
    take(queue, bounds, async |page| {
        let chosen: Vec<(Lease, Carry)> = page
            .iter()
            .map(|received| (received, Letter::read(received)))
            .filter(|(_, letter)| filter.takes(letter))
            .map(|(received, letter)| {
                (
                    received.lease.clone(),
                    letter.reborn(received, bounds.began),
                )
            })
            .collect();
        if !chosen.is_empty() {
            queue.retry(&chosen).await?;
            pause(bounds.rate, chosen.len()).await;
        }
        Ok(chosen.into_iter().map(|(lease, _)| lease).collect())
    })
    .await
}

/// Deletes what passes `filter` and was dead when the command began.
///
/// # Errors
/// What the queue says; those that were deleted stay deleted.
pub async fn drop_letters(
    queue: &dyn DeadQueue,
    filter: &Filter,
    bounds: Bounds,
) -> Result<Done, Error> {
    let filter = &bounds.narrow(filter);
    take(queue, bounds, async |page| {
        let chosen: Vec<Lease> = page
            .iter()
            .filter(|received| filter.takes(&Letter::read(received)))
            .map(|received| received.lease.clone())
            .collect();
        if !chosen.is_empty() {
            queue.delete(&chosen).await?;
        }
        Ok(chosen)
    })
    .await
}

/// Takes page by page away what `of_page` says it took, until the bounds are reached. A call that takes nothing looks at
/// all there is, so that the next one does not look at the same letters for ever.
async fn take(
    queue: &dyn DeadQueue,
    bounds: Bounds,
    mut of_page: impl AsyncFnMut(&[Received]) -> Result<Vec<Lease>, Error>,
) -> Result<Done, Error> {
    let end = tokio::time::Instant::now() + bounds.within;
    let mut done = Done {
        count: 0,
        more: false,
    };
    each_page(queue, bounds.page(queue), async |page| {
        let gone = of_page(page).await?;
        done.count += gone.len() as u64;
        done.more = done.count > 0 && tokio::time::Instant::now() >= end;
        Ok(if done.more {
            After::Enough(gone)
        } else {
            After::Gone(gone)
        })
    })
    .await
    .map(|is_all| Done {
        more: !is_all && done.count > 0,
        ..done
    })
}

/// A pause after a page that keeps to `rate`.
async fn pause(rate: u32, count: usize) {
    if rate > 0 {
        tokio::time::sleep(Duration::from_secs_f64(count as f64 / f64::from(rate))).await;
    }
}

/// What happens after a page.
enum After {
    /// It is held until the end, so that it is not received again.
    Hold,
    /// These messages are gone; the others are held.
    Gone(Vec<Lease>),
    /// These are gone, and no further page is wanted.
    Enough(Vec<Lease>),
}

/// Receives all there is, page by page, and hands back what is held, also after an error. Whether the end was reached.
async fn each_page(
    queue: &dyn DeadQueue,
    max: usize,
    mut see: impl AsyncFnMut(&[Received]) -> Result<After, Error>,
) -> Result<bool, Error> {
    let mut held: Vec<Lease> = Vec::new();
    let mut looked_at = 0;
    let outcome = loop {
        let page = match queue.receive(max, HOLD).await {
            Ok(page) if page.is_empty() => break Ok(true),
            Ok(page) => page,
            Err(error) => break Err(error),
        };
        looked_at += page.len();
        let after = see(&page).await;
        let gone = match &after {
            Ok(After::Gone(gone) | After::Enough(gone)) => gone.as_slice(),
            _ => &[],
        };
        let gone: HashSet<&Lease> = gone.iter().collect();
        let leases = page.iter().map(|received| received.lease.clone());
        held.extend(leases.filter(|lease| !gone.contains(lease)));
        match after {
            Ok(After::Hold | After::Gone(_)) if looked_at < LOOKED_AT_MAX => {}
            Ok(_) => break Ok(false),
            Err(error) => break Err(error),
        }
    };
    let mut failed = None;
    for leases in held.chunks(queue.receive_max().max(1)) {
        // The others are handed back all the same.
        if let Err(error) = queue.release(leases).await {
            failed.get_or_insert(error);
        }
    }
    match (outcome, failed) {
        (Ok(_), Some(error)) => Err(error),
        (outcome, _) => outcome,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use parking_lot::Mutex;

    use super::*;
    use crate::port::{FailureClass, Next, Reason};

    #[derive(Default)]
    struct Fake {
        there: Mutex<VecDeque<Received>>,
        held: Mutex<Vec<Received>>,
        reborn: Mutex<Vec<Carry>>,
        fails: Mutex<bool>,
        /// When set, what is sent again dies again then.
        dies_again: Mutex<Option<Timestamp>>,
    }

    impl Fake {
        fn remove(&self, lease: &Lease) -> Received {
            let mut held = self.held.lock();
            let place = held
                .iter()
                .position(|received| received.lease == *lease)
                .unwrap();
            held.remove(place)
        }
    }

    fn done<'a>(result: Result<(), Error>) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::ready(result))
    }

    impl DeadQueue for Fake {
        fn receive_max(&self) -> usize {
            3
        }

        fn receive(&self, max: usize, _: Duration) -> BoxFuture<'_, Result<Vec<Received>, Error>> {
            let mut there = self.there.lock();
            let count = max.min(there.len());
            let page: Vec<Received> = there.drain(..count).collect();
            self.held.lock().extend(page.clone());
            Box::pin(std::future::ready(Ok(page)))
        }

        fn release<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>> {
            for lease in leases {
                let received = self.remove(lease);
                self.there.lock().push_back(received);
            }
            done(Ok(()))
        }

        fn retry<'a>(&'a self, letters: &'a [(Lease, Carry)]) -> BoxFuture<'a, Result<(), Error>> {
            if *self.fails.lock() {
                return done(Err(Error::unavailable("queue", "down")));
            }
            for (lease, carry) in letters {
                let mut again = self.remove(lease);
                self.reborn.lock().push(carry.clone());
                if let Some(at) = *self.dies_again.lock() {
                    let number = 1000 + self.reborn.lock().len();
                    again.lease = Lease(format!("l-{number}").into());
                    let life = format!("attempts=1 died={} first=1", at.as_millis());
                    again.attributes.insert(LIFE.into(), life);
                    self.there.lock().push_back(again);
                }
            }
            done(Ok(()))
        }

        fn delete<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>> {
            for lease in leases {
                self.remove(lease);
            }
            done(Ok(()))
        }
    }

    fn received(number: u64, body: &[u8], attributes: BTreeMap<String, String>) -> Received {
        Received {
            lease: Lease(format!("l-{number}").into()),
            message_id: format!("d-{number}").into(),
            body: Bytes::copy_from_slice(body),
            attributes,
            sent_at: Timestamp::from_secs(100),
            lease_until: Timestamp::from_secs(200),
            receive_count: 4,
            attempt: 0,
            group: None,
            origin: None,
        }
    }

    fn dead_line(number: u32) -> (Outcome, LineOutcome) {
        let outcome = Outcome {
            lease: Lease("x".into()),
            message_id: "m".into(),
            base: "m".into(),
            sent_at: Timestamp::from_secs(10),
            receive_count: 1,
            origin: Some("o".into()),
            replay: None,
            attributes: BTreeMap::from([("campaign".to_owned(), "c1".to_owned())]),
            lines: Vec::new(),
            next: Next::Gone,
            carries: Vec::new(),
        };
        let line = LineOutcome {
            line: number,
            notification: format!("m/{number}").into(),
            destination: if number.is_multiple_of(2) {
                "a.example"
            } else {
                "b.example"
            }
            .into(),
            verdict: Verdict::Dead {
                reason: Reason::TooOld {
                    attempts: 3,
                    class: FailureClass::Server,
                },
            },
            number: 3,
            raw: format!("line {number}").into_bytes().into(),
            request: None,
            attempt: None,
            tried: crate::port::Tried::Usual,
        };
        (outcome, line)
    }

    fn filled() -> Fake {
        let fake = Fake::default();
        for number in 0..10u32 {
            let (outcome, line) = dead_line(number);
            let at = Timestamp::from_secs(u64::from(number) + 50);
            let carry = carry(at, &outcome, &line).unwrap();
            let received = received(number.into(), &carry.body, carry.attributes);
            fake.there.lock().push_back(received);
        }
        fake
    }

    fn bounds(began: Timestamp) -> Bounds {
        Bounds {
            began,
            rate: 0,
            within: Duration::from_secs(60),
        }
    }

    fn all(count: u64) -> Done {
        Done { count, more: false }
    }

    #[tokio::test]
    async fn what_dies_again_is_not_sent_again() {
        let fake = filled();
        let now = Timestamp::from_secs(1000);
        *fake.dies_again.lock() = Some(now);
        let done = retry(&fake, &Filter::default(), bounds(now)).await.unwrap();
        assert_eq!((done, fake.reborn.lock().len()), (all(10), 10));
        assert_eq!((fake.there.lock().len(), fake.held.lock().len()), (10, 0));
        let done = drop_letters(&fake, &Filter::default(), bounds(now)).await;
        assert_eq!(done.unwrap(), all(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_retry_answers_in_time_and_goes_on_where_it_was() {
        let fake = filled();
        let now = Timestamp::from_secs(1000);
        let slow = Bounds {
            rate: 2,
            within: Duration::from_secs(2),
            ..bounds(now)
        };
        let mut counts = Vec::new();
        let began = tokio::time::Instant::now();
        loop {
            let done = retry(&fake, &Filter::default(), slow).await.unwrap();
            counts.push(done.count);
            assert_eq!(fake.held.lock().len(), 0);
            if !done.more {
                break;
            }
        }
        assert_eq!(counts, [4, 4, 2]);
        assert_eq!(began.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test]
    async fn letters_are_listed_and_handed_back() {
        let fake = filled();
        let all = list(&fake, &Filter::default(), 100).await.unwrap();
        assert_eq!(all.len(), 10);
        assert_eq!((fake.there.lock().len(), fake.held.lock().len()), (10, 0));
        let letter = show(&fake, "m/7").await.unwrap().unwrap();
        assert_eq!(letter.reason, "given up after 3 attempts, the last: server");
        assert_eq!((letter.attempts, letter.line.as_str()), (3, "line 7"));
        assert_eq!(letter.died_at, "1970-01-01T00:00:57.000Z");
        assert_eq!(letter.first_at, "1970-01-01T00:00:10.000Z");
        assert_eq!(show(&fake, "d-7").await.unwrap(), Some(letter));
        assert_eq!(show(&fake, "m/77").await.unwrap(), None);
        let filter = Filter {
            destination: Some("a.example".into()),
            from: Some(Timestamp::from_secs(54)),
            to: Some(Timestamp::from_secs(58)),
            reason: Some("server".into()),
            ..Filter::default()
        };
        let counted = Count {
            count: 2,
            is_cut: false,
        };
        assert_eq!(count(&fake, &filter).await.unwrap(), counted);
    }

    /// So many large pages, and a first hand-back that fails.
    struct Pages {
        left: Mutex<usize>,
        released: Mutex<usize>,
        fails: bool,
    }

    impl Pages {
        const PAGE: usize = 10_000;

        fn new(pages: usize, fails: bool) -> Self {
            Self {
                left: Mutex::new(pages),
                released: Mutex::default(),
                fails,
            }
        }
    }

    impl DeadQueue for Pages {
        fn receive_max(&self) -> usize {
            Self::PAGE
        }

        fn receive(&self, max: usize, _: Duration) -> BoxFuture<'_, Result<Vec<Received>, Error>> {
            let mut left = self.left.lock();
            let page = match *left {
                0 => Vec::new(),
                _ => vec![received(1, b"line", BTreeMap::new()); max],
            };
            *left = left.saturating_sub(1);
            Box::pin(std::future::ready(Ok(page)))
        }

        fn release<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>> {
            let mut released = self.released.lock();
            *released += leases.len();
            let fails = self.fails && *released == leases.len();
            done(if fails {
                Err(Error::unavailable("queue", "the first"))
            } else {
                Ok(())
            })
        }

        fn retry<'a>(&'a self, _: &'a [(Lease, Carry)]) -> BoxFuture<'a, Result<(), Error>> {
            done(Ok(()))
        }

        fn delete<'a>(&'a self, _: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>> {
            done(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_count_says_where_it_ended() {
        let most = LOOKED_AT_MAX / Pages::PAGE;
        for (pages, is_cut) in [(most - 1, false), (most + 1, true)] {
            let queue = Pages::new(pages, false);
            let counted = count(&queue, &Filter::default()).await.unwrap();
            let count = (pages.min(most) * Pages::PAGE) as u64;
            assert_eq!(counted, Count { count, is_cut });
        }
    }

    #[tokio::test]
    async fn all_are_handed_back_though_one_fails() {
        let queue = Pages::new(3, true);
        let error = count(&queue, &Filter::default()).await.unwrap_err();
        assert!(error.to_string().contains("the first"), "{error}");
        assert_eq!(*queue.released.lock(), 3 * Pages::PAGE);
    }

    #[tokio::test]
    async fn a_retry_is_one_new_message_with_the_same_id_and_a_new_life() {
        let fake = filled();
        let filter = Filter {
            destination: Some("b.example".into()),
            ..Filter::default()
        };
        let now = Timestamp::from_secs(1000);
        assert_eq!(retry(&fake, &filter, bounds(now)).await.unwrap(), all(5));
        let reborn = fake.reborn.lock().clone();
        assert_eq!(reborn.len(), 5);
        assert_eq!(reborn[0].body, Bytes::from_static(b"line 1"));
        assert_eq!((reborn[0].attempt, reborn[0].sent_at), (0, now));
        assert_eq!(reborn[0].attributes[travel::ID], "m");
        // Macros may name what its sender said of it.
        assert_eq!(reborn[0].attributes["campaign"], "c1");
        assert_eq!(
            Retry::parse(&reborn[0].attributes[travel::RETRY]).lines,
            [1]
        );
        assert!(!reborn[0].attributes.contains_key(REASON));
        assert_eq!((fake.there.lock().len(), fake.held.lock().len()), (5, 0));
        *fake.fails.lock() = true;
        retry(&fake, &Filter::default(), bounds(now))
            .await
            .unwrap_err();
        assert_eq!((fake.there.lock().len(), fake.held.lock().len()), (5, 0));
    }

    #[tokio::test]
    async fn dropping_deletes_what_was_asked_and_no_more() {
        let fake = filled();
        let filter = Filter {
            ids: vec!["m/3".into(), "d-4".into()],
            ..Filter::default()
        };
        let bounds = bounds(Timestamp::from_secs(1000));
        assert_eq!(drop_letters(&fake, &filter, bounds).await.unwrap(), all(2));
        assert_eq!((fake.there.lock().len(), fake.held.lock().len()), (8, 0));
    }

    #[test]
    fn a_message_that_redrive_moved_is_a_letter_too() {
        let letter = Letter::read(&received(1, b"a\nb", BTreeMap::new()));
        assert_eq!(letter.reason, "received 4 times without an outcome");
        assert_eq!(letter.notification_id, "d-1/1");
        let carry = letter.reborn(&received(1, b"a\nb", BTreeMap::new()), Timestamp::EPOCH);
        assert_eq!(
            (carry.lines, carry.attributes[travel::ID].as_str()),
            (2, "d-1")
        );
        assert_eq!(shortened("a\nb\u{7}"), "a b ");
        assert_eq!(shortened(&"é".repeat(2000)).len(), 1024);
    }
}
