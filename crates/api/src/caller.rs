//! Who calls, and by which credentials.

use std::sync::Arc;

use base::{AccountId, Arn, Timestamp};

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// The principal's ARN, such as `arn:aws:iam::123456789012:user/dev/alice`.
    pub arn: Arn,
    /// The account of the principal.
    pub account: AccountId,
    /// The id of the key that signed. Of an anonymous caller the one that was claimed, and nothing where none was.
    pub access_key_id: String,
    /// How the credentials came about, where they are temporary.
    pub session: Option<Session>,
    /// Tags of the user, or of the role.
    pub tags: Vec<(String, String)>,
    /// What the principal may do of itself, as it was when the call began.
    pub grants: Arc<Grants>,
}

/// What a principal may do of itself: read once, and again when identities have changed.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Its own policies, and those of its groups.
    pub identity: Vec<policy::Attached>,
    /// The boundary beyond which it may do nothing.
    pub boundary: Option<policy::Attached>,
}

/// Who calls. A group is never one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The account itself.
    Root,
    /// A user.
    User {
        /// Such as `alice`.
        name: String,
        /// Such as `AIDACKCEVSQ6C2EXAMPLE`.
        id: String,
        /// Such as `/dev/`.
        path: String,
    },
    /// A session of a role.
    AssumedRole {
        /// The role's name.
        role: String,
        /// The role's id, such as `AROACKCEVSQ6C2EXAMPLE`.
        role_id: String,
        /// The role's ARN, such as `arn:aws:iam::123456789012:role/ops/deploy`.
        role_arn: Arn,
        /// The name that the session was given.
        session: String,
    },
    /// Somebody for whom a user asked for credentials.
    Federated {
        /// The name that the session was given.
        name: String,
        /// The user's name.
        user: String,
        /// The user's id.
        user_id: String,
        /// The user's ARN.
        user_arn: Arn,
    },
    /// A part of the platform that acts on its own account.
    Service {
        /// Such as `cloudtrail.amazonaws.com`.
        name: &'static str,
    },
    /// Nobody who has proven anything.
    Anonymous,
}

/// How temporary credentials came about.
#[derive(Clone, Debug)]
pub struct Session {
    /// By which way.
    pub kind: SessionKind,
    /// When they were issued.
    pub issued: Timestamp,
    /// Until when they hold.
    pub expires: Timestamp,
    /// When a second factor was shown for them, if one was.
    pub mfa: Option<Timestamp>,
    /// What limits them beyond what their principal may do; nothing of it means no further limit.
    pub policies: Vec<policy::Attached>,
    /// What sessions of roles have that are assumed with them.
    pub carried: Carried,
}

/// What a session hands on to every session of a role that is assumed with it, and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Who is behind it all, said once and for all.
    pub source_identity: Option<String>,
    /// Tags.
    pub tags: Vec<(String, String)>,
}

/// By which way temporary credentials were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// `GetSessionToken`.
    Token,
    /// `AssumeRole`.
    Role,
    /// `GetFederationToken`.
    Federation,
    /// The sign-in page.
    SignIn,
}

impl Caller {
    /// A user with a long-lived key.
    #[must_use]
    pub fn user(
        account: &AccountId,
        path: &str,
        name: &str,
        id: &str,
        access_key_id: &str,
    ) -> Self {
        Self {
            principal: Principal::User {
                name: name.to_owned(),
                id: id.to_owned(),
                path: path.to_owned(),
            },
            arn: identity(account, &format!("user{path}{name}")),
            account: account.clone(),
            access_key_id: access_key_id.to_owned(),
            session: None,
            tags: Vec::new(),
            grants: Arc::default(),
        }
    }

    /// Somebody who has proven nothing to the server of `account`.
    ///
    /// `claimed_key_id`: the key that was claimed, for the record alone.
    #[must_use]
    pub fn anonymous(account: &AccountId, claimed_key_id: &str) -> Self {
        Self {
            principal: Principal::Anonymous,
            arn: identity(account, "anonymous"),
            account: account.clone(),
            access_key_id: claimed_key_id.to_owned(),
            session: None,
            tags: Vec::new(),
            grants: Arc::default(),
        }
    }

    /// A part of the platform that acts on its own account.
    #[must_use]
    pub fn service(account: &AccountId, name: &'static str) -> Self {
        Self {
            principal: Principal::Service { name },
            arn: identity(account, &format!("service/{name}")),
            account: account.clone(),
            access_key_id: String::new(),
            session: None,
            tags: Vec::new(),
            grants: Arc::default(),
        }
    }

    /// The ARN of the role, or of the user, behind a session; nothing for who is none.
    #[must_use]
    pub fn issuer(&self) -> String {
        match &self.principal {
            Principal::AssumedRole { role_arn, .. } => role_arn.to_string(),
            Principal::Federated { user_arn, .. } => user_arn.to_string(),
            _ => String::new(),
        }
    }

    /// Whether nobody has proven anything.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.principal == Principal::Anonymous
    }

    /// The value of a tag.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(known, _)| known == key)?;
        Some(&found.1)
    }

    /// The unique id, with the session's name where it is one: `AROACKCEVSQ6C2EXAMPLE:deploy`.
    #[must_use]
    pub fn unique_id(&self) -> String {
        match &self.principal {
            Principal::Root => self.account.to_string(),
            Principal::User { id, .. } => id.clone(),
            Principal::AssumedRole {
                role_id, session, ..
            } => format!("{role_id}:{session}"),
            Principal::Federated { name, .. } => format!("{}:{name}", self.account),
            Principal::Service { name } => (*name).to_owned(),
            Principal::Anonymous => "anonymous".to_owned(),
        }
    }

    /// How texts name the caller: by ARN, by name where it has none, and `anonymous`.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.principal {
            Principal::Anonymous => "anonymous".to_owned(),
            Principal::Service { name } => (*name).to_owned(),
            _ => self.arn.to_string(),
        }
    }
}

/// The ARN of something of IAM's.
fn identity(account: &AccountId, resource: &str) -> Arn {
    Arn {
        service: "iam".to_owned(),
        region: String::new(),
        account: account.to_string(),
        resource: resource.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_shown_by_arn_and_known_by_id() {
        let account: AccountId = "123456789012".parse().unwrap();
        let user = Caller::user(&account, "/dev/", "alice", "AIDAEXAMPLE", "AKIAEXAMPLE");
        assert_eq!(user.shown(), "arn:aws:iam::123456789012:user/dev/alice");
        assert_eq!(user.unique_id(), "AIDAEXAMPLE");
        let nobody = Caller::anonymous(&account, "AKIAEXAMPLE");
        assert_eq!(nobody.shown(), "anonymous");
        assert!(nobody.is_anonymous() && !user.is_anonymous());
        let trail = Caller::service(&account, "cloudtrail.amazonaws.com");
        assert_eq!(trail.shown(), "cloudtrail.amazonaws.com");
    }
}
