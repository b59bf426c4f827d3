//! Prometheus' remote write 1.0: a `WriteRequest` in protobuf, as one block of snappy.
//!
//! A sample becomes a value of the metric `__name__` with the labels as dimensions. Of counters only what is new becomes one,
//! since CloudWatch's statistics are about what happened within a period: `Sum` of a counter is what `increase()` says.
//! Histograms and summaries come as series of their own (`_bucket`, `_sum`, `_count`), which are counters.
//!
//! What is a counter is known from the metadata that Prometheus sends once a minute; until it has, by the name.
//!
//! Source: Prometheus Remote-Write 1.0 specification; prompb `remote.proto` and `types.proto` of Prometheus 2.42.

use std::collections::{BTreeSet, HashMap};

use super::batch::Batch;
use super::ledger::{New, Span, Total};
use super::protobuf::{Field, Reader};
use super::skipped::Reason;
use super::{POINTS_MAX, Refused, names, unit};
use crate::series::Sample;

/// Bytes of a request once it is unpacked. Chosen: twice what the door takes of a body.
const UNPACKED_BYTES_MAX: usize = 8 << 20;
/// Series, labels and samples of a request. Chosen: eight for each point that there may be.
const PARTS_MAX: usize = 8 * POINTS_MAX;
/// Labels of a series. Chosen: Prometheus has no limit of its own; thirty become dimensions.
const LABELS_MAX: usize = 128;
/// Names whose type is remembered. Chosen: a large Prometheus has some thousands, and they take 2 MB.
const FAMILIES_MAX: usize = 20_000;
/// Bytes of a name whose type is remembered.
const FAMILY_BYTES_MAX: usize = 255;
/// The value that says that a series has ended. Source: Remote-Write 1.0, "Stale Markers".
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// Where metrics belong that do not say so themselves.
const NAMESPACE: &str = "Prometheus";
/// The label that says where a metric belongs.
const NAMESPACE_LABEL: &str = "namespace";
const NAME_LABEL: &str = "__name__";
/// Labels that become dimensions before all others: whom Prometheus asked.
const FIRST_LABELS: [&str; 2] = ["job", "instance"];

/// Types of metrics by the names of their families.
pub(super) type Families = HashMap<String, Type>;

/// A metric's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    /// Histograms and summaries: what ends with `_bucket`, `_count` and `_sum` runs up, a summary's quantiles do not.
    Distribution,
    /// Gauges and all that has no total.
    Other,
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Request {
    series: Vec<Series>,
    families: Vec<(String, Type)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Series {
    labels: Vec<(String, String)>,
    /// Values and milliseconds since 1970.
    samples: Vec<(f64, i64)>,
    /// Native histograms, which are not kept.
    histograms: usize,
}

/// Whether a body is what is read here: version 1 of the protocol.
pub(super) fn is_type(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_protobuf = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-protobuf"));
    is_protobuf
        && parts.all(|part| !part.starts_with("proto=") || part == "proto=prometheus.WriteRequest")
}

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<Request, Refused> {
    let bytes = unpack(body)?;
    let mut request = Request::default();
    let mut parts = Parts {
        left: PARTS_MAX,
        points: POINTS_MAX,
    };
    let mut reader = Reader::new(&bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            1 => request.series.push(Series::read(&field, &mut parts)?),
            3 => request.families.extend(family(&field, &mut parts)?),
            _ => {}
        }
    }
    Ok(request)
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, Refused> {
    let length =
        snap::raw::decompress_len(body).map_err(|error| Refused::Snappy(error.to_string()))?;
    if length > UNPACKED_BYTES_MAX {
        return Err(Refused::TooLarge {
            what: "bytes once unpacked",
            limit: UNPACKED_BYTES_MAX,
        });
    }
    let unpacked = snap::raw::Decoder::new().decompress_vec(body);
    unpacked.map_err(|error| Refused::Snappy(error.to_string()))
}

/// How many may still be made.
struct Parts {
    left: usize,
    points: usize,
}

impl Parts {
    fn one(&mut self) -> Result<(), Refused> {
        self.left = self.left.checked_sub(1).ok_or(Refused::TooLarge {
            what: "parts",
            limit: PARTS_MAX,
        })?;
        Ok(())
    }

    fn point(&mut self) -> Result<(), Refused> {
        self.points = self.points.checked_sub(1).ok_or(Refused::TooLarge {
            what: "points",
            limit: POINTS_MAX,
        })?;
        Ok(())
    }
}

impl Series {
    fn read(field: &Field<'_>, parts: &mut Parts) -> Result<Self, Refused> {
        parts.one()?;
        let mut series = Self::default();
        let mut reader = field.message()?;
        while let Some(field) = reader.next()? {
            match field.number {
                1 => {
                    parts.one()?;
                    series.labels.push(label(&field)?);
                }
                2 => {
                    parts.point()?;
                    series.samples.push(sample(&field)?);
                }
                4 => series.histograms += 1,
                _ => {}
            }
        }
        Ok(series)
    }

    fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(known, _)| known == name)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }

    fn namespace(&self) -> String {
        let own = self.label(NAMESPACE_LABEL).and_then(names::namespace);
        own.unwrap_or_else(|| NAMESPACE.to_owned())
    }

    /// Labels that become dimensions. One without a value is the same as none.
    fn dimensions(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let first = FIRST_LABELS.into_iter();
        let first = first.filter_map(|name| Some((name, Some(self.label(name)?))));
        let is_other = |name: &str| {
            name != NAME_LABEL && name != NAMESPACE_LABEL && !FIRST_LABELS.contains(&name)
        };
        let others = self.labels.iter();
        let others = others.filter(move |(name, value)| is_other(name) && !value.is_empty());
        first.chain(others.map(|(name, value)| (name.as_str(), Some(value.as_str()))))
    }

    fn convert(&self, families: &Families, batch: &mut Batch<'_>) -> Result<(), Refused> {
        for _ in 0..self.histograms {
            batch.skipped.add(Reason::Unsupported);
        }
        let name = self.label(NAME_LABEL).unwrap_or_default();
        let named = names::check(name).and_then(|()| {
            let is_sound = self.labels.len() <= LABELS_MAX;
            is_sound.then_some(()).ok_or(Reason::Inconsistent)
        });
        let namespace = self.namespace();
        let unit = unit::of_prometheus(name);
        let is_counter = is_counter(name, families);
        for (value, millis) in self
            .samples
            .iter()
            .filter(|(value, _)| value.to_bits() != STALE)
        {
            let at = u64::try_from(*millis).unwrap_or_default();
            let nanos = at.saturating_mul(1_000_000);
            let read = named.and_then(|()| {
                let at = batch.at(nanos)?;
                value.is_finite().then_some(()).ok_or(Reason::Unsound)?;
                let value = match is_counter {
                    true => self.part(*value, nanos, batch)?,
                    false => Some(*value),
                };
                Ok((at, value))
            });
            let put = match read {
                Ok((_, None)) => continue,
                Ok((at, Some(value))) => {
                    let datum = (unit, at, Sample::Value(value));
                    batch.put(&namespace, name, self.dimensions(), datum)?
                }
                Err(reason) => Err(reason),
            };
            if let Err(reason) = put {
                batch.skipped.add(reason);
            }
        }
        Ok(())
    }

    /// What of a counter is new; `None` where that is not known yet.
    fn part(&self, value: f64, nanos: u64, batch: &mut Batch<'_>) -> Result<Option<f64>, Reason> {
        let key = batch.ledger.key((NAMESPACE, &self.labels));
        let span = Span {
            start: 0,
            at: nanos,
        };
        match batch
            .ledger
            .take(key, span, Total::Number(value), batch.now)
        {
            New::Part(Total::Number(new)) => Ok(Some(new)),
            New::Part(_) | New::First => Ok(None),
            New::OutOfOrder => Err(Reason::OutOfOrder),
            New::NoRoom => Err(Reason::TooManySeries),
        }
    }
}

fn label(field: &Field<'_>) -> Result<(String, String), Refused> {
    let (mut name, mut value) = ("", "");
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => name = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn sample(field: &Field<'_>) -> Result<(f64, i64), Refused> {
    let (mut value, mut millis) = (0.0, 0);
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => value = field.double()?,
            2 => millis = field.int64()?,
            _ => {}
        }
    }
    Ok((value, millis))
}

/// A family's type; nothing where it is not known. Source: `MetricMetadata.MetricType`.
fn family(field: &Field<'_>, parts: &mut Parts) -> Result<Option<(String, Type)>, Refused> {
    parts.one()?;
    let (mut name, mut number) = ("", 0);
    let mut reader = field.message()?;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => number = field.varint()?,
            2 => name = field.text()?,
            _ => {}
        }
    }
    let of = match number {
        0 => return Ok(None),
        1 => Type::Counter,
        3 | 5 => Type::Distribution,
        _ => Type::Other,
    };
    Ok((name.len() <= FAMILY_BYTES_MAX).then(|| (name.to_owned(), of)))
}

/// Whether the values of a series run up.
fn is_counter(name: &str, families: &Families) -> bool {
    if let Some(of) = families.get(name) {
        return *of == Type::Counter;
    }
    let total = name.strip_suffix("_total");
    if let Some(of) = total.and_then(|family| families.get(family)) {
        return *of == Type::Counter;
    }
    let part = ["_bucket", "_count", "_sum"].into_iter();
    let mut part = part.filter_map(|suffix| name.strip_suffix(suffix));
    match part.next() {
        Some(family) => families.get(family) != Some(&Type::Other),
        None => total.is_some(),
    }
}

impl Request {
    /// Where its metrics belong.
    pub(super) fn namespaces(&self) -> BTreeSet<String> {
        self.series.iter().map(Series::namespace).collect()
    }

    /// Remembers what it says of types.
    pub(super) fn learn(&self, families: &mut Families) {
        for (name, of) in &self.families {
            if families.contains_key(name) || families.len() < FAMILIES_MAX {
                families.insert(name.clone(), *of);
            }
        }
    }

    /// Puts all that is new into `batch`.
    pub(super) fn convert(
        &self,
        families: &Families,
        batch: &mut Batch<'_>,
    ) -> Result<(), Refused> {
        self.series
            .iter()
            .try_for_each(|series| series.convert(families, batch))
    }
}
