//! The operations on alarms, mute rules and tags: requests, answers, what they touch, what they do.
//!
//! One file a noun. To add an operation: its shapes and an [`impl Act`](api::Act) for its request, and a line in [`OPERATIONS`].
//!
//! Shapes follow the service model of 2010-08-01 as botocore carries it. Log alarms, PromQL alarms, warm-up periods and wall clock windows are not kept: requests that have their members are refused.

mod change;
mod composite;
mod describe;
mod desk;
mod fault;
mod history;
mod metric;
mod mute;
mod shape;
mod tag;

#[cfg(test)]
mod model;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{AnyOperation, Catalogue, Op, Service};

use super::FACTS;
use crate::alarm::Alarms;
pub(in crate::ops) use shape::{Dimension, MetricDataQuery, pairs};
pub use tag::{NoOthers, Tagged};

/// What operations work on.
#[derive(Debug)]
pub struct Desk {
    /// The alarms and mute rules.
    pub alarms: Arc<Alarms>,
    /// What else has tags: dashboards.
    pub others: Arc<dyn Tagged>,
}

/// All operations that are spoken, in the order of names.
pub(super) static OPERATIONS: &[&dyn AnyOperation<Desk>] = &[
    &Op::<mute::DeleteAlarmMuteRuleInput>::NEW,
    &Op::<change::DeleteAlarmsInput>::NEW,
    &Op::<describe::DescribeAlarmContributorsInput>::NEW,
    &Op::<history::DescribeAlarmHistoryInput>::NEW,
    &Op::<describe::DescribeAlarmsInput>::NEW,
    &Op::<describe::DescribeAlarmsForMetricInput>::NEW,
    &Op::<change::DisableAlarmActionsInput>::NEW,
    &Op::<change::EnableAlarmActionsInput>::NEW,
    &Op::<mute::GetAlarmMuteRuleInput>::NEW,
    &Op::<mute::ListAlarmMuteRulesInput>::NEW,
    &Op::<tag::ListTagsForResourceInput>::NEW,
    &Op::<mute::PutAlarmMuteRuleInput>::NEW,
    &Op::<composite::PutCompositeAlarmInput>::NEW,
    &Op::<metric::PutMetricAlarmInput>::NEW,
    &Op::<change::SetAlarmStateInput>::NEW,
    &Op::<tag::TagResourceInput>::NEW,
    &Op::<tag::UntagResourceInput>::NEW,
];

/// The operations for [`super::joined`]. `others`: dashboards, whose tags the same operations change.
#[must_use]
pub fn service(alarms: Arc<Alarms>, others: Arc<dyn Tagged>) -> Arc<dyn Service> {
    let desk = Arc::new(Desk { alarms, others });
    Arc::new(Catalogue::new(&FACTS, desk, OPERATIONS))
}
