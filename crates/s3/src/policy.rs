//! Policies of buckets: what is taken as one, whether it opens the bucket to all, and the one that holds.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use policy::{Document, Kind, Problem};
use serde_json::Value;

use crate::error::Error;
use crate::rows::{Bucket, Id};

/// Policies that are kept read. Chosen: with more buckets in use, they are read anew.
const KEPT_MAX: usize = 1000;

/// Policies as they were read last, by the bucket's id.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<HashMap<Id, Arc<Standing>>>);

/// What holds for a bucket.
#[derive(Debug)]
pub(crate) struct Standing {
    document: Arc<Document>,
    is_public: bool,
}

impl Shelf {
    /// The policy that decides about `bucket`, for somebody who is of the account or not.
    pub(crate) fn of(&self, bucket: &Bucket, is_ours: bool) -> Option<Arc<Document>> {
        let text = bucket.policy.as_deref()?;
        let standing = self.standing(bucket.id, text)?;
        let block = bucket.public_access_block.unwrap_or_default();
        let is_restricted = block.restrict_public_buckets && standing.is_public && !is_ours;
        (!is_restricted).then(|| Arc::clone(&standing.document))
    }

    fn standing(&self, id: Id, text: &str) -> Option<Arc<Standing>> {
        let mut kept = self.0.lock();
        if let Some(found) = kept.get(&id).filter(|found| found.document.text() == text) {
            return Some(Arc::clone(found));
        }
        // It was read when it was set. What an older build took and this one does not allows nothing.
        let document = Document::parse(text, Kind::Resource).ok()?;
        let standing = Arc::new(Standing {
            document: Arc::new(document),
            is_public: is_public(text),
        });
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(id, Arc::clone(&standing));
        Some(standing)
    }
}

/// Refuses what is no policy of the bucket `name`.
pub(crate) fn check(text: &str, name: &str) -> Result<(), Error> {
    Document::parse(text, Kind::Resource).map_err(|problems| Error::Policy(said(&problems)))?;
    for statement in statements(text) {
        for action in texts(&statement, ["Action", "NotAction"]) {
            if action != "*" && !action.to_ascii_lowercase().starts_with("s3:") {
                return Err(Error::Policy(format!(
                    "Policy has invalid action: `{action}` is none of S3's"
                )));
            }
        }
        for resource in texts(&statement, ["Resource", "NotResource"]) {
            if !is_of_bucket(&resource, name) {
                return Err(Error::Policy(format!(
                    "Policy has invalid resource: `{resource}` is not `arn:aws:s3:::{name}` or `arn:aws:s3:::{name}/…`"
                )));
            }
        }
    }
    Ok(())
}

fn said(problems: &[Problem]) -> String {
    let one = |problem: &Problem| {
        format!(
            "line {}, column {}: {}",
            problem.line, problem.column, problem.message
        )
    };
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn is_of_bucket(resource: &str, name: &str) -> bool {
    let rest = resource
        .strip_prefix("arn:aws:s3:::")
        .and_then(|rest| rest.strip_prefix(name));
    resource == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Condition keys that keep a statement for all from being public, where their values are fixed ones.
///
/// Source: Amazon S3 User Guide, "The meaning of public".
const NARROWING: &[&str] = &[
    "aws:sourceip",
    "aws:sourcearn",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourceowner",
    "aws:sourceaccount",
    "aws:userid",
    "aws:principalorgid",
    "aws:principalarn",
    "aws:principalaccount",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:dataaccesspointarn",
    "s3:dataaccesspointaccount",
];

/// Whether it allows somebody who is not known.
pub(crate) fn is_public(text: &str) -> bool {
    statements(text).iter().any(opens)
}

fn opens(statement: &Value) -> bool {
    let is_allow = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
    let is_for_all = statement.get("NotPrincipal").is_some()
        || statement.get("Principal").is_some_and(|principal| {
            has_star(principal) || principal.get("AWS").is_some_and(has_star)
        });
    is_allow && is_for_all && !is_narrow(statement.get("Condition"))
}

fn has_star(value: &Value) -> bool {
    match value {
        Value::String(text) => text == "*",
        Value::Array(all) => all.iter().any(|one| one == "*"),
        _ => false,
    }
}

/// Whether a condition keeps all but known ones out. Only what surely does counts: equality with fixed values.
fn is_narrow(condition: Option<&Value>) -> bool {
    let operators = condition.and_then(Value::as_object);
    operators.into_iter().flatten().any(|(operator, keys)| {
        let is_positive = [
            "StringEquals",
            "StringLike",
            "ArnEquals",
            "ArnLike",
            "IpAddress",
        ]
        .iter()
        .any(|known| operator.eq_ignore_ascii_case(known));
        let keys = keys.as_object();
        is_positive
            && keys.into_iter().flatten().any(|(key, values)| {
                NARROWING.contains(&key.to_ascii_lowercase().as_str()) && is_fixed(values)
            })
    })
}

fn is_fixed(values: &Value) -> bool {
    let is_open = |text: &str| {
        text.contains(['*', '?']) || text.contains("${") || text == "0.0.0.0/0" || text == "::/0"
    };
    match values {
        Value::String(text) => !is_open(text),
        Value::Array(all) => all.iter().all(is_fixed),
        _ => false,
    }
}

fn statements(text: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    match document.get("Statement") {
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn texts(statement: &Value, names: [&str; 2]) -> Vec<String> {
    let values = names.iter().filter_map(|name| statement.get(*name));
    values
        .flat_map(|value| match value {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        })
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(principal: &str, condition: &str) -> String {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"{condition}}}]}}"#
        )
    }

    /// The examples of "The meaning of public" in the User Guide.
    #[test]
    fn public_is_what_the_guide_calls_so() {
        for (principal, condition, expected) in [
            (r#""*""#, "", true),
            (r#"{"AWS":"*"}"#, "", true),
            (
                r#"{"AWS":["arn:aws:iam::123456789012:root","*"]}"#,
                "",
                true,
            ),
            (r#"{"AWS":"123456789012"}"#, "", false),
            (r#"{"Service":"cloudtrail.amazonaws.com"}"#, "", false),
            (
                r#""*""#,
                r#","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}"#,
                false,
            ),
            (
                r#""*""#,
                r#","Condition":{"StringLike":{"aws:SourceVpc":"vpc-*"}}"#,
                true,
            ),
            (
                r#""*""#,
                r#","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#,
                false,
            ),
            (
                r#""*""#,
                r#","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#,
                true,
            ),
            (
                r#""*""#,
                r#","Condition":{"Bool":{"aws:SecureTransport":"true"}}"#,
                true,
            ),
            (
                r#""*""#,
                r#","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#,
                true,
            ),
        ] {
            assert_eq!(
                is_public(&policy(principal, condition)),
                expected,
                "{principal} {condition}"
            );
        }
    }

    #[test]
    fn a_policy_is_of_its_bucket_and_of_s3() {
        let good = policy(r#""*""#, "");
        assert!(check(&good, "b").is_ok());
        for (wrong, part) in [
            (good.replace("s3:::b/", "s3:::bb/"), "invalid resource"),
            (
                good.replace("s3:GetObject", "sqs:SendMessage"),
                "invalid action",
            ),
            (good.replace(r#""Effect":"Allow","#, ""), "line 1"),
            ("{".to_owned(), "line 1"),
        ] {
            let Err(Error::Policy(text)) = check(&wrong, "b") else {
                panic!("{wrong} is taken");
            };
            assert!(text.contains(part), "{text}");
        }
    }
}
