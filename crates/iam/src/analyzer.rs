//! Access Analyzer as far as it judges texts: `ValidatePolicy`, over REST with JSON.
//!
//! Analyzers, archive rules and previews watch an organisation and are not here.
//!
//! Source: IAM Access Analyzer API Reference, ValidatePolicy.

use std::sync::Arc;

use api::{Access, Act, AnyOperation, Caller, Catalogue, Ctx, Fault, Op, Service, ServiceFacts};
use base::Arn;
use policy::{Finding, FindingKind, Kind, PathElement as Step};
use wire::rest::Http;
use wire::{Protocol, Shape};

use crate::Iam;

/// What the gateway routes to it by.
pub static FACTS: ServiceFacts = ServiceFacts {
    name: "access-analyzer",
    json_target: None,
    json_protocol: Protocol::RestJson,
    rpc_service: None,
    query_version: None,
    query_protocol: Protocol::Query,
    xml_namespace: "",
    error_namespace: "com.amazonaws.accessanalyzer",
    is_query_compatible: false,
    query_url_member: None,
    is_global: false,
};

/// All operations that are spoken.
pub static OPERATIONS: &[&dyn AnyOperation<Iam>] = &[&Op::<ValidatePolicyRequest>::NEW];

/// The service for the gateway.
#[must_use]
pub fn service(iam: Arc<Iam>) -> Arc<dyn Service> {
    Arc::new(Catalogue::new(&FACTS, iam, OPERATIONS))
}

/// Findings of a page at most, and where the request says nothing. Chosen.
const FINDINGS_MAX: usize = 1000;

/// The page of AWS's guide that explains every check.
const CHECKS: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html";

#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct ValidatePolicyRequest {
    /// Findings are in English whatever it says.
    #[shape(name = "locale", ignored)]
    locale: Option<String>,
    #[shape(name = "maxResults", querystring)]
    max_results: Option<i32>,
    #[shape(name = "nextToken", querystring)]
    next_token: Option<String>,
    #[shape(name = "policyDocument", required)]
    policy_document: String,
    #[shape(name = "policyType", required)]
    policy_type: String,
    /// What is checked holds for every type of resource.
    #[shape(name = "validatePolicyResourceType", ignored)]
    validate_policy_resource_type: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct ValidatePolicyResponse {
    #[shape(name = "findings", required)]
    findings: wire::List<ValidatePolicyFinding>,
    #[shape(name = "nextToken")]
    next_token: Option<String>,
}

/// Something found.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct ValidatePolicyFinding {
    #[shape(name = "findingDetails", required)]
    finding_details: String,
    #[shape(name = "findingType", required)]
    finding_type: String,
    #[shape(name = "issueCode", required)]
    issue_code: String,
    #[shape(name = "learnMoreLink", required)]
    learn_more_link: String,
    #[shape(name = "locations", required)]
    locations: wire::List<Location>,
}

/// Where.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct Location {
    #[shape(name = "path", required)]
    path: wire::List<PathElement>,
    #[shape(name = "span", required)]
    span: Span,
}

/// One step of a path: one of the four.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct PathElement {
    #[shape(name = "index")]
    index: Option<i32>,
    #[shape(name = "key")]
    key: Option<String>,
    #[shape(name = "substring")]
    substring: Option<Substring>,
    #[shape(name = "value")]
    value: Option<String>,
}

/// Part of a text.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct Substring {
    #[shape(name = "start", required)]
    start: i32,
    #[shape(name = "length", required)]
    length: i32,
}

/// From where to where.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct Span {
    #[shape(name = "start", required)]
    start: Position,
    #[shape(name = "end", required)]
    end: Position,
}

/// A place: lines count from 1, columns and offsets from 0.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
struct Position {
    #[shape(name = "line", required)]
    line: i32,
    #[shape(name = "column", required)]
    column: i32,
    #[shape(name = "offset", required)]
    offset: i32,
}

impl Act<Iam> for ValidatePolicyRequest {
    type Output = ValidatePolicyResponse;
    const ACTION: &'static str = "access-analyzer:ValidatePolicy";
    const HTTP: Option<Http> = Some(Http::post("/policy/validation"));

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let resource = Arn {
            service: "access-analyzer".to_owned(),
            region: String::new(),
            account: iam.account_id().to_string(),
            resource: "*".to_owned(),
        };
        vec![Access::new(Self::ACTION, resource)]
    }

    async fn act(self, _: &Arc<Iam>, _: &Ctx) -> Result<ValidatePolicyResponse, Fault> {
        let kind = kind(&self.policy_type)?;
        let from = from(self.next_token.as_deref())?;
        let count = count(self.max_results)?;
        let found = policy::validate(&self.policy_document, kind);
        let next = from.saturating_add(count);
        Ok(ValidatePolicyResponse {
            next_token: (next < found.len()).then(|| next.to_string()),
            findings: found.iter().skip(from).take(count).map(finding).collect(),
        })
    }
}

/// A control policy of an organisation has the grammar of an identity's.
fn kind(policy_type: &str) -> Result<Kind, Fault> {
    match policy_type {
        "IDENTITY_POLICY" | "SERVICE_CONTROL_POLICY" => Ok(Kind::Identity),
        "RESOURCE_POLICY" | "RESOURCE_CONTROL_POLICY" => Ok(Kind::Resource),
        other => Err(wrong(format!(
            "Value '{other}' at 'policyType' failed to satisfy constraint: Member must satisfy enum value set: \
             [IDENTITY_POLICY, RESOURCE_POLICY, SERVICE_CONTROL_POLICY, RESOURCE_CONTROL_POLICY]"
        ))),
    }
}

fn count(max_results: Option<i32>) -> Result<usize, Fault> {
    let Some(given) = max_results else {
        return Ok(FINDINGS_MAX);
    };
    let count = usize::try_from(given).ok();
    let count = count.filter(|count| (1..=FINDINGS_MAX).contains(count));
    count.ok_or_else(|| {
        wrong(format!(
            "Value '{given}' at 'maxResults' failed to satisfy constraint: Member must be between 1 and {FINDINGS_MAX}"
        ))
    })
}

fn from(next_token: Option<&str>) -> Result<usize, Fault> {
    let parsed = next_token.map_or(Ok(0), str::parse);
    parsed.map_err(|_| wrong("Value at 'nextToken' is none that was given".to_owned()))
}

fn wrong(message: String) -> Fault {
    Fault::sender("ValidationException", message)
}

fn finding(found: &Finding) -> ValidatePolicyFinding {
    let kind = match found.kind {
        FindingKind::Error => "ERROR",
        FindingKind::SecurityWarning => "SECURITY_WARNING",
        FindingKind::Warning => "WARNING",
        FindingKind::Suggestion => "SUGGESTION",
    };
    let words = |text: &str| text.to_lowercase().replace('_', "-");
    let anchor = format!(
        "access-analyzer-reference-policy-checks-{}-{}",
        words(kind),
        words(found.code)
    );
    ValidatePolicyFinding {
        finding_details: found.details.clone(),
        finding_type: kind.to_owned(),
        issue_code: found.code.to_owned(),
        learn_more_link: format!("{CHECKS}#{anchor}"),
        locations: found.locations.iter().map(location).collect(),
    }
}

fn location(found: &policy::Location) -> Location {
    Location {
        path: found.path.iter().map(step).collect(),
        span: Span {
            start: position(found.span.start),
            end: position(found.span.end),
        },
    }
}

fn step(step: &Step) -> PathElement {
    let mut element = PathElement::default();
    match step {
        Step::Index(index) => element.index = Some(number(*index)),
        Step::Key(key) => element.key = Some(key.clone()),
        Step::Value(value) => element.value = Some(value.clone()),
        Step::Substring { start, length } => {
            element.substring = Some(Substring {
                start: number(*start),
                length: number(*length),
            });
        }
    }
    element
}

fn position(at: policy::Position) -> Position {
    Position {
        line: number(at.line),
        column: number(at.column.saturating_sub(1)),
        offset: number(at.offset),
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_are_those_of_the_service_model() {
        let model = include_str!("../models/access-analyzer-2019-11-01.txt");
        api::model::check_shapes(api::operation::shapes(OPERATIONS), model);
    }

    #[test]
    fn a_finding_says_what_and_where() {
        let text = "{\"Version\":\"2012-10-17\",\n\"Statement\":[{\"Effect\":\"allow\",\"Action\":\"sqs:*\",\"Resource\":\"*\"}]}";
        let found: Vec<_> = policy::validate(text, Kind::Identity)
            .iter()
            .map(finding)
            .collect();
        let first = found.first().unwrap();
        assert_eq!(
            (first.finding_type.as_str(), first.issue_code.as_str()),
            ("ERROR", "INVALID_EFFECT")
        );
        // As AWS's page on the checks has its anchors.
        let anchor = "#access-analyzer-reference-policy-checks-error-invalid-effect";
        assert!(first.learn_more_link.ends_with(anchor), "{first:?}");
        let at = &first.locations.0[0].span.start;
        assert_eq!((at.line, at.column, at.offset), (2, 23, 48));
        let keys: Vec<_> = first.locations.0[0]
            .path
            .0
            .iter()
            .map(|step| (step.value.as_deref(), step.index))
            .collect();
        let expected = [
            (Some("Statement"), None),
            (None, Some(0)),
            (Some("Effect"), None),
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn what_is_asked_for_is_one_of_the_model() {
        for name in ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"] {
            assert!(kind(name).is_ok(), "{name}");
        }
        let fault = kind("TRUST_POLICY").unwrap_err();
        assert_eq!((fault.code, fault.status), ("ValidationException", 400));
        for max in [0, -1, 1001] {
            assert!(count(Some(max)).is_err(), "{max}");
        }
        assert!(from(Some("x")).is_err() && from(None) == Ok(0) && count(None) == Ok(FINDINGS_MAX));
    }
}
