//! DescribeAlarmHistory.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::Shape;

use super::Desk;
use super::describe;
use super::desk::page_size;
use super::fault;
use super::shape::moment;
use crate::alarm::engine::history::{Item, Kind};
use crate::alarm::past::Question;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAlarmHistoryInput {
    alarm_name: Option<String>,
    alarm_contributor_id: Option<String>,
    alarm_types: Vec<String>,
    history_item_type: Option<String>,
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
    max_records: Option<i32>,
    next_token: Option<String>,
    scan_by: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeAlarmHistoryOutput {
    alarm_history_items: Option<Vec<AlarmHistoryItem>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AlarmHistoryItem {
    alarm_name: Option<String>,
    alarm_contributor_id: Option<String>,
    alarm_type: Option<String>,
    timestamp: Option<Timestamp>,
    history_item_type: Option<String>,
    history_summary: Option<String>,
    history_data: Option<String>,
    alarm_contributor_attributes: BTreeMap<String, String>,
}

impl Act<Desk> for DescribeAlarmHistoryInput {
    type Output = DescribeAlarmHistoryOutput;
    const ACTION: &'static str = "cloudwatch:DescribeAlarmHistory";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let is_of_metrics = self.alarm_types.iter().all(|kind| kind == "MetricAlarm");
        match &self.alarm_name {
            Some(name) if is_of_metrics => vec![desk.on_alarm(Self::ACTION, name)],
            _ => desk.everything(Self::ACTION),
        }
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<DescribeAlarmHistoryOutput, Fault> {
        let is_of_nobody = self.alarm_contributor_id.is_some();
        let (question, is_ours) = self.question()?;
        if is_of_nobody || !is_ours {
            return Ok(DescribeAlarmHistoryOutput {
                alarm_history_items: Some(Vec::new()),
                next_token: None,
            });
        }
        let answer = desk
            .blocking(move |alarms| alarms.history(&question))
            .await?;
        let next = answer
            .next
            .map(|(at_ms, number)| format!("{at_ms}:{number}"));
        Ok(DescribeAlarmHistoryOutput {
            alarm_history_items: Some(answer.items.into_iter().map(shown).collect()),
            next_token: next,
        })
    }
}

impl DescribeAlarmHistoryInput {
    /// What is asked for, and whether items of that kind are kept at all.
    fn question(self) -> Result<(Question, bool), Fault> {
        let (kind, is_ours) = self.kind()?;
        let is_newest_first = match self.scan_by.as_deref() {
            None | Some("TimestampDescending") => true,
            Some("TimestampAscending") => false,
            Some(other) => {
                return Err(fault::constraint(
                    other,
                    "scanBy",
                    "Member must satisfy enum value set: [TimestampDescending, TimestampAscending]",
                ));
            }
        };
        let token = self.next_token.as_deref().filter(|token| !token.is_empty());
        let question = Question {
            alarm_kinds: describe::kinds(&self.alarm_types)?,
            kind,
            from: self.start_date.unwrap_or(Timestamp::EPOCH),
            to: self.end_date.unwrap_or(Timestamp::MAX),
            is_newest_first,
            after: token.map(position).transpose()?,
            most: page_size(self.max_records, 100)?,
            alarm: self.alarm_name,
        };
        Ok((question, is_ours))
    }

    fn kind(&self) -> Result<(Option<Kind>, bool), Fault> {
        let kinds = [Kind::ConfigurationUpdate, Kind::StateUpdate, Kind::Action];
        match self.history_item_type.as_deref() {
            None => Ok((None, true)),
            Some("AlarmContributorStateUpdate" | "AlarmContributorAction") => Ok((None, false)),
            Some(given) => match kinds.into_iter().find(|kind| kind.as_str() == given) {
                Some(kind) => Ok((Some(kind), true)),
                None => Err(fault::constraint(
                    given,
                    "historyItemType",
                    "Member must satisfy enum value set: [ConfigurationUpdate, StateUpdate, Action, AlarmContributorStateUpdate, AlarmContributorAction]",
                )),
            },
        }
    }
}

/// The item that a token stands for: `<milliseconds>:<number>`.
fn position(token: &str) -> Result<(u64, u64), Fault> {
    let parts = token.split_once(':');
    let numbers =
        parts.and_then(|(at_ms, number)| Some((at_ms.parse().ok()?, number.parse().ok()?)));
    numbers.ok_or_else(fault::next_token)
}

fn shown(item: Item) -> AlarmHistoryItem {
    AlarmHistoryItem {
        alarm_name: Some(item.alarm),
        alarm_type: Some(item.alarm_kind),
        timestamp: moment(item.at_ms),
        history_item_type: Some(item.kind.as_str().to_owned()),
        history_summary: Some(item.summary),
        history_data: Some(item.data),
        ..AlarmHistoryItem::default()
    }
}
