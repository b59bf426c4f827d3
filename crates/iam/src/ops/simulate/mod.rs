//! What policies would allow: of somebody, or given as texts.
//!
//! Source: IAM API Reference, SimulatePrincipalPolicy, SimulateCustomPolicy, GetContextKeysForPrincipalPolicy,
//! GetContextKeysForCustomPolicy. One result for each pair of action and resource.

mod shape;

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Grants};
use policy::{Attached, Context, Document, Kind};

use super::page::page;
use super::reach;
use crate::authorizer::grants::Compiler;
use crate::engine::State;
use crate::simulate::{self, Simulation};
use crate::{Error, Iam, session};
use shape::{ContextEntry, GetContextKeysForPolicyResponse, SimulatePolicyResponse, result};
pub(super) use shape::{
    GetContextKeysForCustomPolicyRequest, GetContextKeysForPrincipalPolicyRequest,
    SimulateCustomPolicyRequest, SimulatePrincipalPolicyRequest,
};

/// The most results that are looked through for a page. Chosen: some seconds of work for ReadOnlyAccess.
const PAIRS_MAX: usize = 100_000;

impl Act<Iam> for SimulatePrincipalPolicyRequest {
    type Output = SimulatePolicyResponse;
    const ACTION: &'static str = "iam:SimulatePrincipalPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![source(&iam.state(), &self.policy_source_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<SimulatePolicyResponse, Fault> {
        if !self.policy_exclusion_list.is_empty() {
            return Err(invalid(
                "PolicyExclusionList is not known here: leave it out",
            ));
        }
        let state = iam.state();
        let source = Source::find(&state, &self.policy_source_arn)?;
        let asked = Asked {
            policies: self.policy_input_list,
            boundaries: self.permissions_boundary_policy_input_list,
            actions: self.action_names,
            resources: self.resource_arns,
            resource_policy: self.resource_policy,
            resource_owner: self.resource_owner,
            caller: self.caller_arn,
            entries: self.context_entries,
            max_items: self.max_items,
            marker: self.marker,
        };
        asked.answer(iam, ctx, Some(source)).await
    }
}

impl Act<Iam> for SimulateCustomPolicyRequest {
    type Output = SimulatePolicyResponse;
    const ACTION: &'static str = "iam:SimulateCustomPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<SimulatePolicyResponse, Fault> {
        if !self.ordered_organization_policy_input_list.is_empty() {
            return Err(invalid(
                "OrderedOrganizationPolicyInputList: there are no organizations here",
            ));
        }
        let asked = Asked {
            policies: self.policy_input_list,
            boundaries: self.permissions_boundary_policy_input_list,
            actions: self.action_names,
            resources: self.resource_arns,
            resource_policy: self.resource_policy,
            resource_owner: self.resource_owner,
            caller: self.caller_arn,
            entries: self.context_entries,
            max_items: self.max_items,
            marker: self.marker,
        };
        asked.answer(iam, ctx, None).await
    }
}

impl Act<Iam> for GetContextKeysForCustomPolicyRequest {
    type Output = GetContextKeysForPolicyResponse;
    const ACTION: &'static str = "iam:GetContextKeysForCustomPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(
        self,
        _iam: &Arc<Iam>,
        _ctx: &Ctx,
    ) -> Result<GetContextKeysForPolicyResponse, Fault> {
        let given = given("PolicyInputList", &self.policy_input_list)?;
        Ok(keys_of(&given))
    }
}

impl Act<Iam> for GetContextKeysForPrincipalPolicyRequest {
    type Output = GetContextKeysForPolicyResponse;
    const ACTION: &'static str = "iam:GetContextKeysForPrincipalPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![source(&iam.state(), &self.policy_source_arn)]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        _ctx: &Ctx,
    ) -> Result<GetContextKeysForPolicyResponse, Fault> {
        let state = iam.state();
        let mut all = Source::find(&state, &self.policy_source_arn)?
            .grants
            .identity;
        all.extend(given("PolicyInputList", &self.policy_input_list)?);
        Ok(keys_of(&all))
    }
}

fn keys_of(policies: &[Attached]) -> GetContextKeysForPolicyResponse {
    let documents = policies.iter().map(|policy| &*policy.document);
    GetContextKeysForPolicyResponse {
        context_key_names: policy::context_keys(documents).into_iter().collect(),
    }
}

fn invalid(text: impl Into<String>) -> Fault {
    Fault::sender("InvalidInput", text.into())
}

fn given(list: &str, texts: &[String]) -> Result<Vec<Attached>, Fault> {
    simulate::given(list, texts).map_err(invalid)
}

/// A user, group or role by its ARN, which need not exist.
fn source(state: &State, arn: &str) -> Access {
    match Source::kind_and_name(arn) {
        Some(("user", name)) => reach::user(state, name),
        Some(("group", name)) => reach::group(state, name),
        Some(("role", name)) => reach::role(state, name),
        _ => reach::account(state),
    }
}

/// Whose policies are looked at.
struct Source {
    caller: Caller,
    is_user: bool,
    grants: Grants,
}

impl Source {
    fn find(state: &State, arn: &str) -> Result<Self, Fault> {
        let mut compiler = Compiler::default();
        let account = state.account_id();
        let not_one = || {
            invalid(format!(
                "Invalid Entity Arn: {arn} does not clearly define entity type and name."
            ))
        };
        let (kind, name) = Self::kind_and_name(arn).ok_or_else(not_one)?;
        let (caller, grants) = match kind {
            "user" => {
                let user = state.user(name)?;
                let tags = user.tags.iter();
                let mut caller =
                    Caller::user(account, &user.path, &user.name, user.id.as_str(), "");
                caller.tags = tags
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect();
                (caller, compiler.user(state, user))
            }
            "group" => {
                let group = state.group(name)?;
                // Nobody in particular: a member of it.
                let mut caller = Caller::anonymous(account, "");
                caller.principal = api::Principal::User {
                    name: String::new(),
                    id: String::new(),
                    path: String::new(),
                };
                (caller, compiler.group(state, group))
            }
            _ => {
                let role = state.role(name)?;
                let caller = session::role_caller(state, role, "simulated", Grants::default());
                (caller, compiler.role(state, role))
            }
        };
        Ok(Self {
            is_user: kind == "user",
            caller,
            grants,
        })
    }

    /// `("user", "alice")` of `arn:aws:iam::123456789012:user/dev/alice`.
    fn kind_and_name(arn: &str) -> Option<(&str, &str)> {
        let resource = arn.splitn(6, ':').nth(5)?;
        let (kind, path) = resource.split_once('/')?;
        let name = path.rsplit('/').next()?;
        (["user", "group", "role"].contains(&kind) && !name.is_empty()).then_some((kind, name))
    }
}

/// What both simulations are asked.
struct Asked {
    policies: Vec<String>,
    boundaries: Vec<String>,
    actions: Vec<String>,
    resources: Vec<String>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller: Option<String>,
    entries: Vec<ContextEntry>,
    max_items: Option<i32>,
    marker: Option<String>,
}

impl Asked {
    async fn answer(
        self,
        iam: &Arc<Iam>,
        ctx: &Ctx,
        source: Option<Source>,
    ) -> Result<SimulatePolicyResponse, Fault> {
        let state = iam.state();
        let simulation = self.simulation(&state, ctx, source)?;
        // Thousands of pairs take a while.
        let answered = iam.blocking(move |_| Ok::<_, Error>(self.page(&simulation)));
        answered.await?
    }

    fn simulation(
        &self,
        state: &State,
        ctx: &Ctx,
        source: Option<Source>,
    ) -> Result<Simulation, Fault> {
        let resource_policy = match &self.resource_policy {
            Some(text) => Some(resource_policy(text)?),
            None => None,
        };
        let mut caller = match (&self.caller, source) {
            (Some(arn), Some(source)) => {
                let mut caller = Source::find(state, arn)?;
                if !caller.is_user {
                    return Err(invalid(format!(
                        "CallerArn: {arn} is not the ARN of a user"
                    )));
                }
                caller.caller.grants = Arc::new(source.grants);
                caller.caller
            }
            (Some(arn), None) => {
                let mut caller = Source::find(state, arn)?.caller;
                caller.grants = Arc::default();
                caller
            }
            (None, Some(source)) => {
                if resource_policy.is_some() && !source.is_user {
                    return Err(invalid(
                        "ResourcePolicy needs a CallerArn where PolicySourceArn is not a user's",
                    ));
                }
                let mut caller = source.caller;
                caller.grants = Arc::new(source.grants);
                caller
            }
            (None, None) if resource_policy.is_some() => {
                return Err(invalid("ResourcePolicy needs a CallerArn"));
            }
            (None, None) => nobody(state),
        };
        let grants = Arc::make_mut(&mut caller.grants);
        grants
            .identity
            .extend(given("PolicyInputList", &self.policies)?);
        let mut boundaries = given("PermissionsBoundaryPolicyInputList", &self.boundaries)?;
        match (boundaries.pop(), boundaries.is_empty()) {
            (None, _) => {}
            (Some(boundary), true) => grants.boundary = Some(boundary),
            (Some(_), false) => {
                return Err(invalid(
                    "PermissionsBoundaryPolicyInputList: one policy bounds, and several are given",
                ));
            }
        }
        Ok(Simulation {
            ctx: Ctx::inside(Arc::new(caller), ctx.at),
            context: context(&self.entries)?,
            resource_policy,
            resource_owner: self.resource_owner.as_deref().map(account_in),
            billing: state.account().billing,
        })
    }

    fn page(self, simulation: &Simulation) -> Result<SimulatePolicyResponse, Fault> {
        let everything = ["*".to_owned()];
        let resources = match self.resources.as_slice() {
            [] => &everything[..],
            named => named,
        };
        if self.actions.len().saturating_mul(resources.len()) > PAIRS_MAX {
            return Err(invalid(format!(
                "ActionNames and ResourceArns make more than {PAIRS_MAX} pairs"
            )));
        }
        if let Some(wrong) = self.actions.iter().find(|action| !is_action(action)) {
            return Err(invalid(format!(
                "ActionNames: {wrong} is not an action such as sqs:SendMessage"
            )));
        }
        let pairs = self
            .actions
            .iter()
            .flat_map(|action| resources.iter().map(move |resource| (action, resource)));
        let numbered = pairs.enumerate();
        let page = page(
            numbered,
            |(index, _)| format!("{index:06}"),
            self.marker.as_ref(),
            self.max_items,
        )?;
        let has_resources = !self.resources.is_empty();
        let results = page.items.into_iter().map(|(_, (action, resource))| {
            result(
                simulation.ask(action, resource),
                action,
                resource,
                has_resources,
            )
        });
        Ok(SimulatePolicyResponse {
            evaluation_results: results.collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

/// Somebody who has nothing but what is given.
fn nobody(state: &State) -> Caller {
    let account = state.account_id();
    Caller::user(account, "/", "simulated", "AIDASIMULATED", "")
}

/// Whether it is a service and a name. Nobody calls a pattern.
fn is_action(action: &str) -> bool {
    let parts = action.split_once(':');
    parts.is_some_and(|(service, name)| {
        !service.is_empty() && !name.is_empty() && !action.contains(['*', '?'])
    })
}

fn resource_policy(text: &str) -> Result<Arc<Document>, Fault> {
    let read = Document::parse(text, Kind::Resource).map_err(|problems| {
        let first = problems.first().map(ToString::to_string);
        invalid(format!("ResourcePolicy: {}", first.unwrap_or_default()))
    });
    Ok(Arc::new(read?))
}

/// The account of `arn:aws:iam::123456789012:root`, or the number itself.
fn account_in(owner: &str) -> String {
    owner.split(':').nth(4).unwrap_or(owner).to_owned()
}

fn context(entries: &[ContextEntry]) -> Result<Context, Fault> {
    let mut context = Context::new();
    for entry in entries {
        let Some(name) = &entry.context_key_name else {
            return Err(invalid("ContextEntries: an entry has no ContextKeyName"));
        };
        let kind = entry.context_key_type.as_deref().unwrap_or("string");
        let (kind, is_list) = match kind.strip_suffix("List") {
            Some(kind) => (kind, true),
            None => (kind, false),
        };
        if !["string", "numeric", "boolean", "ip", "binary", "date"].contains(&kind) {
            return Err(invalid(format!(
                "ContextEntries: {name} has the type {kind}, which is none"
            )));
        }
        match (is_list, entry.context_key_values.as_slice()) {
            (false, [one]) => context.set(name, one.clone()),
            (true, many) => context.set_many(name, many.iter().cloned()),
            (false, _) => {
                return Err(invalid(format!(
                    "ContextEntries: {name} has not one value: give the type {kind}List for several"
                )));
            }
        }
    }
    Ok(context)
}
