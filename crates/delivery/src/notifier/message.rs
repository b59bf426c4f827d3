//! A held message: its lines, and the one conclusion when all of them are decided.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::{Bytes, BytesMut};

use super::action::{JobKey, MessageKey};
use super::parking;
use super::units::UnitId;
use crate::config::OnFailure;
use crate::port::{Carry, LineOutcome, Next, Outcome, QueueTraits, Received, RetryWait, Verdict};
use crate::travel;

/// Most new messages that carry on the lines of one, chosen: each costs a send.
const CARRIES_MAX: usize = 8;

/// The longest wait by visibility in a FIFO queue elsewhere (SQS: 12 h from the receive).
const FIFO_WAIT_MAX: Duration = Duration::from_secs(11 * 3600);

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineState {
    Waiting,
    InFlight,
    Done,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) outcome: LineOutcome,
    pub(super) unit: UnitId,
    pub(super) state: LineState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageState {
    /// Being worked on.
    Held,
    /// Its lease is lost; results are still stored.
    Lost,
    /// Concluded; only its lease is kept until it is settled.
    Settling,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) received: Received,
    /// Whether it keeps its place in its group.
    pub(super) is_ordered: bool,
    pub(super) accepted_at: Timestamp,
    /// The base of its lines' ids.
    pub(super) base: Arc<str>,
    pub(super) retry: travel::Retry,
    /// Attempts made before this receive.
    pub(super) attempts: u32,
    pub(super) lines: Vec<Line>,
    /// Lines that are not done.
    pub(super) open: u32,
    pub(super) lease_end: Duration,
    pub(super) state: MessageState,
}

/// What a message comes to.
#[derive(Debug)]
pub(super) enum Conclusion {
    /// Nothing was tried: it goes back.
    Release { wait: Duration },
    /// It is settled.
    Settle(Outcome),
}

/// How a message that goes on may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) now: Timestamp,
    pub(super) traits: QueueTraits,
    /// What one that failed does to its group.
    pub(super) on_failure: OnFailure,
    /// The longest wait by visibility, zero while the queue's in-flight share is high.
    pub(super) visible_max: Duration,
}

impl Message {
    pub(super) fn line(&self, job: JobKey) -> Option<&Line> {
        self.lines.get(job.line as usize)
    }

    pub(super) fn line_mut(&mut self, job: JobKey) -> Option<&mut Line> {
        self.lines.get_mut(job.line as usize)
    }

    /// Decides a line; whether it was the last one, or `None` when it is decided already.
    pub(super) fn decide(&mut self, line: u32, verdict: Verdict) -> Option<bool> {
        let line = self.lines.get_mut(line as usize)?;
        if line.state == LineState::Done {
            return None;
        }
        line.state = LineState::Done;
        line.outcome.verdict = verdict;
        self.open = self.open.saturating_sub(1);
        Some(self.open == 0)
    }

    /// The places of the lines that wait.
    pub(super) fn waiting(&self) -> Vec<u32> {
        self.places(LineState::Waiting)
    }

    /// The places of the lines in some state.
    pub(super) fn places(&self, state: LineState) -> Vec<u32> {
        let lines = self.lines.iter().enumerate();
        let places = lines.filter(|(_, line)| line.state == state);
        places
            .filter_map(|(place, _)| u32::try_from(place).ok())
            .collect()
    }

    /// What the message comes to, all its lines being done. Takes the lines.
    pub(super) fn conclude(&mut self, waiting: &Waiting) -> Conclusion {
        let lines: Vec<LineOutcome> = std::mem::take(&mut self.lines)
            .into_iter()
            .map(|line| line.outcome)
            .collect();
        self.state = MessageState::Settling;
        let going: Vec<&LineOutcome> = lines
            .iter()
            .filter(|line| goes_on(line).is_some())
            .collect();
        if going.is_empty() {
            return Conclusion::Settle(self.outcome(lines, Next::Gone, Vec::new()));
        }
        if self.is_ordered && !parking::steps_aside(&going, waiting.on_failure) {
            return self.conclude_fifo(lines, waiting);
        }
        let is_whole =
            !self.is_ordered && going.len() == lines.len() && is_together(&going, waiting.now);
        if is_whole && let Some(conclusion) = self.stay(&lines, waiting) {
            return match conclusion {
                Stay::Release(wait) => Conclusion::Release { wait },
                Stay::Next(next) => Conclusion::Settle(self.outcome(lines, next, Vec::new())),
            };
        }
        let carries = self.carries(&going, waiting);
        Conclusion::Settle(self.outcome(lines, Next::Gone, carries))
    }

    /// How a message stays in its queue whole; `None` when it must be sent again.
    fn stay(&self, lines: &[LineOutcome], waiting: &Waiting) -> Option<Stay> {
        let at = together(lines.iter())?;
        let attempt = lines.iter().map(|line| line.number).max()?;
        let wait = at.since(waiting.now);
        let is_untouched = lines.iter().all(|line| line.attempt.is_none());
        match waiting.traits.retry_wait {
            RetryWait::Native if is_untouched && wait.is_zero() => Some(Stay::Release(wait)),
            RetryWait::Native => Some(Stay::Next(Next::RetryAt { at, attempt })),
            RetryWait::Resend
                if is_untouched && (wait.is_zero() || wait <= waiting.visible_max) =>
            {
                Some(Stay::Release(wait))
            }
            RetryWait::Resend if wait <= waiting.visible_max => {
                Some(Stay::Next(Next::VisibleAfter { wait }))
            }
            RetryWait::Resend => None,
        }
    }

    /// A message of a FIFO queue stays whole, so that its group keeps its order: lines that were delivered before
    /// one that failed are sent again. One message one line avoids that.
    fn conclude_fifo(&self, mut lines: Vec<LineOutcome>, waiting: &Waiting) -> Conclusion {
        let at = match waiting.on_failure {
            OnFailure::Block => lines.iter().filter_map(goes_on).max(),
            // What failed waits for nobody; what was not tried must not wait for it.
            OnFailure::Park => lines.iter().filter_map(goes_on).min(),
        };
        let at = at.unwrap_or(waiting.now);
        let attempt = lines
            .iter()
            .map(|line| line.number)
            .max()
            .unwrap_or(self.attempts);
        let wait = at.since(waiting.now);
        if wait.is_zero()
            && lines
                .iter()
                .all(|line| line.attempt.is_none() && goes_on(line).is_some())
        {
            return Conclusion::Release { wait };
        }
        for line in &mut lines {
            if goes_on(line).is_none() {
                line.verdict = Verdict::Later { at };
            }
        }
        let next = match waiting.traits.retry_wait {
            RetryWait::Native => Next::RetryAt { at, attempt },
            RetryWait::Resend => Next::VisibleAfter {
                wait: wait.min(FIFO_WAIT_MAX),
            },
        };
        Conclusion::Settle(self.outcome(lines, next, Vec::new()))
    }

    fn outcome(&self, lines: Vec<LineOutcome>, next: Next, carries: Vec<Carry>) -> Outcome {
        Outcome {
            lease: self.received.lease.clone(),
            message_id: self.received.message_id.clone(),
            base: self.base.clone(),
            sent_at: self.accepted_at,
            receive_count: self.received.receive_count,
            origin: self.received.origin.clone(),
            replay: self.replay(),
            attributes: self.own_attributes(&lines),
            lines,
            next,
            carries,
        }
    }

    /// Those of the sender, where a line is dead: macros may name them when it is sent again.
    fn own_attributes(&self, lines: &[LineOutcome]) -> BTreeMap<String, String> {
        let is_dead = |line: &LineOutcome| matches!(line.verdict, Verdict::Dead { .. });
        if !lines.iter().any(is_dead) {
            return BTreeMap::new();
        }
        let all = self.received.attributes.iter();
        let own = all.filter(|(name, _)| !name.starts_with(travel::OURS));
        own.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    pub(super) fn replay(&self) -> Option<Arc<str>> {
        self.received
            .attributes
            .get(travel::REPLAY)
            .map(|text| Arc::from(text.as_str()))
    }

    /// New messages for the lines that go on: those of one attempt and about one time together.
    fn carries(&self, going: &[&LineOutcome], waiting: &Waiting) -> Vec<Carry> {
        let now = waiting.now;
        let mut order: Vec<&LineOutcome> = going.to_vec();
        order.sort_by_key(|line| (line.number, rests(line), goes_on(line), line.line));
        let mut parts: Vec<Vec<&LineOutcome>> = Vec::new();
        for line in order {
            match parts.last_mut() {
                Some(part)
                    if part.first().is_some_and(|first| {
                        (first.number, rests(first)) == (line.number, rests(line))
                    }) && is_near(
                        part.first().and_then(|first| goes_on(first)),
                        goes_on(line),
                        now,
                    ) =>
                {
                    part.push(line);
                }
                _ => parts.push(vec![line]),
            }
        }
        merge_beyond(&mut parts, CARRIES_MAX);
        let is_fifo = waiting.traits.is_fifo;
        let carries = parts.into_iter();
        carries.map(|part| self.carry(part, is_fifo)).collect()
    }

    fn carry(&self, mut part: Vec<&LineOutcome>, is_fifo: bool) -> Carry {
        part.sort_by_key(|line| line.line);
        let first = part.first().map_or(0, |line| line.line);
        let not_before = together(part.iter().copied()).unwrap_or_default();
        let attempt = part
            .iter()
            .map(|line| line.number)
            .max()
            .unwrap_or(self.attempts);
        let lines = u32::try_from(part.len()).unwrap_or(u32::MAX);
        let retry = travel::Retry {
            attempt,
            first: Some(self.accepted_at),
            // Nobody shall keep it waiting when its destination goes on.
            not_before: Some(not_before).filter(|_| !part.iter().all(|line| rests(line))),
            lines: part.iter().map(|line| line.line).collect(),
        };
        Carry {
            body: join(&part),
            lines,
            attributes: travel::carry(&self.received.attributes, &self.base, lines, &retry),
            not_before,
            attempt,
            sent_at: self.accepted_at,
            group: match is_fifo {
                true => Some(parking::group(&self.received.message_id, first)),
                false => self.received.group.clone(),
            },
        }
    }
}

enum Stay {
    Release(Duration),
    Next(Next),
}

/// When a line is to be tried again; `None` when it is finished.
pub(super) fn goes_on(line: &LineOutcome) -> Option<Timestamp> {
    match line.verdict {
        Verdict::RetryAt { at, .. }
        | Verdict::Later { at }
        | Verdict::Broken { at }
        | Verdict::Paused { at } => Some(at),
        Verdict::Delivered | Verdict::Dead { .. } | Verdict::Expired { .. } => None,
    }
}

/// Whether a line waits because its destination rests.
fn rests(line: &LineOutcome) -> bool {
    matches!(line.verdict, Verdict::Paused { .. })
}

/// When lines that wait as one are to be tried again: a retry not before its time, but untried lines with the first of
/// their turns, since one that comes too late leaves its receiver idle.
fn together<'a>(lines: impl Iterator<Item = &'a LineOutcome>) -> Option<Timestamp> {
    let (mut first_turn, mut last_retry) = (None, None);
    for line in lines {
        match line.verdict {
            Verdict::Later { at } | Verdict::Broken { at } | Verdict::Paused { at } => {
                first_turn = Some(first_turn.map_or(at, |first: Timestamp| first.min(at)))
            }
            Verdict::RetryAt { at, .. } => last_retry = last_retry.max(Some(at)),
            _ => {}
        }
    }
    last_retry.max(first_turn)
}

/// Whether lines can wait as one: the same attempt, about the same time.
fn is_together(going: &[&LineOutcome], now: Timestamp) -> bool {
    let times = || going.iter().map(|line| goes_on(line));
    let Some(first) = going.first() else {
        return true;
    };
    going.iter().all(|line| line.number == first.number)
        && is_near(times().min().flatten(), times().max().flatten(), now)
}

/// Two times that may be one: within a second, or a quarter of the wait.
fn is_near(early: Option<Timestamp>, late: Option<Timestamp>, now: Timestamp) -> bool {
    let (Some(early), Some(late)) = (early, late) else {
        return false;
    };
    late.since(early) <= (early.since(now) / 4).max(Duration::from_secs(1))
}

fn merge_beyond<T>(parts: &mut Vec<Vec<T>>, max: usize) {
    while parts.len() > max {
        if let Some(last) = parts.pop()
            && let Some(before) = parts.last_mut()
        {
            before.extend(last);
        }
    }
}

fn join(part: &[&LineOutcome]) -> Bytes {
    if let [only] = part {
        return only.raw.clone();
    }
    let bytes = part.iter().map(|line| line.raw.len() + 1).sum();
    let mut body = BytesMut::with_capacity(bytes);
    for line in part {
        if !body.is_empty() {
            body.extend_from_slice(b"\n");
        }
        body.extend_from_slice(&line.raw);
    }
    body.freeze()
}

/// The messages that are held, by key.
#[derive(Debug, Default)]
pub(super) struct Messages {
    slots: Vec<Slot>,
    unused: Vec<u32>,
    len: usize,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    message: Option<Message>,
}

impl Messages {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, message: Message) -> MessageKey {
        let slot = self.unused.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            // INVARIANT: what is held is bounded far below 2^32 by the prefetch.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.len += 1;
        let mut generation = 0;
        if let Some(place) = self.slots.get_mut(slot as usize) {
            place.message = Some(message);
            generation = place.generation;
        }
        MessageKey { slot, generation }
    }

    pub(super) fn get(&self, key: MessageKey) -> Option<&Message> {
        let slot = self.slots.get(key.slot as usize)?;
        slot.message
            .as_ref()
            .filter(|_| slot.generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: MessageKey) -> Option<&mut Message> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        slot.message
            .as_mut()
            .filter(|_| slot.generation == key.generation)
    }

    pub(super) fn remove(&mut self, key: MessageKey) -> Option<Message> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let message = slot.message.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.unused.push(key.slot);
        self.len -= 1;
        Some(message)
    }

    /// The keys of all that are held, for the end of a life.
    pub(super) fn keys(&self) -> Vec<MessageKey> {
        let key = |(index, slot): (usize, &Slot)| {
            slot.message.as_ref()?;
            Some(MessageKey {
                slot: u32::try_from(index).ok()?,
                generation: slot.generation,
            })
        };
        self.slots.iter().enumerate().filter_map(key).collect()
    }
}
