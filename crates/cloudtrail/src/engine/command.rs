//! What people tell trails, decided into events.

use std::collections::BTreeMap;

use base::Timestamp;

use super::state::{Delivered, LEAVING_MAX, Settings, State, TAGS_MAX, TRAILS_MAX, Trail, TrailId};
use super::{Error, Event, Selectors, name};
use crate::record::Place;
use crate::spool::SLOTS;

/// Letters of a tag's key. Source: service model, TagKey.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Letters of a tag's value. Source: service model, TagValue.
pub const TAG_VALUE_CHARS_MAX: usize = 256;

/// Tags as a request gives them.
pub type Tags = Vec<(String, Option<String>)>;

/// A trail to be made.
#[derive(Clone, Debug)]
pub struct New {
    /// Its name.
    pub name: String,
    /// What it is told.
    pub settings: Settings,
    /// Its tags.
    pub tags: Tags,
}

/// What of a trail's settings is to be another; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The bucket.
    pub bucket: Option<String>,
    /// The prefix; empty takes it away.
    pub prefix: Option<String>,
    /// Events of services without a region.
    pub global: Option<bool>,
    /// All regions.
    pub multi_region: Option<bool>,
    /// Digests.
    pub validation: Option<bool>,
}

/// Makes a trail.
///
/// # Errors
/// When its name, bucket, prefix or tags are not right, or there are one of that name or [`TRAILS_MAX`].
pub fn create(state: &State, new: &New) -> Result<Vec<Event>, Error> {
    name::check(&new.name)?;
    check_settings(&new.settings)?;
    if state.trail(&new.name).is_some() {
        return Err(Error::TrailExists {
            name: new.name.clone(),
        });
    }
    if state.trails.len() >= TRAILS_MAX {
        return Err(Error::TooManyTrails {
            count: state.trails.len(),
        });
    }
    let tags = tagged(&BTreeMap::new(), &new.tags)?;
    let is_free = |slot: &u8| state.all().all(|trail| trail.slot != *slot);
    // There are fewer trails than places, deleted ones included.
    let slot = (0..SLOTS).find(is_free).unwrap_or_default();
    Ok(vec![Event::Created {
        id: TrailId(state.next_id),
        slot,
        name: new.name.clone(),
        settings: new.settings.clone(),
        tags,
    }])
}

/// Tells a trail something else. Returns its settings as they will be.
///
/// # Errors
/// When there is no such trail or a value is not right.
pub fn update(
    state: &State,
    place: &Place,
    of: &str,
    changes: &Changes,
) -> Result<(Settings, Vec<Event>), Error> {
    let trail = find(state, place, of)?;
    let mut settings = trail.settings.clone();
    if let Some(bucket) = &changes.bucket {
        settings.bucket.clone_from(bucket);
    }
    if let Some(prefix) = &changes.prefix {
        settings.prefix = Some(prefix.clone()).filter(|prefix| !prefix.is_empty());
    }
    settings.global = changes.global.unwrap_or(settings.global);
    settings.multi_region = changes.multi_region.unwrap_or(settings.multi_region);
    settings.validation = changes.validation.unwrap_or(settings.validation);
    check_settings(&settings)?;
    let updated = Event::Updated {
        id: trail.id,
        settings: settings.clone(),
    };
    Ok((settings, vec![updated]))
}

/// Deletes a trail. It delivers what it took, unless too many others still do.
///
/// # Errors
/// When there is no such trail.
pub fn delete(state: &State, place: &Place, at: Timestamp, of: &str) -> Result<Vec<Event>, Error> {
    let trail = find(state, place, of)?;
    let id = trail.id;
    let mut events = Vec::new();
    if let Some(oldest) = state
        .leaving
        .first()
        .filter(|_| state.leaving.len() >= LEAVING_MAX)
    {
        events.push(Event::Closed { id: oldest.id });
    }
    if trail.is_logging {
        events.push(Event::Stopped { id, at: at.into() });
    }
    events.push(Event::Deleted { id });
    if !trail.is_logging && !trail.is_closing {
        events.push(Event::Closed { id });
    }
    Ok(events)
}

/// Lets a trail take events, from the records `from` on. Nothing happens to one that does.
///
/// # Errors
/// When there is no such trail.
pub fn start(
    state: &State,
    place: &Place,
    at: Timestamp,
    of: &str,
    from: Delivered,
) -> Result<Vec<Event>, Error> {
    let trail = find(state, place, of)?;
    if trail.is_logging {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Started {
        id: trail.id,
        at: at.into(),
        from,
    }])
}

/// Lets a trail take no more events. Nothing happens to one that does not.
///
/// # Errors
/// When there is no such trail.
pub fn stop(state: &State, place: &Place, at: Timestamp, of: &str) -> Result<Vec<Event>, Error> {
    let trail = find(state, place, of)?;
    if !trail.is_logging {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Stopped {
        id: trail.id,
        at: at.into(),
    }])
}

/// Lets a trail want other events.
///
/// # Errors
/// When there is no such trail or the selectors are not right.
pub fn select(
    state: &State,
    place: &Place,
    of: &str,
    selectors: Selectors,
) -> Result<Vec<Event>, Error> {
    let trail = find(state, place, of)?;
    selectors.check()?;
    Ok(vec![Event::Selected {
        id: trail.id,
        selectors,
    }])
}

/// Adds tags, or gives them other values.
///
/// # Errors
/// When there is no such trail, a tag is not right, or there would be more than [`TAGS_MAX`].
pub fn tag(state: &State, place: &Place, of: &str, tags: &Tags) -> Result<Vec<Event>, Error> {
    let trail = find(state, place, of)?;
    Ok(vec![Event::Tagged {
        id: trail.id,
        tags: tagged(&trail.tags, tags)?,
    }])
}

/// Takes tags away. Those that are not there are passed over; a tag with a value goes whatever its value is.
///
/// # Errors
/// When there is no such trail or a key is not right.
pub fn untag(state: &State, place: &Place, of: &str, tags: &Tags) -> Result<Vec<Event>, Error> {
    let trail = find(state, place, of)?;
    tags.iter().try_for_each(check_tag)?;
    let mut left = trail.tags.clone();
    left.retain(|key, _| !tags.iter().any(|(gone, _)| gone == key));
    Ok(vec![Event::Tagged {
        id: trail.id,
        tags: left,
    }])
}

/// The trail that a request calls `of`, by its name or its ARN.
///
/// # Errors
/// When the name or ARN is none, or there is no such trail.
pub fn find<'a>(state: &'a State, place: &Place, of: &str) -> Result<&'a Trail, Error> {
    let name = name::named(&place.region, &place.account, of)?;
    state.trail(name).ok_or_else(|| Error::TrailNotFound {
        arn: name::arn(&place.region, &place.account, name),
    })
}

fn check_settings(settings: &Settings) -> Result<(), Error> {
    if settings.multi_region && !settings.global {
        return Err(Error::Combination {
            why: "Multi-Region trail must include global service events.",
        });
    }
    name::check_bucket(&settings.bucket)?;
    settings
        .prefix
        .as_deref()
        .map_or(Ok(()), name::check_prefix)
}

/// `before` with `tags` added.
fn tagged(
    before: &BTreeMap<String, Option<String>>,
    tags: &Tags,
) -> Result<BTreeMap<String, Option<String>>, Error> {
    let mut all = before.clone();
    for (place, tag) in tags.iter().enumerate() {
        check_tag(tag)?;
        if tags.iter().take(place).any(|(key, _)| *key == tag.0) {
            return Err(Error::Tag {
                why: format!("The tag key `{}` is given twice.", tag.0),
            });
        }
        all.insert(tag.0.clone(), tag.1.clone());
    }
    match all.len() {
        count if count > TAGS_MAX => Err(Error::TooManyTags {
            count,
            limit: TAGS_MAX,
        }),
        _ => Ok(all),
    }
}

fn check_tag((key, value): &(String, Option<String>)) -> Result<(), Error> {
    let wrong = |why: String| Err(Error::Tag { why });
    if !(1..=TAG_KEY_CHARS_MAX).contains(&key.chars().count()) {
        return wrong(format!(
            "A tag key has 1 to {TAG_KEY_CHARS_MAX} characters."
        ));
    }
    if key.to_lowercase().starts_with("aws:") {
        return wrong("A tag key cannot begin with aws:.".to_owned());
    }
    let value_chars = value.as_ref().map_or(0, |value| value.chars().count());
    if value_chars > TAG_VALUE_CHARS_MAX {
        return wrong(format!(
            "A tag value has at most {TAG_VALUE_CHARS_MAX} characters."
        ));
    }
    Ok(())
}
