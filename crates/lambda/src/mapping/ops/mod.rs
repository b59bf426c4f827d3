//! The operations of event source mappings, for the service of Lambda.
//!
//! Each is an operation (`api::Op`) of whatever has [`Mappings`]: the service lists them in its own table.
//!
//! ```text
//! impl HasMappings for Lambda { … }
//! static OPERATIONS: &[&dyn AnyOperation<Lambda>] = &[…, &mapping::ops::CreateEventSourceMapping::NEW, …];
//! ```
//!
//! Texts are AWS's where Terraform issues and moto's tests show them.

mod check;
mod shapes;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Op};
use base::Arn;
use wire::rest::Http;

use super::engine::{Mapping, Refusal, State};
use super::{Error, Mappings};
use shapes::{
    CreateEventSourceMappingRequest, DeleteEventSourceMappingRequest,
    EventSourceMappingConfiguration, Filter, FilterCriteria, GetEventSourceMappingRequest,
    ListEventSourceMappingsRequest, ListEventSourceMappingsResponse, ScalingConfig,
    UpdateEventSourceMappingRequest,
};

/// A service that has mappings.
pub trait HasMappings: Send + Sync + 'static {
    /// Them.
    fn mappings(&self) -> &Arc<Mappings>;
}

/// Mappings of a page, at most and where nothing is said. Source: Lambda API Reference, ListEventSourceMappings: each page has at most
/// 100, whatever is asked for.
const PAGE_MAX: usize = 100;

/// `CreateEventSourceMapping`.
pub type CreateEventSourceMapping = Op<CreateEventSourceMappingRequest>;
/// `GetEventSourceMapping`.
pub type GetEventSourceMapping = Op<GetEventSourceMappingRequest>;
/// `ListEventSourceMappings`.
pub type ListEventSourceMappings = Op<ListEventSourceMappingsRequest>;
/// `UpdateEventSourceMapping`.
pub type UpdateEventSourceMapping = Op<UpdateEventSourceMappingRequest>;
/// `DeleteEventSourceMapping`.
pub type DeleteEventSourceMapping = Op<DeleteEventSourceMappingRequest>;

impl Mappings {
    fn arn(&self, resource: &str) -> Arn {
        Arn::new("lambda", &self.place.region, &self.place.account, resource)
    }

    /// The ARN of a mapping.
    #[must_use]
    pub fn mapping_arn(&self, uuid: &str) -> Arn {
        self.arn(&format!("event-source-mapping:{uuid}"))
    }

    fn function_arn(&self, function: &str, qualifier: Option<&str>) -> String {
        let arn = self.arn(&format!("function:{function}")).text();
        qualifier.map_or_else(|| arn.clone(), |qualifier| format!("{arn}:{qualifier}"))
    }

    /// `action` on a mapping, with its function in the context.
    fn on_mapping(&self, action: &'static str, uuid: &str) -> Vec<Access> {
        let access = Access::new(action, self.mapping_arn(uuid));
        let book = self.book();
        let Ok(mapping) = book.get(uuid) else {
            return vec![access];
        };
        let function = self.function_arn(mapping.wanted.function.as_str(), None);
        let access = access.with("lambda:FunctionArn", function);
        vec![mapping.tags.iter().fold(access, |access, (key, value)| {
            access.with(&format!("aws:ResourceTag/{key}"), value.clone())
        })]
    }

    fn shown(&self, mapping: &Mapping) -> EventSourceMappingConfiguration {
        let wanted = &mapping.wanted;
        let number = |number: u32| i32::try_from(number).ok();
        let filters = wanted.filters.iter().map(|filter| Filter {
            pattern: Some(filter.to_string()),
        });
        let types = wanted.reports_items.then(|| check::REPORTS.to_owned());
        EventSourceMappingConfiguration {
            uuid: Some(mapping.uuid.clone()),
            batch_size: number(wanted.batch_size),
            maximum_batching_window_in_seconds: number(wanted.window_secs),
            event_source_arn: Some(mapping.queue.clone()),
            filter_criteria: (!wanted.filters.is_empty()).then(|| FilterCriteria {
                filters: Some(filters.collect()),
            }),
            scaling_config: wanted.concurrency.map(|most| ScalingConfig {
                maximum_concurrency: number(most),
            }),
            function_arn: Some(
                self.function_arn(wanted.function.as_str(), wanted.qualifier.as_deref()),
            ),
            last_modified: Some(mapping.modified),
            last_processing_result: Some(self.result(&mapping.uuid)),
            state: Some(mapping.state.name().to_owned()),
            state_transition_reason: Some("USER_INITIATED".to_owned()),
            function_response_types: Some(types.into_iter().collect()),
            event_source_mapping_arn: Some(self.mapping_arn(&mapping.uuid).text()),
            ..EventSourceMappingConfiguration::default()
        }
    }

    fn found(&self, uuid: &str) -> Result<Arc<Mapping>, Fault> {
        let book = self.book();
        book.get(uuid)
            .cloned()
            .map_err(|refusal| fault(refusal.into(), "", ""))
    }
}

/// Tags, whose operations functions have too.
impl Mappings {
    /// The id in an ARN of a mapping, `arn:…:event-source-mapping:UUID`; none in any other.
    pub(crate) fn named(&self, arn: &str) -> Option<String> {
        let (_, uuid) = arn.rsplit_once(':')?;
        (self.mapping_arn(uuid).text() == arn).then(|| uuid.to_owned())
    }

    /// `action` on a mapping, with what it has for conditions.
    pub(crate) fn touched(&self, action: &'static str, uuid: &str) -> Access {
        let first = self.on_mapping(action, uuid).pop();
        first.unwrap_or_else(|| Access::new(action, self.mapping_arn(uuid)))
    }

    /// Its tags.
    pub(crate) fn tags(&self, uuid: &str) -> Result<BTreeMap<String, String>, Fault> {
        Ok(self.found(uuid)?.tags.clone())
    }

    /// Adds tags to it.
    pub(crate) async fn tag(
        &self,
        uuid: String,
        tags: BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let tags = check::tags(tags)?;
        let tagged = self.change(move |book| book.tag(&uuid, tags)).await;
        tagged.map_err(|error| fault(error, "", ""))
    }

    /// Takes tags away from it.
    pub(crate) async fn untag(&self, uuid: String, keys: Vec<String>) -> Result<(), Fault> {
        let untagged = self.change(move |book| book.untag(&uuid, &keys)).await;
        untagged.map_err(|error| fault(error, "", ""))
    }
}

/// An error on the wire.
fn fault(error: Error, queue: &str, function: &str) -> Fault {
    let refusal = match error {
        Error::Kept(error) => {
            tracing::error!(%error, "mappings cannot be kept");
            return Fault::internal();
        }
        Error::Refused(refusal) => refusal,
    };
    match refusal {
        Refusal::NotFound => Fault::sender("ResourceNotFoundException", "The resource you requested does not exist.").with_status(404),
        Refusal::Exists { uuid } => Fault::sender(
            "ResourceConflictException",
            format!(
                "An event source mapping with SQS arn (\" {queue} \") and function (\" {function} \") already exists. Please update or \
                 delete the existing mapping with UUID {uuid}"
            ),
        )
        .with_status(409),
        Refusal::InUse => Fault::sender(
            "ResourceInUseException",
            "Cannot update the event source mapping because it is in use.",
        ),
        Refusal::TooManyTags => check::invalid(refusal.to_string()),
        Refusal::TooMany => Fault::sender("TooManyRequestsException", refusal.to_string()).with_status(429),
    }
}

impl<S: HasMappings> Act<S> for CreateEventSourceMappingRequest {
    type Output = EventSourceMappingConfiguration;
    const ACTION: &'static str = "lambda:CreateEventSourceMapping";
    const HTTP: Option<Http> =
        Some(Http::post("/2015-03-31/event-source-mappings").with_status(202));

    fn touches(&self, service: &S, _: &Caller) -> Vec<Access> {
        let mappings = service.mappings();
        let access = Access::new("lambda:CreateEventSourceMapping", mappings.arn("*"));
        let named = check::function(&self.function_name, mappings.place()).ok();
        let function = named.map(|(name, _)| mappings.function_arn(name.as_str(), None));
        let access = match function {
            Some(function) => access.with("lambda:FunctionArn", function),
            None => access,
        };
        let tagged = self.tags.iter().fold(access, |access, (key, value)| {
            access.with(&format!("aws:RequestTag/{key}"), value.clone())
        });
        vec![tagged.with_many("aws:TagKeys", self.tags.keys().cloned())]
    }

    async fn act(self, service: &Arc<S>, ctx: &Ctx) -> Result<Self::Output, Fault> {
        let mappings = service.mappings();
        let queue = check::queue(self.event_source_arn.as_deref(), mappings.place())?;
        let (function, qualifier) = check::function(&self.function_name, mappings.place())?;
        let given = check::Given {
            is_enabled: self.enabled,
            batch_size: self.batch_size,
            window_secs: self.maximum_batching_window_in_seconds,
            scaling: self.scaling_config,
            types: self.function_response_types,
            filters: self.filter_criteria,
        };
        let wanted = given.over(check::unsaid(function, qualifier))?;
        mappings.check(&queue, &wanted).await?;
        let mapping = Mapping {
            uuid: base::id::uuid(),
            queue: queue.clone(),
            wanted,
            state: State::Creating,
            modified: ctx.at,
            revision: 1,
            tags: check::tags(self.tags)?,
        };
        let function = mapping.wanted.function.to_string();
        let made = mappings.change(move |book| book.create(mapping)).await;
        let made = made.map_err(|error| fault(error, &queue, &function))?;
        Ok(mappings.shown(&made))
    }
}

impl<S: HasMappings> Act<S> for GetEventSourceMappingRequest {
    type Output = EventSourceMappingConfiguration;
    const ACTION: &'static str = "lambda:GetEventSourceMapping";
    const HTTP: Option<Http> = Some(Http::get("/2015-03-31/event-source-mappings/{UUID}"));

    fn touches(&self, service: &S, _: &Caller) -> Vec<Access> {
        service
            .mappings()
            .on_mapping("lambda:GetEventSourceMapping", &self.uuid)
    }

    async fn act(self, service: &Arc<S>, _: &Ctx) -> Result<Self::Output, Fault> {
        let mappings = service.mappings();
        Ok(mappings.shown(&*mappings.found(&self.uuid)?))
    }
}

impl<S: HasMappings> Act<S> for ListEventSourceMappingsRequest {
    type Output = ListEventSourceMappingsResponse;
    const ACTION: &'static str = "lambda:ListEventSourceMappings";
    const HTTP: Option<Http> = Some(Http::get("/2015-03-31/event-source-mappings"));

    fn touches(&self, service: &S, _: &Caller) -> Vec<Access> {
        vec![Access::new(
            "lambda:ListEventSourceMappings",
            service.mappings().arn("*"),
        )]
    }

    async fn act(self, service: &Arc<S>, _: &Ctx) -> Result<Self::Output, Fault> {
        let mappings = service.mappings();
        let function = self
            .function_name
            .map(|name| check::function(&name, mappings.place()))
            .transpose()?;
        let max = check::number("maxItems", self.max_items, 1..=10_000)?;
        let max = max
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(PAGE_MAX)
            .min(PAGE_MAX);
        let book = mappings.book();
        let mut rest = book.all().filter(|mapping| {
            let is_of = |(name, qualifier): &(crate::FunctionName, Option<String>)| {
                mapping.wanted.function == *name && mapping.wanted.qualifier == *qualifier
            };
            self.event_source_arn
                .as_ref()
                .is_none_or(|arn| mapping.queue == *arn)
                && function.as_ref().is_none_or(is_of)
                && self
                    .marker
                    .as_ref()
                    .is_none_or(|marker| mapping.uuid > *marker)
        });
        let page: Vec<_> = rest.by_ref().take(max).collect();
        let is_more = rest.next().is_some();
        Ok(ListEventSourceMappingsResponse {
            next_marker: page
                .last()
                .filter(|_| is_more)
                .map(|last| last.uuid.clone()),
            event_source_mappings: Some(
                page.into_iter()
                    .map(|mapping| mappings.shown(mapping))
                    .collect(),
            ),
        })
    }
}

impl<S: HasMappings> Act<S> for UpdateEventSourceMappingRequest {
    type Output = EventSourceMappingConfiguration;
    const ACTION: &'static str = "lambda:UpdateEventSourceMapping";
    const HTTP: Option<Http> =
        Some(Http::put("/2015-03-31/event-source-mappings/{UUID}").with_status(202));

    fn touches(&self, service: &S, _: &Caller) -> Vec<Access> {
        service
            .mappings()
            .on_mapping("lambda:UpdateEventSourceMapping", &self.uuid)
    }

    async fn act(self, service: &Arc<S>, ctx: &Ctx) -> Result<Self::Output, Fault> {
        let mappings = service.mappings();
        let before = mappings.found(&self.uuid)?;
        let mut base = before.wanted.clone();
        if let Some(name) = &self.function_name {
            (base.function, base.qualifier) = check::function(name, mappings.place())?;
        }
        let given = check::Given {
            is_enabled: self.enabled,
            batch_size: self.batch_size,
            window_secs: self.maximum_batching_window_in_seconds,
            scaling: self.scaling_config,
            types: self.function_response_types,
            filters: self.filter_criteria,
        };
        let wanted = given.over(base)?;
        mappings.check(&before.queue, &wanted).await?;
        let (at, uuid, function) = (ctx.at, self.uuid, wanted.function.to_string());
        let made = mappings
            .change(move |book| book.update(at, &uuid, wanted))
            .await;
        let made = made.map_err(|error| fault(error, &before.queue, &function))?;
        Ok(mappings.shown(&made))
    }
}

impl<S: HasMappings> Act<S> for DeleteEventSourceMappingRequest {
    type Output = EventSourceMappingConfiguration;
    const ACTION: &'static str = "lambda:DeleteEventSourceMapping";
    const HTTP: Option<Http> =
        Some(Http::delete("/2015-03-31/event-source-mappings/{UUID}").with_status(202));

    fn touches(&self, service: &S, _: &Caller) -> Vec<Access> {
        service
            .mappings()
            .on_mapping("lambda:DeleteEventSourceMapping", &self.uuid)
    }

    async fn act(self, service: &Arc<S>, ctx: &Ctx) -> Result<Self::Output, Fault> {
        let mappings = service.mappings();
        let (at, uuid) = (ctx.at, self.uuid);
        let gone = mappings.change(move |book| book.delete(at, &uuid)).await;
        Ok(mappings.shown(&*gone.map_err(|error| fault(error, "", ""))?))
    }
}
