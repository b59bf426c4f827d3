//! Roles as services assume them: whoever runs functions or fires rules gets the credentials of a role for them, where the role's trust
//! policy lets that service in.
//!
//! Source: IAM User Guide, "Create a role to delegate permissions to an AWS service", "The confused deputy problem".

use std::time::Duration;

use api::{Caller, Carried, SessionKind};
use base::Timestamp;
use policy::{Context, Policies, Principal, Request, decide};

use super::keys::Keys;
use super::{Credentials, Holder, Token, new_secret, role_caller};
use crate::engine::{Role, State};
use crate::ground::Ground;
use crate::sts::assume_role::{role, trust};

/// For whom a service assumes a role.
#[derive(Clone, Copy, Debug)]
pub struct Assume<'a> {
    /// The role's ARN.
    pub role: &'a str,
    /// The service, such as `lambda.amazonaws.com`.
    pub service: &'a str,
    /// The ARN of what it does that for, such as a function; `aws:SourceArn` of the trust policy.
    pub source: &'a str,
    /// The session's name.
    pub session: &'a str,
}

/// Why a role was not assumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAssumed {
    /// There is no such role.
    #[error("the role `{role}` does not exist")]
    NotFound {
        /// Its ARN.
        role: String,
    },
    /// It does not let the service in.
    #[error(
        "the role `{role}` cannot be assumed by `{service}`: its trust policy does not allow it"
    )]
    NotTrusted {
        /// Its ARN.
        role: String,
        /// The service.
        service: String,
    },
}

/// Credentials of a session of a role that hold for `lasts`.
///
/// # Errors
/// [`NotAssumed`].
pub fn assume(
    ground: &dyn Ground,
    wanted: Assume<'_>,
    lasts: Duration,
) -> Result<Credentials, NotAssumed> {
    let state = ground.state();
    let role = found(&state, wanted.role)?;
    if !trusts(&state, role, &wanted) {
        return Err(NotAssumed::NotTrusted {
            role: wanted.role.to_owned(),
            service: wanted.service.to_owned(),
        });
    }
    let issued = ground.now();
    let token = Token {
        holder: Holder::Role {
            id: role.id.clone(),
            session: wanted.session.to_owned(),
        },
        kind: SessionKind::Role,
        secret: new_secret(),
        issued,
        expires: Timestamp::from_secs(issued.plus(lasts).as_secs()),
        mfa: None,
        policy: None,
        managed: Vec::new(),
        tags: Vec::new(),
        carried: Carried::default(),
    };
    Ok(token.issue(ground))
}

impl Keys {
    /// The caller that a session of the role is, for decisions about calls that are made on its behalf within this process.
    ///
    /// # Errors
    /// [`NotAssumed::NotFound`].
    pub fn caller_of_role(&self, arn: &str, session: &str) -> Result<Caller, NotAssumed> {
        let state = self.state();
        let role = found(&state, arn)?;
        let grants = self.grants_of_role(&state, role);
        Ok(role_caller(&state, role, session, grants))
    }
}

fn found<'a>(state: &'a State, arn: &str) -> Result<&'a Role, NotAssumed> {
    role(state, arn)
        .map(|role| &**role)
        .ok_or_else(|| NotAssumed::NotFound {
            role: arn.to_owned(),
        })
}

fn trusts(state: &State, role: &Role, wanted: &Assume<'_>) -> bool {
    let Some(trust) = trust(role) else {
        return false;
    };
    let account = state.account_id().as_str();
    let mut facts = Context::new();
    facts.set("aws:SourceArn", wanted.source.to_owned());
    facts.set("aws:SourceAccount", account.to_owned());
    let request = Request {
        principal: Principal::Service {
            name: wanted.service,
        },
        action: "sts:AssumeRole",
        resource: wanted.role,
        resource_account: account,
        facts: &facts,
    };
    let policies = Policies {
        identity: &[],
        boundary: None,
        session: &[],
        resource: Some(&trust),
    };
    decide(&request, &policies).is_allowed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::{KeyLookup, Principal};

    use super::*;
    use crate::engine::Holder as Owner;
    use crate::ground::memory::{ACCOUNT, Memory};

    const HOUR: Duration = Duration::from_secs(3600);

    fn trusting(condition: &str) -> String {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"lambda.amazonaws.com"}},
               "Action":"sts:AssumeRole"{condition}}}]}}"#
        )
    }

    fn wanted<'a>(role: &'a str, service: &'a str) -> Assume<'a> {
        Assume {
            role,
            service,
            source: "arn:aws:lambda:ap-northeast-1:123456789012:function:f",
            session: "f",
        }
    }

    #[test]
    fn a_service_gets_the_sessions_of_roles_that_trust_it() {
        let memory = Memory::new();
        memory.role("notifier", &trusting(""));
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/notifier");
        let given = assume(&*memory, wanted(&arn, "lambda.amazonaws.com"), HOUR).unwrap();
        let keys = Keys::new(memory, &"ap-northeast-1".parse().unwrap());
        let key = keys.find(&given.key_id, Some(&given.token)).unwrap();
        let expected = format!("arn:aws:sts::{ACCOUNT}:assumed-role/notifier/f");
        assert_eq!(key.caller.arn.to_string(), expected);
        let inside = keys.caller_of_role(&arn, "f").unwrap();
        assert_eq!(inside.arn, key.caller.arn);
        assert!(
            matches!(&inside.principal, Principal::AssumedRole { session, .. } if session == "f")
        );
    }

    #[test]
    fn others_get_none() {
        let memory = Memory::new();
        memory.role("notifier", &trusting(""));
        let own =
            r#","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:*:function:other"}}"#;
        memory.role("picky", &trusting(own));
        let ground: Arc<dyn Ground> = memory;
        let ask = |name: &str, service: &str| {
            let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
            assume(&*ground, wanted(&arn, service), HOUR).map(|_| ())
        };
        assert!(ask("notifier", "lambda.amazonaws.com").is_ok());
        for (name, service) in [
            ("notifier", "events.amazonaws.com"),
            ("picky", "lambda.amazonaws.com"),
        ] {
            let refused = ask(name, service).unwrap_err();
            assert!(matches!(refused, NotAssumed::NotTrusted { .. }), "{name}");
        }
        let unknown = ask("nobody", "lambda.amazonaws.com").unwrap_err();
        assert!(matches!(unknown, NotAssumed::NotFound { .. }));
    }

    #[test]
    fn the_caller_of_a_role_may_what_its_policies_say() {
        let memory = Memory::new();
        memory.role("notifier", &trusting(""));
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;
        let id = crate::engine::Id::new("AROAnotifier");
        let name = memory.state().roles().get(&id).unwrap().name.clone();
        memory.put(Owner::Role(name), "queues", document);
        let keys = Keys::new(memory, &"ap-northeast-1".parse().unwrap());
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/notifier");
        let caller = keys.caller_of_role(&arn, "f").unwrap();
        assert_eq!(caller.grants.identity.len(), 1);
    }
}
