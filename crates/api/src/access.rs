//! What a call wants to touch, and who decides whether it may.
//!
//! The seam for IAM: the gateway holds one `Arc<dyn Authorizer>`. Today that is [`RoleAuthorizer`]; policies
//! replace it without a change in any service.

use std::fmt;

use base::Arn;

use crate::ctx::{Ctx, Role};

/// One thing that a call wants to do. A call may want several; all of them must be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Such as `sqs:SendMessage`.
    pub action: &'static str,
    /// On what.
    pub resource: Arn,
}

/// The answer to "may this caller do this?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, for one of the things wanted; the reason goes into the answer, so it names no secrets.
    Deny {
        /// What is not allowed.
        action: &'static str,
        /// On what.
        resource: Arn,
        /// Such as `no identity-based policy allows the sqs:SendMessage action`.
        reason: String,
    },
}

/// Decides whether a caller may do what a call wants.
pub trait Authorizer: Send + Sync + fmt::Debug {
    /// Decides on all of `access` for `ctx.caller`. Must not block.
    fn decide(&self, ctx: &Ctx, access: &[Access]) -> Decision;
}

/// Decides by the role of the key alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoleAuthorizer;

const SENDER: &[&str] = &[
    "sqs:SendMessage",
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
];

const NOTIFIER: &[&str] = &[
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:SendMessage",
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
];

const READER_VERBS: &[&str] = &["Get", "List", "Describe", "Lookup"];

/// Whether `role` may do `action`, such as `sqs:SendMessage`.
fn is_allowed(role: Role, action: &str) -> bool {
    match role {
        Role::Administrator => true,
        Role::Sender => SENDER.contains(&action),
        Role::Notifier => NOTIFIER.contains(&action),
        Role::Reader => action
            .split_once(':')
            .is_some_and(|(_, name)| READER_VERBS.iter().any(|verb| name.starts_with(verb))),
    }
}

impl Authorizer for RoleAuthorizer {
    fn decide(&self, ctx: &Ctx, access: &[Access]) -> Decision {
        let role = ctx.caller.role;
        match access
            .iter()
            .find(|wanted| !is_allowed(role, wanted.action))
        {
            None => Decision::Allow,
            Some(wanted) => Decision::Deny {
                action: wanted.action,
                resource: wanted.resource.clone(),
                reason: format!("the role {role} of this key does not allow it"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_its_work_and_no_more() {
        use Role::{Administrator, Notifier, Reader, Sender};
        for (role, action, expected) in [
            (Administrator, "sqs:DeleteQueue", true),
            (Administrator, "iam:CreateUser", true),
            (Sender, "sqs:SendMessage", true),
            (Sender, "sqs:GetQueueUrl", true),
            (Sender, "sqs:ReceiveMessage", false),
            (Sender, "sqs:CreateQueue", false),
            (Sender, "sqs:SendMessageX", false),
            (Notifier, "sqs:ReceiveMessage", true),
            (Notifier, "sqs:DeleteMessage", true),
            (Notifier, "sqs:ChangeMessageVisibility", true),
            (Notifier, "sqs:SendMessage", true),
            (Notifier, "sqs:PurgeQueue", false),
            (Reader, "sqs:GetQueueAttributes", true),
            (Reader, "sqs:ListQueues", true),
            (Reader, "shukuba:GetLedger", true),
            (Reader, "sqs:ReceiveMessage", false),
            (Reader, "sqs:SendMessage", false),
        ] {
            assert_eq!(is_allowed(role, action), expected, "{role} {action}");
        }
    }
}
