//! PutTargets, RemoveTargets, ListTargetsByRule, ListRuleNamesByTarget.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Arn;
use wire::Shape;

use super::act::pass;
use super::others::{
    AppSyncParameters, BatchParameters, EcsParameters, HttpParameters, KinesisParameters,
    RedshiftDataParameters, RunCommandParameters, SageMakerPipelineParameters,
};
use super::{check, fault};
use crate::rules::Rules;
use crate::rules::engine;
use crate::rules::engine::TargetKind;
use crate::rules::engine::rule::{AGE_SECS, RETRIES_MAX};
use crate::rules::input::Input;

/// Targets of one request. Source: the service model, `TargetList`.
const ENTRIES_MAX: usize = 100;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutTargetsRequest {
    #[shape(required)]
    rule: String,
    event_bus_name: Option<String>,
    #[shape(required)]
    targets: Vec<Target>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutTargetsResponse {
    failed_entry_count: Option<i32>,
    failed_entries: Option<Vec<PutTargetsResultEntry>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutTargetsResultEntry {
    target_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Target {
    #[shape(required)]
    id: String,
    #[shape(required)]
    arn: String,
    role_arn: Option<String>,
    input: Option<String>,
    input_path: Option<String>,
    input_transformer: Option<InputTransformer>,
    #[shape(refused)]
    kinesis_parameters: Option<KinesisParameters>,
    #[shape(refused)]
    run_command_parameters: Option<RunCommandParameters>,
    #[shape(refused)]
    ecs_parameters: Option<EcsParameters>,
    #[shape(refused)]
    batch_parameters: Option<BatchParameters>,
    sqs_parameters: Option<SqsParameters>,
    #[shape(refused)]
    http_parameters: Option<HttpParameters>,
    #[shape(refused)]
    redshift_data_parameters: Option<RedshiftDataParameters>,
    #[shape(refused)]
    sage_maker_pipeline_parameters: Option<SageMakerPipelineParameters>,
    dead_letter_config: Option<DeadLetterConfig>,
    retry_policy: Option<RetryPolicy>,
    #[shape(refused)]
    app_sync_parameters: Option<AppSyncParameters>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct InputTransformer {
    input_paths_map: BTreeMap<String, String>,
    #[shape(required)]
    input_template: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SqsParameters {
    message_group_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeadLetterConfig {
    arn: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct RetryPolicy {
    maximum_retry_attempts: Option<i32>,
    maximum_event_age_in_seconds: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct RemoveTargetsRequest {
    #[shape(required)]
    rule: String,
    event_bus_name: Option<String>,
    #[shape(required)]
    ids: Vec<String>,
    /// For rules that AWS's services manage; there are none.
    #[shape(ignored)]
    force: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct RemoveTargetsResponse {
    failed_entry_count: Option<i32>,
    failed_entries: Option<Vec<RemoveTargetsResultEntry>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct RemoveTargetsResultEntry {
    target_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTargetsByRuleRequest {
    #[shape(required)]
    rule: String,
    event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTargetsByRuleResponse {
    targets: Option<Vec<Target>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListRuleNamesByTargetRequest {
    #[shape(required)]
    target_arn: String,
    event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListRuleNamesByTargetResponse {
    rule_names: Option<Vec<String>>,
    next_token: Option<String>,
}

impl Target {
    fn checked(self) -> Result<(String, engine::Target), Fault> {
        check::name("targets.member.id", &self.id)?;
        let (kind, id) = (kind(&self.arn)?, &self.id);
        let is_fifo = kind == TargetKind::Queue { is_fifo: true };
        let group = self.sqs_parameters.and_then(|sqs| sqs.message_group_id);
        if is_fifo && group.is_none() {
            return Err(fault::invalid(format!(
                "Parameter(s) SqsParameters must be specified for target: {id}."
            )));
        }
        if !is_fifo && group.is_some() {
            return Err(fault::invalid(format!(
                "Parameter(s) SqsParameters are only valid for a FIFO queue; target: {id}."
            )));
        }
        let dead_letters = self.dead_letter_config.and_then(|config| config.arn);
        if let Some(queue) = &dead_letters
            && kind_of(queue) != Some(TargetKind::Queue { is_fifo: false })
        {
            return Err(fault::invalid(format!(
                "Parameter DeadLetterConfig for target {id} is not valid. Reason: it must be the ARN of a standard queue."
            )));
        }
        let input = input(id, self.input, self.input_path, self.input_transformer)?;
        let policy = self.retry_policy.unwrap_or_default();
        let target = engine::Target {
            arn: self.arn,
            role: self.role_arn,
            input,
            group,
            dead_letters,
            retries: check::number(
                "maximumRetryAttempts",
                policy.maximum_retry_attempts,
                0..=RETRIES_MAX,
            )?,
            age_secs: check::number(
                "maximumEventAgeInSeconds",
                policy.maximum_event_age_in_seconds,
                AGE_SECS,
            )?,
        };
        Ok((self.id, target))
    }

    fn shown(id: &str, target: &engine::Target) -> Self {
        let signed = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let has_policy = target.retries.is_some() || target.age_secs.is_some();
        let mut shown = Self {
            id: id.to_owned(),
            arn: target.arn.clone(),
            role_arn: target.role.clone(),
            sqs_parameters: target.group.clone().map(|group| SqsParameters {
                message_group_id: Some(group),
            }),
            dead_letter_config: target
                .dead_letters
                .clone()
                .map(|arn| DeadLetterConfig { arn: Some(arn) }),
            retry_policy: has_policy.then(|| RetryPolicy {
                maximum_retry_attempts: target.retries.map(signed),
                maximum_event_age_in_seconds: target.age_secs.map(signed),
            }),
            ..Self::default()
        };
        match target.input.clone() {
            Input::Event => {}
            Input::Constant(text) => shown.input = Some(text),
            Input::Path(path) => shown.input_path = Some(path),
            Input::Transformed { paths, template } => {
                shown.input_transformer = Some(InputTransformer {
                    input_paths_map: paths,
                    input_template: template,
                });
            }
        }
        shown
    }
}

fn input(
    id: &str,
    constant: Option<String>,
    path: Option<String>,
    transformer: Option<InputTransformer>,
) -> Result<Input, Fault> {
    let input = match (constant, path, transformer) {
        (None, None, None) => Input::Event,
        (Some(text), None, None) => Input::Constant(text),
        (None, Some(path), None) => Input::Path(path),
        (None, None, Some(transformer)) => Input::Transformed {
            paths: transformer.input_paths_map,
            template: transformer.input_template,
        },
        _ => {
            return Err(fault::invalid(format!(
                "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
            )));
        }
    };
    let checked = input.check();
    checked.map_err(|why| {
        fault::invalid(format!(
            "Parameter Input for target {id} is not valid. Reason: {why}."
        ))
    })?;
    Ok(input)
}

/// What an ARN of a target means.
fn kind(arn: &str) -> Result<TargetKind, Fault> {
    if arn.parse::<Arn>().is_err() {
        return Err(fault::invalid(format!(
            "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
        )));
    }
    kind_of(arn).ok_or_else(|| {
        fault::invalid(format!("Parameter {arn} is not valid. Reason: Targets are functions of Lambda and queues of SQS here."))
    })
}

fn kind_of(arn: &str) -> Option<TargetKind> {
    TargetKind::of(&arn.parse().ok()?)
}

impl Rules {
    /// Whether a target's queue or function is one of this account and region.
    fn check_place(&self, arn: &str) -> Result<(), Fault> {
        let place = self.place();
        let is_here = arn.parse::<Arn>().is_ok_and(|arn| {
            arn.account == place.account.as_str() && arn.region == place.region.as_str()
        });
        is_here.then_some(()).ok_or_else(|| {
            fault::invalid(format!(
                "Parameter {arn} is not valid. Reason: Targets are of this account and region here."
            ))
        })
    }
}

impl Act<Rules> for PutTargetsRequest {
    type Output = PutTargetsResponse;
    const ACTION: &'static str = "events:PutTargets";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        let arns = self.targets.iter().map(|target| target.arn.clone());
        let access = rules
            .on_rule(&self.rule)
            .with_many("events:TargetArn", arns);
        let passed = self
            .targets
            .iter()
            .filter_map(|target| pass(target.role_arn.as_deref()));
        std::iter::once(access).chain(passed).collect()
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<PutTargetsResponse, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        rules
            .bus()
            .rule(&self.rule)
            .map_err(|it| fault::refused(&it))?;
        let count = self.targets.len();
        if !(1..=ENTRIES_MAX).contains(&count) {
            return Err(fault::invalid(format!(
                "Targets holds 1 to {ENTRIES_MAX} entries, and these are {count}."
            )));
        }
        let mut targets = Vec::new();
        for target in self.targets {
            rules
                .check_place(&target.arn)
                .or_else(|fault| kind(&target.arn).and(Err(fault)))?;
            targets.push(target.checked()?);
        }
        let name = self.rule;
        rules
            .changed(move |bus| bus.put_targets(&name, targets))
            .await?;
        Ok(PutTargetsResponse {
            failed_entry_count: Some(0),
            failed_entries: Some(Vec::new()),
        })
    }
}

impl Act<Rules> for RemoveTargetsRequest {
    type Output = RemoveTargetsResponse;
    const ACTION: &'static str = "events:RemoveTargets";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_rule(&self.rule)]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<RemoveTargetsResponse, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        let count = self.ids.len();
        if !(1..=ENTRIES_MAX).contains(&count) {
            return Err(fault::invalid(format!(
                "Ids holds 1 to {ENTRIES_MAX} entries, and these are {count}."
            )));
        }
        let (name, ids) = (self.rule, self.ids);
        // As AWS answers: what is not there is removed.
        rules
            .changed(move |bus| bus.remove_targets(&name, &ids))
            .await?;
        Ok(RemoveTargetsResponse {
            failed_entry_count: Some(0),
            failed_entries: Some(Vec::new()),
        })
    }
}

impl Act<Rules> for ListTargetsByRuleRequest {
    type Output = ListTargetsByRuleResponse;
    const ACTION: &'static str = "events:ListTargetsByRule";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_rule(&self.rule)]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<ListTargetsByRuleResponse, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        let bus = rules.bus();
        let rule = bus.rule(&self.rule).map_err(|it| fault::refused(&it))?;
        let all = rule.targets.iter();
        let (page, next_token) =
            check::page(all, |(id, _)| id, self.limit, self.next_token.as_deref())?;
        let shown = page
            .into_iter()
            .map(|(id, target)| Target::shown(id, target));
        Ok(ListTargetsByRuleResponse {
            targets: Some(shown.collect()),
            next_token,
        })
    }
}

impl Act<Rules> for ListRuleNamesByTargetRequest {
    type Output = ListRuleNamesByTargetResponse;
    const ACTION: &'static str = "events:ListRuleNamesByTarget";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_all()]
    }

    async fn act(
        self,
        rules: &Arc<Rules>,
        _ctx: &Ctx,
    ) -> Result<ListRuleNamesByTargetResponse, Fault> {
        check::bus(self.event_bus_name.as_deref())?;
        let bus = rules.bus();
        let has = |target: &engine::Target| target.arn == self.target_arn;
        let all = bus.rules().filter(|rule| rule.targets.values().any(has));
        let (page, next_token) = check::page(
            all,
            |rule| &rule.name,
            self.limit,
            self.next_token.as_deref(),
        )?;
        Ok(ListRuleNamesByTargetResponse {
            rule_names: Some(page.into_iter().map(|rule| rule.name.clone()).collect()),
            next_token,
        })
    }
}
