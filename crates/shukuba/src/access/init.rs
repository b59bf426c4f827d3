//! The end state of a new account: three groups with their policies, a password policy, and the bill open to those who may
//! see it.
//!
//! Repeatable: what is there stays as it is, whoever made it; nothing is removed or overwritten.

use serde_json::Value;

use crate::answers::access::Switch;

use super::calls::{Calls, Failure};
use super::place::Place;
use super::steps::{Became, Mode, Steps};

/// The policy of the account's own that lets people see the bill.
pub(crate) const VIEW_BILLING: &str = "ViewBilling";
/// The inline policy of `--deny-receive`.
pub(crate) const DENY_RECEIVE: &str = "DenyReceiveMessage";
/// The group that looks on.
const OPERATORS: &str = "Operators";

/// A group of the end state.
struct Planned {
    name: &'static str,
    /// AWS's managed policies that it has.
    policies: &'static [&'static str],
    /// Whether it has [`VIEW_BILLING`] too.
    sees_bill: bool,
}

const GROUPS: &[Planned] = &[
    Planned {
        name: "Admin",
        policies: &["AdministratorAccess", "IAMUserChangePassword"],
        sees_bill: false,
    },
    Planned {
        name: "Developers",
        policies: &["PowerUserAccess", "IAMUserChangePassword"],
        sees_bill: false,
    },
    Planned {
        name: OPERATORS,
        policies: &["ReadOnlyAccess", "IAMUserChangePassword"],
        sees_bill: true,
    },
];

/// What [`VIEW_BILLING`] says. The first statement is the one that the console's generator makes of "ViewAccount" and
/// "ViewBilling"; AWS stopped reading those names in July 2023, and the second says the same in those of today.
///
/// Source: AWS Billing User Guide, "Mapping fine-grained IAM actions reference".
const VIEW_BILLING_DOCUMENT: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "ViewAccountAndBilling",
      "Effect": "Allow",
      "Action": ["aws-portal:ViewAccount", "aws-portal:ViewBilling"],
      "Resource": "*"
    },
    {
      "Sid": "TheSameInTheActionsOfToday",
      "Effect": "Allow",
      "Action": [
        "account:GetAccountInformation",
        "account:GetAlternateContact",
        "account:GetContactInformation",
        "billing:Get*",
        "billing:List*",
        "ce:Describe*",
        "ce:Get*",
        "ce:List*",
        "consolidatedbilling:Get*",
        "consolidatedbilling:List*",
        "cur:GetClassicReport*",
        "freetier:Get*",
        "invoicing:Get*",
        "invoicing:List*",
        "payments:Get*",
        "payments:List*",
        "tax:Get*"
      ],
      "Resource": "*"
    }
  ]
}"#;

/// What [`DENY_RECEIVE`] says.
const DENY_RECEIVE_DOCUMENT: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "LookingTakesNoMessage",
      "Effect": "Deny",
      "Action": "sqs:ReceiveMessage",
      "Resource": "*"
    }
  ]
}"#;

/// Where the account has no password policy of its own. Chosen: the length and the memory that the CIS benchmark for AWS
/// asks for, and all four kinds of letters.
const PASSWORD_POLICY: &[(&str, &str)] = &[
    ("MinimumPasswordLength", "14"),
    ("RequireSymbols", "true"),
    ("RequireNumbers", "true"),
    ("RequireUppercaseCharacters", "true"),
    ("RequireLowercaseCharacters", "true"),
    ("PasswordReusePrevention", "24"),
];

/// What ReadOnlyAccess lets through.
pub(crate) const RECEIVE_WARNING: &str = "ReadOnlyAccess holds sqs:ReceiveMessage: its users can take messages from a queue, which hides them for the \
     visibility timeout and counts as a receive; --deny-receive adds a deny (beyond the article)";

/// Whether Operators are denied to take messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receive {
    /// As AWS's ReadOnlyAccess has it.
    AsAllowed,
    /// Denied, beyond the article.
    Denied,
}

/// Brings the identities of `place` into the end state.
pub(crate) fn identities(
    place: &Place,
    receive: Receive,
    steps: &mut Steps,
) -> Result<(), Failure> {
    let calls = place.calls();
    let bill = view_billing(calls, steps)?;
    for planned in GROUPS {
        group(calls, planned, bill.as_deref(), steps)?;
    }
    if receive == Receive::Denied {
        deny_receive(calls, steps)?;
    }
    let has_own = calls.find("GetAccountPasswordPolicy", &[])?.is_some();
    steps.ensure("password policy", has_own, || {
        let set = calls.call("UpdateAccountPasswordPolicy", PASSWORD_POLICY);
        set.map(drop)
    })?;
    billing(place, steps)
}

/// The ARN of the policy, where it is there.
fn view_billing(calls: &dyn Calls, steps: &mut Steps) -> Result<Option<String>, Failure> {
    let what = format!("policy {VIEW_BILLING}");
    let own = calls.list("ListPolicies", &[("Scope", "Local")], "Policies")?;
    let known = own
        .iter()
        .find(|policy| policy.text("PolicyName") == VIEW_BILLING);
    if let Some(known) = known {
        let arn = known.text("Arn").to_owned();
        match says(calls, &arn, known.text("DefaultVersionId"))? {
            true => steps.add(what, Became::Exists, ""),
            false => steps.add(what, Became::Left, "it says something else than ours"),
        }
        return Ok(Some(arn));
    }
    let mut arn = None;
    steps.ensure(what, false, || {
        let form = [
            ("PolicyName", VIEW_BILLING),
            ("Description", "Sees the account and the bill"),
            ("PolicyDocument", VIEW_BILLING_DOCUMENT),
        ];
        let made = calls.call("CreatePolicy", &form)?;
        arn = Some(made.text("Arn").to_owned());
        Ok(())
    })?;
    Ok(arn)
}

/// Whether the policy says what ours says.
fn says(calls: &dyn Calls, arn: &str, version: &str) -> Result<bool, Failure> {
    let form = [("PolicyArn", arn), ("VersionId", version)];
    let found = calls.call("GetPolicyVersion", &form)?;
    let text = decoded(found.text("Document"));
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    Ok(read(&text).is_some_and(|said| Some(said) == read(VIEW_BILLING_DOCUMENT)))
}

/// A document as IAM answers it: `%7B%22Version%22…`.
fn decoded(text: &str) -> String {
    let whole = format!("d={}", text.replace('+', "%2B").replace('&', "%26"));
    let pair = url::form_urlencoded::parse(whole.as_bytes()).next();
    pair.map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn group(
    calls: &dyn Calls,
    planned: &Planned,
    bill: Option<&str>,
    steps: &mut Steps,
) -> Result<(), Failure> {
    let name = [("GroupName", planned.name)];
    let is_there = calls.find("GetGroup", &name)?.is_some();
    steps.ensure(format!("group {}", planned.name), is_there, || {
        calls.call("CreateGroup", &name).map(drop)
    })?;
    let attached = match is_there {
        true => calls.list("ListAttachedGroupPolicies", &name, "AttachedPolicies")?,
        false => Vec::new(),
    };
    let of_aws = |policy| (policy, format!("arn:aws:iam::aws:policy/{policy}"));
    let mut wanted: Vec<(&str, String)> = planned.policies.iter().copied().map(of_aws).collect();
    if planned.sees_bill {
        wanted.push((VIEW_BILLING, bill.unwrap_or_default().to_owned()));
    }
    for (policy, arn) in &wanted {
        let has = attached.iter().any(|known| known.text("PolicyArn") == arn);
        steps.ensure(format!("{policy} of group {}", planned.name), has, || {
            let form = [("GroupName", planned.name), ("PolicyArn", arn)];
            calls.call("AttachGroupPolicy", &form).map(drop)
        })?;
    }
    Ok(())
}

fn deny_receive(calls: &dyn Calls, steps: &mut Steps) -> Result<(), Failure> {
    let form = [("GroupName", OPERATORS), ("PolicyName", DENY_RECEIVE)];
    let is_there = calls.find("GetGroupPolicy", &form)?.is_some();
    steps.ensure(
        format!("{DENY_RECEIVE} of group {OPERATORS}"),
        is_there,
        || {
            let mut form = form.to_vec();
            form.push(("PolicyDocument", DENY_RECEIVE_DOCUMENT));
            calls.call("PutGroupPolicy", &form).map(drop)
        },
    )?;
    steps.remark("beyond the article");
    Ok(())
}

fn billing(place: &Place, steps: &mut Steps) -> Result<(), Failure> {
    let what = "access of users to billing";
    let is = match place.billing() {
        Ok(Some(is)) => is,
        Ok(None) => {
            let note = "in AWS's console, as root: Account, \"IAM user and role access to Billing information\"";
            steps.add(what, Became::ToDo, note);
            return Ok(());
        }
        // What speaks AWS's protocols there need not be one of ours.
        Err(error) => {
            let note = format!("the server does not say how it stands: {error:#}");
            steps.add(what, Became::ToDo, note);
            return Ok(());
        }
    };
    steps.ensure(what, is == Switch::Open, || {
        place.set_billing(Switch::Open).map_err(Failure::Failed)
    })
}

/// Whether anything is warned of: Operators have ReadOnlyAccess and may take messages.
pub(crate) fn may_receive(calls: &dyn Calls, receive: Receive, mode: Mode) -> bool {
    if receive == Receive::Denied {
        return false;
    }
    let form = [("GroupName", OPERATORS), ("PolicyName", DENY_RECEIVE)];
    let known = calls.find("GetGroupPolicy", &form);
    mode == Mode::Look || !matches!(known, Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::here;
    use std::collections::BTreeSet;

    fn run(place: &Place, mode: Mode, receive: Receive) -> Steps {
        let mut steps = Steps::new(mode);
        identities(place, receive, &mut steps).unwrap();
        steps
    }

    fn became(steps: &Steps) -> BTreeSet<&'static str> {
        steps
            .all()
            .iter()
            .map(|step| step.became.as_str())
            .collect()
    }

    #[test]
    fn the_end_state_is_made_once_and_then_is_there() {
        let (place, _dir) = here();
        let looked = run(&place, Mode::Look, Receive::Denied);
        assert_eq!(became(&looked), BTreeSet::from(["would make"]));
        assert!(place.inside().unwrap().iam().state().groups().is_empty());
        let made = run(&place, Mode::Do, Receive::Denied);
        assert_eq!(became(&made), BTreeSet::from(["made"]));
        let again = run(&place, Mode::Do, Receive::Denied);
        assert_eq!(became(&again), BTreeSet::from(["exists"]));
        let names = |steps: &Steps| -> Vec<String> {
            steps.all().iter().map(|step| step.what.clone()).collect()
        };
        assert_eq!(names(&looked), names(&made));
        assert_eq!(names(&made), names(&again));
    }

    /// Source: the article's table of groups and policies.
    #[test]
    fn groups_have_the_policies_of_the_article() {
        let (place, _dir) = here();
        run(&place, Mode::Do, Receive::AsAllowed);
        let state = place.inside().unwrap().iam().newest();
        let account = state.account_id();
        let own = format!("arn:aws:iam::{account}:policy/ViewBilling");
        for (group, policies) in [
            ("Admin", vec!["AdministratorAccess"]),
            ("Developers", vec!["PowerUserAccess"]),
            ("Operators", vec!["ReadOnlyAccess", &own]),
        ] {
            let of_aws = |name: &str| match name.starts_with("arn:") {
                true => name.to_owned(),
                false => format!("arn:aws:iam::aws:policy/{name}"),
            };
            let mut expected: BTreeSet<_> = policies.into_iter().map(of_aws).collect();
            expected.insert(of_aws("IAMUserChangePassword"));
            let grants = &state.group(group).unwrap().grants;
            assert_eq!(grants.attached, expected, "{group}");
            assert!(grants.inline.is_empty(), "{group}");
        }
        assert_eq!(
            state.account().billing,
            iam::engine::account::BillingIs::Open
        );
        assert_eq!(state.password_policy().unwrap().chars_min, 14);
    }

    #[test]
    fn what_somebody_else_made_stays() {
        let (place, _dir) = here();
        let calls = place.calls();
        let other = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ce:*","Resource":"*"}}"#;
        calls
            .call(
                "CreatePolicy",
                &[("PolicyName", VIEW_BILLING), ("PolicyDocument", other)],
            )
            .unwrap();
        calls
            .call(
                "UpdateAccountPasswordPolicy",
                &[("MinimumPasswordLength", "20")],
            )
            .unwrap();
        let made = run(&place, Mode::Do, Receive::AsAllowed);
        let of = |what: &str| {
            let step = made.all().iter().find(|step| step.what == what);
            step.unwrap().became
        };
        assert_eq!(of("policy ViewBilling"), Became::Left);
        assert_eq!(of("password policy"), Became::Exists);
        let state = place.inside().unwrap().iam().newest();
        assert_eq!(state.password_policy().unwrap().chars_min, 20);
        let policy = state.policies().named(VIEW_BILLING).unwrap();
        assert_eq!(policy.document(), other);
    }

    #[test]
    fn the_documents_are_policies_without_findings_but_the_old_names() {
        for text in [VIEW_BILLING_DOCUMENT, DENY_RECEIVE_DOCUMENT] {
            let problems = policy::Document::parse(text, policy::Kind::Identity).err();
            assert_eq!(problems, None);
            let findings = policy::validate(text, policy::Kind::Identity);
            let is_error = |finding: &&policy::Finding| finding.kind == policy::FindingKind::Error;
            assert_eq!(findings.iter().find(is_error), None);
        }
    }

    #[test]
    fn a_document_is_read_as_iam_writes_it() {
        assert_eq!(decoded("%7B%22a%22%3A%22b+c%26%22%7D"), "{\"a\":\"b+c&\"}");
    }
}
