//! PutRule, DescribeRule, ListRules, EnableRule, DisableRule, DeleteRule.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use base::Timestamp;
use wire::Shape;

use super::act::pass;
use super::tags::{Tag, checked, with_request_tags};
use super::{check, fault};
use crate::rules::Rules;
use crate::rules::engine;
use crate::rules::engine::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutRuleRequest {
    #[shape(required)]
    name: String,
    schedule_expression: Option<String>,
    event_pattern: Option<String>,
    state: Option<String>,
    description: Option<String>,
    role_arn: Option<String>,
    tags: Vec<Tag>,
    event_bus_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutRuleResponse {
    rule_arn: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeRuleRequest {
    #[shape(required)]
    name: String,
    event_bus_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeRuleResponse {
    name: Option<String>,
    arn: Option<String>,
    event_pattern: Option<String>,
    schedule_expression: Option<String>,
    state: Option<String>,
    description: Option<String>,
    role_arn: Option<String>,
    managed_by: Option<String>,
    event_bus_name: Option<String>,
    created_by: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListRulesRequest {
    name_prefix: Option<String>,
    event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListRulesResponse {
    rules: Option<Vec<Rule>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Rule {
    name: Option<String>,
    arn: Option<String>,
    event_pattern: Option<String>,
    state: Option<String>,
    description: Option<String>,
    schedule_expression: Option<String>,
    role_arn: Option<String>,
    managed_by: Option<String>,
    event_bus_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EnableRuleRequest {
    #[shape(required)]
    name: String,
    event_bus_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DisableRuleRequest {
    #[shape(required)]
    name: String,
    event_bus_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeleteRuleRequest {
    #[shape(required)]
    name: String,
    event_bus_name: Option<String>,
    /// For rules that AWS's services manage; there are none.
    #[shape(ignored)]
    force: Option<bool>,
}

impl PutRuleRequest {
    fn rule(self) -> Result<engine::Rule, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        check::name("name", &self.name)?;
        check::length(
            "description",
            self.description.as_deref().unwrap_or_default(),
            512,
        )?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let schedule = given(self.schedule_expression).map(|text| text.parse());
        let pattern = given(self.event_pattern).map(|text| text.parse());
        if schedule.is_none() && pattern.is_none() {
            return Err(fault::invalid(
                "Parameter(s) EventPattern or ScheduleExpression must be specified.",
            ));
        }
        let tags: BTreeMap<String, String> = checked(self.tags)?.into_iter().collect();
        Ok(engine::Rule {
            name: self.name,
            description: self.description,
            schedule: schedule.transpose().map_err(|why| fault::schedule(&why))?,
            pattern: pattern.transpose().map_err(|why| fault::pattern(&why))?,
            state: state(self.state.as_deref())?,
            role: self.role_arn,
            tags,
            targets: BTreeMap::new(),
            anchor: Timestamp::EPOCH,
            fired: Timestamp::EPOCH,
        })
    }
}

fn state(given: Option<&str>) -> Result<State, Fault> {
    match given {
        None | Some("ENABLED") => Ok(State::Enabled),
        Some("DISABLED") => Ok(State::Disabled),
        Some("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") => Err(fault::unsupported(
            "The state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        )),
        Some(other) => Err(fault::invalid(format!(
            "1 validation error detected: Value '{other}' at 'state' failed to satisfy constraint: Member must satisfy enum value set: \
             [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"
        ))),
    }
}

const fn shown(state: State) -> &'static str {
    match state {
        State::Enabled => "ENABLED",
        State::Disabled => "DISABLED",
    }
}

impl Act<Rules> for PutRuleRequest {
    type Output = PutRuleResponse;
    const ACTION: &'static str = "events:PutRule";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        let on = with_request_tags(rules.on_rule(&self.name), &self.tags);
        let tagging = (!self.tags.is_empty()).then(|| Access {
            action: "events:TagResource",
            ..on.clone()
        });
        let mut access = vec![on];
        access.extend(tagging);
        access.extend(pass(self.role_arn.as_deref()));
        access
    }

    async fn act(self, rules: &Arc<Rules>, ctx: &Ctx) -> Result<PutRuleResponse, Fault> {
        let (rule, now) = (self.rule()?, ctx.at);
        let arn = rules.arn(&rule.name).text();
        rules.changed(move |bus| bus.put(now, rule)).await?;
        Ok(PutRuleResponse {
            rule_arn: Some(arn),
        })
    }
}

impl Act<Rules> for DescribeRuleRequest {
    type Output = DescribeRuleResponse;
    const ACTION: &'static str = "events:DescribeRule";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_rule(&self.name)]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<DescribeRuleResponse, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        let bus = rules.bus();
        let rule = bus.rule(&self.name).map_err(|it| fault::refused(&it))?;
        Ok(DescribeRuleResponse {
            name: Some(rule.name.clone()),
            arn: Some(rules.arn(&rule.name).text()),
            event_pattern: rule.pattern.as_ref().map(ToString::to_string),
            schedule_expression: rule.schedule.as_ref().map(ToString::to_string),
            state: Some(shown(rule.state).to_owned()),
            description: rule.description.clone(),
            role_arn: rule.role.clone(),
            managed_by: None,
            event_bus_name: Some("default".to_owned()),
            created_by: Some(rules.place().account.to_string()),
        })
    }
}

impl Act<Rules> for ListRulesRequest {
    type Output = ListRulesResponse;
    const ACTION: &'static str = "events:ListRules";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_all()]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<ListRulesResponse, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        let (bus, prefix) = (rules.bus(), self.name_prefix.unwrap_or_default());
        let all = bus.rules().filter(|rule| rule.name.starts_with(&prefix));
        let (page, next_token) = check::page(
            all,
            |rule| &rule.name,
            self.limit,
            self.next_token.as_deref(),
        )?;
        let listed = page.into_iter().map(|rule| Rule {
            name: Some(rule.name.clone()),
            arn: Some(rules.arn(&rule.name).text()),
            event_pattern: rule.pattern.as_ref().map(ToString::to_string),
            state: Some(shown(rule.state).to_owned()),
            description: rule.description.clone(),
            schedule_expression: rule.schedule.as_ref().map(ToString::to_string),
            role_arn: rule.role.clone(),
            managed_by: None,
            event_bus_name: Some("default".to_owned()),
        });
        Ok(ListRulesResponse {
            rules: Some(listed.collect()),
            next_token,
        })
    }
}

impl Act<Rules> for EnableRuleRequest {
    type Output = Nothing;
    const ACTION: &'static str = "events:EnableRule";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_rule(&self.name)]
    }

    async fn act(self, rules: &Arc<Rules>, ctx: &Ctx) -> Result<Nothing, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        let now = ctx.at;
        rules
            .changed(move |bus| bus.set_state(now, &self.name, State::Enabled))
            .await?;
        Ok(Nothing {})
    }
}

impl Act<Rules> for DisableRuleRequest {
    type Output = Nothing;
    const ACTION: &'static str = "events:DisableRule";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_rule(&self.name)]
    }

    async fn act(self, rules: &Arc<Rules>, ctx: &Ctx) -> Result<Nothing, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        let now = ctx.at;
        rules
            .changed(move |bus| bus.set_state(now, &self.name, State::Disabled))
            .await?;
        Ok(Nothing {})
    }
}

impl Act<Rules> for DeleteRuleRequest {
    type Output = Nothing;
    const ACTION: &'static str = "events:DeleteRule";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_rule(&self.name)]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        rules.changed(move |bus| bus.delete(&self.name)).await?;
        Ok(Nothing {})
    }
}
