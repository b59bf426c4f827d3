//! From the journal to objects.
//!
//! A pass reads the settled results behind `sealed_up_to`, writes one object for each route and hour, and journals that they
//! are sealed. The journal keeps a result until then, so a crash at any point costs nothing: objects that were written
//! and not marked begin at or after `sealed_up_to`; readers ignore them and the next pass after a start or an
//! error removes them. Those that begin in a stretch which the journal has lost are kept: after a restore they are all that
//! is known of what the lost server sent. One that begins before it is removed and made anew without what went beyond.
//!
//! Bounds: a pass holds at most [`PASS_BYTES_MAX`] of results and one record more. What settles later than a pass
//! began waits for the next one, so results lag by the interval plus one pass; a pass that was full is followed at once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use futures_util::future::BoxFuture;
use store::record::{self, MessageKey, QueueId, Record, Settlement, Touched};
use store::{Position, ReadError};
use tokio::sync::watch;

use super::index::CountTable;
use super::name::{DATA, ObjectName, Range};
use super::sealing::Sealing;
use super::{Error, ObjectBuilder, Results};
use crate::port;
use crate::result::{Head, Packed, expired_result, marked_late};

/// Results that one pass takes at most, in bytes before compression.
pub const PASS_BYTES_MAX: usize = 32 << 20;

/// A stretch of the journal without results is marked sealed when it is this long, so that its segments can go.
const EMPTY_STRETCH_BYTES: u64 = 8 << 20;

/// A record as [`store::Journal::scan`] gives it.
pub type Scanned = Result<store::journal::Record, ReadError>;

/// The journal as the sealer sees it: what was settled, and a place to note how far it came.
pub trait ResultLog: Send + Sync + std::fmt::Debug {
    /// Results before this are durable elsewhere.
    fn sealed_up_to(&self) -> Position;

    /// The stretches of the journal that are lost: what was in them is known from objects alone.
    fn lost(&self) -> Vec<(Position, Position)>;

    /// The durable records from `from` on, in order.
    fn scan(&self, from: Position) -> Box<dyn Iterator<Item = Scanned> + Send>;

    /// Resolves when the record at `position` is durable.
    fn durable_through(&self, position: Position) -> BoxFuture<'_, Result<(), port::Error>>;

    /// Journals [`Record::Sealed`] and waits for its commit.
    fn mark_sealed(&self, up_to: Position) -> BoxFuture<'_, Result<(), port::Error>>;

    /// The route that a queue belongs to; `None` for other queues, whose messages expire without results.
    fn route(&self, queue: QueueId) -> Option<String>;

    /// The id of a message, as its receiver saw it.
    fn message_id(&self, key: MessageKey) -> String;
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Results that are sealed now.
    pub results: u64,
    /// Objects written.
    pub objects: u64,
    /// Whether there was more than fits in one pass.
    pub is_full: bool,
}

/// Seals results. One per journal.
#[derive(Debug)]
pub struct Sealer {
    log: Arc<dyn ResultLog>,
    results: Results,
    /// Where the last pass ended, when it found no results to mark.
    scanned_up_to: Position,
    /// Whether leftovers may lie behind `sealed_up_to`.
    may_have_leftovers: bool,
    /// How it stands, for others.
    pub sealing: Arc<Sealing>,
}

/// What a pass has gathered.
#[derive(Debug, Default)]
struct Batch {
    objects: BTreeMap<(String, u64), (ObjectBuilder, u64, u64)>,
    bytes: usize,
    results: u64,
    up_to: Position,
    is_full: bool,
}

impl Sealer {
    /// Seals what `log` holds into `results`.
    #[must_use]
    pub fn new(log: Arc<dyn ResultLog>, results: Results) -> Self {
        Self {
            log,
            results,
            scanned_up_to: Position::ZERO,
            may_have_leftovers: true,
            sealing: Arc::default(),
        }
    }

    /// Seals every `interval`, which is asked for each time, until `stop` says so, then once more. Errors are logged and tried
    /// again.
    pub async fn run(mut self, interval: impl Fn() -> Duration, mut stop: watch::Receiver<bool>) {
        loop {
            let is_last = *stop.borrow();
            self.round().await;
            if is_last {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(interval()) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Seals all that there is, and says how it went.
    pub(super) async fn round(&mut self) {
        self.sealing.begin();
        match self.all().await {
            Ok(results) => {
                tracing::debug!(results, "results sealed");
                self.sealing.done();
            }
            Err(error) => {
                let error = chain(&error);
                tracing::error!(%error, "results not sealed; they wait in the journal");
                self.sealing.failed(error);
            }
        }
    }

    /// Passes until there is nothing left; answers how many results were sealed.
    ///
    /// # Errors
    /// As [`Sealer::pass`].
    pub async fn all(&mut self) -> Result<u64, Error> {
        let mut results = 0;
        loop {
            let pass = self.pass().await?;
            results += pass.results;
            if !pass.is_full {
                return Ok(results);
            }
        }
    }

    /// One pass.
    ///
    /// # Errors
    /// When the journal cannot be read or the store fails: nothing was marked, and the next pass does it again.
    pub async fn pass(&mut self) -> Result<Pass, Error> {
        let sealed = self.log.sealed_up_to();
        if self.may_have_leftovers {
            self.remove_leftovers(sealed).await?;
        }
        self.may_have_leftovers = true;
        let pass = self.seal(sealed).await?;
        self.may_have_leftovers = false;
        Ok(pass)
    }

    async fn seal(&mut self, sealed: Position) -> Result<Pass, Error> {
        let from = sealed.max(self.scanned_up_to);
        let log = Arc::clone(&self.log);
        let batch = tokio::task::spawn_blocking(move || Batch::gather(log.as_ref(), from))
            .await
            .map_err(|_| Error::Cancelled)??;
        let mut pass = Pass {
            results: batch.results,
            is_full: batch.is_full,
            ..Pass::default()
        };
        for ((route, hour), (builder, first, last)) in batch.objects {
            let name = ObjectName::new(&route, hour, Range::Journal { first, last });
            let bytes = self.results.put(&name, builder.finish()?).await?;
            self.sealing.wrote(&route, bytes);
            pass.objects += 1;
        }
        if pass.results > 0 || batch.up_to.since(sealed) >= EMPTY_STRETCH_BYTES {
            self.log.mark_sealed(batch.up_to).await?;
        }
        self.scanned_up_to = batch.up_to;
        Ok(pass)
    }

    /// Removes objects that a crash or an error left behind before they were marked.
    async fn remove_leftovers(&self, sealed: Position) -> Result<(), Error> {
        let lost = self.log.lost();
        let is_lost = |first: u64| {
            let mut stretches = lost.iter();
            stretches.any(|(from, to)| (from.get()..to.get()).contains(&first))
        };
        for object in self.results.store.list("route=").await? {
            let name = ObjectName::parse(&object.name).filter(|_| object.name.ends_with(DATA));
            if let Some(name) = name
                && name
                    .range
                    .first()
                    .is_some_and(|first| first >= sealed.get() && !is_lost(first))
            {
                tracing::info!(object = %name, "removing an object that was not sealed");
                self.results.remove(&name).await?;
            }
        }
        Ok(())
    }
}

impl Batch {
    fn gather(log: &dyn ResultLog, from: Position) -> Result<Self, Error> {
        let mut batch = Self {
            up_to: from,
            ..Self::default()
        };
        for scanned in log.scan(from) {
            let frame = scanned?;
            batch.add_record(log, &frame)?;
            batch.up_to = frame.end;
            if batch.bytes >= PASS_BYTES_MAX {
                batch.is_full = true;
                break;
            }
        }
        Ok(batch)
    }

    fn add_record(
        &mut self,
        log: &dyn ResultLog,
        frame: &store::journal::Record,
    ) -> Result<(), Error> {
        let position = frame.position;
        for_each_result(log, frame, &mut |at, packed| {
            self.push(position, at, packed)
        })
        .map_err(|source| Error::Record { position, source })?
    }

    fn push(&mut self, position: Position, at: Timestamp, packed: Packed<'_>) -> Result<(), Error> {
        let route = Head::read(packed.json)
            .map(|head| head.route.into_owned())
            .filter(|route| is_route_name(route))
            .unwrap_or_else(|| "unknown".to_owned());
        let key = (route, at.as_secs() / 3600);
        let object = match self.objects.entry(key) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert((ObjectBuilder::new()?, position.get(), position.get()))
            }
        };
        object.0.push(at, packed)?;
        object.2 = position.get();
        self.bytes += packed.json.len() + packed.source.len();
        self.results += 1;
        Ok(())
    }
}

/// Calls `take` with each durable result in the journal from `from` on, in order, until it breaks off.
///
/// # Errors
/// When the journal cannot be read.
pub fn scan_tail(
    log: &dyn ResultLog,
    from: Position,
    take: &mut dyn FnMut(Position, Timestamp, Packed<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    for scanned in log.scan(from) {
        let frame = scanned?;
        let position = frame.position;
        let mut of_record = |at, packed: Packed<'_>| match take(position, at, packed) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(()),
        };
        let done = for_each_result(log, &frame, &mut of_record)
            .map_err(|source| Error::Record { position, source })?;
        if done.is_err() {
            break;
        }
    }
    Ok(())
}

/// Calls `take` with each result of a record of the journal, in order; stops at its first error.
fn for_each_result<E>(
    log: &dyn ResultLog,
    frame: &store::journal::Record,
    take: &mut dyn FnMut(Timestamp, Packed<'_>) -> Result<(), E>,
) -> Result<Result<(), E>, record::Malformed> {
    let tag = frame.payload.first().copied();
    if !matches!(tag, Some(record::tag::SETTLED | record::tag::EXPIRED)) {
        return Ok(Ok(()));
    }
    match record::decode(&frame.payload)? {
        Record::Settled { settlements, .. } => {
            for settlement in &settlements {
                let done = settled(frame.at, settlement, take);
                if done.is_err() {
                    return Ok(done);
                }
            }
        }
        Record::Expired { queue, messages } => {
            if let Some(route) = log.route(queue) {
                return Ok(expired(log, &route, frame.at, &messages, take));
            }
        }
        _ => {}
    }
    Ok(Ok(()))
}

fn expired<E>(
    log: &dyn ResultLog,
    route: &str,
    at: Timestamp,
    messages: &[Touched],
    take: &mut dyn FnMut(Timestamp, Packed<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for message in messages {
        let id = log.message_id(message.key);
        let queued_at = Timestamp::from_secs(u64::from(message.sent_minute) * 60);
        for line in 1..=message.lines {
            let json = expired_result(at, route, &id, line, queued_at);
            take(
                at,
                Packed {
                    json: &json,
                    source: &[],
                },
            )?;
        }
    }
    Ok(())
}

/// The results of one settlement. One that is booked as no notification comes from a lost lease.
fn settled<E>(
    at: Timestamp,
    settlement: &Settlement<'_>,
    take: &mut dyn FnMut(Timestamp, Packed<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for packed in settlement
        .lines
        .iter()
        .filter_map(|line| Packed::of(line.result))
    {
        if settlement.lines_before == 0 {
            take(
                at,
                Packed {
                    json: &marked_late(packed.json),
                    source: packed.source,
                },
            )?;
        } else {
            take(at, packed)?;
        }
    }
    Ok(())
}

/// Counts the results from `from` to `through`, both included, by route and destination.
///
/// # Errors
/// When the journal cannot be read.
pub fn count_tail(
    log: &dyn ResultLog,
    from: Position,
    through: Position,
) -> Result<BTreeMap<String, CountTable>, Error> {
    let mut routes: BTreeMap<String, CountTable> = BTreeMap::new();
    scan_tail(log, from, &mut |position, _, packed| {
        if position > through {
            return ControlFlow::Break(());
        }
        if let Some(head) = Head::read(packed.json) {
            let table = routes.entry(head.route.into_owned()).or_default();
            let counts = table.entry(head.destination.into_owned()).or_default();
            counts.add(head.decision, head.is_late);
        }
        ControlFlow::Continue(())
    })?;
    Ok(routes)
}

fn is_route_name(name: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 80 && !name.starts_with('.') && name.bytes().all(is_fine)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
