//! What operations touch: ARNs of things that may not exist yet, with their tags.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
//! Management".

use api::{Access, Caller, Fault, Principal};
use base::Arn;

use crate::engine::{Holder, Kind, State, Tags};

/// Something of the account by its ARN's last part, such as `user/dev/alice`.
pub(super) fn on(state: &State, resource: &str) -> Access {
    Access::on(Arn {
        service: "iam".to_owned(),
        region: String::new(),
        account: state.account_id().to_string(),
        resource: resource.to_owned(),
    })
}

/// The whole account: for actions that know no resource.
pub(super) fn account(state: &State) -> Access {
    on(state, "*")
}

/// Everything of a kind under a path.
pub(super) fn all(state: &State, kind: Kind, path: Option<&String>) -> Access {
    let path = path.map_or("/", String::as_str);
    on(state, &format!("{}{path}", kind.arn_type()))
}

/// Something that is about to be made.
pub(super) fn new(
    state: &State,
    kind: Kind,
    path: Option<&String>,
    name: &str,
    tags: &[super::shape::Tag],
) -> Access {
    let path = path.map_or("/", String::as_str);
    let access = on(state, &format!("{}{path}{name}", kind.arn_type()));
    requested(access, tags)
}

/// With the tags that a request brings.
pub(super) fn requested(access: Access, tags: &[super::shape::Tag]) -> Access {
    if tags.is_empty() {
        return access;
    }
    access.with_request_tags(tags.iter().map(|tag| (&*tag.key, &*tag.value)))
}

/// With the tag keys that a request takes away.
pub(super) fn untagged(access: Access, keys: &[String]) -> Access {
    access.with_many("aws:TagKeys", keys.iter().cloned())
}

/// With the managed policy that is attached, detached, or becomes a boundary.
pub(super) fn policy_arn(access: Access, key: &str, arn: Option<&String>) -> Access {
    match arn {
        Some(arn) => access.with(key, arn.clone()),
        None => access,
    }
}

fn known(state: &State, kind: Kind, path: &str, name: &str, tags: &Tags) -> Access {
    let access = on(state, &format!("{}{path}{name}", kind.arn_type()));
    access
        .with_tags("aws:ResourceTag", tags.iter())
        .with_tags("iam:ResourceTag", tags.iter())
}

/// A user.
pub(super) fn user(state: &State, name: &str) -> Access {
    match state.user(name) {
        Ok(user) => {
            let access = known(state, Kind::User, &user.path, &user.name, &user.tags);
            policy_arn(
                access,
                "iam:PermissionsBoundary",
                user.grants.boundary.as_ref(),
            )
        }
        Err(_) => on(state, &format!("user/{name}")),
    }
}

/// The user that a request names, or its caller.
pub(super) fn user_or_caller(state: &State, name: Option<&String>, caller: &Caller) -> Access {
    match name.map(String::as_str).or_else(|| own_name(caller)) {
        Some(name) => user(state, name),
        None => on(state, "user/"),
    }
}

/// The name of the user that a request names, or its caller's.
///
/// # Errors
/// When it names nobody and no user calls.
pub(super) fn named_or_caller(name: Option<&String>, caller: &Caller) -> Result<String, Fault> {
    match (name, own_name(caller)) {
        (Some(name), _) => Ok(name.clone()),
        (None, Some(own)) => Ok(own.to_owned()),
        (None, None) => Err(Fault::sender(
            "ValidationError",
            "Must specify userName when calling with non-User credentials",
        )),
    }
}

/// The name of a caller who is a user.
pub(super) fn own_name(caller: &Caller) -> Option<&str> {
    match &caller.principal {
        Principal::User { name, .. } => Some(name),
        _ => None,
    }
}

/// A user, group or role.
pub(super) fn holder(state: &State, holder: &Holder) -> Access {
    match holder {
        Holder::User(name) => user(state, name),
        Holder::Group(name) => group(state, name),
        Holder::Role(name) => role(state, name),
    }
}

/// A group.
pub(super) fn group(state: &State, name: &str) -> Access {
    let path = state.group(name).map_or("/", |group| &group.path);
    on(state, &format!("group{path}{name}"))
}

/// A role.
pub(super) fn role(state: &State, name: &str) -> Access {
    match state.role(name) {
        Ok(role) => {
            let access = known(state, Kind::Role, &role.path, &role.name, &role.tags);
            policy_arn(
                access,
                "iam:PermissionsBoundary",
                role.grants.boundary.as_ref(),
            )
        }
        Err(_) => on(state, &format!("role/{name}")),
    }
}

/// An instance profile.
pub(super) fn profile(state: &State, name: &str) -> Access {
    match state.profile(name) {
        Ok(profile) => known(
            state,
            Kind::Profile,
            &profile.path,
            &profile.name,
            &profile.tags,
        ),
        Err(_) => on(state, &format!("instance-profile/{name}")),
    }
}

/// A managed policy, by its ARN.
pub(super) fn policy(state: &State, arn: &str) -> Access {
    match state.policy(arn) {
        Some(policy) => known(
            state,
            Kind::Policy,
            &policy.path,
            &policy.name,
            &policy.tags,
        ),
        None => by_arn(state, arn),
    }
}

/// A virtual MFA device, by its serial number.
pub(super) fn device(state: &State, serial: &str) -> Access {
    match state.devices().get(serial) {
        Some(device) => known(
            state,
            Kind::Device,
            &device.path,
            &device.name,
            &device.tags,
        ),
        None => by_arn(state, serial),
    }
}

/// What an ARN names; one that is none is refused by the call itself.
pub(super) fn by_arn(state: &State, arn: &str) -> Access {
    match arn.parse() {
        Ok(arn) => Access::on(arn),
        Err(_) => on(state, "-"),
    }
}
