//! All dashboards of an account. A body is kept as it was written, byte for byte.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use base::{Arn, Clock, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::poison::Poisoned;
use store::tables::{Changes, Table, Tables, View};

use super::body::{Refused, taken};
use super::check::Message;
use crate::ops::Place;

/// Name of a dashboard to what is kept of it, as JSON.
const DASHBOARDS: Table = "cw-dashboards";

/// Name of a dashboard to its tags, as JSON, where it has any: apart, so that a decision on access reads no bodies.
const TAGS: Table = "cw-dashboard-tags";

/// The tables that [`Dashboards`] needs.
pub const TABLES: &[Table] = &[DASHBOARDS, TAGS];

/// Dashboards of an account. Chosen.
pub const DASHBOARDS_MAX: usize = 5000;
/// A page of a list. Chosen.
pub const PAGE: usize = 1000;
/// Names of one deletion. Chosen.
pub const DELETED_MAX: usize = 100;
/// Characters of a name. Source: CloudWatch API Reference, `PutDashboard`.
pub const NAME_CHARS_MAX: usize = 255;
/// Tags of a dashboard. Source: as above.
pub const TAGS_MAX: usize = 50;

/// Characters of a tag's key, at least one, and of its value. Source: CloudWatch API Reference, `Tag`.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// See [`TAG_KEY_CHARS_MAX`].
pub const TAG_VALUE_CHARS_MAX: usize = 256;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Why a dashboard was not kept, found or taken away.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name is not letters, digits, `-` and `_`.
    #[error("`{name}` is no name of a dashboard: letters, digits, `-` and `_`")]
    NameForm {
        /// The name.
        name: String,
    },
    /// A name is too long or empty.
    #[error("the name of a dashboard has 1 to {NAME_CHARS_MAX} characters")]
    NameLength,
    /// A body is not taken.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is none of that name.
    #[error("dashboard `{name}` does not exist")]
    NotFound {
        /// The name.
        name: String,
    },
    /// There are as many as there may be.
    #[error("there are {DASHBOARDS_MAX} dashboards already")]
    TooMany,
    /// Too many tags.
    #[error("a dashboard has at most {TAGS_MAX} tags")]
    TooManyTags,
    /// A tag is too long, or has an empty key.
    #[error(
        "a tag has a key of 1 to {TAG_KEY_CHARS_MAX} and a value of at most {TAG_VALUE_CHARS_MAX} characters, unlike `{key}`"
    )]
    TagForm {
        /// Its key.
        key: String,
    },
    /// Too many or no names to delete.
    #[error("1 to {DELETED_MAX} dashboards are deleted at once, not {count}")]
    DeletedCount {
        /// How many there were.
        count: usize,
    },
    /// The check of a body broke off.
    #[error("the body of a dashboard cannot be checked")]
    NotChecked,
    /// The table cannot be read.
    #[error("the dashboards cannot be read")]
    NotRead(#[source] store::tables::Error),
    /// What is kept cannot be understood.
    #[error("what is kept of dashboard `{name}` cannot be read")]
    Broken {
        /// Its name.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The table takes no changes.
    #[error("the dashboards cannot be written")]
    NotWritten(#[source] Poisoned),
}

/// One that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its body, as it was written.
    pub body: String,
    /// Milliseconds since 1970 of the last change.
    modified_ms: u64,
}

impl Kept {
    /// When it changed last.
    #[must_use]
    pub const fn modified(&self) -> Timestamp {
        Timestamp::from_millis(self.modified_ms)
    }
}

/// One of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Bytes of its body.
    pub bytes: usize,
    /// When it changed last.
    pub modified: Timestamp,
}

/// All dashboards of an account.
#[derive(Clone, Debug)]
pub struct Dashboards {
    tables: Arc<Tables>,
    place: Place,
    clock: Arc<dyn Clock>,
}

impl Dashboards {
    /// Those in `tables`, which has [`TABLES`] open.
    #[must_use]
    pub fn open(tables: Arc<Tables>, place: Place, clock: Arc<dyn Clock>) -> Self {
        Self {
            tables,
            place,
            clock,
        }
    }

    /// Where they are.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The ARN of one.
    #[must_use]
    pub fn arn(&self, name: &str) -> Arn {
        self.place.dashboard(name)
    }

    /// Keeps a body under a name, in the place of what was there. `tags` count for one that is new; one that exists keeps
    /// its own. Gives the warnings.
    ///
    /// # Errors
    /// [`Error::NameForm`], [`Error::NameLength`], [`Error::Refused`], [`Error::TooMany`], [`Error::TooManyTags`],
    /// [`Error::TagForm`], [`Error::NotWritten`].
    pub async fn put(&self, name: &str, body: String, tags: Tags) -> Result<Vec<Message>, Error> {
        check_name(name)?;
        check_tags(&tags)?;
        let (name, modified_ms) = (name.to_owned(), self.clock.now().as_millis());
        // A long body takes milliseconds to check.
        let checked =
            tokio::task::spawn_blocking(move || taken(&body).map(|(_, warnings)| (body, warnings)));
        let (body, warnings) = checked.await.map_err(|_| Error::NotChecked)??;
        let kept = Kept { body, modified_ms };
        self.change(move |view, changes| write(view, changes, &name, &kept, &tags))
            .await?;
        Ok(warnings)
    }

    /// One by its name.
    ///
    /// # Errors
    /// [`Error::NameForm`], [`Error::NameLength`], [`Error::NotFound`], [`Error::NotRead`], [`Error::Broken`].
    pub fn get(&self, name: &str) -> Result<Kept, Error> {
        check_name(name)?;
        read(&self.tables.view(), name)
    }

    /// The tags of one; none of one that does not exist.
    ///
    /// # Errors
    /// [`Error::NameForm`], [`Error::NameLength`], [`Error::NotRead`], [`Error::Broken`].
    pub fn tags(&self, name: &str) -> Result<Tags, Error> {
        check_name(name)?;
        tags(&self.tables.view(), name)
    }

    /// Those whose names begin with `prefix` and come behind `after`, in the order of names, at most [`PAGE`]; and whether
    /// there are more.
    ///
    /// # Errors
    /// [`Error::NotRead`], [`Error::Broken`].
    pub fn list(&self, prefix: &str, after: Option<&str>) -> Result<(Vec<Listed>, More), Error> {
        let view = self.tables.view();
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after.as_bytes()),
            _ => Bound::Included(prefix.as_bytes()),
        };
        let mut listed = Vec::new();
        for entry in view.range(DASHBOARDS, from, Bound::Unbounded) {
            let (key, value) = entry.map_err(Error::NotRead)?;
            let name = String::from_utf8_lossy(&key).into_owned();
            if !name.starts_with(prefix) {
                break;
            }
            if listed.len() == PAGE {
                return Ok((listed, More::Yes));
            }
            let kept: Kept = parse(&name, &value)?;
            listed.push(Listed {
                name,
                bytes: kept.body.len(),
                modified: kept.modified(),
            });
        }
        Ok((listed, More::No))
    }

    /// Takes all of `names` away, or none.
    ///
    /// # Errors
    /// [`Error::DeletedCount`], [`Error::NameForm`], [`Error::NameLength`], [`Error::NotFound`] for the first that does not
    /// exist, [`Error::NotWritten`].
    pub async fn delete(&self, names: Vec<String>) -> Result<(), Error> {
        if !(1..=DELETED_MAX).contains(&names.len()) {
            return Err(Error::DeletedCount { count: names.len() });
        }
        names.iter().try_for_each(|name| check_name(name))?;
        self.change(move |view, changes| {
            for name in names {
                expect(view, &name)?;
                changes.remove(DASHBOARDS, name.as_str());
                changes.remove(TAGS, name);
            }
            Ok(())
        })
        .await
    }

    /// Changes the tags of one.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooManyTags`], [`Error::TagForm`], [`Error::NotWritten`].
    pub async fn change_tags(
        &self,
        name: &str,
        how: impl FnOnce(&mut Tags) + Send + 'static,
    ) -> Result<(), Error> {
        check_name(name)?;
        self.change(retagged(name, how)).await
    }

    /// As [`Dashboards::change_tags`], from a thread that may block.
    ///
    /// # Errors
    /// As [`Dashboards::change_tags`].
    pub fn change_tags_blocking(
        &self,
        name: &str,
        how: impl FnOnce(&mut Tags) + Send + 'static,
    ) -> Result<(), Error> {
        check_name(name)?;
        let changed = self.tables.change_blocking(retagged(name, how));
        changed.map_err(Error::NotWritten)?
    }

    async fn change(
        &self,
        decide: impl FnOnce(&View, &mut Changes) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        self.tables
            .change(decide)
            .await
            .map_err(Error::NotWritten)?
    }
}

/// Whether a list goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// It does.
    Yes,
    /// It does not.
    No,
}

fn check_name(name: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.bytes().all(is_plain) {
        return Err(Error::NameForm {
            name: name.to_owned(),
        });
    }
    match name.len() {
        1..=NAME_CHARS_MAX => Ok(()),
        _ => Err(Error::NameLength),
    }
}

fn check_tags(tags: &Tags) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::TooManyTags);
    }
    let is_wrong = |(key, value): &(&String, &String)| {
        !(1..=TAG_KEY_CHARS_MAX).contains(&key.chars().count())
            || value.chars().count() > TAG_VALUE_CHARS_MAX
    };
    match tags.iter().find(is_wrong) {
        Some((key, _)) => Err(Error::TagForm { key: key.clone() }),
        None => Ok(()),
    }
}

fn write(
    view: &View,
    changes: &mut Changes,
    name: &str,
    kept: &Kept,
    tags: &Tags,
) -> Result<(), Error> {
    if view
        .get(DASHBOARDS, name.as_bytes())
        .map_err(Error::NotRead)?
        .is_none()
    {
        check_room(view)?;
        put_tags(changes, name, tags)?;
    }
    changes.put(DASHBOARDS, name, json(name, kept)?);
    Ok(())
}

fn put_tags(changes: &mut Changes, name: &str, tags: &Tags) -> Result<(), Error> {
    check_tags(tags)?;
    match tags.is_empty() {
        true => changes.remove(TAGS, name),
        false => changes.put(TAGS, name, json(name, tags)?),
    }
    Ok(())
}

/// The change of the tags of one that must be there.
fn retagged(
    name: &str,
    how: impl FnOnce(&mut Tags) + Send + 'static,
) -> impl FnOnce(&View, &mut Changes) -> Result<(), Error> + Send + 'static {
    let name = name.to_owned();
    move |view, changes| {
        expect(view, &name)?;
        let mut tags = tags(view, &name)?;
        how(&mut tags);
        put_tags(changes, &name, &tags)
    }
}

fn json(name: &str, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| broken(name, source))
}

fn expect(view: &View, name: &str) -> Result<(), Error> {
    let found = view
        .get(DASHBOARDS, name.as_bytes())
        .map_err(Error::NotRead)?;
    found.map(|_| ()).ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> Error {
    Error::NotFound {
        name: name.to_owned(),
    }
}

fn tags(view: &View, name: &str) -> Result<Tags, Error> {
    match view.get(TAGS, name.as_bytes()).map_err(Error::NotRead)? {
        Some(value) => parse(name, &value),
        None => Ok(Tags::new()),
    }
}

fn check_room(view: &View) -> Result<(), Error> {
    match view.prefix(DASHBOARDS, b"").count() < DASHBOARDS_MAX {
        true => Ok(()),
        false => Err(Error::TooMany),
    }
}

fn read(view: &View, name: &str) -> Result<Kept, Error> {
    let value = view
        .get(DASHBOARDS, name.as_bytes())
        .map_err(Error::NotRead)?;
    parse(name, &value.ok_or_else(|| not_found(name))?)
}

fn parse<T: DeserializeOwned>(name: &str, value: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(value).map_err(|source| broken(name, source))
}

fn broken(name: &str, source: serde_json::Error) -> Error {
    Error::Broken {
        name: name.to_owned(),
        source,
    }
}
