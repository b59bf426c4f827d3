//! Which services somebody could use by policy, and who used them last.

use base::Timestamp;
use policy::{Attached, Policies};

use super::{Accessed, Accesses, KNOWN, Known};
use crate::authorizer::grants::Compiler;
use crate::engine::{self, Error, Grants, Kind, State};

/// About whom or what a report is: the policies that count, and who counts as having used them.
pub(crate) struct Subject {
    identity: Vec<Attached>,
    boundary: Option<Attached>,
    pub(crate) entities: Vec<Entity>,
}

/// A user or role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    pub(crate) kind: Kind,
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) path: String,
}

/// What was done last of something, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) at: Timestamp,
    pub(crate) arn: String,
    pub(crate) region: String,
}

/// A line of a report.
pub(crate) struct Line {
    pub(crate) service: &'static Known,
    pub(crate) last: Option<Last>,
    /// How many used the service.
    pub(crate) users: usize,
    /// The actions that the policies open, with their last uses.
    pub(crate) actions: Vec<(&'static str, Option<Last>)>,
}

/// A policy that somebody has.
pub(crate) struct Granting {
    pub(crate) name: String,
    /// The ARN of a managed policy; an inline one has none.
    pub(crate) arn: Option<String>,
    /// Whose inline policy it is.
    pub(crate) holder: Option<(Kind, String)>,
    attached: Attached,
}

/// What an ARN names of the account.
enum Named<'a> {
    User(&'a engine::User),
    Group(&'a engine::Group),
    Role(&'a engine::Role),
    Policy(&'a str),
}

fn named<'a>(state: &'a State, arn: &'a str) -> Result<Named<'a>, Error> {
    if state.managed(arn).is_some() {
        return Ok(Named::Policy(arn));
    }
    let name = arn.rsplit('/').next().unwrap_or_default();
    let is_it = |kind, path: &str, name: &str| state.arn(kind, path, name) == arn;
    let not_found = |kind| Error::NotFound {
        kind,
        name: name.to_owned(),
    };
    match arn
        .split(':')
        .next_back()
        .and_then(|rest| rest.split('/').next())
    {
        Some("user") => {
            let user = state.user(name)?;
            let found = is_it(Kind::User, &user.path, &user.name).then_some(Named::User(user));
            found.ok_or_else(|| not_found(Kind::User))
        }
        Some("group") => {
            let group = state.group(name)?;
            let found = is_it(Kind::Group, &group.path, &group.name).then_some(Named::Group(group));
            found.ok_or_else(|| not_found(Kind::Group))
        }
        Some("role") => {
            let role = state.role(name)?;
            let found = is_it(Kind::Role, &role.path, &role.name).then_some(Named::Role(role));
            found.ok_or_else(|| not_found(Kind::Role))
        }
        Some("policy") => Err(Error::PolicyNotFound {
            arn: arn.to_owned(),
        }),
        _ => Err(Error::Invalid {
            what: format!("`{arn}` is not the ARN of a user, group, role or policy."),
        }),
    }
}

/// About whom or what a report on `arn` is.
///
/// # Errors
/// When it names nothing of the account.
pub(crate) fn subject(state: &State, arn: &str) -> Result<Subject, Error> {
    let mut compiler = Compiler::default();
    let (grants, entities) = match named(state, arn)? {
        Named::User(known) => (compiler.user(state, known), vec![user(state, known)]),
        Named::Role(known) => (compiler.role(state, known), vec![role(state, known)]),
        Named::Group(known) => {
            let attached = granting(state, Kind::Group, &known.name, &known.grants);
            let identity = attached.into_iter().map(|policy| policy.attached).collect();
            let members = state.members_of(known).map(|known| user(state, known));
            (
                api::Grants {
                    identity,
                    boundary: None,
                },
                members.collect(),
            )
        }
        Named::Policy(arn) => (
            api::Grants {
                identity: vec![compiler.managed(state, arn)],
                boundary: None,
            },
            having(state, arn),
        ),
    };
    Ok(Subject {
        identity: grants.identity,
        boundary: grants.boundary,
        entities,
    })
}

/// The users and roles that have a managed policy, users by their groups too.
fn having(state: &State, arn: &str) -> Vec<Entity> {
    let has = |grants: &Grants| grants.attached.contains(arn);
    let by_group = |user: &engine::User| state.groups_of(user).any(|group| has(&group.grants));
    let users = state.users().iter().map(AsRef::as_ref);
    let users = users.filter(|user| has(&user.grants) || by_group(user));
    let roles = state.roles().iter().filter(|role| has(&role.grants));
    let users = users.map(|known| user(state, known));
    users.chain(roles.map(|known| role(state, known))).collect()
}

fn user(state: &State, user: &engine::User) -> Entity {
    Entity {
        kind: Kind::User,
        arn: state.arn(Kind::User, &user.path, &user.name),
        name: user.name.clone(),
        id: user.id.to_string(),
        path: user.path.clone(),
    }
}

fn role(state: &State, role: &engine::Role) -> Entity {
    Entity {
        kind: Kind::Role,
        arn: state.arn(Kind::Role, &role.path, &role.name),
        name: role.name.clone(),
        id: role.id.to_string(),
        path: role.path.clone(),
    }
}

impl Subject {
    /// One line for each service that the policies open.
    pub(crate) fn lines(&self, accesses: &Accesses) -> Vec<Line> {
        let seen: Vec<_> = self
            .entities
            .iter()
            .map(|entity| (entity, accesses.of(&entity.id)))
            .collect();
        let line = |service: &'static Known| {
            let actions = self.usable(service);
            (!actions.is_empty()).then(|| line(service, actions, &seen))
        };
        KNOWN.iter().filter_map(line).collect()
    }

    fn usable(&self, service: &'static Known) -> Vec<&'static str> {
        let policies = Policies {
            identity: &self.identity,
            boundary: self.boundary.as_ref(),
            session: &[],
            resource: None,
        };
        usable(service, &policies)
    }

    /// When each entity used a service last; the latest first, those that never did at the end.
    pub(crate) fn uses(
        &self,
        accesses: &Accesses,
        namespace: &str,
    ) -> Vec<(&Entity, Option<Timestamp>)> {
        let last = |entity: &Entity| {
            let done = accesses.of(&entity.id).into_iter();
            let done = done.filter(|accessed| is_of(accessed, namespace));
            done.map(|accessed| accessed.at).max()
        };
        let uses = self.entities.iter().map(|entity| (entity, last(entity)));
        let mut uses: Vec<_> = uses.collect();
        uses.sort_by(|(a, at_a), (b, at_b)| at_b.cmp(at_a).then_with(|| a.arn.cmp(&b.arn)));
        uses
    }
}

fn line(
    service: &'static Known,
    actions: Vec<&'static str>,
    seen: &[(&Entity, Vec<Accessed>)],
) -> Line {
    let is_here = |accessed: &Accessed| is_of(accessed, service.namespace);
    let of_action = |action: &'static str| {
        let full = format!("{}:{action}", service.namespace);
        (action, last(seen, |accessed| accessed.action == full))
    };
    Line {
        service,
        last: last(seen, is_here),
        users: seen
            .iter()
            .filter(|(_, done)| done.iter().any(is_here))
            .count(),
        actions: actions.into_iter().map(of_action).collect(),
    }
}

/// The latest of what `is_wanted`.
fn last(seen: &[(&Entity, Vec<Accessed>)], is_wanted: impl Fn(&Accessed) -> bool) -> Option<Last> {
    let all = seen
        .iter()
        .flat_map(|(entity, done)| done.iter().map(move |accessed| (entity, accessed)));
    let wanted = all.filter(|(_, accessed)| is_wanted(accessed));
    let latest = wanted.max_by_key(|(_, accessed)| accessed.at);
    latest.map(|(entity, accessed)| Last {
        at: accessed.at,
        arn: entity.arn.clone(),
        region: accessed.region.clone(),
    })
}

fn is_of(accessed: &Accessed, namespace: &str) -> bool {
    let service = accessed.action.split_once(':');
    service.is_some_and(|(service, _)| service == namespace)
}

fn usable(service: &'static Known, policies: &Policies<'_>) -> Vec<&'static str> {
    let full: Vec<_> = service
        .actions()
        .map(|action| format!("{}:{action}", service.namespace))
        .collect();
    let asked: Vec<_> = full.iter().map(String::as_str).collect();
    let found = policy::could_use(policies, &asked);
    let is_found = |action: &&str| {
        let same = |usable: &policy::Usable<'_, '_>| {
            usable.action.split_once(':').map(|(_, name)| name) == Some(*action)
        };
        found.iter().any(same)
    };
    service.actions().filter(is_found).collect()
}

/// The policies by which somebody could use a service: its own, and those of its groups.
///
/// # Errors
/// When `arn` names no user, group or role of the account.
pub(crate) fn grantings(state: &State, arn: &str) -> Result<Vec<Granting>, Error> {
    Ok(match named(state, arn)? {
        Named::User(user) => {
            let own = granting(state, Kind::User, &user.name, &user.grants);
            let of_groups = state.groups_of(user);
            let of_groups = of_groups
                .flat_map(|group| granting(state, Kind::Group, &group.name, &group.grants));
            own.into_iter().chain(of_groups).collect()
        }
        Named::Group(group) => granting(state, Kind::Group, &group.name, &group.grants),
        Named::Role(role) => granting(state, Kind::Role, &role.name, &role.grants),
        Named::Policy(_) => {
            return Err(Error::Invalid {
                what: format!("`{arn}` is not the ARN of a user, group or role."),
            });
        }
    })
}

fn granting(state: &State, kind: Kind, name: &str, grants: &Grants) -> Vec<Granting> {
    let mut compiler = Compiler::default();
    let mut found = Vec::new();
    for (policy, text) in &grants.inline {
        found.push(Granting {
            name: policy.clone(),
            arn: None,
            holder: Some((kind, name.to_owned())),
            attached: compiler.attached(&format!("{kind}_{name}_{policy}"), text),
        });
    }
    for arn in &grants.attached {
        found.push(Granting {
            name: arn.rsplit('/').next().unwrap_or(arn).to_owned(),
            arn: Some(arn.clone()),
            holder: None,
            attached: compiler.managed(state, arn),
        });
    }
    found
}

impl Granting {
    /// Whether it opens anything of a service of the platform.
    pub(crate) fn opens(&self, namespace: &str) -> bool {
        let policies = Policies {
            identity: std::slice::from_ref(&self.attached),
            ..Policies::default()
        };
        let service = KNOWN.iter().find(|known| known.namespace == namespace);
        service.is_some_and(|service| !usable(service, &policies).is_empty())
    }
}
