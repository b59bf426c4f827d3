//! Who used which services last: GenerateServiceLastAccessedDetails and what fetches its reports, and by which policies
//! somebody could use a service.
//!
//! A report tells of the services of the platform, at once and exact to a minute.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::{List, Shape};

use super::fault::validation;
use super::page::page;
use super::reach;
use super::shape::shown;
use crate::Iam;
use crate::accesses::Job;
use crate::accesses::report::{self, Entity, Granting, Last, Line};
use crate::engine::Kind;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GenerateServiceLastAccessedDetailsRequest {
    #[shape(required)]
    arn: String,
    granularity: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GenerateServiceLastAccessedDetailsResponse {
    job_id: Option<String>,
}

impl Act<Iam> for GenerateServiceLastAccessedDetailsRequest {
    type Output = GenerateServiceLastAccessedDetailsResponse;
    const ACTION: &'static str = "iam:GenerateServiceLastAccessedDetails";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::by_arn(&iam.state(), &self.arn)]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        ctx: &Ctx,
    ) -> Result<GenerateServiceLastAccessedDetailsResponse, Fault> {
        report::subject(&iam.state(), &self.arn)?;
        let by_action = match self.granularity.as_deref() {
            None | Some("SERVICE_LEVEL") => false,
            Some("ACTION_LEVEL") => true,
            Some(other) => {
                let right = "Member must satisfy enum value set: [SERVICE_LEVEL, ACTION_LEVEL]";
                return Err(validation("granularity", other, right));
            }
        };
        let job = Job {
            id: base::id::uuid(),
            of: ctx.caller.arn.to_string(),
            arn: self.arn,
            by_action,
            at: ctx.at,
        };
        let job_id = Some(job.id.clone());
        iam.jobs().add(job);
        Ok(GenerateServiceLastAccessedDetailsResponse { job_id })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetServiceLastAccessedDetailsRequest {
    #[shape(required)]
    job_id: String,
    max_items: Option<i32>,
    marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetServiceLastAccessedDetailsResponse {
    #[shape(required)]
    job_status: String,
    job_type: Option<String>,
    #[shape(required)]
    job_creation_date: Timestamp,
    #[shape(required)]
    services_last_accessed: List<ServiceLastAccessed>,
    #[shape(required)]
    job_completion_date: Timestamp,
    is_truncated: Option<bool>,
    marker: Option<String>,
    error: Option<ErrorDetails>,
}

/// A service and its last use.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ServiceLastAccessed {
    #[shape(required)]
    service_name: String,
    last_authenticated: Option<Timestamp>,
    #[shape(required)]
    service_namespace: String,
    last_authenticated_entity: Option<String>,
    last_authenticated_region: Option<String>,
    total_authenticated_entities: Option<i32>,
    tracked_actions_last_accessed: Vec<TrackedActionLastAccessed>,
}

/// An action and its last use.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TrackedActionLastAccessed {
    action_name: Option<String>,
    last_accessed_entity: Option<String>,
    last_accessed_time: Option<Timestamp>,
    last_accessed_region: Option<String>,
}

/// Why a report failed; none does here.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ErrorDetails {
    #[shape(required)]
    message: String,
    #[shape(required)]
    code: String,
}

impl Act<Iam> for GetServiceLastAccessedDetailsRequest {
    type Output = GetServiceLastAccessedDetailsResponse;
    const ACTION: &'static str = "iam:GetServiceLastAccessedDetails";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        ctx: &Ctx,
    ) -> Result<GetServiceLastAccessedDetailsResponse, Fault> {
        let job = job(iam, ctx, &self.job_id)?;
        let lines = report::subject(&iam.state(), &job.arn)?.lines(iam.accesses());
        let page = page(
            lines.into_iter(),
            |line| line.service.namespace.to_owned(),
            self.marker.as_ref(),
            self.max_items,
        )?;
        let service = |line: &Line| service(line, &job);
        Ok(GetServiceLastAccessedDetailsResponse {
            job_status: "COMPLETED".to_owned(),
            job_type: Some(granularity(&job).to_owned()),
            job_creation_date: shown(job.at),
            services_last_accessed: page.items.iter().map(service).collect(),
            job_completion_date: shown(job.at),
            is_truncated: page.is_truncated,
            marker: page.marker,
            error: None,
        })
    }
}

/// The report with an id, for who asked for it.
fn job(iam: &Iam, ctx: &Ctx, id: &str) -> Result<Job, Fault> {
    let found = iam.jobs().get(id, &ctx.caller.arn.to_string());
    found.ok_or_else(|| {
        let text = format!("Job with id {id} cannot be found for {}.", ctx.caller.arn);
        Fault::sender("NoSuchEntity", text).with_status(404)
    })
}

const fn granularity(job: &Job) -> &'static str {
    if job.by_action {
        "ACTION_LEVEL"
    } else {
        "SERVICE_LEVEL"
    }
}

fn service(line: &Line, job: &Job) -> ServiceLastAccessed {
    let last = line.last.as_ref();
    let actions = line.actions.iter().filter(|_| job.by_action);
    ServiceLastAccessed {
        service_name: line.service.name.to_owned(),
        last_authenticated: last.map(|last| shown(last.at)),
        service_namespace: line.service.namespace.to_owned(),
        last_authenticated_entity: last.map(|last| last.arn.clone()),
        last_authenticated_region: last.map(|last| last.region.clone()),
        total_authenticated_entities: i32::try_from(line.users).ok(),
        tracked_actions_last_accessed: actions
            .map(|(name, last)| tracked(name, last.as_ref()))
            .collect(),
    }
}

fn tracked(name: &str, last: Option<&Last>) -> TrackedActionLastAccessed {
    TrackedActionLastAccessed {
        action_name: Some(name.to_owned()),
        last_accessed_entity: last.map(|last| last.arn.clone()),
        last_accessed_time: last.map(|last| shown(last.at)),
        last_accessed_region: last.map(|last| last.region.clone()),
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetServiceLastAccessedDetailsWithEntitiesRequest {
    #[shape(required)]
    job_id: String,
    #[shape(required)]
    service_namespace: String,
    max_items: Option<i32>,
    marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetServiceLastAccessedDetailsWithEntitiesResponse {
    #[shape(required)]
    job_status: String,
    #[shape(required)]
    job_creation_date: Timestamp,
    #[shape(required)]
    job_completion_date: Timestamp,
    #[shape(required)]
    entity_details_list: List<EntityDetails>,
    is_truncated: Option<bool>,
    marker: Option<String>,
    error: Option<ErrorDetails>,
}

/// Who could use a service, and when it did.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EntityDetails {
    #[shape(required)]
    entity_info: EntityInfo,
    last_authenticated: Option<Timestamp>,
}

/// A user or role.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EntityInfo {
    #[shape(required)]
    arn: String,
    #[shape(required)]
    name: String,
    #[shape(required)]
    r#type: String,
    #[shape(required)]
    id: String,
    path: Option<String>,
}

impl Act<Iam> for GetServiceLastAccessedDetailsWithEntitiesRequest {
    type Output = GetServiceLastAccessedDetailsWithEntitiesResponse;
    const ACTION: &'static str = "iam:GetServiceLastAccessedDetailsWithEntities";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        ctx: &Ctx,
    ) -> Result<GetServiceLastAccessedDetailsWithEntitiesResponse, Fault> {
        let job = job(iam, ctx, &self.job_id)?;
        let subject = report::subject(&iam.state(), &job.arn)?;
        let uses = subject.uses(iam.accesses(), &self.service_namespace);
        // By place: the latest first, and an ARN is no order.
        let placed = uses.into_iter().enumerate();
        let page = page(
            placed,
            |(place, _)| format!("{place:08}"),
            self.marker.as_ref(),
            self.max_items,
        )?;
        let details = page
            .items
            .into_iter()
            .map(|(_, (entity, last))| EntityDetails {
                entity_info: entity_info(entity),
                last_authenticated: last.map(shown),
            });
        Ok(GetServiceLastAccessedDetailsWithEntitiesResponse {
            job_status: "COMPLETED".to_owned(),
            job_creation_date: shown(job.at),
            job_completion_date: shown(job.at),
            entity_details_list: details.collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
            error: None,
        })
    }
}

fn entity_info(entity: &Entity) -> EntityInfo {
    EntityInfo {
        arn: entity.arn.clone(),
        name: entity.name.clone(),
        r#type: kind(entity.kind).to_owned(),
        id: entity.id.clone(),
        path: Some(entity.path.clone()),
    }
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Role => "ROLE",
        Kind::Group => "GROUP",
        _ => "USER",
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListPoliciesGrantingServiceAccessRequest {
    marker: Option<String>,
    #[shape(required)]
    arn: String,
    #[shape(required)]
    service_namespaces: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListPoliciesGrantingServiceAccessResponse {
    #[shape(required)]
    policies_granting_service_access: List<ListPoliciesGrantingServiceAccessEntry>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

/// A service and the policies that open it.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListPoliciesGrantingServiceAccessEntry {
    service_namespace: Option<String>,
    policies: List<PolicyGrantingServiceAccess>,
}

/// A policy that opens a service.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PolicyGrantingServiceAccess {
    #[shape(required)]
    policy_name: String,
    #[shape(required)]
    policy_type: String,
    policy_arn: Option<String>,
    entity_type: Option<String>,
    entity_name: Option<String>,
}

impl Act<Iam> for ListPoliciesGrantingServiceAccessRequest {
    type Output = ListPoliciesGrantingServiceAccessResponse;
    const ACTION: &'static str = "iam:ListPoliciesGrantingServiceAccess";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::by_arn(&iam.state(), &self.arn)]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        _ctx: &Ctx,
    ) -> Result<ListPoliciesGrantingServiceAccessResponse, Fault> {
        let all = report::grantings(&iam.state(), &self.arn)?;
        let namespaces = self.service_namespaces.into_iter().enumerate();
        let page = page(
            namespaces,
            |(place, _)| format!("{place:08}"),
            self.marker.as_ref(),
            None,
        )?;
        let entry = |(_, namespace): (usize, String)| {
            let opening = all.iter().filter(|policy| policy.opens(&namespace));
            ListPoliciesGrantingServiceAccessEntry {
                policies: opening.map(granting).collect(),
                service_namespace: Some(namespace),
            }
        };
        Ok(ListPoliciesGrantingServiceAccessResponse {
            policies_granting_service_access: page.items.into_iter().map(entry).collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

fn granting(policy: &Granting) -> PolicyGrantingServiceAccess {
    let policy_type = if policy.arn.is_some() {
        "MANAGED"
    } else {
        "INLINE"
    };
    let holder = policy.holder.as_ref();
    PolicyGrantingServiceAccess {
        policy_name: policy.name.clone(),
        policy_type: policy_type.to_owned(),
        policy_arn: policy.arn.clone(),
        entity_type: holder.map(|(of, _)| kind(*of).to_owned()),
        entity_name: holder.map(|(_, name)| name.clone()),
    }
}
