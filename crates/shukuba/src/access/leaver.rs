//! Somebody goes: keys off, password and memberships gone, sessions ended. The user itself stays, so that the trail goes on
//! naming somebody who is known.

use base::{Clock, SystemClock};
use serde_json::json;

use super::answer::Node;
use super::calls::{Calls, Failure};
use super::place::Place;
use super::steps::{Became, Mode, Steps};

/// The inline policy that ends sessions where there is no other way, called as the console of AWS calls it.
const REVOKE: &str = "AWSRevokeOlderSessions";

/// What somebody has.
struct Standing {
    /// Ids of the keys that are on.
    keys: Vec<String>,
    has_password: bool,
    groups: Vec<String>,
    /// What stays: policies of its own, and devices.
    left: Vec<String>,
}

impl Standing {
    fn of(calls: &dyn Calls, user: &str) -> Result<Self, Failure> {
        let form = [("UserName", user)];
        calls.call("GetUser", &form)?;
        let names = |nodes: Vec<Node>, name: &str| -> Vec<String> {
            nodes
                .iter()
                .map(|node| node.text(name).to_owned())
                .collect()
        };
        let mut keys = calls.list("ListAccessKeys", &form, "AccessKeyMetadata")?;
        keys.retain(|key| key.text("Status") == "Active");
        let groups = calls.list("ListGroupsForUser", &form, "Groups")?;
        let attached = calls.list("ListAttachedUserPolicies", &form, "AttachedPolicies")?;
        let inline = calls.call("ListUserPolicies", &form)?;
        let devices = calls.list("ListMFADevices", &form, "MFADevices")?;
        let mut left = names(attached, "PolicyName");
        let inline = inline.members("PolicyNames").map(Node::own_text);
        left.extend(inline.filter(|name| *name != REVOKE).map(str::to_owned));
        left.extend(names(devices, "SerialNumber"));
        Ok(Self {
            keys: names(keys, "AccessKeyId"),
            has_password: calls.find("GetLoginProfile", &form)?.is_some(),
            groups: names(groups, "GroupName"),
            left,
        })
    }
}

/// Takes all from `user` by which it could do something. Repeatable.
pub(crate) fn offboard(place: &Place, user: &str, steps: &mut Steps) -> Result<(), Failure> {
    let calls = place.calls();
    let standing = Standing::of(calls, user)?;
    match place.inside() {
        // One change, so that there is no moment at which half of it holds.
        Some(inside) if steps.mode() == Mode::Do => {
            let user = user.to_owned();
            let done = inside.iam().run(iam::engine::user::Offboard { user });
            done.map_err(|error| Failure::Failed(error.into()))?;
            report(&standing, steps, |_, _| Ok(()))
        }
        _ => {
            let call = |operation: &str, form: &[(&str, &str)]| {
                let mut form = form.to_vec();
                form.push(("UserName", user));
                calls.call(operation, &form).map(drop)
            };
            report(&standing, steps, call)
        }
    }
}

/// The steps, each done by `call`.
fn report(
    standing: &Standing,
    steps: &mut Steps,
    call: impl Fn(&str, &[(&str, &str)]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for key in &standing.keys {
        steps.ensure(format!("key {key} is off"), false, || {
            let form = [("AccessKeyId", key.as_str()), ("Status", "Inactive")];
            call("UpdateAccessKey", &form)
        })?;
    }
    if standing.keys.is_empty() {
        steps.add("no key is on", Became::Exists, "");
    }
    steps.ensure("no password", !standing.has_password, || {
        call("DeleteLoginProfile", &[])
    })?;
    steps.ensure("sessions until now are over", false, || {
        let document = deny_until(&SystemClock::new().now().rfc3339());
        let form = [("PolicyName", REVOKE), ("PolicyDocument", &document)];
        call("PutUserPolicy", &form)
    })?;
    for group in &standing.groups {
        steps.ensure(format!("out of group {group}"), false, || {
            call("RemoveUserFromGroup", &[("GroupName", group)])
        })?;
    }
    if standing.groups.is_empty() {
        steps.add("in no group", Became::Exists, "");
    }
    for thing in &standing.left {
        let note = "stays, and is of no use without a key, a password or a session";
        steps.add(thing, Became::Left, note);
    }
    Ok(())
}

/// What the console of AWS writes to end sessions.
///
/// Source: IAM User Guide, "Revoke IAM role temporary security credentials".
fn deny_until(at: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny",
            "Action": ["*"],
            "Resource": ["*"],
            "Condition": { "DateLessThan": { "aws:TokenIssueTime": at } },
        }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::people::{self, Key, Newcomer};
    use crate::access::testing::here;
    use iam::engine::key::Status;

    fn alice(place: &Place) {
        let calls = place.calls();
        calls.call("CreateGroup", &[("GroupName", "Ops")]).unwrap();
        let who = Newcomer {
            user: "alice".to_owned(),
            groups: vec!["Ops".to_owned()],
            key: Key::Wanted,
            url: String::new(),
        };
        people::add(calls, &who, |_| Ok(())).unwrap();
        let arn = "arn:aws:iam::aws:policy/SecurityAudit";
        let form = [("UserName", "alice"), ("PolicyArn", arn)];
        calls.call("AttachUserPolicy", &form).unwrap();
    }

    fn run(place: &Place, mode: Mode) -> Vec<(String, Became)> {
        let mut steps = Steps::new(mode);
        offboard(place, "alice", &mut steps).unwrap();
        let steps = steps.all().iter();
        steps.map(|step| (step.what.clone(), step.became)).collect()
    }

    #[test]
    fn a_leaver_has_nothing_left_to_come_in_by() {
        let (place, _dir) = here();
        alice(&place);
        let iam = place.inside().unwrap().iam();
        let before = iam.newest().user("alice").unwrap().clone();
        let looked = run(&place, Mode::Look);
        assert_eq!(*iam.newest().user("alice").unwrap(), before);
        let key = format!("key {} is off", before.keys[0].id);
        let expected = [
            key.as_str(),
            "no password",
            "sessions until now are over",
            "out of group Ops",
            "SecurityAudit",
        ];
        let done = run(&place, Mode::Do);
        for steps in [&looked, &done] {
            let what: Vec<_> = steps.iter().map(|(what, _)| what.as_str()).collect();
            assert_eq!(what, expected);
        }
        let state = iam.newest();
        let user = state.user("alice").unwrap();
        assert!(user.keys.iter().all(|key| key.status == Status::Inactive));
        assert!(user.login.is_none() && user.groups.is_empty() && user.sessions_from.is_some());
        let again = run(&place, Mode::Do);
        let what: Vec<_> = again.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(what[..2], ["no key is on", "no password"]);
    }

    #[test]
    fn over_the_wire_the_same_is_done_call_by_call() {
        let (place, _dir) = here();
        alice(&place);
        let calls = place.calls();
        let standing = Standing::of(calls, "alice").unwrap();
        let mut steps = Steps::new(Mode::Do);
        let call = |operation: &str, form: &[(&str, &str)]| {
            let mut form = form.to_vec();
            form.push(("UserName", "alice"));
            calls.call(operation, &form).map(drop)
        };
        report(&standing, &mut steps, call).unwrap();
        let state = place.inside().unwrap().iam().newest();
        let user = state.user("alice").unwrap();
        assert!(user.keys.iter().all(|key| key.status == Status::Inactive));
        assert!(user.login.is_none() && user.groups.is_empty());
        assert!(user.grants.inline[REVOKE].contains("aws:TokenIssueTime"));
        assert_eq!(
            Standing::of(calls, "alice").unwrap().left,
            ["SecurityAudit"]
        );
    }

    #[test]
    fn nobody_who_is_not_there_is_sent_away() {
        let (place, _dir) = here();
        let failure = offboard(&place, "bob", &mut Steps::new(Mode::Do)).unwrap_err();
        assert!(failure.is("NoSuchEntity"), "{failure}");
    }
}
