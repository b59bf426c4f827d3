//! Temporary credentials of a role, for whom its trust policy lets in.
//!
//! Source: STS API Reference, AssumeRole; IAM User Guide, "Methods to assume a role", "Pass session tags in AWS STS",
//! "Monitor and control actions taken with assumed roles".

use std::sync::Arc;

use api::{Access, Act, Caller, Carried, Ctx, Fault, Principal, SessionKind};
use policy::{Document, Kind};
use tracing::error;
use wire::Shape;

use super::give::{self, Credentials, PolicyDescriptor, Tag};
use crate::Iam;
use crate::engine::{self, Role, State};
use crate::session::{self, Holder, Token};

/// An hour where nothing is said, and at most for whoever is a session of a role itself.
const SECS_DEFAULT: i32 = 3600;
/// The longest of all; each role has its own.
const SECS_MAX: i32 = 43_200;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "AssumeRoleRequest")]
pub(super) struct Request {
    #[shape(required)]
    role_arn: String,
    #[shape(required)]
    role_session_name: String,
    policy_arns: Vec<PolicyDescriptor>,
    policy: Option<String>,
    duration_seconds: Option<i32>,
    tags: Vec<Tag>,
    transitive_tag_keys: Vec<String>,
    external_id: Option<String>,
    serial_number: Option<String>,
    #[shape(sensitive)]
    token_code: Option<String>,
    source_identity: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "AssumeRoleResponse")]
pub(super) struct Response {
    credentials: Option<Credentials>,
    assumed_role_user: Option<AssumedRoleUser>,
    packed_policy_size: Option<i32>,
    source_identity: Option<String>,
}

/// Who it is.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AssumedRoleUser {
    #[shape(required)]
    assumed_role_id: String,
    #[shape(required)]
    arn: String,
}

impl Act<Iam> for Request {
    type Output = Response;
    const ACTION: &'static str = "sts:AssumeRole";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        let (state, source) = (iam.state(), self.source(caller));
        let mut actions = vec![Self::ACTION];
        if !self.tags.is_empty() {
            actions.push("sts:TagSession");
        }
        if source.is_some() {
            actions.push("sts:SetSourceIdentity");
        }
        let access = |action| self.access(&state, action, source);
        actions.into_iter().map(access).collect()
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<Response, Fault> {
        let state = iam.state();
        let caller = &*ctx.caller;
        if caller.principal == Principal::Root {
            return Err(give::denied("Roles may not be assumed by root accounts."));
        }
        // Whether there is such a role, only those learn who may assume it.
        let found = role(&state, &self.role_arn).filter(|role| trust(role).is_some());
        let role = Arc::clone(found.ok_or_else(|| {
            let (who, arn) = (caller.shown(), &self.role_arn);
            give::denied(format!(
                "User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            ))
        })?);
        self.check()?;
        let lasts = lasts(&role, caller, self.duration_seconds)?;
        let (tags, carried) = self.tags(caller)?;
        let limits = give::limits(&state, self.policy, self.policy_arns)?;
        let mfa = give::second_factor(iam, caller, self.serial_number, self.token_code).await?;
        let issued = iam.clock().now();
        let (name, account) = (self.role_session_name, state.account_id());
        let user = AssumedRoleUser {
            assumed_role_id: format!("{}:{name}", role.id),
            arn: format!("arn:aws:sts::{account}:assumed-role/{}/{name}", role.name),
        };
        let token = Token {
            holder: Holder::Role {
                id: role.id.clone(),
                session: name,
            },
            kind: SessionKind::Role,
            secret: session::new_secret(),
            issued,
            expires: give::whole_secs(issued.plus(lasts)),
            mfa,
            policy: limits.policy,
            managed: limits.managed,
            tags,
            carried,
        };
        let source_identity = token.carried.source_identity.clone();
        Ok(Response {
            credentials: Some(give::issue(iam, token)),
            assumed_role_user: Some(user),
            packed_policy_size: Some(limits.packed_percent),
            source_identity,
        })
    }
}

impl Request {
    fn access(&self, state: &State, action: &'static str, source: Option<&str>) -> Access {
        let role = role(state, &self.role_arn);
        let access = match self.role_arn.parse() {
            Ok(arn) => Access::new(action, arn),
            Err(_) => Access {
                action,
                ..give::on(state, "iam", "role/-")
            },
        };
        let mut access = give::tagged(access, &self.tags)
            .with("sts:RoleSessionName", self.role_session_name.clone())
            .with_policy(role.and_then(|role| trust(role)));
        if let Some(source) = source {
            access = access.with("sts:SourceIdentity", source);
        }
        if !self.transitive_tag_keys.is_empty() {
            let keys = self.transitive_tag_keys.iter().cloned();
            access = access.with_many("sts:TransitiveTagKeys", keys);
        }
        if let Some(id) = &self.external_id {
            access = access.with("sts:ExternalId", id.clone());
        }
        if self.serial_number.is_some() && self.token_code.is_some() {
            // Nothing is given out before the code is found right.
            access = access
                .with("aws:MultiFactorAuthPresent", "true")
                .with("aws:MultiFactorAuthAge", "0");
        }
        access
    }

    fn check(&self) -> Result<(), Fault> {
        give::check_name("roleSessionName", &self.role_session_name, 64)?;
        let Some(source) = &self.source_identity else {
            return Ok(());
        };
        give::check_name("sourceIdentity", source, 64)?;
        match source.starts_with("aws:") {
            true => Err(give::validation("SourceIdentity cannot begin with aws:")),
            false => Ok(()),
        }
    }

    /// Who is said to be behind the new session. What a session has carries over, and cannot become another.
    fn source<'a>(&'a self, caller: &'a Caller) -> Option<&'a str> {
        let carried = caller.session.as_ref().map(|session| &session.carried);
        let known = carried.and_then(|carried| carried.source_identity.as_deref());
        known.or(self.source_identity.as_deref())
    }

    /// The tags of the new session, and what it hands on.
    fn tags(&self, caller: &Caller) -> Result<(Vec<(String, String)>, Carried), Fault> {
        let source = self.source(caller);
        if self.source_identity.is_some() && self.source_identity.as_deref() != source {
            return Err(give::denied(
                "The source identity of a session cannot be changed: leave SourceIdentity out, or give the same",
            ));
        }
        let given = give::tags(self.tags.clone())?;
        let inherited = caller.session.as_ref().map(|session| &session.carried.tags);
        let inherited = inherited.cloned().unwrap_or_default();
        let mut carried = inherited.clone();
        let is_inherited = |(key, _): &(String, String)| named(&inherited, key).is_some();
        if given.iter().any(is_inherited) {
            return Err(Fault::sender(
                "InvalidParameterValue",
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
            ));
        }
        for key in &self.transitive_tag_keys {
            let tag = named(&given, key).ok_or_else(|| {
                Fault::sender(
                    "InvalidParameterValue",
                    format!("The transitive tag key {key} is not among the tags of the request"),
                )
            })?;
            if named(&carried, key).is_none() {
                carried.push(tag.clone());
            }
        }
        let tags = inherited.into_iter().chain(given).collect();
        let source_identity = source.map(str::to_owned);
        Ok((
            tags,
            Carried {
                source_identity,
                tags: carried,
            },
        ))
    }
}

/// The tag with this key.
fn named<'a>(tags: &'a [(String, String)], key: &str) -> Option<&'a (String, String)> {
    tags.iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(key))
}

/// How long a session of `role` lasts.
fn lasts(role: &Role, caller: &Caller, secs: Option<i32>) -> Result<std::time::Duration, Fault> {
    let lasts = give::duration(secs, SECS_DEFAULT, SECS_MAX)?;
    let is_chained = matches!(caller.principal, Principal::AssumedRole { .. });
    if is_chained && lasts.as_secs() > u64::from(SECS_DEFAULT.unsigned_abs()) {
        return Err(give::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if lasts.as_secs() > u64::from(role.session_secs_max) {
        return Err(give::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(lasts)
}

/// The role with an ARN.
pub(crate) fn role<'a>(state: &'a State, arn: &str) -> Option<&'a Arc<Role>> {
    let (_, name) = arn.rsplit_once('/')?;
    let role = state.role(name).ok()?;
    (state.arn(engine::Kind::Role, &role.path, &role.name) == arn).then_some(role)
}

/// Whom a role lets in; `None` where its policy cannot be read.
pub(crate) fn trust(role: &Role) -> Option<Arc<Document>> {
    let read = Document::parse(&role.trust, Kind::Trust);
    let read = read.inspect_err(|_| {
        error!(
            role = role.name,
            "a kept trust policy is none: it lets nobody in"
        );
    });
    read.ok().map(Arc::new)
}
