//! Temporary credentials of a role, for whom its trust policy lets in.
//!
//! Source: STS API Reference, AssumeRole; IAM User Guide, "Methods to assume a role", "Pass session tags in AWS STS".

use std::sync::Arc;

use api::{Access, Audit, Caller, Ctx, Fault, Operation, Principal, SessionKind};
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

#[derive(Debug)]
pub(super) struct AssumeRole;

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
}

/// Who it is.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AssumedRoleUser {
    #[shape(required)]
    assumed_role_id: String,
    #[shape(required)]
    arn: String,
}

impl Operation<Iam> for AssumeRole {
    type Input = Request;
    type Output = Response;
    const NAME: &'static str = "AssumeRole";

    fn access(&self, iam: &Iam, input: &Request) -> Vec<Access> {
        let state = iam.state();
        let mut access = vec![input.access(&state, "sts:AssumeRole")];
        if !input.tags.is_empty() {
            access.push(input.access(&state, "sts:TagSession"));
        }
        access
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, iam: &Arc<Iam>, ctx: Ctx, input: Request) -> Result<Response, Fault> {
        let state = iam.state();
        let caller = &*ctx.caller;
        if caller.principal == Principal::Root {
            return Err(give::denied("Roles may not be assumed by root accounts."));
        }
        // Whether there is such a role, only those learn who may assume it.
        let found = role(&state, &input.role_arn).filter(|role| trust(role).is_some());
        let role = Arc::clone(found.ok_or_else(|| {
            let (who, arn) = (caller.shown(), &input.role_arn);
            give::denied(format!(
                "User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            ))
        })?);
        input.check()?;
        let lasts = lasts(&role, caller, input.duration_seconds)?;
        let limits = give::limits(&state, input.policy, input.policy_arns)?;
        let tags = give::tags(input.tags)?;
        let mfa = give::second_factor(iam, caller, input.serial_number, input.token_code).await?;
        let issued = iam.clock().now();
        let (name, account) = (input.role_session_name, state.account_id());
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
        };
        Ok(Response {
            credentials: Some(give::issue(iam, token)),
            assumed_role_user: Some(user),
            packed_policy_size: Some(limits.packed_percent),
        })
    }
}

impl Request {
    fn access(&self, state: &State, action: &'static str) -> Access {
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
        let refused = match (&self.source_identity, self.transitive_tag_keys.is_empty()) {
            (Some(_), _) => "SourceIdentity is not kept by this server: leave it out",
            (None, false) => "TransitiveTagKeys: this server carries no tags on to further roles",
            (None, true) => return Ok(()),
        };
        Err(give::validation(refused))
    }
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

fn role<'a>(state: &'a State, arn: &str) -> Option<&'a Arc<Role>> {
    let (_, name) = arn.rsplit_once('/')?;
    let role = state.role(name).ok()?;
    (state.arn(engine::Kind::Role, &role.path, &role.name) == arn).then_some(role)
}

/// Whom a role lets in; `None` where its policy cannot be read.
fn trust(role: &Role) -> Option<Arc<Document>> {
    let read = Document::parse(&role.trust, Kind::Trust);
    let read = read.inspect_err(|_| {
        error!(
            role = role.name,
            "a kept trust policy is none: it lets nobody in"
        );
    });
    read.ok().map(Arc::new)
}
