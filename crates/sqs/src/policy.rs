//! A queue's access policy: its quotas, what SQS alone asks of it, and the statements that permissions are. The language is
//! [`policy`]'s, and deciding the gateway's.
//!
//! Source: SQS Developer Guide, "Amazon SQS policy quotas"; API Reference, AddPermission. Texts of refusals: answers of SQS
//! in aws-cdk #16303 (2021), justeattakeaway/JustSaying #1218 (2023), cloudtools/awacs #34 (2016).

use policy::{Document, Kind};
use serde_json::{Value, json};

use crate::Error;

/// Most bytes of a policy.
const BYTES_MAX: usize = 8192;
/// Most statements of a policy.
const STATEMENTS_MAX: usize = 20;
/// Most principals of a statement.
const PRINCIPALS_MAX: usize = 50;
/// Most conditions of a statement: policies of 20 statements with a condition each are in use.
const CONDITIONS_MAX: usize = 10;
/// Most actions of a statement.
const ACTIONS_MAX: usize = 7;

/// What can be permitted to others, besides `*`; of batches under the name of the single action.
const GRANTABLE: [&str; 8] = [
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];
/// What only the owner does.
const OWNERS: [&str; 12] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueues",
    "ListQueueTags",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// A statement that permits other accounts some actions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permission<'a> {
    pub(crate) label: &'a str,
    pub(crate) accounts: &'a [String],
    pub(crate) actions: &'a [String],
}

impl Permission<'_> {
    /// # Errors
    /// When label, accounts or actions break a rule.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_label()?;
        let missing = |name| Err(Error::MissingParameter { name });
        if self.accounts.is_empty() {
            return missing("AWSAccountIds");
        }
        if self.actions.is_empty() {
            return missing("Actions");
        }
        let is_account = |account: &&String| account.parse::<base::AccountId>().is_ok();
        if let Some(wrong) = self.accounts.iter().find(|account| !is_account(account)) {
            let right = "an account id has 12 digits";
            return Err(Error::parameter("AWSAccountIds", wrong, right));
        }
        let (count, limit) = (self.actions.len(), ACTIONS_MAX);
        if count > limit {
            return Err(Error::TooManyActions { count, limit });
        }
        self.actions.iter().try_for_each(|name| check_grant(name))
    }

    fn check_label(&self) -> Result<(), Error> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=80).contains(&self.label.len()) && self.label.bytes().all(is_allowed) {
            return Ok(());
        }
        let right = "a label has 1 to 80 alphanumeric characters, hyphens and underscores";
        Err(Error::parameter("Label", self.label, right))
    }

    fn statement(&self, arn: &str) -> Value {
        let accounts = self.accounts.iter();
        let principals = accounts.map(|account| format!("arn:aws:iam::{account}:root"));
        let actions = self.actions.iter().map(|action| format!("SQS:{action}"));
        json!({
            "Sid": self.label,
            "Effect": "Allow",
            "Principal": {"AWS": one_or_all(principals)},
            "Action": one_or_all(actions),
            "Resource": arn,
        })
    }
}

fn check_grant(action: &str) -> Result<(), Error> {
    match action {
        "*" => Ok(()),
        _ if GRANTABLE.contains(&action) => Ok(()),
        _ if OWNERS.contains(&action) => Err(wrong_action(
            action,
            "Only the queue owner is allowed to invoke this action",
        )),
        _ => Err(unknown_action(action)),
    }
}

fn unknown_action(action: &str) -> Error {
    let right = format!(
        "it is `*` or one of {}; an action includes its batches",
        GRANTABLE.join(", ")
    );
    wrong_action(action, &right)
}

fn wrong_action(action: &str, right: &str) -> Error {
    Error::parameter("ActionName", format!("SQS:{action}"), right)
}

/// A policy as it is kept; `None` when the text is empty, which removes it.
///
/// # Errors
/// When it is not one, or is beyond a quota.
pub(crate) fn parse(text: &str) -> Result<Option<String>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    check_bytes(text)?;
    let refuse = || {
        let right = "it is a JSON object with a Statement: one or a list of objects with an Effect, `Allow` or `Deny`, a Principal or NotPrincipal, an Action or NotAction, and a Resource or NotResource";
        Error::attribute("Policy", text, right)
    };
    let policy: Value = serde_json::from_str(text).map_err(|_| refuse())?;
    let statements = items(policy.get("Statement").ok_or_else(refuse)?);
    if !statements.iter().all(is_statement) {
        return Err(refuse());
    }
    check_quotas(statements)?;
    statements.iter().try_for_each(check_actions)?;
    Document::parse(text, Kind::Resource).map_err(|problems| {
        let right = problems
            .first()
            .map_or_else(String::new, ToString::to_string);
        Error::attribute("Policy", text, &right)
    })?;
    Ok(Some(text.to_owned()))
}

/// A list, or the one that stands for a list.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// Whether it has what every statement of a resource's policy has. Source: IAM User Guide, "Grammar of the IAM JSON policy
/// language"; that SQS refuses one without Principal or Resource: Developer Guide, "Basic examples of Amazon SQS policies".
fn is_statement(json: &Value) -> bool {
    let is_texts = |value: &Value| items(value).iter().all(Value::is_string);
    let is_principal = |value: &Value| match value {
        Value::Object(kinds) => !kinds.is_empty() && kinds.values().all(is_texts),
        text => text == "*",
    };
    let one_of = |names: [&str; 2]| {
        let mut there = names.into_iter().filter_map(|name| json.get(name));
        there.next().filter(|_| there.next().is_none())
    };
    let effect = json.get("Effect").and_then(Value::as_str);
    matches!(effect, Some("Allow" | "Deny"))
        && one_of(["Action", "NotAction"]).is_some_and(is_texts)
        && one_of(["Resource", "NotResource"]).is_some_and(is_texts)
        && one_of(["Principal", "NotPrincipal"]).is_some_and(is_principal)
}

fn check_bytes(policy: &str) -> Result<(), Error> {
    let (bytes, limit) = (policy.len(), BYTES_MAX);
    if bytes > limit {
        return Err(Error::PolicyTooLong { bytes, limit });
    }
    Ok(())
}

fn check_quotas(statements: &[Value]) -> Result<(), Error> {
    let check = |what, place, count, limit| {
        let error = Error::PolicyTooMany {
            what,
            place,
            count,
            limit,
        };
        if count > limit { Err(error) } else { Ok(()) }
    };
    let whole = "the submitted policy";
    check("statements", whole, statements.len(), STATEMENTS_MAX)?;
    statements.iter().try_for_each(|statement| {
        let count_in = |names: [&str; 2], count: fn(&Value) -> usize| {
            let there = names.iter().filter_map(|name| statement.get(name));
            there.map(count).sum()
        };
        let actions = count_in(["Action", "NotAction"], |actions| items(actions).len());
        let principals = count_in(["Principal", "NotPrincipal"], count_leaves);
        let conditions = count_in(["Condition", ""], count_conditions);
        let place = "a statement from the submitted policy";
        check("actions", place, actions, ACTIONS_MAX)?;
        check("principals", place, principals, PRINCIPALS_MAX)?;
        check("conditions", place, conditions, CONDITIONS_MAX)
    })
}

/// `"*"`, or lists by kind.
fn count_leaves(principal: &Value) -> usize {
    match principal {
        Value::Object(kinds) => kinds.values().map(|ids| items(ids).len()).sum(),
        _ => 1,
    }
}

/// The keys under each operator.
fn count_conditions(condition: &Value) -> usize {
    let operators = condition
        .as_object()
        .into_iter()
        .flat_map(|all| all.values());
    operators
        .filter_map(|keys| Some(keys.as_object()?.len()))
        .sum()
}

/// The names of actions of ours; patterns and other services' are left as they are.
fn check_actions(statement: &Value) -> Result<(), Error> {
    let known = |name: &str| {
        let mut names = GRANTABLE.iter().chain(&OWNERS);
        name.contains(['*', '?']) || names.any(|known| known.eq_ignore_ascii_case(name))
    };
    let actions = statement.get("Action").map(items).unwrap_or_default();
    let texts = actions.iter().filter_map(Value::as_str);
    let ours = texts.filter_map(|text| text.split_once(':'));
    let mut names =
        ours.filter_map(|(service, name)| service.eq_ignore_ascii_case("sqs").then_some(name));
    match names.find(|name| !known(name)) {
        Some(name) => Err(unknown_action(name)),
        None => Ok(()),
    }
}

/// Whether a policy may allow something to everybody, and so to callers who have not signed.
pub(crate) fn is_open(policy: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy.get("Statement").map(items).unwrap_or_default();
    let is_everybody = |principal: &Value| match principal {
        Value::Object(kinds) => kinds
            .values()
            .any(|kind| items(kind).iter().any(|one| one == "*")),
        text => text == "*",
    };
    statements.iter().any(|statement| {
        statement["Effect"] == "Allow"
            && (statement.get("NotPrincipal").is_some()
                || statement.get("Principal").is_some_and(is_everybody))
    })
}

/// A policy with one more statement.
///
/// # Errors
/// When the label exists, or the policy would be beyond a quota.
pub(crate) fn add(
    policy: Option<&str>,
    arn: &str,
    permission: Permission<'_>,
) -> Result<Option<String>, Error> {
    let label = permission.label;
    let policy = edit(policy, arn, |statements| {
        if statements.iter().any(|each| has_label(each, label)) {
            return Err(Error::parameter("Label", label, "already exists"));
        }
        statements.push(permission.statement(arn));
        check_quotas(statements)
    })?;
    policy.as_deref().map_or(Ok(()), check_bytes)?;
    Ok(policy)
}

/// A policy without the statement of a label.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub(crate) fn remove(
    policy: Option<&str>,
    arn: &str,
    label: &str,
) -> Result<Option<String>, Error> {
    edit(policy, arn, |statements| {
        let before = statements.len();
        statements.retain(|statement| !has_label(statement, label));
        if statements.len() == before {
            return Err(Error::NotFound {
                what: "label",
                name: label.to_owned(),
            });
        }
        Ok(())
    })
}

/// A list of one is that one: so SQS writes its policies (LocalStack's tests recorded it on 2023-06-22).
fn one_or_all(items: impl Iterator<Item = String>) -> Value {
    let mut items: Vec<Value> = items.map(Value::String).collect();
    match items.len() {
        1 => items.remove(0),
        _ => Value::Array(items),
    }
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

/// Another policy; one without statements is none.
fn edit(
    policy: Option<&str>,
    arn: &str,
    edit: impl FnOnce(&mut Vec<Value>) -> Result<(), Error>,
) -> Result<Option<String>, Error> {
    let parsed = policy.and_then(|policy| serde_json::from_str(policy).ok());
    let mut policy: Value = parsed.unwrap_or_else(
        || json!({"Version": "2008-10-17", "Id": format!("{arn}/SQSDefaultPolicy")}),
    );
    let mut statements = match policy.get_mut("Statement").map(Value::take) {
        Some(Value::Array(statements)) => statements,
        Some(Value::Null) | None => Vec::new(),
        Some(single) => vec![single],
    };
    edit(&mut statements)?;
    let is_empty = statements.is_empty();
    if let Some(object) = policy.as_object_mut() {
        object.insert("Statement".to_owned(), Value::Array(statements));
    }
    Ok((!is_empty).then(|| policy.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Value {
        json!({
            "Effect": "Allow", "Principal": { "AWS": "123456789012" }, "Action": "sqs:SendMessage",
            "Resource": "arn:aws:sqs:us-east-1:123456789012:q",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut one = whole();
        one[name] = value;
        one
    }

    fn parsed(statements: Value) -> Result<Option<String>, Error> {
        parse(&json!({"Version": "2012-10-17", "Statement": statements}).to_string())
    }

    #[test]
    fn a_statement_says_who_what_and_where() {
        assert!(is_statement(&whole()));
        for (name, wrong) in [
            ("Effect", json!("Maybe")),
            ("Action", 7.into()),
            ("Resource", 7.into()),
            ("Principal", "123456789012".into()),
            ("Principal", json!({})),
            ("NotAction", "b".into()),
        ] {
            let one = with(name, wrong);
            assert!(!is_statement(&one), "{one}");
        }
        for name in ["Effect", "Principal", "Action", "Resource"] {
            let mut one = whole();
            one.as_object_mut().unwrap().remove(name);
            assert!(!is_statement(&one), "{one}");
        }
    }

    #[test]
    fn each_quota_is_held_to_the_one() {
        let ids = |count: u64| (0..count).map(|n| format!("{n:012}")).collect::<Vec<_>>();
        let keys = |count: usize| {
            let one = |n| (format!("aws:Key{n}"), json!("v"));
            json!({"StringEquals": (0..count).map(one).collect::<serde_json::Map<_, _>>()})
        };
        let statements = |count| json!(vec![with("Condition", keys(1)); count]);
        let principals = |count| {
            with(
                "Principal",
                json!({"AWS": ids(count), "Service": "sns.amazonaws.com"}),
            )
        };
        let actions = |count| with("Action", json!(vec!["sqs:SendMessage"; count]));
        let conditions = |count| {
            let mut both = keys(count);
            both["Bool"] = json!({"aws:SecureTransport": "true"});
            with("Condition", both)
        };
        for (good, wrong, text) in [
            (
                statements(20),
                statements(21),
                "21 statements were found in the submitted policy, max allowed is 20",
            ),
            (
                principals(49),
                principals(50),
                "51 principals were found in a statement from the submitted policy, max allowed is 50",
            ),
            (
                conditions(9),
                conditions(10),
                "11 conditions were found in a statement from the submitted policy, max allowed is 10",
            ),
            (
                actions(7),
                actions(8),
                "8 actions were found in a statement from the submitted policy, max allowed is 7",
            ),
        ] {
            assert!(parsed(good).is_ok(), "{text}");
            assert_eq!(parsed(wrong).unwrap_err().to_string(), text);
        }
        let padded = |bytes| format!("{:bytes$}", json!({"Statement": whole()}).to_string());
        assert!(parse(&padded(8192)).is_ok());
        let (bytes, limit) = (8193, 8192);
        assert_eq!(
            parse(&padded(8193)),
            Err(Error::PolicyTooLong { bytes, limit })
        );
    }

    #[test]
    fn permissions_are_within_the_quotas_too() {
        let accounts = ["123456789012".to_owned()];
        let actions = ["SendMessage".to_owned()];
        let mut policy = None;
        let added = |policy: Option<&str>, label: &str| {
            let permission = Permission {
                label,
                accounts: &accounts,
                actions: &actions,
            };
            add(policy, "arn", permission)
        };
        for n in 0..20 {
            policy = added(policy.as_deref(), &format!("label-{n}")).unwrap();
        }
        assert!(matches!(
            added(policy.as_deref(), "more"),
            Err(Error::PolicyTooMany { count: 21, .. })
        ));
    }

    #[test]
    fn only_known_actions_stand_in_a_policy() {
        for good in [
            "*",
            "sqs:*",
            "SQS:Get*",
            "SQS:sendmessage",
            "sqs:TagQueue",
            "sns:Publish",
        ] {
            assert!(parsed(with("Action", good.into())).is_ok(), "{good}");
        }
        for wrong in ["sqs:SendMessageBatch", "SQS:Send"] {
            let error = parsed(with("Action", json!(["sqs:SendMessage", wrong]))).unwrap_err();
            assert!(error.to_string().contains("ActionName"), "{error}");
        }
    }

    #[test]
    fn a_policy_is_open_that_allows_everybody() {
        let statement = |effect: &str, who: Value| {
            let action = json!({"Effect": effect, "Action": "sqs:*", "Resource": "*"});
            let mut action = action;
            let (key, who) = who.as_object().unwrap().iter().next().unwrap();
            action[key] = who.clone();
            json!({"Statement": [action]}).to_string()
        };
        for (effect, who, expected) in [
            ("Allow", json!({"Principal": "*"}), true),
            ("Allow", json!({"Principal": {"AWS": "*"}}), true),
            (
                "Allow",
                json!({"Principal": {"AWS": ["123456789012", "*"]}}),
                true,
            ),
            (
                "Allow",
                json!({"NotPrincipal": {"AWS": "123456789012"}}),
                true,
            ),
            (
                "Allow",
                json!({"Principal": {"AWS": "123456789012"}}),
                false,
            ),
            ("Deny", json!({"Principal": "*"}), false),
        ] {
            assert_eq!(
                is_open(&statement(effect, who.clone())),
                expected,
                "{effect} {who}"
            );
        }
    }
}
