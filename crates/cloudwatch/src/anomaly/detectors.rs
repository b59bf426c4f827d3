//! Detectors: how bands are to be learned, durable, and what was learned, in memory.
//!
//! The table `cw-detectors` has the name of what is watched ([`crate::math::Plan::name`]) as key, and a [`Detector`] as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;
use jiff::tz::TimeZone;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use store::poison::Poisoned;
use store::tables::{self, Table, Tables};

use super::model::{Filtering, Model, Speed, Training};
use super::{Bands, Key, Taught};
use crate::alarm::engine::settings::QueryText;
use crate::math::{self, Plan};
use crate::metric::{Dimension, Identity, Query, Source, Stat};

const DETECTORS: Table = "cw-detectors";
/// The tables that [`Detectors`] needs.
pub const TABLES: &[Table] = &[DETECTORS];

/// Detectors of an account. Chosen.
pub const DETECTORS_MAX: usize = 500;
/// Excluded times of a detector. Source: API Reference, `PutAnomalyDetector`, "as many as 10 time ranges".
pub const EXCLUDED_MAX: usize = 10;
/// Models that are kept, of some 3 KB each. Chosen: those of two hours of [`DETECTORS_MAX`].
pub const MODELS_MAX: usize = 1000;

/// What a detector watches, and how it learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    /// The same for the same thing, whenever it is put: 32 hexadecimal digits behind `ad-`.
    pub id: String,
    /// Of what.
    pub of: Of,
    /// How.
    pub configuration: Option<Configuration>,
    /// Whether spikes are expected.
    pub has_spikes: Option<bool>,
    /// Grows with each put.
    revision: u64,
}

/// What is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Of {
    /// A statistic of a metric.
    Metric {
        /// The namespace.
        namespace: String,
        /// The metric's name.
        metric: String,
        /// Names and values, in the order in which they came.
        dimensions: Vec<(String, String)>,
        /// As it was given.
        statistic: String,
    },
    /// The one of several metrics and expressions that returns data.
    Math(Vec<QueryText>),
}

/// How models are to learn, as it was put.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Milliseconds since 1970, from and before.
    pub excluded_ms: Vec<(u64, u64)>,
    /// Such as `Asia/Tokyo`.
    pub zone: Option<String>,
    /// `FAST`, `NORMAL`, `SLOW`.
    pub speed: Option<String>,
    /// `MINIMAL`, `MODERATE`, `STRICT`.
    pub filtering: Option<String>,
}

/// Why a detector is not put, found or taken away.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is watched cannot be.
    #[error("{0}")]
    Of(String),
    /// A member of the configuration is wrong.
    #[error("the value {value} for parameter {parameter} is not supported: {right}")]
    Value {
        /// As it was given.
        value: String,
        /// Which.
        parameter: &'static str,
        /// What would be.
        right: &'static str,
    },
    /// Excluded times are too many, or end before they begin.
    #[error(
        "a detector has at most {EXCLUDED_MAX} excluded time ranges, each with an end after its start"
    )]
    Excluded,
    /// There are as many as there may be.
    #[error("there are {DETECTORS_MAX} anomaly detectors already")]
    TooMany,
    /// There is none.
    #[error("there is no such anomaly detector")]
    NotFound,
    /// The table cannot be read.
    #[error("the anomaly detectors cannot be read")]
    Read(#[from] tables::Error),
    /// What is kept cannot be understood, or written.
    #[error("an anomaly detector is not what was written")]
    Broken(#[source] serde_json::Error),
    /// The table takes no changes.
    #[error("the anomaly detectors cannot be written")]
    NotWritten(#[from] Poisoned),
}

/// All detectors of a place. Methods that change something wait for the disk: call them where a thread may block.
#[derive(Debug)]
pub struct Detectors {
    tables: Arc<Tables>,
    /// Whoever changes something holds it.
    turn: Mutex<()>,
    book: RwLock<BTreeMap<String, Arc<Known>>>,
    models: Mutex<BTreeMap<Key, Arc<Model>>>,
}

/// A detector and how it teaches.
#[derive(Debug)]
struct Known {
    detector: Detector,
    taught: Arc<Taught>,
}

impl Detectors {
    /// Reads those of `tables`, which has [`TABLES`] open.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Broken`].
    pub fn open(tables: Arc<Tables>) -> Result<Self, Error> {
        let mut book = BTreeMap::new();
        for entry in tables.view().prefix(DETECTORS, b"") {
            let (key, value) = entry?;
            let detector: Detector = serde_json::from_slice(&value).map_err(Error::Broken)?;
            book.insert(String::from_utf8_lossy(&key).into_owned(), known(detector)?);
        }
        Ok(Self {
            tables,
            turn: Mutex::default(),
            book: RwLock::new(book),
            models: Mutex::default(),
        })
    }

    /// Puts one, in the place of what was there for the same thing; gives its id.
    ///
    /// # Errors
    /// [`Error`].
    pub fn put(
        &self,
        of: Of,
        configuration: Option<Configuration>,
        has_spikes: Option<bool>,
    ) -> Result<String, Error> {
        let name = of.name()?;
        let _turn = self.turn.lock();
        let (before, count) = {
            let book = self.book.read();
            (book.get(&name).map(|it| it.taught.revision), book.len())
        };
        if before.is_none() && count >= DETECTORS_MAX {
            return Err(Error::TooMany);
        }
        let detector = Detector {
            id: id(&name),
            of,
            configuration,
            has_spikes,
            revision: before.unwrap_or(0) + 1,
        };
        let json = serde_json::to_vec(&detector).map_err(Error::Broken)?;
        let known = known(detector)?;
        let id = known.detector.id.clone();
        let key = name.clone();
        self.change(move |changes| changes.put(DETECTORS, key.into_bytes(), json))?;
        self.book.write().insert(name, known);
        Ok(id)
    }

    /// Takes the one of `of` away.
    ///
    /// # Errors
    /// [`Error::NotFound`] and others.
    pub fn delete(&self, of: &Of) -> Result<(), Error> {
        self.delete_named(&of.name()?)
    }

    /// Takes the one with this id away.
    ///
    /// # Errors
    /// As [`Detectors::delete`].
    pub fn delete_by_id(&self, id: &str) -> Result<(), Error> {
        let name = {
            let book = self.book.read();
            let found = book.iter().find(|(_, known)| known.detector.id == id);
            found.map(|(name, _)| name.clone())
        };
        self.delete_named(&name.ok_or(Error::NotFound)?)
    }

    fn delete_named(&self, name: &str) -> Result<(), Error> {
        let _turn = self.turn.lock();
        if !self.book.read().contains_key(name) {
            return Err(Error::NotFound);
        }
        let key = name.as_bytes().to_vec();
        self.change(move |changes| changes.remove(DETECTORS, key))?;
        self.book.write().remove(name);
        // One that is put later begins with revision 1 again.
        self.models.lock().retain(|key, _| key.revision == 0);
        Ok(())
    }

    fn change(
        &self,
        write: impl FnOnce(&mut tables::Changes) + Send + 'static,
    ) -> Result<(), Error> {
        let done: Result<(), std::convert::Infallible> =
            self.tables.change_blocking(move |_, changes| {
                write(changes);
                Ok(())
            })?;
        done.map_err(|never| match never {})
    }

    /// All of them, in the order of ids.
    #[must_use]
    pub fn list(&self) -> Vec<Detector> {
        let book = self.book.read();
        let mut all: Vec<_> = book.values().map(|known| known.detector.clone()).collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }
}

impl Bands for Detectors {
    fn training(&self, name: &str) -> Arc<Taught> {
        let book = self.book.read();
        let known = book.get(name);
        known.map_or_else(Arc::default, |known| Arc::clone(&known.taught))
    }

    fn known(&self, key: &Key) -> Option<Arc<Model>> {
        self.models.lock().get(key).cloned()
    }

    fn keep(&self, key: Key, model: Arc<Model>) {
        let mut models = self.models.lock();
        models.insert(key, model);
        while models.len() > MODELS_MAX {
            models.pop_first();
        }
    }
}

impl Of {
    /// The queries that it is, and the id of the one that is watched.
    ///
    /// # Errors
    /// [`Error::Of`]: a sentence.
    pub fn queries(&self, period_secs: u32) -> Result<(Vec<Query>, String), Error> {
        match self {
            Self::Metric {
                namespace,
                metric,
                dimensions,
                statistic,
            } => {
                let dimensions = dimensions.iter();
                let dimensions = dimensions.map(|(name, value)| Dimension::new(name, value));
                let wrong = || {
                    Error::Of(format!(
                        "The value {statistic} for parameter Stat is not supported."
                    ))
                };
                let stat = Stat {
                    identity: Identity::new(namespace, metric, dimensions.collect()),
                    statistic: statistic.parse().map_err(|_| wrong())?,
                    period_secs,
                    unit: None,
                };
                let id = "m1".to_owned();
                let query = Query {
                    id: id.clone(),
                    source: Source::Metric(stat),
                    label: None,
                    is_returned: true,
                };
                Ok((vec![query], id))
            }
            Self::Math(texts) => {
                let mut returned = texts.iter().filter(|text| text.is_watched());
                let (Some(watched), None) = (returned.next(), returned.next()) else {
                    return Err(Error::Of(
                        "Exactly one element of the metrics list should return data.".to_owned(),
                    ));
                };
                let queries: Option<Vec<_>> = texts.iter().map(QueryText::query).collect();
                let queries = queries.ok_or_else(|| Error::Of("A statistic, a unit or an expression of MetricDataQueries is missing or not supported.".to_owned()))?;
                Ok((queries, watched.id.clone()))
            }
        }
    }

    /// What it is called: the same for whatever asks for a band over it.
    fn name(&self) -> Result<String, Error> {
        let (queries, id) = self.queries(math::PERIOD_SECS)?;
        let plan = Plan::new(&queries).map_err(|wrong| Error::Of(wrong.to_string()))?;
        if plan.kind(&id) != Some(math::Kind::Series) {
            return Err(Error::Of(format!(
                "The expression `{id}` of an anomaly detector must return a single time series."
            )));
        }
        plan.name(&id, math::Units::LeftOut).ok_or_else(|| {
            Error::Of("The expressions of an anomaly detector are too long.".to_owned())
        })
    }
}

fn known(detector: Detector) -> Result<Arc<Known>, Error> {
    let taught = Taught {
        training: training(&detector)?,
        revision: detector.revision,
    };
    Ok(Arc::new(Known {
        detector,
        taught: Arc::new(taught),
    }))
}

fn training(detector: &Detector) -> Result<Training, Error> {
    let Some(configuration) = &detector.configuration else {
        return Ok(Training {
            filtering: filtering(None, detector.has_spikes)?,
            ..Training::default()
        });
    };
    let excluded = &configuration.excluded_ms;
    if excluded.len() > EXCLUDED_MAX || excluded.iter().any(|(from, to)| from >= to) {
        return Err(Error::Excluded);
    }
    let moment =
        |(from, to): &(u64, u64)| (Timestamp::from_millis(*from), Timestamp::from_millis(*to));
    Ok(Training {
        zone: zone(configuration.zone.as_deref())?,
        excluded: excluded.iter().map(moment).collect(),
        speed: match configuration.speed.as_deref() {
            None | Some("NORMAL") => Speed::Normal,
            Some("FAST") => Speed::Fast,
            Some("SLOW") => Speed::Slow,
            Some(other) => {
                return Err(value(other, "AdaptationSpeed", "FAST, NORMAL and SLOW are"));
            }
        },
        filtering: filtering(configuration.filtering.as_deref(), detector.has_spikes)?,
    })
}

fn zone(name: Option<&str>) -> Result<TimeZone, Error> {
    let Some(name) = name else {
        return Ok(TimeZone::UTC);
    };
    TimeZone::get(name).map_err(|_| value(name, "MetricTimezone", "a name such as Asia/Tokyo is"))
}

fn filtering(name: Option<&str>, has_spikes: Option<bool>) -> Result<Filtering, Error> {
    let filtering = match name {
        None | Some("MODERATE") => Filtering::Moderate,
        Some("MINIMAL") => Filtering::Minimal,
        Some("STRICT") => Filtering::Strict,
        Some(other) => {
            return Err(value(
                other,
                "OutlierFilteringStrength",
                "MINIMAL, MODERATE and STRICT are",
            ));
        }
    };
    Ok(if has_spikes == Some(true) {
        Filtering::None
    } else {
        filtering
    })
}

fn value(value: &str, parameter: &'static str, right: &'static str) -> Error {
    Error::Value {
        value: value.to_owned(),
        parameter,
        right,
    }
}

/// FNV-1a of 128 bits: the same on every machine and in every version.
fn id(name: &str) -> String {
    let hash = name.bytes().fold(
        0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128,
        |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        },
    );
    format!("ad-{hash:032x}")
}

#[cfg(test)]
#[path = "detectors_tests.rs"]
mod tests;
