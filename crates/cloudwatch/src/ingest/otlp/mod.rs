//! OTLP/HTTP: what OpenTelemetry's SDKs and collector send.
//!
//! | what is sent | becomes |
//! |---|---|
//! | gauge, sum that is not monotonic | its value |
//! | monotonic sum | what is new: as it is where it is a delta, the difference where it is cumulative |
//! | histogram, exponential histogram | the values of its buckets with their counts; the sum is exact |
//! | summary | a statistic set of what is new |
//!
//! - [`model`] has a request, [`binary`] and [`json`] read it, [`sample`] says what a point becomes
//! - [`answer`] has what the clients read

mod answer;
mod binary;
mod json;
mod model;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::batch::Batch;
use super::ledger::{Key, Span};
use super::skipped::Reason;
use super::{POINTS_MAX, Refused, names, unit};
use crate::metric::Unit;
pub(super) use answer::{accepted, refusal};
pub(super) use model::Request;
use model::{Attribute, Head, Metric, NO_VALUE, Points};
use sample::Point;

/// Messages and numbers of buckets of a request. Chosen: eight for each point that there may be.
pub(super) const PARTS_MAX: usize = 8 * POINTS_MAX;
/// Attributes of a point, a scope or a resource. Source: the SDK specification's default, `AttributeCountLimit`.
const ATTRIBUTES_MAX: usize = 128;
/// The namespace of who does not say what it is.
const NAMESPACE: &str = "OTel";

/// In which form a request came; its answer has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

impl Form {
    /// By the `Content-Type`.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Reads a request.
pub(super) fn read(form: Form, body: &[u8]) -> Result<Request, Refused> {
    let request = match form {
        Form::Protobuf => binary::read(body)?,
        Form::Json => {
            // Each message costs a brace, whatever else it costs.
            if body.iter().filter(|byte| **byte == b'{').count() > PARTS_MAX {
                return Err(Refused::TooLarge {
                    what: "parts",
                    limit: PARTS_MAX,
                });
            }
            serde_json::from_slice(body).map_err(|error| Refused::Json(error.to_string()))?
        }
    };
    if request.points() > POINTS_MAX {
        return Err(Refused::TooLarge {
            what: "points",
            limit: POINTS_MAX,
        });
    }
    Ok(request)
}

impl Request {
    fn points(&self) -> usize {
        let scopes = self
            .resource_metrics
            .iter()
            .flat_map(|of| &of.scope_metrics);
        scopes.flat_map(|of| &of.metrics).map(Metric::points).sum()
    }

    /// Where its metrics belong.
    pub(super) fn namespaces(&self) -> BTreeSet<String> {
        let all = self.resource_metrics.iter();
        all.map(|of| namespace(&of.resource.attributes)).collect()
    }

    /// Puts all that is new into `batch`.
    pub(super) fn convert(&self, batch: &mut Batch<'_>) -> Result<(), Refused> {
        for of in &self.resource_metrics {
            let attributes = &of.resource.attributes;
            let namespace = namespace(attributes);
            let mine = dimensions(attributes);
            for scope in &of.scope_metrics {
                let origin = Origin {
                    namespace: &namespace,
                    dimensions: &mine,
                    key: batch.ledger.key((sorted(attributes), &scope.scope)),
                };
                for metric in &scope.metrics {
                    metric.convert(&origin, batch)?;
                }
            }
        }
        Ok(())
    }
}

/// What all metrics of a scope have.
struct Origin<'a> {
    namespace: &'a str,
    dimensions: &'a [(&'a str, &'a str)],
    key: Key,
}

/// `service.namespace`, or `service.name`.
fn namespace(attributes: &[Attribute]) -> String {
    let found = ["service.namespace", "service.name"].into_iter();
    let mut found = found.filter_map(|name| names::namespace(value(attributes, name)?));
    found.next().unwrap_or_else(|| NAMESPACE.to_owned())
}

/// What of a resource tells its metrics apart: the service and its host.
fn dimensions(attributes: &[Attribute]) -> Vec<(&str, &str)> {
    let find = |name: &'static str| Some((name, value(attributes, name)?));
    let host = find("host.name").or_else(|| find("host.id"));
    find("service.name").into_iter().chain(host).collect()
}

fn value<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|known| known.key == name)?;
    found.value.0.as_deref().filter(|text| !text.is_empty())
}

/// The same however they were ordered.
fn sorted(attributes: &[Attribute]) -> Vec<&Attribute> {
    let mut sorted: Vec<&Attribute> = attributes.iter().collect();
    sorted.sort_unstable();
    sorted
}

impl Metric {
    fn points(&self) -> usize {
        let count = |points: Option<usize>| points.unwrap_or_default();
        count(self.gauge.as_ref().map(|of| of.data_points.len()))
            + count(self.sum.as_ref().map(|of| of.data_points.len()))
            + count(self.histogram.as_ref().map(|of| of.data_points.len()))
            + count(
                self.exponential_histogram
                    .as_ref()
                    .map(|of| of.data_points.len()),
            )
            + count(self.summary.as_ref().map(|of| of.data_points.len()))
    }

    fn convert(&self, origin: &Origin<'_>, batch: &mut Batch<'_>) -> Result<(), Refused> {
        self.each(self.gauge.as_ref(), origin, batch)?;
        self.each(self.sum.as_ref(), origin, batch)?;
        self.each(self.histogram.as_ref(), origin, batch)?;
        self.each(self.exponential_histogram.as_ref(), origin, batch)?;
        self.each(self.summary.as_ref(), origin, batch)
    }

    fn each<P: Point>(
        &self,
        points: Option<&Points<P>>,
        origin: &Origin<'_>,
        batch: &mut Batch<'_>,
    ) -> Result<(), Refused> {
        let unit = unit::of_ucum(&self.unit);
        for point in points.map_or(&[][..], |of| &of.data_points) {
            if point.head().flags & NO_VALUE != 0 {
                continue;
            }
            let taken = self.one(points, point, unit, origin, batch)?;
            if let Err(reason) = taken {
                batch.skipped.add(reason);
            }
        }
        Ok(())
    }

    /// Takes one point, or says why it is not kept.
    fn one<P: Point>(
        &self,
        points: Option<&Points<P>>,
        point: &P,
        (unit, factor): (Unit, f64),
        origin: &Origin<'_>,
        batch: &mut Batch<'_>,
    ) -> Result<Result<(), Reason>, Refused> {
        let head = point.head();
        let prepared = batch.at(head.time_unix_nano).and_then(|at| {
            names::check(&self.name)?;
            check(head)?;
            let all_of = points.ok_or(Reason::Inconsistent)?;
            let key = batch.ledger.key((
                origin.key,
                origin.namespace,
                &self.name,
                sorted(&head.attributes),
            ));
            let span = Span {
                start: head.start_time_unix_nano,
                at: head.time_unix_nano,
            };
            let part = sample::reading(all_of, point)?.part(batch, key, span)?;
            Ok((at, part.and_then(|part| sample::of(part, point))))
        });
        let (at, sample) = match prepared {
            Ok((at, Some(sample))) => (at, sample),
            Ok((_, None)) => return Ok(Ok(())),
            Err(reason) => return Ok(Err(reason)),
        };
        let own = head.attributes.iter();
        let own = own.map(|it| (it.key.as_str(), it.value.0.as_deref()));
        let resources = origin.dimensions.iter();
        let all = resources
            .map(|(name, value)| (*name, Some(*value)))
            .chain(own);
        batch.put(
            origin.namespace,
            &self.name,
            all,
            (unit, at, sample::scaled(sample, factor)),
        )
    }
}

fn check(head: &Head) -> Result<(), Reason> {
    let is_sound = head.attributes.len() <= ATTRIBUTES_MAX;
    is_sound.then_some(()).ok_or(Reason::Inconsistent)
}
