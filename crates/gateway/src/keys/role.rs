//! What a key is for: the four roles, and an authorizer that knows nothing else.

use std::fmt;
use std::str::FromStr;

use api::{Access, Authorizer, Ctx, Decision};

/// The tag of a caller that names its role.
pub const ROLE_TAG: &str = "shukuba:role";

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May do everything.
    Administrator,
    /// May send to queues: SendMessage, SendMessageBatch, GetQueueUrl, GetQueueAttributes.
    Sender,
    /// May take messages from queues, finish them, and send what it must try again.
    Notifier,
    /// May look: Get…, List…, Describe….
    Reader,
}

/// A text that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("role `{text}` is not one of administrator, sender, notifier, reader")]
pub struct NotRole {
    /// What was given.
    pub text: String,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [
        Self::Administrator,
        Self::Sender,
        Self::Notifier,
        Self::Reader,
    ];

    /// The role's name, such as `administrator`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Sender => "sender",
            Self::Notifier => "notifier",
            Self::Reader => "reader",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = NotRole;

    fn from_str(text: &str) -> Result<Self, NotRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| NotRole {
                text: text.to_owned(),
            })
    }
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
    "shukuba:TakeFromRoute",
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
        let role: Option<Role> = ctx.caller.tag(ROLE_TAG).and_then(|tag| tag.parse().ok());
        let is_open = |action| role.is_some_and(|role| is_allowed(role, action));
        match access.iter().find(|wanted| !is_open(wanted.action)) {
            None => Decision::Allow,
            Some(wanted) => Decision::Deny {
                action: wanted.action,
                resource: wanted.resource.clone(),
                reason: match role {
                    Some(role) => format!("because the role {role} of this key does not allow it"),
                    None => "because the caller has no role".to_owned(),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_go_there_and_back() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        let refused = "root".parse::<Role>().unwrap_err().to_string();
        assert!(refused.contains("administrator"), "{refused}");
    }

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
            (Notifier, "shukuba:TakeFromRoute", true),
            (Notifier, "sqs:PurgeQueue", false),
            (Reader, "shukuba:TakeFromRoute", false),
            (Sender, "shukuba:TakeFromRoute", false),
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
