//! What comes in: messages read into lines, lines judged, and what cannot wait here put off.

use super::*;

/// Messages in.
impl Dispatcher {
    /// Takes a message; `None` when it went straight back.
    pub(super) fn admit(&mut self, at: Moment, received: Received) -> Option<MessageKey> {
        let attribute = |name: &str| received.attributes.get(name);
        let retry = attribute(travel::RETRY)
            .map_or_else(travel::Retry::default, |text| travel::Retry::parse(text));
        let base = attribute(travel::ID).map_or_else(
            || received.message_id.clone(),
            |text| Arc::from(text.as_str()),
        );
        let hint = if self.hints.is_empty() {
            None
        } else {
            self.hints.remove(&received.message_id)
        };
        let attempts = received.attempt.max(retry.attempt).max(hint.unwrap_or(0));
        let accepted_at = retry.first.unwrap_or(received.sent_at);
        let not_before = retry.not_before.filter(|time| *time > at.wall);
        let is_ordered = parking::is_ordered(&received, self.setup.traits.is_fifo);
        let message = Message {
            lease_end: at.mono + at.until(received.lease_until),
            accepted_at,
            base,
            attempts,
            retry,
            lines: Vec::with_capacity(1),
            open: 0,
            state: MessageState::Held,
            is_ordered,
            received,
        };
        let key = self.messages.insert(message);
        if is_ordered {
            self.join_group(key);
        }
        self.read_lines(at, key, not_before);
        self.messages.get(key).map(|_| key)
    }

    pub(super) fn read_lines(
        &mut self,
        at: Moment,
        key: MessageKey,
        not_before: Option<Timestamp>,
    ) {
        let Some(message) = self.messages.get(key) else {
            return;
        };
        let body = message.received.body.clone();
        let mut lines: Vec<Line> = Vec::with_capacity(1);
        let mut jobs = 0;
        for (index, raw) in split_lines(&body).enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let line = self.read_line(at, key, index, raw, not_before);
            jobs += u32::from(line.state == LineState::Waiting);
            lines.push(line);
        }
        self.learn_lines(to_f64(lines.len()));
        let Some(message) = self.messages.get_mut(key) else {
            return;
        };
        message.lines = lines;
        message.open = jobs;
        let is_ordered = message.is_ordered;
        if jobs == 0 {
            self.conclude(at, key);
        } else if is_ordered {
            self.next_in_group(at, key);
        } else {
            self.queue_lines(at, key);
        }
    }

    /// Follows more lines a message at once, fewer slowly: the prefetch must not overshoot.
    pub(super) fn learn_lines(&mut self, lines: f64) {
        let known = self.lines_mean.unwrap_or(lines);
        let weight = if lines > known { 0.5 } else { 1.0 / 32.0 };
        self.lines_mean = Some(known + (lines - known) * weight);
    }

    pub(super) fn read_line(
        &mut self,
        at: Moment,
        key: MessageKey,
        index: u32,
        raw: Bytes,
        not_before: Option<Timestamp>,
    ) -> Line {
        // Of a line without a receiver; else its request bears it.
        let mut own = None;
        let (unit, request, verdict) = match not_before {
            Some(later) => self.judge_early(at, key, index, &raw, later),
            None => match self.parse_line(at, key, index, &raw) {
                Ok(parsed) => self.judge_line(at, key, index, Some(&raw), parsed),
                Err(error) => {
                    let (unit, request) = self.refused_line(at, key, index, &raw);
                    if request.is_none() {
                        own = self.setup.format.own_id(&raw);
                    }
                    let reason = Reason::from(error);
                    (unit, request, Some(Verdict::Dead { reason }))
                }
            },
        };
        let (number, attempts) = self.number_of(key, index);
        let notification = match &request {
            Some(request) => request.id.clone(),
            None => self.id_of(key, number, own.as_deref()),
        };
        let destination = unit
            .and_then(|id| self.units.get(id))
            .map_or(&self.unknown, |unit| &unit.name)
            .clone();
        if let Some(verdict) = &verdict {
            let unit = unit.and_then(|id| self.units.get_mut(id));
            count(
                unit.map_or(&mut self.unknown_counts, |unit| &mut unit.counts),
                verdict,
            );
        }
        Line {
            unit: unit.unwrap_or(UnitId::MAX),
            state: if verdict.is_some() {
                LineState::Done
            } else {
                LineState::Waiting
            },
            outcome: LineOutcome {
                line: number,
                notification,
                destination,
                verdict: verdict.unwrap_or(Verdict::Later {
                    at: Timestamp::EPOCH,
                }),
                number: attempts,
                raw,
                request,
                attempt: None,
                tried: Tried::Usual,
            },
        }
    }

    /// The receiver and the request of a line that is refused, as far as they can be read.
    fn refused_line(
        &mut self,
        at: Moment,
        key: MessageKey,
        index: u32,
        raw: &Bytes,
    ) -> (Option<UnitId>, Option<Arc<Notification>>) {
        let Some(parsed) = self.setup.format.bearing(raw) else {
            return (None, None);
        };
        let (unit, request, _) = self.judge_line(at, key, index, None, parsed);
        (unit, request)
    }

    /// The receiver, the request, and the verdict where there is one already. `raw`: the line, where it may be sent.
    pub(super) fn judge_line(
        &mut self,
        at: Moment,
        key: MessageKey,
        index: u32,
        raw: Option<&Bytes>,
        parsed: Parsed,
    ) -> (Option<UnitId>, Option<Arc<Notification>>, Option<Verdict>) {
        let unit = self.units.of_url(&parsed.request.url, at.mono);
        let (number, attempts) = self.number_of(key, index);
        let is_anew = self.messages.get(key).is_some_and(|message| {
            let attributes = &message.received.attributes;
            attributes.contains_key(travel::NEW_ID)
        });
        let own = parsed.id.as_deref().filter(|_| !is_anew);
        let id = self.id_of(key, number, own);
        let message = self.messages.get(key);
        let accepted_at = message.map_or(at.wall, |message| message.accepted_at);
        let rules = unit.and_then(|id| Some(&self.units.get(id)?.rules));
        let expires_at = match rules {
            Some(rules) => rules.deadline.earliest(parsed.expires_at, accepted_at),
            None => parsed.expires_at,
        };
        let mut notification = Notification {
            id,
            request: parsed.request,
            attempt: attempts + 1,
            expires_at,
            line: number,
            message_id: message.map_or_else(
                || self.unknown.clone(),
                |message| message.received.message_id.clone(),
            ),
            origin: message.and_then(|message| message.received.origin.clone()),
            replay: message.and_then(Message::replay),
        };
        let unfilled = raw.and_then(|raw| self.fill(at, key, unit, raw, &mut notification));
        let request = Arc::new(notification);
        let Some(unit_id) = unit else {
            let later = at.wall_after(Duration::from_secs(30));
            return (None, Some(request), Some(Verdict::Later { at: later }));
        };
        let verdict = if let Some(expired) = self.expired(at, unit_id, accepted_at, expires_at) {
            Some(expired)
        } else if let Some(reason) = unfilled {
            Some(Verdict::Dead { reason })
        } else {
            let refused = self
                .units
                .get(unit_id)
                .and_then(|unit| self.setup.sender.check(&request.request, &unit.rules).err());
            refused.map(|refused| Verdict::Dead {
                reason: Reason::Refused {
                    detail: refused.detail,
                },
            })
        };
        (unit, Some(request), verdict)
    }

    /// A line's number as first sent, and the attempts made.
    pub(super) fn number_of(&self, key: MessageKey, index: u32) -> (u32, u32) {
        self.messages.get(key).map_or((index + 1, 0), |message| {
            let number = message
                .retry
                .lines
                .get(index as usize)
                .copied()
                .unwrap_or(index + 1);
            (number, message.attempts)
        })
    }

    pub(super) fn id_of(&mut self, key: MessageKey, number: u32, own: Option<&str>) -> Arc<str> {
        if let Some(own) = own {
            return Arc::from(own);
        }
        self.id_scratch.clear();
        if let Some(message) = self.messages.get(key) {
            self.id_scratch.push_str(&message.base);
        }
        let _ = write!(self.id_scratch, "/{number}");
        Arc::from(self.id_scratch.as_str())
    }

    /// Lets all waiting lines of a message stand in line before their receivers, or puts them off.
    pub(super) fn queue_lines(&mut self, at: Moment, key: MessageKey) {
        let Some(message) = self.messages.get(key) else {
            return;
        };
        if message.lines.len() == 1 {
            return self.queue_line(
                at,
                JobKey {
                    message: key,
                    line: 0,
                },
            );
        }
        for line in message.waiting() {
            self.queue_line(at, JobKey { message: key, line });
        }
    }

    pub(super) fn queue_line(&mut self, at: Moment, job: JobKey) {
        let Some(message) = self.messages.get(job.message) else {
            return;
        };
        let is_packed = message.lines.len() > 1;
        let waiter = self.waiter(at, job);
        let (left, lines) = (self.prefetch_left(), self.prefetch());
        let pace = self.pace();
        let retry_wait = self.setup.traits.retry_wait;
        let Some(line) = message.line(job) else {
            return;
        };
        let unit_id = line.unit;
        let ready = self.ready_of(at, job, line, message);
        let Some((unit, bucket)) = self.units.with_bucket(unit_id) else {
            return;
        };
        let per_sec = bucket.map(|bucket| bucket.pace());
        if unit.is_find(at.mono) {
            self.probing.found(pace);
        }
        let mut room = unit.room(at.mono, per_sec, left);
        room = room.min(unit.room_of_breaker(at.mono, waiter));
        let is_weighed = self.weights.came(at.mono, unit.rules.weight);
        if is_weighed {
            room = unit.room_by_weight(room, left);
        }
        let has_room = unit.ready.len() < room && (waiter.is_returning || !unit.has_queue(at.mono));
        let has_room = has_room
            || (!is_weighed
                && !unit.is_held_back(at.mono, per_sec, lines)
                && self.probing.pay(at.mono, pace, 1) == 0);
        // Splitting a packed message costs a new one: its lines may wait longer, beside the prefetch.
        let may_park = is_packed
            && unit.ready.len() < room.saturating_mul(park_factor(unit, retry_wait))
            && self.parked < self.setup.notifier.slots.saturating_mul(PARKED_MAX);
        if !has_room && !may_park {
            let later = unit.ready.displace(ready);
            return self.put_off_in_turn(at, unit_id, later.job);
        }
        unit.ready.push_back(Ready {
            is_parked: !has_room,
            ..ready
        });
        if has_room {
            self.waiting += 1;
        } else {
            self.parked += 1;
        }
        self.look_at_deadline(at, unit_id);
        self.wake(unit_id);
    }

    /// Whether less than a third of the slots is free: what may be found behind others brings little more.
    fn is_full(&self) -> bool {
        let slots = self.setup.notifier.slots;
        slots.saturating_sub(self.in_flight) * 3 < slots
    }

    /// What looking behind receivers may cost.
    fn pace(&self) -> Pace {
        Pace {
            is_loaded: self.is_loaded,
            is_full: self.is_full(),
            share: self.units.directives().share.size(),
        }
    }

    /// Lines that may wait here: a multiple of the free slots.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of lines, small and not negative"
    )]
    pub(super) fn prefetch(&self) -> usize {
        let free = self.setup.notifier.slots.saturating_sub(self.in_flight);
        (f64::from(free) * self.setup.notifier.prefetch) as usize
    }

    /// Places of the prefetch that are left.
    pub(super) fn prefetch_left(&self) -> usize {
        self.prefetch().saturating_sub(self.waiting as usize)
    }

    /// Puts off what waits for receivers that turned out to be slower than thought, when it fills the prefetch.
    pub(super) fn trim(&mut self, at: Moment) {
        let free = self.setup.notifier.slots.saturating_sub(self.in_flight);
        if self.waiting < free / 2 || at.mono < self.trim_after {
            return;
        }
        self.trim_after = at.mono + TRIM_EVERY;
        let with_ready = |(id, unit): (UnitId, &mut Unit)| (!unit.ready.is_empty()).then_some(id);
        let ids: Vec<UnitId> = self.units.iter_mut().filter_map(with_ready).collect();
        for id in ids {
            self.trim_one(at, id);
        }
    }

    pub(super) fn trim_one(&mut self, at: Moment, id: UnitId) {
        let (left, lines) = (self.prefetch_left(), self.prefetch());
        let pace = self.pace();
        let retry_wait = self.setup.traits.retry_wait;
        let Some((unit, bucket)) = self.units.with_bucket(id) else {
            return;
        };
        let per_sec = bucket.map(|bucket| bucket.pace());
        let mut room = unit.room(at.mono, per_sec, left);
        let is_weighed = self.weights.matter(at.mono);
        if is_weighed {
            room = unit.room_by_weight(room, left);
        }
        let is_held_back = is_weighed || unit.is_held_back(at.mono, per_sec, lines);
        let parked = room.saturating_mul(park_factor(unit, retry_wait));
        let excess = unit.ready.len().saturating_sub(room);
        let goes = match is_held_back {
            true => excess,
            false => self.probing.pay(at.mono, pace, excess),
        };
        let stays = unit.ready.len() - goes;
        for (place, ready) in (stays..).zip(unit.ready.split_off(stays)) {
            let message = self.messages.get(ready.job.message);
            let is_packed = message.is_some_and(|message| message.lines.len() > 1);
            let may_park = is_packed && place < parked;
            let waiter = self.waiter(at, ready.job);
            let Some((unit, bucket)) = self.units.with_bucket(id) else {
                return;
            };
            if may_park {
                let is_parked = true;
                unit.ready.push_back(Ready { is_parked, ..ready });
                if !ready.is_parked {
                    self.waiting = self.waiting.saturating_sub(1);
                    self.parked += 1;
                }
                continue;
            }
            let per_sec = bucket.map(|bucket| bucket.pace());
            let wait = unit.turn(at, waiter, per_sec, &mut self.random);
            self.left_line(ready);
            self.put_off(at, ready.job, wait);
        }
    }

    /// Something no longer waits.
    pub(super) fn left_line(&mut self, ready: Ready) {
        let count = if ready.is_parked {
            &mut self.parked
        } else {
            &mut self.waiting
        };
        *count = count.saturating_sub(1);
    }
}

/// How many times longer than single lines those of packed messages may wait for a receiver.
fn park_factor(unit: &Unit, retry_wait: RetryWait) -> usize {
    match unit.bucket {
        Some(_) if unit.is_failing() => PARK_FACTOR,
        Some(_) if unit.is_shared() && retry_wait == RetryWait::Native => PARK_FACTOR_SHARED,
        Some(_) => PARK_FACTOR_KNOWN,
        None => PARK_FACTOR,
    }
}
