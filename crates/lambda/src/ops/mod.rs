//! The operations of Lambda on the wire: requests, answers, what they touch, what they do.
//!
//! One file a noun. To add an operation: its shapes and an `impl Act` for its request, and a line in [`OPERATIONS`].
//!
//! Shapes follow the service model of 2015-03-31 as botocore carries it. Functions are packages with a program that speaks the runtime
//! API, on this machine: container images, layers, networks of their own, file systems, SnapStart, signing, durable and managed
//! instances are refused by name.

mod account;
mod alias;
mod code;
mod concurrency;
mod create;
mod event;
mod fault;
mod function;
mod invoke;
mod page;
mod permission;
mod shape;
mod tag;
mod unsupported;
mod update;
mod version;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{Access, AnyOperation, Catalogue, Op, Service, ServiceFacts};
use base::Arn;
use parking_lot::Mutex;
use wire::Protocol;

use crate::events::Events;
use crate::fleet::Fleet;
use crate::functions::{Functions, Named};
use crate::mapping::ops::HasMappings;
use crate::mapping::{self, Mappings};

/// What the gateway routes to Lambda by.
pub static FACTS: ServiceFacts = ServiceFacts {
    name: "lambda",
    json_target: None,
    json_protocol: Protocol::RestJson,
    rpc_service: None,
    query_version: None,
    query_protocol: Protocol::Query,
    xml_namespace: "",
    error_namespace: "com.amazonaws.lambda",
    is_query_compatible: false,
    query_url_member: None,
    is_global: false,
};

/// All operations that are spoken, in the order of names.
static OPERATIONS: &[&dyn AnyOperation<Lambda>] = &[
    &Op::<permission::AddPermissionRequest>::NEW,
    &Op::<alias::CreateAliasRequest>::NEW,
    &mapping::ops::CreateEventSourceMapping::NEW,
    &Op::<create::CreateFunctionRequest>::NEW,
    &Op::<alias::DeleteAliasRequest>::NEW,
    &mapping::ops::DeleteEventSourceMapping::NEW,
    &Op::<function::DeleteFunctionRequest>::NEW,
    &Op::<concurrency::DeleteFunctionConcurrencyRequest>::NEW,
    &Op::<event::DeleteFunctionEventInvokeConfigRequest>::NEW,
    &Op::<account::GetAccountSettingsRequest>::NEW,
    &Op::<alias::GetAliasRequest>::NEW,
    &mapping::ops::GetEventSourceMapping::NEW,
    &Op::<function::GetFunctionRequest>::NEW,
    &Op::<account::GetFunctionCodeSigningConfigRequest>::NEW,
    &Op::<concurrency::GetFunctionConcurrencyRequest>::NEW,
    &Op::<function::GetFunctionConfigurationRequest>::NEW,
    &Op::<event::GetFunctionEventInvokeConfigRequest>::NEW,
    &Op::<permission::GetPolicyRequest>::NEW,
    &Op::<invoke::InvocationRequest>::NEW,
    &Op::<alias::ListAliasesRequest>::NEW,
    &mapping::ops::ListEventSourceMappings::NEW,
    &Op::<event::ListFunctionEventInvokeConfigsRequest>::NEW,
    &Op::<function::ListFunctionsRequest>::NEW,
    &Op::<tag::ListTagsRequest>::NEW,
    &Op::<version::ListVersionsByFunctionRequest>::NEW,
    &Op::<version::PublishVersionRequest>::NEW,
    &Op::<concurrency::PutFunctionConcurrencyRequest>::NEW,
    &Op::<event::PutFunctionEventInvokeConfigRequest>::NEW,
    &Op::<permission::RemovePermissionRequest>::NEW,
    &Op::<tag::TagResourceRequest>::NEW,
    &Op::<tag::UntagResourceRequest>::NEW,
    &Op::<alias::UpdateAliasRequest>::NEW,
    &mapping::ops::UpdateEventSourceMapping::NEW,
    &Op::<update::UpdateFunctionCodeRequest>::NEW,
    &Op::<update::UpdateFunctionConfigurationRequest>::NEW,
    &Op::<event::UpdateFunctionEventInvokeConfigRequest>::NEW,
];

/// Functions, with what runs them.
#[derive(Debug)]
pub struct Lambda {
    functions: Arc<Functions>,
    fleet: Arc<Fleet>,
    events: Arc<Events>,
    mappings: Arc<Mappings>,
    /// Held while the fleet is told what is reserved, so that the last one tells the last.
    telling: Mutex<()>,
}

impl Lambda {
    /// `functions`, run by `fleet`, those that nobody waits for through `events`, those for queues through `mappings`.
    #[must_use]
    pub fn new(
        functions: Arc<Functions>,
        fleet: Arc<Fleet>,
        events: Arc<Events>,
        mappings: Arc<Mappings>,
    ) -> Arc<Self> {
        let lambda = Self {
            functions,
            fleet,
            events,
            mappings,
            telling: Mutex::new(()),
        };
        lambda.tell_reserved();
        Arc::new(lambda)
    }

    fn tell_reserved(&self) {
        let _telling = self.telling.lock();
        self.fleet.set_reserved(self.functions.reserved());
    }

    /// The functions.
    #[must_use]
    pub const fn functions(&self) -> &Arc<Functions> {
        &self.functions
    }

    /// `action` on the function that a request names, with its tags; the call says what is wrong with a name that is none.
    fn on(&self, action: &'static str, text: &str, qualifier: Option<&str>) -> Access {
        match self.functions.place().named(text, qualifier) {
            Ok(named) => self.on_named(action, &named),
            Err(_) => Access::new(action, self.functions.place().all()),
        }
    }

    /// `action` on a function, or on a version or alias of it. Its policy, or that of the version or alias, bears on it too.
    fn on_named(&self, action: &'static str, named: &Named) -> Access {
        let place = self.functions.place();
        let qualifier = named.qualifier.as_ref();
        let access = Access::new(action, place.arn_of(&named.name, qualifier));
        let Some(function) = self.functions.get(&named.name) else {
            return access;
        };
        let policy = function
            .policy(qualifier)
            .and_then(|policy| policy.document());
        let tags = function.tags.iter();
        tags.fold(access.with_policy(policy), |access, (key, value)| {
            access.with(&format!("aws:ResourceTag/{key}"), value)
        })
    }

    /// `action` where there is no resource.
    fn on_all(&self, action: &'static str) -> Access {
        Access::new(action, self.functions.place().all())
    }

    /// That the caller may hand a role to Lambda; nothing where it is no ARN, which the call says. Source: Service Authorization
    /// Reference, Lambda: dependent actions.
    fn pass_role(role: &str) -> Option<Access> {
        let role: Arn = role.parse().ok()?;
        let access = Access::new("iam:PassRole", role);
        Some(access.with("iam:PassedToService", SERVICE))
    }
}

impl HasMappings for Lambda {
    fn mappings(&self) -> &Arc<Mappings> {
        &self.mappings
    }
}

/// As whom roles are assumed.
const SERVICE: &str = "lambda.amazonaws.com";

/// The service for the gateway.
#[must_use]
pub fn service(lambda: Arc<Lambda>) -> Arc<dyn Service> {
    Arc::new(Catalogue::new(&FACTS, lambda, OPERATIONS))
}

/// What the operations take and answer, in the order of names.
pub fn schemas() -> impl Iterator<Item = api::Shapes> {
    api::operation::shapes(OPERATIONS)
}
