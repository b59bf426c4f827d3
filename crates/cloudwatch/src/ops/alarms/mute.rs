//! PutAlarmMuteRule, GetAlarmMuteRule, ListAlarmMuteRules, DeleteAlarmMuteRule.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use base::Timestamp;
use wire::Shape;

use super::Desk;
use super::desk::{page_size, with_request_tags};
use super::fault;
use super::shape::{Tag, as_tags, moment};
use crate::alarm::engine::book::Mute;
use crate::alarm::engine::{self, mute};
use crate::alarm::{Alarms, Error};

/// Rules of a page where none are asked for. Source: API Reference, `ListAlarmMuteRules`.
const PAGE: usize = 50;
/// What stands before the name in a token.
const TOKEN: &str = "mute:";

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutAlarmMuteRuleInput {
    #[shape(required)]
    name: String,
    description: Option<String>,
    #[shape(required)]
    rule: Rule,
    mute_targets: Option<MuteTargets>,
    tags: Vec<Tag>,
    start_date: Option<Timestamp>,
    expire_date: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Rule {
    #[shape(required)]
    schedule: Schedule,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Schedule {
    #[shape(required)]
    expression: String,
    #[shape(required)]
    duration: String,
    timezone: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct MuteTargets {
    #[shape(required)]
    alarm_names: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetAlarmMuteRuleInput {
    #[shape(required)]
    alarm_mute_rule_name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetAlarmMuteRuleOutput {
    name: Option<String>,
    alarm_mute_rule_arn: Option<String>,
    description: Option<String>,
    rule: Option<Rule>,
    mute_targets: Option<MuteTargets>,
    start_date: Option<Timestamp>,
    expire_date: Option<Timestamp>,
    status: Option<String>,
    last_updated_timestamp: Option<Timestamp>,
    mute_type: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListAlarmMuteRulesInput {
    alarm_name: Option<String>,
    statuses: Vec<String>,
    max_records: Option<i32>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListAlarmMuteRulesOutput {
    alarm_mute_rule_summaries: Option<Vec<AlarmMuteRuleSummary>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AlarmMuteRuleSummary {
    alarm_mute_rule_arn: Option<String>,
    expire_date: Option<Timestamp>,
    status: Option<String>,
    mute_type: Option<String>,
    last_updated_timestamp: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeleteAlarmMuteRuleInput {
    #[shape(required)]
    alarm_mute_rule_name: String,
}

impl Act<Desk> for PutAlarmMuteRuleInput {
    type Output = Nothing;
    const ACTION: &'static str = "cloudwatch:PutAlarmMuteRule";

    /// The rule, and each alarm that it mutes.
    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let rule = with_request_tags(desk.on_mute(Self::ACTION, &self.name), &self.tags);
        let targets = self
            .mute_targets
            .iter()
            .flat_map(|targets| &targets.alarm_names);
        let targets = targets.take(mute::TARGETS_MAX + 1);
        let targets = targets.map(|target| desk.on_alarm(Self::ACTION, target));
        let mut touched: Vec<_> = std::iter::once(rule).chain(targets).collect();
        if !self.tags.is_empty() && desk.alarms.book().mute(&self.name).is_none() {
            let tag = desk.on_mute("cloudwatch:TagResource", &self.name);
            touched.push(with_request_tags(tag, &self.tags));
        }
        touched
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let tags = as_tags(self.tags);
        let schedule = self.rule.schedule;
        let settings = mute::Settings {
            name: self.name,
            description: self.description,
            expression: schedule.expression,
            duration: schedule.duration,
            timezone: schedule.timezone,
            targets: self.mute_targets.map(|targets| targets.alarm_names),
            start_ms: self.start_date.map(Timestamp::as_millis),
            expire_ms: self.expire_date.map(Timestamp::as_millis),
        };
        let put = move |alarms: &Alarms| alarms.change(|draft| draft.put_mute(settings, tags));
        match desk.alarms.blocking(put).await {
            // The operation has no other error for an alarm that is not there.
            Err(Error::Refused(engine::Error::NoAlarm(name))) => Err(fault::validation(format!(
                "The alarm {name} of MuteTargets does not exist."
            ))),
            other => other.map(|()| Nothing {}).map_err(fault::of),
        }
    }
}

impl Act<Desk> for GetAlarmMuteRuleInput {
    type Output = GetAlarmMuteRuleOutput;
    const ACTION: &'static str = "cloudwatch:GetAlarmMuteRule";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_mute(Self::ACTION, &self.alarm_mute_rule_name)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<GetAlarmMuteRuleOutput, Fault> {
        let book = desk.alarms.book();
        let found = book.mute(&self.alarm_mute_rule_name);
        let mute = found.ok_or_else(|| fault::no_mute(&self.alarm_mute_rule_name))?;
        let settings = mute.stored.settings.clone();
        let summary = summary(desk, mute);
        Ok(GetAlarmMuteRuleOutput {
            name: Some(settings.name),
            alarm_mute_rule_arn: summary.alarm_mute_rule_arn,
            description: settings.description,
            rule: Some(Rule {
                schedule: Schedule {
                    expression: settings.expression,
                    duration: settings.duration,
                    timezone: settings.timezone,
                },
            }),
            mute_targets: settings
                .targets
                .map(|alarm_names| MuteTargets { alarm_names }),
            start_date: settings.start_ms.map(Timestamp::from_millis),
            expire_date: summary.expire_date,
            status: summary.status,
            last_updated_timestamp: summary.last_updated_timestamp,
            mute_type: summary.mute_type,
        })
    }
}

fn summary(desk: &Desk, mute: &Mute) -> AlarmMuteRuleSummary {
    let settings = &mute.stored.settings;
    let kind = if mute.schedule.is_once() {
        "ONE_TIME"
    } else {
        "RECURRING"
    };
    AlarmMuteRuleSummary {
        alarm_mute_rule_arn: Some(desk.place().mute_rule(&settings.name).to_string()),
        expire_date: settings.expire_ms.map(Timestamp::from_millis),
        status: Some(mute.schedule.status(desk.alarms.now()).as_str().to_owned()),
        mute_type: Some(kind.to_owned()),
        last_updated_timestamp: moment(mute.stored.updated_ms),
    }
}

impl Act<Desk> for ListAlarmMuteRulesInput {
    type Output = ListAlarmMuteRulesOutput;
    const ACTION: &'static str = "cloudwatch:ListAlarmMuteRules";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.everything(Self::ACTION)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<ListAlarmMuteRulesOutput, Fault> {
        self.check_statuses()?;
        let most = page_size(self.max_records, PAGE)?;
        let after = match self.next_token.as_deref().filter(|token| !token.is_empty()) {
            None => "",
            Some(token) => token.strip_prefix(TOKEN).ok_or_else(fault::next_token)?,
        };
        let book = desk.alarms.book();
        let mut found = book.mutes().filter(|mute| {
            mute.stored.settings.name.as_str() > after && self.is_wanted(desk, mute)
        });
        let page: Vec<_> = found.by_ref().take(most).collect();
        let is_more = found.next().is_some();
        let next = page.last().filter(|_| is_more);
        Ok(ListAlarmMuteRulesOutput {
            next_token: next.map(|mute| format!("{TOKEN}{}", mute.stored.settings.name)),
            alarm_mute_rule_summaries: Some(page.iter().map(|mute| summary(desk, mute)).collect()),
        })
    }
}

impl ListAlarmMuteRulesInput {
    fn check_statuses(&self) -> Result<(), Fault> {
        const STATUSES: &[&str] = &["SCHEDULED", "ACTIVE", "EXPIRED"];
        let wrong = self
            .statuses
            .iter()
            .find(|status| !STATUSES.contains(&status.as_str()));
        match wrong {
            None => Ok(()),
            Some(wrong) => Err(fault::constraint(
                wrong,
                "statuses",
                "Member must satisfy enum value set: [SCHEDULED, ACTIVE, EXPIRED]",
            )),
        }
    }

    fn is_wanted(&self, desk: &Desk, mute: &Mute) -> bool {
        let mut targets = mute.stored.settings.targets.iter().flatten();
        let is_of = |alarm: &String| targets.any(|target| target == alarm);
        let status = mute.schedule.status(desk.alarms.now()).as_str();
        self.alarm_name.as_ref().is_none_or(is_of)
            && (self.statuses.is_empty() || self.statuses.iter().any(|wanted| wanted == status))
    }
}

impl Act<Desk> for DeleteAlarmMuteRuleInput {
    type Output = Nothing;
    const ACTION: &'static str = "cloudwatch:DeleteAlarmMuteRule";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_mute(Self::ACTION, &self.alarm_mute_rule_name)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let name = self.alarm_mute_rule_name;
        desk.blocking(move |alarms| {
            alarms.change(|draft| {
                draft.delete_mute(&name);
                Ok(())
            })
        })
        .await?;
        Ok(Nothing {})
    }
}
