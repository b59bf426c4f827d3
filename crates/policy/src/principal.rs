//! The `Principal` of a statement: whom it concerns, and how much an allow gives them.
//!
//! Source: the IAM user guide, "Policy evaluation logic" (resource-based policies), "Principal", "NotPrincipal".

use crate::request::Principal;

/// How far an allow in a resource's policy reaches, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grant {
    /// To the account, whose own policies must allow it too.
    Account,
    /// To the role (or the user) behind a session: boundary and session policies still limit it.
    Issuer,
    /// To the principal itself: nothing but a deny limits it.
    Direct,
}

/// Whom a statement names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Principals {
    /// `*` is among them.
    pub(crate) everyone: bool,
    /// 12 digits each.
    pub(crate) accounts: Vec<Box<str>>,
    /// Users, roles, sessions.
    pub(crate) arns: Vec<Box<str>>,
    /// Unique ids of users and roles.
    pub(crate) ids: Vec<Box<str>>,
    /// Such as `cloudtrail.amazonaws.com`.
    pub(crate) services: Vec<Box<str>>,
    /// Identity providers.
    pub(crate) federated: Vec<Box<str>>,
}

impl Principals {
    /// What naming these gives `principal`; `None` when it is not among them.
    pub(crate) fn grant(&self, principal: &Principal<'_>) -> Option<Grant> {
        if self.everyone {
            return Some(Grant::Direct);
        }
        let (itself, issuer) = self.names(principal);
        let grants = [
            (itself, Grant::Direct),
            (issuer.unwrap_or(false), Grant::Issuer),
            (has(&self.accounts, principal.account()), Grant::Account),
        ];
        grants
            .iter()
            .find(|(is_named, _)| *is_named)
            .map(|(_, grant)| *grant)
    }

    /// Whether these except `principal` from a deny: all that it is must be named. A user is also its account, a
    /// session also its role and its account; "if the account is denied, the user may be unable to access".
    pub(crate) fn except(&self, principal: &Principal<'_>) -> bool {
        let (itself, issuer) = self.names(principal);
        let account = principal.account();
        let is_account_named = account.is_empty() || has(&self.accounts, account);
        self.everyone || (itself && issuer.unwrap_or(true) && is_account_named)
    }

    /// Whether the principal itself is named, and whether its issuer is, if it has one.
    fn names(&self, principal: &Principal<'_>) -> (bool, Option<bool>) {
        match *principal {
            Principal::Anonymous => (false, None),
            Principal::Root { account } => (has(&self.accounts, account), None),
            Principal::User { arn, id } => (has(&self.arns, arn) || has(&self.ids, id), None),
            Principal::Session {
                arn,
                issuer,
                issuer_id,
            } => (
                has(&self.arns, arn),
                Some(has(&self.arns, issuer) || has(&self.ids, issuer_id)),
            ),
            Principal::Service { name } => (has(&self.services, name), None),
            Principal::Federated { provider } => (has(&self.federated, provider), None),
        }
    }
}

fn has(names: &[Box<str>], name: &str) -> bool {
    !name.is_empty() && names.iter().any(|known| **known == *name)
}
