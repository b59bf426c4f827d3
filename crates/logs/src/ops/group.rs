//! CreateLogGroup, DeleteLogGroup, DescribeLogGroups.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::check::PAGE_MAX;
use super::tags::with_tags;
use super::{check, fault};
use crate::group::Group;
use crate::{Logs, logs};

/// The one class of groups that is there.
const STANDARD: &str = "STANDARD";

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct CreateLogGroupRequest {
    #[shape(required, name = "logGroupName")]
    name: String,
    #[shape(refused, name = "kmsKeyId")]
    kms_key: Option<String>,
    #[shape(name = "tags")]
    tags: BTreeMap<String, String>,
    #[shape(name = "logGroupClass")]
    class: Option<String>,
    #[shape(name = "deletionProtectionEnabled")]
    is_protected: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeleteLogGroupRequest {
    #[shape(required, name = "logGroupName")]
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeLogGroupsRequest {
    #[shape(refused, name = "accountIdentifiers")]
    accounts: Vec<String>,
    #[shape(name = "logGroupNamePrefix")]
    prefix: Option<String>,
    #[shape(name = "logGroupNamePattern")]
    pattern: Option<String>,
    #[shape(name = "nextToken")]
    next_token: Option<String>,
    #[shape(name = "limit")]
    limit: Option<i32>,
    /// No other accounts are linked.
    #[shape(ignored, name = "includeLinkedAccounts")]
    with_linked: Option<bool>,
    #[shape(name = "logGroupClass")]
    class: Option<String>,
    #[shape(name = "logGroupIdentifiers")]
    identifiers: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeLogGroupsResponse {
    #[shape(name = "logGroups")]
    groups: Option<Vec<LogGroup>>,
    #[shape(name = "nextToken")]
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct LogGroup {
    #[shape(name = "logGroupName")]
    name: Option<String>,
    #[shape(name = "creationTime")]
    created: Option<i64>,
    #[shape(name = "retentionInDays")]
    retention: Option<i32>,
    #[shape(name = "metricFilterCount")]
    metric_filters: Option<i32>,
    #[shape(name = "arn")]
    arn: Option<String>,
    #[shape(name = "storedBytes")]
    bytes: Option<i64>,
    #[shape(name = "kmsKeyId")]
    kms_key: Option<String>,
    #[shape(name = "dataProtectionStatus")]
    data_protection: Option<String>,
    #[shape(name = "inheritedProperties")]
    inherited: Option<Vec<String>>,
    #[shape(name = "logGroupClass")]
    class: Option<String>,
    #[shape(name = "logGroupArn")]
    group_arn: Option<String>,
    #[shape(name = "deletionProtectionEnabled")]
    is_protected: Option<bool>,
    #[shape(name = "bearerTokenAuthenticationEnabled")]
    takes_bearer_tokens: Option<bool>,
    #[shape(name = "retentionPolicyName")]
    retention_policy: Option<String>,
}

/// A number as the wire has it.
pub(super) fn long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl LogGroup {
    fn shown(logs: &Logs, name: String, group: &Group) -> Self {
        let arn = logs.arn(&name).text();
        Self {
            created: Some(long(group.created)),
            retention: group.retention.and_then(|days| i32::try_from(days).ok()),
            metric_filters: Some(0),
            arn: Some(format!("{arn}:*")),
            bytes: Some(long(group.bytes)),
            class: Some(STANDARD.to_owned()),
            group_arn: Some(arn),
            name: Some(name),
            ..Self::default()
        }
    }
}

/// The class, which there is one of.
fn is_standard(class: Option<&str>) -> Result<bool, Fault> {
    match class {
        None | Some(STANDARD) => Ok(true),
        Some("INFREQUENT_ACCESS" | "DELIVERY" | "ESSENTIALS") => Ok(false),
        Some(other) => Err(fault::constraint(
            "logGroupClass",
            other,
            "Member must satisfy enum value set: [INFREQUENT_ACCESS, STANDARD, DELIVERY, ESSENTIALS]",
        )),
    }
}

impl Act<Logs> for CreateLogGroupRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:CreateLogGroup";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        let created = with_tags(logs.on(&self.name, ""), &self.tags);
        // Whoever makes a group with tags must be allowed to tag it.
        let tagged = (!self.tags.is_empty()).then(|| Access {
            action: "logs:TagResource",
            ..with_tags(logs.on_tags(&self.name), &self.tags)
        });
        std::iter::once(created).chain(tagged).collect()
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check::group("logGroupName", &self.name)?;
        check::tags(&self.tags)?;
        if !is_standard(self.class.as_deref())? {
            return Err(fault::invalid(
                "logGroupClass: STANDARD is the one class that is supported here.",
            ));
        }
        if self.is_protected == Some(true) {
            return Err(fault::invalid(
                "deletionProtectionEnabled is not supported here.",
            ));
        }
        let created = logs.create_group(&self.name, self.tags).await;
        created.map_err(fault::of)?;
        Ok(Nothing {})
    }
}

impl Act<Logs> for DeleteLogGroupRequest {
    type Output = Nothing;
    const ACTION: &'static str = "logs:DeleteLogGroup";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.name, "")]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        check::group("logGroupName", &self.name)?;
        logs.delete_group(&self.name).await.map_err(fault::of)?;
        Ok(Nothing {})
    }
}

impl DescribeLogGroupsRequest {
    /// Which groups are asked for, beside their prefix.
    fn wanted(&self) -> Result<impl Fn(&str) -> bool + use<>, Fault> {
        if self.prefix.is_some() && self.pattern.is_some() {
            return Err(fault::invalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        let is_class = is_standard(self.class.as_deref())?;
        let pattern = self.pattern.as_ref().map(|it| it.to_lowercase());
        let of_arn = |given: &String| check::of_arn(given).unwrap_or(given).to_owned();
        let names: Vec<String> = self.identifiers.iter().map(of_arn).collect();
        Ok(move |name: &str| {
            is_class
                && (names.is_empty() || names.iter().any(|it| it == name))
                && pattern
                    .as_ref()
                    .is_none_or(|it| name.to_lowercase().contains(it))
        })
    }
}

impl Act<Logs> for DescribeLogGroupsRequest {
    type Output = DescribeLogGroupsResponse;
    const ACTION: &'static str = "logs:DescribeLogGroups";

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(self.prefix.as_deref().unwrap_or_default(), "")]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<DescribeLogGroupsResponse, Fault> {
        let prefix = self.prefix.as_deref();
        prefix.map_or(Ok(()), |it| check::group("logGroupNamePrefix", it))?;
        let limit = check::limit(self.limit, PAGE_MAX)?;
        let after = check::name_of_token(self.next_token.as_deref())?;
        let is_wanted = self.wanted()?;
        let (mut shown, mut next_token) = (Vec::new(), None);
        let mut last = String::new();
        for row in logs.groups(prefix.unwrap_or_default()) {
            let (name, group) = row.map_err(|error| fault::of(logs::Error::Read(error)))?;
            if !is_wanted(&name) || after.as_ref().is_some_and(|after| name <= *after) {
                continue;
            }
            if shown.len() == limit {
                next_token = Some(check::token_of_name(&last));
                break;
            }
            last.clone_from(&name);
            shown.push(LogGroup::shown(logs, name, &group));
        }
        Ok(DescribeLogGroupsResponse {
            groups: Some(shown),
            next_token,
        })
    }
}
