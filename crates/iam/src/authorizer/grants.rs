//! What somebody may do of itself: documents of identities, read and compiled.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use api::Grants;
use policy::{Attached, Document, Kind};
use tracing::error;

use crate::engine::{self, Group, Role, State, User};

/// Under which name the grant of the password policy shows in answers.
const CHANGE_PASSWORD: &str = "AllowUsersToChangePassword";
/// The most documents that are kept compiled; beyond it all are forgotten. Chosen: a hundred policies of each of 100 groups.
const DOCUMENTS_MAX: usize = 10_000;

/// What `AllowUsersToChangePassword` of the password policy grants to every user, without a policy that anybody sees.
///
/// Source: IAM User Guide, "Allow users to change their own passwords". Users with a path need the second form.
static OWN_PASSWORD: LazyLock<Arc<Document>> = LazyLock::new(|| {
    compiled(
        r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"iam:ChangePassword",
             "Resource":["arn:aws:iam::*:user/${aws:username}","arn:aws:iam::*:user/*/${aws:username}"]},
            {"Effect":"Allow","Action":"iam:GetAccountPasswordPolicy","Resource":"*"}]}"#,
    )
});

/// What stands in for a document that cannot be read: an error denies.
static NOTHING: LazyLock<Arc<Document>> = LazyLock::new(|| {
    compiled(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#,
    )
});

/// What the root of an account may do that nobody has unlocked: look at the account and the bill.
static LOCKED: LazyLock<Arc<Document>> = LazyLock::new(|| {
    compiled(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":[
            "account:Get*","account:List*","aws-portal:*","billing:*","ce:*","consolidatedbilling:*","cur:*","payments:*","tax:*",
            "iam:GetAccountSummary","iam:ListAccountAliases","sts:GetCallerIdentity"],"Resource":"*"}}"#,
    )
});

#[expect(
    clippy::expect_used,
    reason = "the text is part of the program, and a test reads it"
)]
fn compiled(text: &str) -> Arc<Document> {
    Arc::new(Document::parse(text, Kind::Identity).expect("a policy of the program is one"))
}

/// Compiles documents, and keeps them as long as their texts stay.
#[derive(Debug, Default)]
pub struct Compiler {
    documents: HashMap<String, Arc<Document>>,
}

impl Compiler {
    /// What a user may do: of itself, and by its groups.
    pub fn user(&mut self, state: &State, user: &User) -> Grants {
        let mut grants = self.grants(state, "user", &user.name, &user.grants);
        for group in state.groups_of(user) {
            let of_group = self.grants(state, "group", &group.name, &group.grants);
            grants.identity.extend(of_group.identity);
        }
        let policy = state.password_policy();
        if policy.is_some_and(|policy| policy.may_users_change) {
            grants.identity.push(Attached {
                id: Arc::from(CHANGE_PASSWORD),
                document: Arc::clone(&OWN_PASSWORD),
            });
        }
        grants
    }

    /// What a group gives its members.
    pub fn group(&mut self, state: &State, group: &Group) -> Grants {
        self.grants(state, "group", &group.name, &group.grants)
    }

    /// What a session of a role may do at most.
    pub fn role(&mut self, state: &State, role: &Role) -> Grants {
        self.grants(state, "role", &role.name, &role.grants)
    }

    /// What the account's root may do.
    #[must_use]
    pub fn root(state: &State) -> Grants {
        let locked = Attached {
            id: Arc::from("RootIsLocked"),
            document: Arc::clone(&LOCKED),
        };
        let is_locked = state.account().root == engine::account::RootIs::Locked;
        Grants {
            identity: is_locked.then_some(locked).into_iter().collect(),
            boundary: None,
        }
    }

    /// The managed policy with an ARN, or what denies everything where there is none such.
    pub fn managed(&mut self, state: &State, arn: &str) -> Attached {
        self.attached(arn, state.managed(arn).unwrap_or_default())
    }

    /// A policy that is called `id` in answers.
    pub fn attached(&mut self, id: &str, text: &str) -> Attached {
        Attached {
            id: Arc::from(id),
            document: self.document(id, text),
        }
    }

    fn grants(&mut self, state: &State, kind: &str, name: &str, grants: &engine::Grants) -> Grants {
        let mut identity = Vec::with_capacity(grants.inline.len() + grants.attached.len());
        for (policy, text) in &grants.inline {
            identity.push(self.attached(&format!("{kind}_{name}_{policy}"), text));
        }
        for arn in &grants.attached {
            identity.push(self.managed(state, arn));
        }
        let boundary = grants.boundary.as_ref();
        Grants {
            identity,
            boundary: boundary.map(|arn| self.managed(state, arn)),
        }
    }

    fn document(&mut self, id: &str, text: &str) -> Arc<Document> {
        if let Some(known) = self.documents.get(id).filter(|known| known.text() == text) {
            return Arc::clone(known);
        }
        let document = match Document::parse(text, Kind::Identity) {
            Ok(document) => Arc::new(document),
            Err(problems) => {
                let problem = problems.first().map(ToString::to_string);
                error!(
                    policy = id,
                    problem, "a kept policy is none: it denies everything"
                );
                Arc::clone(&NOTHING)
            }
        };
        if self.documents.len() >= DOCUMENTS_MAX {
            self.documents.clear();
        }
        self.documents.insert(id.to_owned(), Arc::clone(&document));
        document
    }
}
