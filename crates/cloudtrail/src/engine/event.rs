//! What happens to trails, and how it changes what is known of them.
//!
//! Events are written down before they are applied, and read again at a start; [`apply`] is total and deterministic. An
//! event of a trail that is gone changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::selector::Selectors;
use super::state::{
    ChainEnd, Delivered, Digest, DigestPlan, Digests, ENDS_MAX, FilePlan, LogFile, Millis,
    Settings, SigningKey, State, Status, Trail, TrailId,
};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A trail was made.
    Created {
        /// Its id.
        id: TrailId,
        /// Its place.
        slot: u8,
        /// Its name.
        name: String,
        /// What it is told.
        settings: Settings,
        /// Its tags.
        tags: BTreeMap<String, Option<String>>,
    },
    /// A trail is told something else.
    Updated {
        /// Which.
        id: TrailId,
        /// What.
        settings: Settings,
    },
    /// A trail wants other events.
    Selected {
        /// Which.
        id: TrailId,
        /// What it wants.
        selectors: Selectors,
    },
    /// A trail has other tags.
    Tagged {
        /// Which.
        id: TrailId,
        /// All its tags.
        tags: BTreeMap<String, Option<String>>,
    },
    /// A trail takes events.
    Started {
        /// Which.
        id: TrailId,
        /// When.
        at: Millis,
        /// The next records.
        from: Delivered,
    },
    /// A trail takes no more events.
    Stopped {
        /// Which.
        id: TrailId,
        /// When.
        at: Millis,
    },
    /// A trail was deleted; it delivers what it took.
    Deleted {
        /// Which.
        id: TrailId,
    },
    /// A trail that was stopped has delivered everything, or never will.
    Closed {
        /// Which.
        id: TrailId,
    },
    /// A log file is going to be put.
    FilePlanned {
        /// For which trail.
        id: TrailId,
        /// Which.
        plan: FilePlan,
    },
    /// The log file that was planned is put.
    FilePut {
        /// For which trail.
        id: TrailId,
        /// When.
        at: Millis,
        /// Which was planned.
        plan: FilePlan,
        /// What it is.
        file: LogFile,
    },
    /// Nothing is left of the log file that was planned.
    FileDropped {
        /// Of which trail.
        id: TrailId,
    },
    /// A digest is going to be put.
    DigestPlanned {
        /// For which trail.
        id: TrailId,
        /// Which.
        plan: DigestPlan,
    },
    /// The digest that was planned is put.
    DigestPut {
        /// For which trail.
        id: TrailId,
        /// When.
        at: Millis,
        /// Which was planned.
        plan: DigestPlan,
        /// SHA-256 of its content.
        hash: String,
        /// Its signature.
        signature: String,
    },
    /// Putting failed.
    Failed {
        /// For which trail.
        id: TrailId,
        /// When.
        at: Millis,
        /// Whether it was a digest.
        is_digest: bool,
        /// Why.
        error: String,
    },
    /// Records went before they could be delivered.
    Lost {
        /// To which trail.
        id: TrailId,
        /// How many.
        records: u64,
    },
    /// There is a key that signs digests.
    KeyMade {
        /// It.
        key: SigningKey,
    },
}

/// Changes `state` by what happened.
pub fn apply(state: &mut State, event: &Event) {
    match event {
        Event::Created {
            id,
            slot,
            name,
            settings,
            tags,
        } => {
            state.next_id = state.next_id.max(id.0 + 1);
            state.trails.push(Trail {
                id: *id,
                slot: *slot,
                name: name.clone(),
                settings: settings.clone(),
                selectors: None,
                tags: tags.clone(),
                is_logging: false,
                started_at: None,
                stopped_at: None,
                is_closing: false,
                delivered: Delivered::default(),
                file: None,
                digests: Digests::default(),
                status: Status::default(),
            });
        }
        Event::Deleted { id } => {
            if let Some(at) = state.trails.iter().position(|trail| trail.id == *id) {
                let trail = state.trails.remove(at);
                state.leaving.push(trail);
            }
        }
        Event::Closed { id } => {
            state.leaving.retain(|trail| trail.id != *id);
            change(state, *id, |trail| trail.is_closing = false);
        }
        Event::KeyMade { key } => state.keys.push(key.clone()),
        Event::DigestPut {
            id,
            at,
            plan,
            hash,
            signature,
        } => {
            let digest = (plan, hash.as_str(), signature.as_str());
            digest_put(state, *id, *at, digest);
        }
        of_one => {
            let id = of_one.trail();
            change(state, id, |trail| apply_to(trail, of_one));
        }
    }
}

impl Event {
    /// The trail that it is about; of keys, one that never is.
    const fn trail(&self) -> TrailId {
        match self {
            Self::Created { id, .. }
            | Self::Updated { id, .. }
            | Self::Selected { id, .. }
            | Self::Tagged { id, .. }
            | Self::Started { id, .. }
            | Self::Stopped { id, .. }
            | Self::Deleted { id }
            | Self::Closed { id }
            | Self::FilePlanned { id, .. }
            | Self::FilePut { id, .. }
            | Self::FileDropped { id }
            | Self::DigestPlanned { id, .. }
            | Self::DigestPut { id, .. }
            | Self::Failed { id, .. }
            | Self::Lost { id, .. } => *id,
            Self::KeyMade { .. } => TrailId(u64::MAX),
        }
    }
}

fn change(state: &mut State, id: TrailId, change: impl FnOnce(&mut Trail)) {
    let mut all = state.trails.iter_mut().chain(&mut state.leaving);
    if let Some(trail) = all.find(|trail| trail.id == id) {
        change(trail);
    }
}

fn apply_to(trail: &mut Trail, event: &Event) {
    match event {
        Event::Updated { settings, .. } => update(trail, settings),
        Event::Selected { selectors, .. } => trail.selectors = Some(selectors.clone()),
        Event::Tagged { tags, .. } => trail.tags.clone_from(tags),
        Event::Started { at, from, .. } => {
            trail.is_logging = true;
            trail.started_at = Some(*at);
            // What was taken before a stop that is not finished is still to be delivered.
            if !trail.is_closing {
                trail.delivered = *from;
            }
            trail.is_closing = false;
        }
        Event::Stopped { at, .. } => {
            trail.is_closing |= trail.is_logging;
            trail.is_logging = false;
            trail.stopped_at = Some(*at);
        }
        Event::FilePlanned { plan, .. } => trail.file = Some(plan.clone()),
        Event::FilePut { at, plan, file, .. } => file_put(trail, *at, plan, file),
        Event::FileDropped { .. } => {
            if let Some(plan) = trail.file.take() {
                *trail.delivered.of_mut(plan.stream()) = plan.last + 1;
            }
        }
        Event::DigestPlanned { plan, .. } => trail.digests.plan = Some(plan.clone()),
        Event::Failed {
            at,
            is_digest,
            error,
            ..
        } => {
            let place = match is_digest {
                true => &mut trail.status.digest_error,
                false => &mut trail.status.error,
            };
            *place = Some(error.clone());
            trail.status.tried_at = Some(*at);
        }
        Event::Lost { records, .. } => trail.status.lost += records,
        _ => {}
    }
}

fn update(trail: &mut Trail, settings: &Settings) {
    let has_moved =
        trail.settings.bucket != settings.bucket || trail.settings.prefix != settings.prefix;
    if has_moved {
        // What is being put goes to the new place; the old one may be gone.
        trail.file = None;
        trail.digests.plan = None;
    }
    trail.settings = settings.clone();
}

/// It counts although the trail may have been told something else while it was put.
fn file_put(trail: &mut Trail, at: Millis, plan: &FilePlan, file: &LogFile) {
    trail.file = None;
    *trail.delivered.of_mut(plan.stream()) = plan.last + 1;
    if trail.has_chain() {
        trail.digests.files.push(file.clone());
    }
    trail.status.delivered_at = Some(at);
    trail.status.tried_at = Some(at);
    trail.status.error = None;
}

/// As [`file_put`]: it counts in any case.
fn digest_put(
    state: &mut State,
    id: TrailId,
    at: Millis,
    (plan, hash, signature): (&DigestPlan, &str, &str),
) {
    let mut ended = None;
    change(state, id, |trail| {
        let before = trail.digests.last.as_ref().map_or(0, |last| last.number);
        let digest = Digest {
            number: before + 1,
            bucket: plan.bucket.clone(),
            key: plan.key.clone(),
            hash: hash.to_owned(),
            signature: signature.to_owned(),
            end: plan.end,
        };
        let files = plan.files.min(trail.digests.files.len());
        trail.digests.files.drain(..files);
        trail.digests.plan = None;
        trail.status.digest_at = Some(at);
        trail.status.digest_error = None;
        if plan.is_last {
            trail.digests.last = None;
            ended = Some(ChainEnd {
                id,
                trail: trail.name.clone(),
                digest,
            });
        } else {
            trail.digests.last = Some(digest);
        }
    });
    state.ends.extend(ended);
    let too_many = state.ends.len().saturating_sub(ENDS_MAX);
    state.ends.drain(..too_many);
}
