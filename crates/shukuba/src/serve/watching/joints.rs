//! Where the parts of the watch meet: alarms and hosts for pictures, tags of dashboards.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::Fault;
use base::Arn;
use cloudwatch::alarm::engine::book::Entry;
use cloudwatch::alarm::engine::data::Watched;
use cloudwatch::alarm::{self, Alarms};
use cloudwatch::dashboard::widget::Host;
use cloudwatch::dashboard::{self, Dashboards};
use cloudwatch::metric::{Query, Source};
use cloudwatch::ops::alarms::Tagged;
use cloudwatch::picture::{self, AlarmState, Failed};
use ec2::Instances;
use ec2::engine::state::Instance;

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

/// Hosts, for pictures: what DescribeInstances tells of them, without those that are leaving.
#[derive(Debug)]
pub(super) struct Chosen(pub(super) Arc<Instances>);

impl picture::Hosts for Chosen {
    fn all(&self) -> Vec<Host> {
        let mut all = self.0.all();
        all.retain(|it| !it.state.is_leaving());
        all.sort_by(|a, b| a.id.cmp(&b.id));
        let zone = self.0.place().zone();
        all.iter().map(|it| host(it, &zone)).collect()
    }
}

fn host(instance: &Instance, zone: &str) -> Host {
    let mut tags = BTreeMap::from([
        ("InstanceType".to_owned(), instance.type_name()),
        ("AvailabilityZone".to_owned(), zone.to_owned()),
    ]);
    let image = instance.wish.image_id.clone();
    tags.extend(image.map(|image| ("ImageId".to_owned(), image)));
    let own = instance.tags.iter();
    tags.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
    Host {
        id: instance.id.to_string(),
        tags,
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
