//! Reading a request's body within its bounds, also where the client has compressed it.

use std::io::Read as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::bufread::GzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limits::Limits;

/// Bodies up to here take nothing from the budget of large ones; larger ones take from it in steps of this size.
const SMALL_BYTES: u64 = 64 * 1024;

/// Bytes that are inflated at a time, before others get their turn; chosen.
const INFLATED_BYTES: u64 = 64 * 1024;

/// Why a body is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Longer than a body may be.
    TooLarge,
    /// Not complete in time.
    TooSlow,
    /// The client went away or broke the framing.
    Broken,
    /// Too many large bodies at a time.
    Busy,
    /// Said to be gzip, and is not, or is more than one piece of it.
    NotGzip,
    /// Longer than a body may be, once inflated.
    TooLargeInflated,
}

/// Memory for large bodies, in KiB.
#[derive(Debug)]
pub(crate) struct Budget(Semaphore);

/// What a body holds of the budget.
///
/// INVARIANT: it covers what has arrived, and grows as it arrives: who has announced a body and sends none holds nothing.
#[derive(Debug)]
struct Share<'a> {
    budget: &'a Budget,
    permit: Option<SemaphorePermit<'a>>,
}

/// A body, with its share of the budget while it lives.
#[derive(Debug)]
pub(crate) struct Read<'a> {
    pub(crate) bytes: Bytes,
    share: Share<'a>,
}

impl Read<'_> {
    /// Puts what the body holds in gzip in its place. Both count towards the budget, what was inflated as it grows; more than
    /// a body may have is given up at once.
    pub(crate) async fn inflate(&mut self, limits: &Limits) -> Result<(), Trouble> {
        let sent = self.bytes.clone();
        let mut decoder = GzDecoder::new(&sent[..]);
        let mut inflated = Vec::new();
        loop {
            let mut step = decoder.by_ref().take(INFLATED_BYTES);
            let count = step.read_to_end(&mut inflated);
            if count.map_err(|_| Trouble::NotGzip)? == 0 {
                break;
            }
            if inflated.len() as u64 > limits.body_bytes.get() {
                return Err(Trouble::TooLargeInflated);
            }
            self.share.grow_to((sent.len() + inflated.len()) as u64)?;
            tokio::task::yield_now().await;
        }
        // A second piece would be passed over in silence.
        if !decoder.into_inner().is_empty() {
            return Err(Trouble::NotGzip);
        }
        self.bytes = inflated.into();
        Ok(())
    }
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let kib = (limits.bodies_bytes.get() / 1024).min(Semaphore::MAX_PERMITS as u64);
        Self(Semaphore::new(
            usize::try_from(kib).unwrap_or(Semaphore::MAX_PERMITS),
        ))
    }
}

impl Share<'_> {
    /// Takes what `bytes` need beyond what it has.
    fn grow_to(&mut self, bytes: u64) -> Result<(), Trouble> {
        if bytes <= SMALL_BYTES {
            return Ok(());
        }
        let kib = bytes.next_multiple_of(SMALL_BYTES) / 1024;
        let held = self.permit.as_ref().map_or(0, SemaphorePermit::num_permits);
        let more = kib.saturating_sub(held as u64);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let taken = self.budget.0.try_acquire_many(more);
        let taken = taken.map_err(|_| Trouble::Busy)?;
        match &mut self.permit {
            Some(permit) => permit.merge(taken),
            None => self.permit = Some(taken),
        }
        Ok(())
    }
}

/// Reads the whole body.
pub(crate) async fn read<'a>(
    body: Incoming,
    limits: &Limits,
    budget: &'a Budget,
) -> Result<Read<'a>, Trouble> {
    let limit = limits.body_bytes.get();
    // Without a length the body counts as the largest possible.
    let most = body.size_hint().upper().unwrap_or(limit);
    if most > limit {
        return Err(Trouble::TooLarge);
    }
    let mut share = Share {
        budget,
        permit: None,
    };
    let capacity = usize::try_from(most.min(SMALL_BYTES)).unwrap_or_default();
    let collected = collect(body, limit, capacity, &mut share);
    let bytes = in_time(limits.body_time, collected).await?;
    Ok(Read { bytes, share })
}

/// Reads and drops a body that nobody wants, so that the client gets to read the answer.
pub(crate) async fn discard(mut body: Incoming, limits: &Limits) -> Result<(), Trouble> {
    let limit = limits.body_bytes.get();
    if body.is_end_stream() {
        return Ok(());
    }
    if body.size_hint().lower() > limit {
        return Err(Trouble::TooLarge);
    }
    let drop_all = async {
        let mut seen = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Trouble::Broken)?;
            seen += frame.data_ref().map_or(0, |data| data.len() as u64);
            if seen > limit {
                return Err(Trouble::TooLarge);
            }
        }
        Ok(())
    };
    in_time(limits.body_time, drop_all).await
}

async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(Trouble::TooSlow))
}

async fn collect(
    mut body: Incoming,
    limit: u64,
    capacity: usize,
    share: &mut Share<'_>,
) -> Result<Bytes, Trouble> {
    let mut first = Bytes::new();
    let mut whole: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Trouble::Broken)?.into_data() else {
            continue;
        };
        let so_far = whole.as_ref().map_or(first.len(), BytesMut::len);
        if (so_far + data.len()) as u64 > limit {
            return Err(Trouble::TooLarge);
        }
        share.grow_to((so_far + data.len()) as u64)?;
        match &mut whole {
            Some(whole) => whole.extend_from_slice(&data),
            // Most bodies come in one piece, which is then not copied.
            None if first.is_empty() => first = data,
            None => {
                let mut joined = BytesMut::with_capacity(capacity.max(so_far + data.len()));
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&data);
                whole = Some(joined);
            }
        }
    }
    Ok(whole.map_or(first, BytesMut::freeze))
}
