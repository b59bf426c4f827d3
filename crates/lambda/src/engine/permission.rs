//! How resource policies change.

use super::check;
use super::error::{Error, Missing, Stale};
use super::policy::{BYTES_MAX, Policy, Statement};
use super::record::key;
use super::state::{Command, Edit, Stamp, is_current, version};
use crate::function::{FunctionName, Qualifier};

/// Longest id of a statement. Source: API reference, AddPermission.
const SID_CHARS_MAX: usize = 100;

/// Adds a statement to the policy of a function, or of one version or alias.
#[derive(Clone, Debug)]
pub struct AddPermission {
    /// Of which function.
    pub name: FunctionName,
    /// Of which version or alias.
    pub qualifier: Option<Qualifier>,
    /// What is added.
    pub statement: Statement,
    /// Only if this is the policy's revision.
    pub revision_id: Option<String>,
}

impl Command for AddPermission {
    type Outcome = Statement;

    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<Statement, Error> {
        let mut function = edit.function(&self.name)?;
        version(&function, self.qualifier.as_ref())?;
        if self.qualifier == Some(Qualifier::Latest) {
            let text = "We currently do not support adding policies for $LATEST.";
            return Err(Error::Invalid(text.to_owned()));
        }
        check_statement(&self.statement)?;
        let key = key(self.qualifier.as_ref());
        let mut statements = Vec::new();
        if let Some(policy) = function.policies.remove(&key) {
            is_current(
                self.revision_id.as_deref(),
                &policy.revision_id,
                Stale::Policy,
            )?;
            statements = policy.statements;
        } else if self.revision_id.is_some() {
            return Err(Error::Stale(Stale::Policy));
        }
        if statements.iter().any(|it| it.sid == self.statement.sid) {
            let id = self.statement.sid;
            return Err(Error::StatementExists { id });
        }
        statements.push(self.statement.clone());
        let policy = Policy::new(statements, stamp.revision_id.clone());
        let bytes = policy.text().len();
        if bytes > BYTES_MAX {
            let limit = BYTES_MAX;
            return Err(Error::PolicyLength { bytes, limit });
        }
        if policy.document().is_none() {
            return Err(Error::Invalid(
                "The provided principal was invalid. Please check the principal and try again."
                    .to_owned(),
            ));
        }
        function.policies.insert(key, policy);
        edit.put(function);
        Ok(self.statement)
    }
}

fn check_statement(statement: &Statement) -> Result<(), Error> {
    let sid = &statement.sid;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !(1..=SID_CHARS_MAX).contains(&sid.len()) || !sid.bytes().all(is_plain) {
        return Err(check::unfit("statementId", sid, "([a-zA-Z0-9-_]+)"));
    }
    let action = &statement.action;
    let rest = action.strip_prefix("lambda:");
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphabetic());
    match action == "*" || rest.is_some_and(|rest| rest == "*" || is_name(rest)) {
        true => Ok(()),
        false => Err(check::unfit(
            "action",
            action,
            "(lambda:[*]|lambda:[a-zA-Z]+|[*])",
        )),
    }
}

/// Removes a statement.
#[derive(Clone, Debug)]
pub struct RemovePermission {
    /// Of which function.
    pub name: FunctionName,
    /// Of which version or alias.
    pub qualifier: Option<Qualifier>,
    /// The statement's id.
    pub sid: String,
    /// Only if this is the policy's revision.
    pub revision_id: Option<String>,
}

impl Command for RemovePermission {
    type Outcome = ();

    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<(), Error> {
        let mut function = edit.function(&self.name)?;
        version(&function, self.qualifier.as_ref())?;
        let key = key(self.qualifier.as_ref());
        let policy = function.policies.remove(&key);
        let policy = policy.ok_or(Error::NotFound(Missing::PolicyOfStatement))?;
        is_current(
            self.revision_id.as_deref(),
            &policy.revision_id,
            Stale::Policy,
        )?;
        let mut statements = policy.statements;
        let before = statements.len();
        statements.retain(|it| it.sid != self.sid);
        if statements.len() == before {
            return Err(Error::NotFound(Missing::Statement { id: self.sid }));
        }
        if !statements.is_empty() {
            let policy = Policy::new(statements, stamp.revision_id.clone());
            function.policies.insert(key, policy);
        }
        edit.put(function);
        Ok(())
    }
}
