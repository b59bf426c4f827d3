//! Who can do what, and why: asked of the function that decides over calls.

use std::sync::Arc;

use api::{Caller, Ctx, Grants, Principal};
use base::Arn;
use iam::Iam;
use iam::authorizer::grants::Compiler;
use iam::authorizer::{self, Authorizer, Wanted};
use iam::engine::{Role, State, User};
use policy::{Context, Document, Explanation, Position};
use serde::Serialize;

use crate::app;

/// The name of a session that nobody has.
const ANY_SESSION: &str = "any";
/// Services whose ARNs have no region.
const GLOBAL: &[&str] = &["iam", "sts", "s3"];

/// What is asked, whoever asks.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    action: String,
    resource: Arn,
    context: Context,
    resource_policy: Option<Arc<Document>>,
}

/// The answer for one principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Answer {
    /// Its ARN.
    pub(crate) principal: String,
    /// Whether it is allowed.
    pub(crate) is_allowed: bool,
    /// The end of AWS's sentence; nothing where it is allowed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    /// The statements that bear on it: those that deny, else those that allow.
    pub(crate) statements: Vec<Statement>,
    /// Context keys that policies ask for and that the question does not give.
    pub(crate) missing: Vec<String>,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Statement {
    /// `allow` or `deny`.
    pub(crate) effect: &'static str,
    /// The policy: an ARN, or `group_Operators_DenyReceiveMessage` for an inline one.
    pub(crate) policy: String,
    /// The statement's `Sid`, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<String>,
    /// Which statement, from 1.
    pub(crate) number: usize,
    /// Where it begins, from 1.
    pub(crate) line: usize,
    /// Where it begins in the line, from 1.
    pub(crate) column: usize,
}

impl Question {
    /// `action` on `resource`, an ARN or `*`, with the values of context keys as `KEY=VALUE`.
    ///
    /// `region`: where this server is, for `*`, which also stands for the region and the account of an ARN.
    pub(crate) fn new(
        action: &str,
        resource: &str,
        context: &[String],
        of: (&State, &str),
    ) -> anyhow::Result<Self> {
        let (state, region) = of;
        let is_action = action
            .split_once(':')
            .is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
        if !is_action || action.contains(['*', '?', ' ']) {
            return Err(app::usage(format!(
                "`{action}` is not one action: give one such as sqs:SendMessage"
            )));
        }
        let resource = match resource {
            "*" => all_of(action, state, region),
            text => here(text, state, region).ok_or_else(|| {
                app::usage(format!(
                    "`{text}` is not a resource: give an ARN such as arn:aws:sqs:{region}:{}:s2s, or * for what has none",
                    state.account_id()
                ))
            })?,
        };
        let mut given = Context::new();
        for pair in context {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                app::usage(format!(
                    "--context `{pair}` is not KEY=VALUE, such as aws:SourceIp=192.0.2.1"
                ))
            })?;
            given.set(key, value);
        }
        Ok(Self {
            action: action.to_owned(),
            resource,
            context: given,
            resource_policy: None,
        })
    }

    /// On what.
    pub(crate) fn resource(&self) -> &Arn {
        &self.resource
    }

    /// The same with the policy of the resource.
    pub(crate) fn with_policy(mut self, policy: Option<Arc<Document>>) -> Self {
        self.resource_policy = policy;
        self
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            action: &self.action,
            resource: &self.resource,
            context: &self.context,
            resource_policy: self.resource_policy.as_deref(),
        }
    }

    /// Asked by the principal `name`: a user's name, `role/NAME`, `root`, or the ARN of one of them.
    pub(crate) fn by(&self, iam: &Arc<Iam>, name: &str) -> anyhow::Result<Answer> {
        let state = iam.newest();
        let account = state.account_id();
        let of_account = format!("arn:aws:iam::{account}:");
        let name = name.strip_prefix(&of_account).unwrap_or(name);
        let mut compiler = Compiler::default();
        let caller = match name.split_once('/') {
            None if name == "root" => root(&state),
            Some(("role", path)) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                let role = state
                    .role(name)
                    .map_err(|error| app::usage(error.to_string()))?;
                of_role(&state, role, compiler.role(&state, role))
            }
            _ => {
                let name = name.rsplit('/').next().unwrap_or(name);
                let user = state
                    .user(name)
                    .map_err(|error| app::usage(error.to_string()))?;
                of_user(&state, user, compiler.user(&state, user))
            }
        };
        Ok(self.asked(iam, caller))
    }

    /// Asked by everybody: root, users and roles, in this order.
    pub(crate) fn by_all(&self, iam: &Arc<Iam>) -> Vec<Answer> {
        let state = iam.newest();
        let mut compiler = Compiler::default();
        let mut callers = vec![root(&state)];
        for user in state.users().iter() {
            callers.push(of_user(&state, user, compiler.user(&state, user)));
        }
        for role in state.roles().iter() {
            callers.push(of_role(&state, role, compiler.role(&state, role)));
        }
        let ask = |caller| self.asked(iam, caller);
        callers.into_iter().map(ask).collect()
    }

    fn asked(&self, iam: &Arc<Iam>, caller: Caller) -> Answer {
        let ctx = Ctx::inside(Arc::new(caller), iam.clock().now());
        let authorizer = Authorizer::new(Arc::clone(iam) as Arc<dyn iam::ground::Ground>);
        let refusal = authorizer.refusal(&ctx, self.wanted());
        Answer {
            principal: principal_arn(&ctx.caller),
            is_allowed: refusal.is_none(),
            reason: refusal.unwrap_or_default(),
            ..authorizer::put(&ctx, self.wanted(), |request, policies| {
                told(&policy::explain(request, policies))
            })
        }
    }
}

fn told(explanation: &Explanation<'_>) -> Answer {
    let denies = explanation.decision.verdict == policy::Verdict::ExplicitDeny;
    let statements = explanation.matched.iter().map(|matched| {
        let Position { line, column, .. } = matched.span.start;
        Statement {
            effect: if denies { "deny" } else { "allow" },
            policy: matched.source.to_owned(),
            sid: matched.sid.map(str::to_owned),
            number: matched.index + 1,
            line,
            column,
        }
    });
    Answer {
        principal: String::new(),
        is_allowed: false,
        reason: String::new(),
        statements: statements.collect(),
        missing: explanation.missing.clone(),
    }
}

/// The resource of an ARN in which `*` stands for this server's region and account.
fn here(text: &str, state: &State, region: &str) -> Option<Arn> {
    let mut arn = text.parse::<Arn>().ok()?;
    if arn.region == "*" {
        region.clone_into(&mut arn.region);
    }
    if arn.account == "*" {
        arn.account = state.account_id().to_string();
    }
    Some(arn)
}

/// What an action without a resource is asked on.
fn all_of(action: &str, state: &State, region: &str) -> Arn {
    let service = action
        .split_once(':')
        .map_or(action, |(service, _)| service);
    let region = match GLOBAL.contains(&service) {
        true => "",
        false => region,
    };
    Arn {
        service: service.to_ascii_lowercase(),
        region: region.to_owned(),
        account: state.account_id().to_string(),
        resource: "*".to_owned(),
    }
}

fn root(state: &State) -> Caller {
    let mut caller = Caller::anonymous(state.account_id(), "");
    caller.principal = Principal::Root;
    caller.arn = identity(state, "iam", "root".to_owned());
    caller.grants = Arc::new(Compiler::root(state));
    caller
}

fn of_user(state: &State, user: &User, grants: Grants) -> Caller {
    let (path, name, id) = (&user.path, &user.name, user.id.as_str());
    let mut caller = Caller::user(state.account_id(), path, name, id, "");
    caller.tags = owned(user.tags.iter());
    caller.grants = Arc::new(grants);
    caller
}

/// Whoever may assume it, without a session policy.
fn of_role(state: &State, role: &Role, grants: Grants) -> Caller {
    let mut caller = Caller::anonymous(state.account_id(), "");
    let resource = format!("role{}{}", role.path, role.name);
    caller.principal = Principal::AssumedRole {
        role: role.name.clone(),
        role_id: role.id.as_str().to_owned(),
        role_arn: identity(state, "iam", resource),
        session: ANY_SESSION.to_owned(),
    };
    let resource = format!("assumed-role/{}/{ANY_SESSION}", role.name);
    caller.arn = identity(state, "sts", resource);
    caller.tags = owned(role.tags.iter());
    caller.grants = Arc::new(grants);
    caller
}

fn owned<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn identity(state: &State, service: &str, resource: String) -> Arn {
    Arn {
        service: service.to_owned(),
        region: String::new(),
        account: state.account_id().to_string(),
        resource,
    }
}

/// The ARN of the user or role itself.
fn principal_arn(caller: &Caller) -> String {
    match &caller.principal {
        Principal::AssumedRole { role_arn, .. } => role_arn.to_string(),
        _ => caller.arn.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::init::{self, Receive};
    use crate::access::place::Place;
    use crate::access::steps::{Mode, Steps};
    use crate::access::testing::here;

    const QUEUE: &str = "arn:aws:sqs:ap-northeast-1:123456789012:s2s";

    /// The end state, with a user in each group named after it.
    fn articles(receive: Receive) -> (Place, tempfile::TempDir) {
        let (place, dir) = here();
        init::identities(&place, receive, &mut Steps::new(Mode::Do)).unwrap();
        for (user, group) in [
            ("ada", "Admin"),
            ("dev", "Developers"),
            ("ops", "Operators"),
        ] {
            let calls = place.calls();
            calls.call("CreateUser", &[("UserName", user)]).unwrap();
            let form = [("UserName", user), ("GroupName", group)];
            calls.call("AddUserToGroup", &form).unwrap();
        }
        (place, dir)
    }

    fn question(iam: &Iam, action: &str, resource: &str, context: &[&str]) -> Question {
        let context: Vec<_> = context.iter().map(|pair| (*pair).to_owned()).collect();
        let state = iam.newest();
        Question::new(action, resource, &context, (&state, "ap-northeast-1")).unwrap()
    }

    /// Source: the documents of AdministratorAccess, PowerUserAccess, ReadOnlyAccess and IAMUserChangePassword.
    #[test]
    fn the_groups_of_the_article_can_do_what_their_policies_say() {
        let (place, _dir) = articles(Receive::AsAllowed);
        let iam = place.inside().unwrap().iam();
        let own = |user: &str| format!("arn:aws:iam::123456789012:user/{user}");
        let (ops, dev) = (own("ops"), own("dev"));
        for (action, resource, allowed) in [
            ("sqs:SendMessage", QUEUE, vec!["ada", "dev"]),
            ("sqs:ReceiveMessage", QUEUE, vec!["ada", "dev", "ops"]),
            ("sqs:DeleteMessage", QUEUE, vec!["ada", "dev"]),
            ("sqs:PurgeQueue", "arn:aws:sqs:*:*:s2s", vec!["ada", "dev"]),
            ("iam:CreateUser", &ops, vec!["ada"]),
            ("iam:ListRoles", "*", vec!["ada", "dev", "ops"]),
            ("iam:ChangePassword", &ops, vec!["ada", "ops"]),
            ("iam:ChangePassword", &dev, vec!["ada", "dev"]),
            ("cloudtrail:StopLogging", "*", vec!["ada", "dev"]),
            ("cloudtrail:LookupEvents", "*", vec!["ada", "dev", "ops"]),
            (
                "aws-portal:ViewBilling",
                "*",
                vec!["root", "ada", "dev", "ops"],
            ),
        ] {
            let answers = question(iam, action, resource, &[]).by_all(iam);
            let can = answers.iter().filter(|answer| answer.is_allowed);
            let can: Vec<_> = can
                .map(|answer| answer.principal.rsplit(['/', ':']).next().unwrap())
                .filter(|name| *name != "administrator")
                .collect();
            assert_eq!(can, allowed, "{action}");
        }
    }

    #[test]
    fn an_answer_names_the_statement_and_its_place() {
        let (place, _dir) = articles(Receive::Denied);
        let iam = place.inside().unwrap().iam();
        let asked = question(iam, "sqs:ReceiveMessage", QUEUE, &[]);
        let answer = asked.by(iam, "ops").unwrap();
        assert_eq!(
            (answer.is_allowed, answer.reason.as_str()),
            (false, "with an explicit deny in an identity-based policy")
        );
        let [statement] = answer.statements.as_slice() else {
            panic!("{answer:?}");
        };
        assert_eq!(
            (
                statement.effect,
                statement.policy.as_str(),
                statement.line,
                statement.column
            ),
            ("deny", "group_Operators_DenyReceiveMessage", 4, 5)
        );
        let answer = asked.by(iam, "arn:aws:iam::123456789012:user/dev").unwrap();
        assert!(answer.is_allowed);
        assert_eq!(
            answer.statements[0].policy,
            "arn:aws:iam::aws:policy/PowerUserAccess"
        );
    }

    #[test]
    fn what_a_condition_asks_for_can_be_given() {
        let (place, _dir) = articles(Receive::AsAllowed);
        let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sqs:*","Resource":"*",
            "Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}}"#;
        let form = [
            ("UserName", "dev"),
            ("PolicyName", "FromHere"),
            ("PolicyDocument", document),
        ];
        place.calls().call("PutUserPolicy", &form).unwrap();
        let iam = place.inside().unwrap().iam();
        for (address, is_allowed, missing) in [
            (None, false, vec!["aws:SourceIp"]),
            (Some("aws:SourceIp=192.0.2.7"), true, vec![]),
            (Some("aws:SourceIp=198.51.100.7"), false, vec![]),
        ] {
            let context: Vec<_> = address.into_iter().collect();
            let asked = question(iam, "sqs:SendMessage", QUEUE, &context);
            let answer = asked.by(iam, "dev").unwrap();
            assert_eq!(
                (answer.is_allowed, answer.missing),
                (is_allowed, missing.into_iter().map(str::to_owned).collect())
            );
        }
    }

    #[test]
    fn what_is_no_question_is_refused_with_what_would_be_one() {
        let (place, _dir) = here();
        let iam = place.inside().unwrap().iam();
        let state = iam.newest();
        let ask = |action: &str, resource: &str, context: &str| {
            let context = [context.to_owned()];
            let asked = Question::new(action, resource, &context, (&state, "eu-west-1"));
            asked.map(drop).unwrap_err().to_string()
        };
        assert!(ask("sqs:*", "*", "a=b").contains("sqs:SendMessage"));
        assert!(ask("SendMessage", "*", "a=b").contains("sqs:SendMessage"));
        assert!(
            ask("sqs:SendMessage", "s2s", "a=b").contains("arn:aws:sqs:eu-west-1:123456789012:s2s")
        );
        assert!(ask("sqs:SendMessage", "*", "ab").contains("KEY=VALUE"));
        let asked = question(iam, "sqs:SendMessage", "*", &[]);
        let error = asked.by(iam, "nobody").unwrap_err();
        assert!(
            error.to_string().contains("user `nobody` does not exist"),
            "{error}"
        );
    }
}
