//! What simulations take and answer, on the wire.
//!
//! Shapes follow the service model; a result is made of an [`Answer`].

use std::collections::BTreeMap;

use policy::{Position as At, Verdict};
use wire::{List, Shape};

use crate::simulate::{self, Answer};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct SimulatePrincipalPolicyRequest {
    #[shape(required)]
    pub(super) policy_source_arn: String,
    pub(super) policy_input_list: Vec<String>,
    pub(super) permissions_boundary_policy_input_list: Vec<String>,
    pub(super) policy_exclusion_list: Vec<PolicyIdentifier>,
    #[shape(required)]
    pub(super) action_names: Vec<String>,
    pub(super) resource_arns: Vec<String>,
    pub(super) resource_policy: Option<String>,
    pub(super) resource_owner: Option<String>,
    pub(super) caller_arn: Option<String>,
    pub(super) context_entries: Vec<ContextEntry>,
    pub(super) resource_handling_option: Option<String>,
    pub(super) max_items: Option<i32>,
    pub(super) marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct SimulateCustomPolicyRequest {
    #[shape(required)]
    pub(super) policy_input_list: Vec<String>,
    pub(super) permissions_boundary_policy_input_list: Vec<String>,
    pub(super) ordered_organization_policy_input_list: Vec<OrderedOrganizationPolicyType>,
    #[shape(required)]
    pub(super) action_names: Vec<String>,
    pub(super) resource_arns: Vec<String>,
    pub(super) resource_policy: Option<String>,
    pub(super) resource_owner: Option<String>,
    pub(super) caller_arn: Option<String>,
    pub(super) context_entries: Vec<ContextEntry>,
    pub(super) resource_handling_option: Option<String>,
    pub(super) max_items: Option<i32>,
    pub(super) marker: Option<String>,
}

/// A policy to be left out.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct PolicyIdentifier {
    pub(super) policy_type: Option<String>,
    pub(super) policy_arn: Option<String>,
    pub(super) inline_policy_identifier: Option<InlinePolicyIdentifierType>,
}

/// An inline policy to be left out.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct InlinePolicyIdentifierType {
    #[shape(required)]
    pub(super) policy_name: String,
    #[shape(required)]
    pub(super) attachment_type: String,
    #[shape(required)]
    pub(super) attachment_name: String,
}

/// Policies of an organization.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct OrderedOrganizationPolicyType {
    pub(super) service_control_policy_input_list: Vec<String>,
}

/// Values of a context key.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct ContextEntry {
    pub(super) context_key_name: Option<String>,
    pub(super) context_key_values: Vec<String>,
    pub(super) context_key_type: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct SimulatePolicyResponse {
    pub(super) evaluation_results: List<EvaluationResult>,
    pub(super) is_truncated: Option<bool>,
    pub(super) marker: Option<String>,
}

/// What would be decided over one action on one resource.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct EvaluationResult {
    #[shape(required)]
    pub(super) eval_action_name: String,
    pub(super) eval_resource_name: Option<String>,
    #[shape(required)]
    pub(super) eval_decision: String,
    pub(super) matched_statements: List<Statement>,
    pub(super) missing_context_values: List<String>,
    pub(super) organizations_decision_detail: Option<OrganizationsDecisionDetail>,
    pub(super) permissions_boundary_decision_detail: Option<PermissionsBoundaryDecisionDetail>,
    pub(super) eval_decision_details: BTreeMap<String, String>,
    pub(super) resource_specific_results: Vec<ResourceSpecificResult>,
}

/// The same by resource.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct ResourceSpecificResult {
    #[shape(required)]
    pub(super) eval_resource_name: String,
    #[shape(required)]
    pub(super) eval_resource_decision: String,
    pub(super) matched_statements: Vec<Statement>,
    pub(super) missing_context_values: Vec<String>,
    pub(super) eval_decision_details: BTreeMap<String, String>,
    pub(super) permissions_boundary_decision_detail: Option<PermissionsBoundaryDecisionDetail>,
}

/// A statement that decided.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct Statement {
    pub(super) source_policy_id: Option<String>,
    pub(super) source_policy_type: Option<String>,
    pub(super) start_position: Option<Position>,
    pub(super) end_position: Option<Position>,
}

/// A place in a policy.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct Position {
    pub(super) line: Option<i32>,
    pub(super) column: Option<i32>,
}

/// Whether an organization allows it.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct OrganizationsDecisionDetail {
    pub(super) allowed_by_organizations: Option<bool>,
}

/// Whether the boundary allows it.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct PermissionsBoundaryDecisionDetail {
    pub(super) allowed_by_permissions_boundary: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct GetContextKeysForCustomPolicyRequest {
    #[shape(required)]
    pub(super) policy_input_list: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct GetContextKeysForPrincipalPolicyRequest {
    #[shape(required)]
    pub(super) policy_source_arn: String,
    pub(super) policy_input_list: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(in crate::ops) struct GetContextKeysForPolicyResponse {
    pub(super) context_key_names: List<String>,
}

pub(super) fn result(
    answer: Answer,
    action: &str,
    resource: &str,
    has_resources: bool,
) -> EvaluationResult {
    let decision = match answer.verdict {
        Verdict::Allowed => "allowed",
        Verdict::ExplicitDeny => "explicitDeny",
        Verdict::ImplicitDeny => "implicitDeny",
    };
    let matched: Vec<Statement> = answer.matched.iter().map(statement).collect();
    let boundary = answer
        .boundary_allows
        .map(|allows| PermissionsBoundaryDecisionDetail {
            allowed_by_permissions_boundary: Some(allows),
        });
    let specific = ResourceSpecificResult {
        eval_resource_name: resource.to_owned(),
        eval_resource_decision: decision.to_owned(),
        matched_statements: matched.clone(),
        missing_context_values: answer.missing.clone(),
        eval_decision_details: BTreeMap::new(),
        permissions_boundary_decision_detail: boundary.clone(),
    };
    EvaluationResult {
        eval_action_name: action.to_owned(),
        eval_resource_name: Some(resource.to_owned()),
        eval_decision: decision.to_owned(),
        matched_statements: matched.into_iter().collect(),
        missing_context_values: answer.missing.into_iter().collect(),
        organizations_decision_detail: None,
        permissions_boundary_decision_detail: boundary,
        eval_decision_details: BTreeMap::new(),
        resource_specific_results: has_resources.then_some(specific).into_iter().collect(),
    }
}

fn statement(matched: &simulate::Matched) -> Statement {
    let source = &matched.source;
    let kind = match source.split(['_', '.', ':', '/']).next() {
        _ if source.starts_with("arn:aws:iam::aws:") => "aws-managed",
        Some("arn") => "user-managed",
        Some(kind @ ("user" | "group" | "role")) => kind,
        Some("ResourcePolicy") => "resource",
        _ => "none",
    };
    let name = match kind {
        "aws-managed" | "user-managed" => source.rsplit('/').next().unwrap_or(source),
        _ => source,
    };
    Statement {
        source_policy_id: Some(name.to_owned()),
        source_policy_type: Some(kind.to_owned()),
        start_position: Some(position(matched.span.start)),
        end_position: Some(position(matched.span.end)),
    }
}

fn position(at: At) -> Position {
    let number = |given: usize| i32::try_from(given).ok();
    Position {
        line: number(at.line),
        column: number(at.column),
    }
}
