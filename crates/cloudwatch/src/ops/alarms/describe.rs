//! DescribeAlarms, DescribeAlarmsForMetric, DescribeAlarmContributors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::Shape;

use super::Desk;
use super::change;
use super::desk::page_size;
use super::fault;
use super::shape::{CompositeAlarm, Dimension, MetricAlarm, pairs};
use crate::alarm::State;
use crate::alarm::engine::Entry;
use crate::alarm::engine::settings::Watched;
use crate::metric::{Dimension as MetricDimension, Identity};

/// What stands before the name in a token.
const TOKEN: &str = "alarm:";

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAlarmsInput {
    alarm_names: Vec<String>,
    alarm_name_prefix: Option<String>,
    alarm_types: Vec<String>,
    children_of_alarm_name: Option<String>,
    parents_of_alarm_name: Option<String>,
    state_value: Option<String>,
    action_prefix: Option<String>,
    max_records: Option<i32>,
    next_token: Option<String>,
}

/// Log alarms are not kept, so their list is left out.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAlarmsOutput {
    composite_alarms: Option<Vec<CompositeAlarm>>,
    metric_alarms: Option<Vec<MetricAlarm>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAlarmsForMetricInput {
    #[shape(required)]
    metric_name: String,
    #[shape(required)]
    namespace: String,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    dimensions: Vec<Dimension>,
    period: Option<i32>,
    unit: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAlarmsForMetricOutput {
    metric_alarms: Option<Vec<MetricAlarm>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAlarmContributorsInput {
    #[shape(required)]
    alarm_name: String,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAlarmContributorsOutput {
    #[shape(required)]
    alarm_contributors: Option<Vec<AlarmContributor>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AlarmContributor {
    #[shape(required)]
    contributor_id: String,
    #[shape(required)]
    contributor_attributes: BTreeMap<String, String>,
    #[shape(required)]
    state_reason: String,
    state_transitioned_timestamp: Option<Timestamp>,
}

/// How much is said of an alarm.
#[derive(Clone, Copy)]
enum Detail {
    All,
    Child,
    Parent,
}

impl Act<Desk> for DescribeAlarmsInput {
    type Output = DescribeAlarmsOutput;
    const ACTION: &'static str = "cloudwatch:DescribeAlarms";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let is_of_metrics = self.alarm_types.iter().all(|kind| kind == "MetricAlarm");
        match is_of_metrics {
            true => desk.on_alarms(Self::ACTION, &self.alarm_names),
            false => desk.everything(Self::ACTION),
        }
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<DescribeAlarmsOutput, Fault> {
        let (wanted, detail) = self.wanted(desk)?;
        let most = page_size(self.max_records, 100)?;
        let after = match self.next_token.as_deref().filter(|token| !token.is_empty()) {
            None => String::new(),
            Some(token) => token
                .strip_prefix(TOKEN)
                .ok_or_else(fault::next_token)?
                .to_owned(),
        };
        let book = desk.alarms.book();
        let mut found = book.alarms_after(&after).filter(|entry| wanted(entry));
        let page: Vec<_> = found.by_ref().take(most).collect();
        let is_more = found.next().is_some();
        let next = page.last().filter(|_| is_more);
        Ok(DescribeAlarmsOutput {
            next_token: next.map(|entry| format!("{TOKEN}{}", entry.name())),
            metric_alarms: Some(
                page.iter()
                    .filter_map(|entry| metric(desk, entry, detail))
                    .collect(),
            ),
            composite_alarms: Some(
                page.iter()
                    .filter_map(|entry| composite(desk, entry, detail))
                    .collect(),
            ),
        })
    }
}

type Wanted = Box<dyn Fn(&Entry) -> bool + Send>;

impl DescribeAlarmsInput {
    /// Which alarms are asked for.
    fn wanted(&self, desk: &Desk) -> Result<(Wanted, Detail), Fault> {
        let family = match (&self.children_of_alarm_name, &self.parents_of_alarm_name) {
            (None, None) => return Ok((self.filter()?, Detail::All)),
            (Some(_), Some(_)) => {
                return Err(fault::both("ChildrenOfAlarmName", "ParentsOfAlarmName"));
            }
            (Some(of), None) => (of, "ChildrenOfAlarmName"),
            (None, Some(of)) => (of, "ParentsOfAlarmName"),
        };
        if let Some(other) = self.other_filter() {
            return Err(fault::both(family.1, other));
        }
        let book = desk.alarms.book();
        let entry = book.alarm(family.0).ok_or_else(fault::not_found)?;
        let (names, detail): (BTreeSet<String>, _) = match self.children_of_alarm_name {
            Some(_) => (entry.children().map(str::to_owned).collect(), Detail::Child),
            None => {
                let parents = book.parents(family.0).map(ToString::to_string);
                (parents.collect(), Detail::Parent)
            }
        };
        Ok((Box::new(move |entry| names.contains(entry.name())), detail))
    }

    fn other_filter(&self) -> Option<&'static str> {
        let others = [
            ("AlarmNames", !self.alarm_names.is_empty()),
            ("AlarmNamePrefix", self.alarm_name_prefix.is_some()),
            ("AlarmTypes", !self.alarm_types.is_empty()),
            ("StateValue", self.state_value.is_some()),
            ("ActionPrefix", self.action_prefix.is_some()),
        ];
        let found = others.into_iter().find(|(_, is_given)| *is_given);
        found.map(|(name, _)| name)
    }

    fn filter(&self) -> Result<Wanted, Fault> {
        if !self.alarm_names.is_empty() && self.alarm_name_prefix.is_some() {
            return Err(fault::both("AlarmNames", "AlarmNamePrefix"));
        }
        let names = change::names(self.alarm_names.clone())?;
        let kinds = kinds(&self.alarm_types)?;
        let state: Option<State> = self.state_value.as_deref().map(change::state).transpose()?;
        let prefix = self.alarm_name_prefix.clone();
        let action = self.action_prefix.clone();
        Ok(Box::new(move |entry| {
            let settings = &entry.alarm.settings;
            let acts = |prefix: &str| {
                let lists = [
                    &settings.ok_actions,
                    &settings.alarm_actions,
                    &settings.insufficient_data_actions,
                ];
                lists
                    .into_iter()
                    .flatten()
                    .any(|arn| arn.starts_with(prefix))
            };
            (names.is_empty() || names.contains(entry.name()))
                && kinds.iter().any(|kind| kind == settings.kind_name())
                && state.is_none_or(|state| state == entry.state())
                && prefix
                    .as_ref()
                    .is_none_or(|prefix| entry.name().starts_with(prefix))
                && action.as_ref().is_none_or(|action| acts(action))
        }))
    }
}

/// The kinds that are asked for; only metric alarms where none are named.
pub(super) fn kinds(given: &[String]) -> Result<Vec<String>, Fault> {
    const KINDS: &[&str] = &["CompositeAlarm", "MetricAlarm", "LogAlarm"];
    if given.is_empty() {
        return Ok(vec!["MetricAlarm".to_owned()]);
    }
    match given.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        None => Ok(given.to_vec()),
        Some(wrong) => Err(fault::constraint(
            wrong,
            "alarmTypes",
            "Member must satisfy enum value set: [CompositeAlarm, MetricAlarm, LogAlarm]",
        )),
    }
}

fn metric(desk: &Desk, entry: &Entry, detail: Detail) -> Option<MetricAlarm> {
    match detail {
        Detail::All => MetricAlarm::of(entry, desk.place()),
        Detail::Child => MetricAlarm::child(entry, desk.place()),
        Detail::Parent => MetricAlarm::parent(entry, desk.place()),
    }
}

fn composite(desk: &Desk, entry: &Entry, detail: Detail) -> Option<CompositeAlarm> {
    match detail {
        Detail::All => CompositeAlarm::of(entry, desk.place()),
        Detail::Child => CompositeAlarm::child(entry, desk.place()),
        Detail::Parent => CompositeAlarm::parent(entry, desk.place()),
    }
}

impl Act<Desk> for DescribeAlarmsForMetricInput {
    type Output = DescribeAlarmsForMetricOutput;
    const ACTION: &'static str = "cloudwatch:DescribeAlarmsForMetric";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.everything(Self::ACTION)
    }

    async fn act(
        self,
        desk: &Arc<Desk>,
        _ctx: &Ctx,
    ) -> Result<DescribeAlarmsForMetricOutput, Fault> {
        if self.statistic.is_some() && self.extended_statistic.is_some() {
            return Err(fault::both("Statistic", "ExtendedStatistic"));
        }
        let dimensions = pairs(self.dimensions.clone());
        let dimensions = dimensions.iter();
        let dimensions = dimensions.map(|(name, value)| MetricDimension::new(name, value));
        let identity = Identity::new(&self.namespace, &self.metric_name, dimensions.collect());
        let book = desk.alarms.book();
        let found = book.alarms().filter(|entry| self.is_of(entry, &identity));
        Ok(DescribeAlarmsForMetricOutput {
            metric_alarms: Some(
                found
                    .filter_map(|entry| MetricAlarm::of(entry, desk.place()))
                    .collect(),
            ),
        })
    }
}

impl DescribeAlarmsForMetricInput {
    fn is_of(&self, entry: &Entry, identity: &Identity) -> bool {
        let Some(metric) = entry.alarm.settings.metric() else {
            return false;
        };
        let Watched::One { stat, is_extended } = &metric.watched else {
            return false;
        };
        let is_so = |given: &Option<String>, is_extended_wanted: bool| {
            let is =
                |given: &String| *is_extended == is_extended_wanted && *given == stat.statistic;
            given.as_ref().is_none_or(is)
        };
        stat.identity() == *identity
            && is_so(&self.statistic, false)
            && is_so(&self.extended_statistic, true)
            && self
                .period
                .is_none_or(|period| i64::from(period) == i64::from(stat.period_secs))
            && self
                .unit
                .as_ref()
                .is_none_or(|unit| Some(unit) == stat.unit.as_ref())
    }
}

impl Act<Desk> for DescribeAlarmContributorsInput {
    type Output = DescribeAlarmContributorsOutput;
    const ACTION: &'static str = "cloudwatch:DescribeAlarmContributors";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_alarm(Self::ACTION, &self.alarm_name)]
    }

    /// No alarm here has contributors: they are those of PromQL.
    async fn act(
        self,
        desk: &Arc<Desk>,
        _ctx: &Ctx,
    ) -> Result<DescribeAlarmContributorsOutput, Fault> {
        if self.next_token.is_some_and(|token| !token.is_empty()) {
            return Err(fault::next_token());
        }
        match desk.alarms.book().alarm(&self.alarm_name) {
            Some(_) => Ok(DescribeAlarmContributorsOutput {
                alarm_contributors: Some(Vec::new()),
                next_token: None,
            }),
            None => Err(fault::no_resource(&format!(
                "Alarm {} does not exist.",
                self.alarm_name
            ))),
        }
    }
}
