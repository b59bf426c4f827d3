//! Log files and digests into buckets.
//!
//! Each trail goes step by step ([`crate::engine::step`]): a plan is written down, the object is put, that it is put is
//! written down. The object's content and name follow from the plan, so that a process that ends in between puts the same
//! object again.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use tokio::sync::watch;

use super::file::{self, Made, Making};
use super::upkeep::shown;
use super::{Error, Trails};
use crate::bucket::{self, Buckets, Object, Permission};
use crate::digest::{self, Document, KeyPair};
use crate::engine::state::{DigestPlan, FilePlan, LogFile, Trail};
use crate::engine::step::{Step, step};
use crate::engine::{Event, State, TrailId, key, name};
use crate::spool::{Frame, ReadError, Reader, Stream};

/// The most bytes of records in a file; what waits beyond them goes into the next. Chosen: AWS's files stay below 50 MB.
const FILE_BYTES_MAX: usize = 8 << 20;

/// How long a put may take. Chosen.
const PUT_TIMEOUT: Duration = Duration::from_secs(60);

/// How often is looked whether there is something to do; what is due at once wakes it. Chosen.
const EVERY: Duration = Duration::from_secs(1);

/// How long the record of a call that ended a trail is waited for. It comes when the call is answered. Chosen.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// The first wait after a failure, doubled each time up to the longest. Chosen.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// See [`RETRY_MIN`].
const RETRY_MAX: Duration = Duration::from_secs(60);

/// How long a deleted trail tries to deliver. Chosen: longer than buckets are away.
const LEAVING_TIME: Duration = Duration::from_secs(86_400);

/// When a trail that failed tries again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    at: Timestamp,
    wait: Duration,
}

impl Trails {
    /// Delivers until it is stopped; what is due then is left to the next start.
    pub async fn deliver(
        self: Arc<Self>,
        buckets: Arc<dyn Buckets>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.wake.notified() => {}
                _ = stop.wait_for(|is_stopping| *is_stopping) => return,
            }
            tokio::select! {
                () = self.deliver_due(&*buckets) => {}
                _ = stop.wait_for(|is_stopping| *is_stopping) => return,
            }
        }
    }

    /// Lets every trail do what it has to do now.
    pub async fn deliver_due(self: &Arc<Self>, buckets: &dyn Buckets) {
        let ids: Vec<TrailId> = self.state().all().map(|trail| trail.id).collect();
        let all = ids.into_iter().map(|id| self.advance(buckets, id));
        futures_util::future::join_all(all).await;
    }

    /// Takes the steps of one trail until there is nothing to do or one fails.
    async fn advance(self: &Arc<Self>, buckets: &dyn Buckets, id: TrailId) {
        loop {
            let now = self.now();
            let is_resting = self.retries.lock().get(&id).is_some_and(|retry| {
                // A clock that was put back shortens the wait instead of lengthening it.
                now < retry.at && retry.at.since(now) <= RETRY_MAX
            });
            let state = self.state();
            let Some(trail) = state.by_id(id).filter(|_| !is_resting) else {
                return;
            };
            match self.take_step(buckets, &state, trail, now).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.failed(&state, trail, &error).await,
            }
        }
    }

    /// One step; `false` when there was none to take.
    async fn take_step(
        self: &Arc<Self>,
        buckets: &dyn Buckets,
        state: &State,
        trail: &Trail,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if self.is_ending(trail) {
            return Ok(false);
        }
        let waiting = |stream| self.waiting.of(stream, trail.slot);
        let waiting = (waiting(Stream::Management), waiting(Stream::Data));
        match step(state, trail, waiting, now, &self.parts.options.rules) {
            Step::PlanFile(stream) => self.plan_file(trail.clone(), stream).await?,
            Step::PutFile => self.put_file(buckets, trail).await?,
            Step::PlanDigest {
                start,
                end,
                is_last,
            } => {
                self.plan_digest(trail.clone(), start, end, is_last).await?;
            }
            Step::PutDigest => self.put_digest(buckets, state, trail).await?,
            Step::Close => self.write(Event::Closed { id: trail.id }).await?,
            Step::Nothing => return Ok(false),
        }
        self.retries.lock().remove(&trail.id);
        Ok(true)
    }

    /// Whether the record of the call that ended the trail is still to come.
    fn is_ending(&self, trail: &Trail) -> bool {
        let mut ending = self.ending.lock();
        ending.retain(|_, one| self.since(one.since) < ENDING_MAX);
        trail.is_closing && ending.values().any(|one| one.trail == trail.id)
    }

    async fn write(self: &Arc<Self>, event: Event) -> Result<(), Error> {
        self.blocking(move |trails| trails.change(|_| Ok(((), vec![event]))))
            .await
    }

    /// Runs what blocks beside the threads that answer calls.
    pub(crate) async fn blocking<R: Send + 'static>(
        self: &Arc<Self>,
        run: impl FnOnce(&Self) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let trails = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || run(&trails)).await;
        done.unwrap_or(Err(Error::Stopped))
    }

    async fn plan_file(self: &Arc<Self>, trail: Trail, stream: Stream) -> Result<(), Error> {
        self.blocking(move |trails| {
            let first = trail.delivered.of(stream);
            let seen = trails.waiting.of(stream, trail.slot);
            let Some(made) = trails.make_file(stream, trail.slot, first..=u64::MAX)? else {
                // What waited went from the spool before it could be delivered.
                trails.waiting.clear_if(stream, trail.slot, seen);
                return Ok(());
            };
            let place = trails.place();
            let unique = format!(
                "{}/{}/{first}/{}/{}",
                trail.id.0,
                stream.as_str(),
                made.about.last,
                made.about.chain
            );
            let plan = FilePlan {
                is_data: stream == Stream::Data,
                first,
                last: made.about.last,
                bucket: trail.settings.bucket.clone(),
                key: key::log(
                    &trail.settings,
                    &place.account,
                    &place.region,
                    made.about.newest,
                    unique.as_bytes(),
                ),
            };
            *trails.made.lock() = Some((plan.clone(), made));
            trails.plan(&trail, vec![Event::FilePlanned { id: trail.id, plan }])
        })
        .await
    }

    /// Writes a plan down, unless the trail was told something else since it was looked at.
    fn plan(&self, trail: &Trail, events: Vec<Event>) -> Result<(), Error> {
        self.change(|state| {
            let now = state.by_id(trail.id);
            let is_same = now.is_some_and(|now| now.settings == trail.settings);
            Ok(((), if is_same { events } else { Vec::new() }))
        })
    }

    /// A file of the records `numbers`, as many of the first as find room; `None` when there are none.
    fn make_file(
        &self,
        stream: Stream,
        slot: u8,
        numbers: RangeInclusive<u64>,
    ) -> Result<Option<Made>, ReadError> {
        let mut reader = self.spool(stream).reader(*numbers.start());
        let mut making: Option<Making> = None;
        while let Some(frame) = next_whole(&mut reader)?.filter(|it| numbers.contains(&it.number)) {
            if !frame.wanted.has(slot) {
                continue;
            }
            match &mut making {
                None => making = Some(Making::begin(&frame)),
                Some(file) if !has_room(file, &frame) => break,
                Some(file) => file.add(&frame),
            }
        }
        Ok(making.map(Making::end))
    }

    /// The file of `plan`: as it was made for the plan, or made again.
    fn planned_file(&self, plan: &FilePlan, slot: u8) -> Result<Option<Made>, ReadError> {
        let made = self.made.lock().take_if(|(of, _)| of == plan);
        match made {
            Some((_, made)) => Ok(Some(made)),
            None => self.make_file(plan.stream(), slot, plan.first..=plan.last),
        }
    }

    async fn put_file(self: &Arc<Self>, buckets: &dyn Buckets, trail: &Trail) -> Result<(), Error> {
        let Some(plan) = trail.file.clone() else {
            return Ok(());
        };
        let (id, slot) = (trail.id, trail.slot);
        let of = plan.clone();
        let made = self
            .blocking(move |trails| Ok(trails.planned_file(&of, slot)?))
            .await?;
        let Some(Made {
            about,
            hash,
            packed,
        }) = made
        else {
            return self.write(Event::FileDropped { id }).await;
        };
        let object = Object {
            content: packed,
            metadata: Vec::new(),
        };
        self.put(buckets, trail, &plan.bucket, &plan.key, object)
            .await?;
        let file = LogFile {
            bucket: plan.bucket.clone(),
            key: plan.key.clone(),
            hash,
            oldest: about.oldest.into(),
            newest: about.newest.into(),
        };
        let at = self.now().into();
        let (stream, key) = (plan.stream(), plan.key.clone());
        self.write(Event::FilePut { id, at, plan, file }).await?;
        self.waiting
            .settle(stream, slot, about.record_bytes as u64, about.newest);
        self.parts
            .metrics
            .add("shukuba", "trail_files", &[("kind", "log")], 1.0);
        tracing::debug!(
            trail = trail.name,
            key,
            records = about.records,
            "log file delivered"
        );
        Ok(())
    }

    async fn plan_digest(
        self: &Arc<Self>,
        trail: Trail,
        start: Timestamp,
        end: Timestamp,
        is_last: bool,
    ) -> Result<(), Error> {
        self.blocking(move |trails| {
            let mut events = Vec::new();
            let fingerprint = match trails.state().key_at(end) {
                Some(key) => key.fingerprint.clone(),
                None => {
                    let key = KeyPair::make(trails.master(), end)?;
                    tracing::info!(
                        fingerprint = key.fingerprint,
                        "a key that signs digests was made"
                    );
                    let fingerprint = key.fingerprint.clone();
                    events.push(Event::KeyMade { key });
                    fingerprint
                }
            };
            let place = trails.place();
            let plan = DigestPlan {
                start: start.into(),
                end: end.into(),
                files: trail.digests.files.len(),
                fingerprint,
                bucket: trail.settings.bucket.clone(),
                key: key::digest(
                    &trail.settings,
                    &place.account,
                    &place.region,
                    &trail.name,
                    end,
                ),
                is_last,
            };
            events.push(Event::DigestPlanned { id: trail.id, plan });
            trails.plan(&trail, events)
        })
        .await
    }

    async fn put_digest(
        self: &Arc<Self>,
        buckets: &dyn Buckets,
        state: &State,
        trail: &Trail,
    ) -> Result<(), Error> {
        let Some(plan) = &trail.digests.plan else {
            return Ok(());
        };
        let document = Document::planned(&self.place().account, trail, plan);
        let encoded = document.encode();
        let to_sign = document.to_sign(&encoded);
        let key = state
            .keys
            .iter()
            .find(|key| key.fingerprint == plan.fingerprint)
            .cloned();
        let Some(key) = key else {
            return Err(Error::NoKey(digest::Problem::NoKey {
                fingerprint: plan.fingerprint.clone(),
            }));
        };
        let signature = self
            .blocking(move |trails| {
                Ok(KeyPair::open(trails.master(), &key)?.sign(to_sign.as_bytes())?)
            })
            .await?;
        let object = Object {
            content: file::pack(&encoded),
            metadata: vec![
                (digest::SIGNATURE.to_owned(), signature.clone()),
                (
                    digest::SIGNATURE_ALGORITHM.to_owned(),
                    digest::ALGORITHM.to_owned(),
                ),
            ],
        };
        self.put(buckets, trail, &plan.bucket, &plan.key, object)
            .await?;
        let put = Event::DigestPut {
            id: trail.id,
            at: self.now().into(),
            plan: plan.clone(),
            hash: digest::sha256(&encoded),
            signature,
        };
        self.write(put).await?;
        self.parts
            .metrics
            .add("shukuba", "trail_files", &[("kind", "digest")], 1.0);
        tracing::debug!(trail = trail.name, key = plan.key, "digest delivered");
        Ok(())
    }

    /// Puts an object, if the bucket's policy lets us.
    async fn put(
        &self,
        buckets: &dyn Buckets,
        trail: &Trail,
        bucket: &str,
        key: &str,
        object: Object,
    ) -> Result<(), Error> {
        let place = self.place();
        let arn = name::arn(&place.region, &place.account, &trail.name);
        let permission = Permission {
            bucket,
            trail: &arn,
            account: place.account.as_str(),
        };
        let work = async {
            let policy = buckets.policy(bucket).await?;
            permission.check(policy.as_deref(), [key])?;
            buckets.put(bucket, key, object).await
        };
        let done = tokio::time::timeout(PUT_TIMEOUT, work).await;
        let timed_out = || bucket::Error::Failed {
            why: format!(
                "RequestTimeout: putting into the bucket `{bucket}` took longer than {PUT_TIMEOUT:?}"
            ),
        };
        Ok(done.unwrap_or_else(|_| Err(timed_out()))?)
    }

    /// Remembers when to try again, and says why once.
    async fn failed(self: &Arc<Self>, state: &State, trail: &Trail, error: &Error) {
        let text = shown(error);
        let wait = {
            let mut retries = self.retries.lock();
            let before = retries.get(&trail.id).map(|retry| retry.wait);
            let wait = before.map_or(RETRY_MIN, |wait| (wait * 2).min(RETRY_MAX));
            let at = self.now().plus(wait);
            retries.insert(trail.id, Retry { at, wait });
            wait
        };
        let is_digest = trail.file.is_none() && trail.digests.plan.is_some();
        let said = match is_digest {
            true => &trail.status.digest_error,
            false => &trail.status.error,
        };
        self.parts
            .metrics
            .add("shukuba", "trail_failures", &[], 1.0);
        if said.as_deref() != Some(&*text) {
            tracing::error!(trail = trail.name, error = text, retry_in = ?wait, "the trail cannot deliver");
            let failed = Event::Failed {
                id: trail.id,
                at: self.now().into(),
                is_digest,
                error: text,
            };
            if let Err(error) = self.write(failed).await {
                tracing::error!(error = shown(&error), "the trail's state cannot be written");
            }
        }
        self.give_up(state, trail, error).await;
    }

    /// A deleted trail whose bucket is gone too, or that has tried long enough, is let go.
    async fn give_up(self: &Arc<Self>, state: &State, trail: &Trail, error: &Error) {
        let is_leaving = state.leaving.iter().any(|it| it.id == trail.id);
        let is_bucket_gone = matches!(error, Error::Bucket(bucket::Error::NoBucket { .. }));
        let stopped = trail.stopped_at.map_or(self.now(), Timestamp::from);
        if !is_leaving || !(is_bucket_gone || self.since(stopped) > LEAVING_TIME) {
            return;
        }
        tracing::warn!(
            trail = trail.name,
            "a deleted trail could not deliver its last records; they stay in the history"
        );
        if let Err(error) = self.write(Event::Closed { id: trail.id }).await {
            tracing::error!(error = shown(&error), "the trail's state cannot be written");
        }
    }
}

fn has_room(file: &Making, frame: &Frame) -> bool {
    file.about().record_bytes + frame.record.len() <= FILE_BYTES_MAX
}

/// The next record that can be read: behind a broken one, the first of the next file.
pub(super) fn next_whole(reader: &mut Reader) -> Result<Option<Frame>, ReadError> {
    loop {
        match reader.next_frame() {
            Err(ReadError::Broken {
                file,
                offset,
                problem,
            }) => {
                tracing::error!(file, offset, %problem, "records of the trail cannot be read and are passed over");
                if !reader.skip_file() {
                    return Ok(None);
                }
            }
            other => return other,
        }
    }
}
