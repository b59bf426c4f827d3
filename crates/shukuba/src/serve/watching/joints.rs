//! Where the parts of the watch meet: alarms for pictures, tags of dashboards.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::Fault;
use base::Arn;
use cloudwatch::alarm::engine::book::Entry;
use cloudwatch::alarm::engine::data::Watched;
use cloudwatch::alarm::{self, Alarms};
use cloudwatch::dashboard::{self, Dashboards};
use cloudwatch::metric::{Query, Source};
use cloudwatch::ops::alarms::Tagged;
use cloudwatch::picture::{self, AlarmState, Failed};

/// Alarms, for pictures.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Arc<Alarms>);

impl picture::Alarms for Shown {
    fn find(&self, arns: &[String]) -> Result<Vec<picture::Alarm>, Failed> {
        let book = self.0.book();
        let name = |arn: &String| arn.split_once(":alarm:").map(|(_, name)| name.to_owned());
        let found = arns.iter().filter_map(name).filter_map(|name| {
            let entry = book.alarm(&name)?;
            Some(shown(entry))
        });
        Ok(found.collect())
    }
}

/// An alarm as pictures show it.
fn shown(entry: &Entry) -> picture::Alarm {
    let state = match entry.state() {
        alarm::State::Alarm => AlarmState::Alarm,
        alarm::State::Ok => AlarmState::Ok,
        alarm::State::InsufficientData => AlarmState::InsufficientData,
    };
    let metric = entry.alarm.settings.metric();
    let threshold = metric.and_then(|metric| metric.threshold.value());
    let queries = entry.source.as_deref().map(queries).unwrap_or_default();
    picture::Alarm {
        name: entry.name().to_owned(),
        state,
        since: entry.since(),
        queries,
        threshold,
    }
}

fn queries(watched: &Watched) -> Vec<Query> {
    match watched {
        Watched::Metric(stat) => vec![Query {
            id: "m1".to_owned(),
            source: Source::Metric(stat.clone()),
            label: None,
            is_returned: true,
        }],
        Watched::Math(queries) | Watched::Band { queries, .. } => queries.clone(),
    }
}

/// The tags of dashboards, which the operations on tags of alarms change too.
#[derive(Debug)]
pub(super) struct BoardTags(pub(super) Arc<Dashboards>);

impl Tagged for BoardTags {
    fn tags(&self, arn: &Arn) -> Option<BTreeMap<String, String>> {
        let name = arn.resource.strip_prefix("dashboard/")?;
        self.0.get(name).ok()?;
        self.0.tags(name).ok()
    }

    fn change(
        &self,
        arn: &Arn,
        add: BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        let name = arn.resource.strip_prefix("dashboard/").unwrap_or_default();
        let remove = remove.to_vec();
        let changed = self.0.change_tags_blocking(name, move |tags| {
            tags.retain(|key, _| !remove.contains(key));
            tags.extend(add);
        });
        changed.map_err(|error| match error {
            dashboard::Error::NotFound { .. } => Fault::sender(
                "ResourceNotFoundException",
                format!("{arn} does not exist."),
            )
            .with_status(404),
            dashboard::Error::TooManyTags | dashboard::Error::TagForm { .. } => {
                Fault::sender("InvalidParameterValue", error.to_string())
            }
            other => {
                tracing::error!(error = %other, "the tags of a dashboard were not changed");
                Fault::internal()
            }
        })
    }
}
