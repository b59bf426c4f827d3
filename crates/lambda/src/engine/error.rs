//! What may be wrong with a command.

use crate::function::FunctionName;

/// What is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A function, or a version of it: behind the name stands a qualifier where one was given.
    Function {
        /// Its name.
        name: FunctionName,
        /// Which of it.
        qualifier: Option<String>,
    },
    /// An alias.
    Alias {
        /// Of which function.
        name: FunctionName,
        /// The alias.
        alias: String,
    },
    /// A policy.
    Policy,
    /// A policy of which a statement was to be removed.
    PolicyOfStatement,
    /// A statement of a policy.
    Statement {
        /// Its id.
        id: String,
    },
    /// Rules for asynchronous invocations.
    EventConfig {
        /// Of which function.
        name: FunctionName,
        /// Of which version or alias.
        qualifier: String,
    },
}

/// Which revision is not the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// That of a function or version.
    Function,
    /// That of an alias.
    Alias,
    /// That of a policy.
    Policy,
}

/// What may be wrong with a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("{0:?} is not there")]
    NotFound(Missing),
    /// There is one already.
    #[error("function `{name}` exists already")]
    FunctionExists {
        /// Its name.
        name: FunctionName,
    },
    /// There is one already.
    #[error("alias `{alias}` of function `{name}` exists already")]
    AliasExists {
        /// Of which function.
        name: FunctionName,
        /// The alias.
        alias: String,
    },
    /// There is one already.
    #[error("statement `{id}` exists already")]
    StatementExists {
        /// Its id.
        id: String,
    },
    /// It has changed meanwhile.
    #[error("the revision of the {0:?} is another")]
    Stale(Stale),
    /// Aliases point to it.
    #[error("the aliases {aliases:?} point to it")]
    Referenced {
        /// Their names.
        aliases: Vec<String>,
    },
    /// A value is wrong, and a sentence says how: AWS's where it is known.
    #[error("{0}")]
    Invalid(String),
    /// A value is outside its bounds, and a sentence says which.
    #[error("{0}")]
    OutOfBounds(String),
    /// All packages together are larger than they may be.
    #[error("more than {limit} bytes of packages")]
    CodeStorage {
        /// How large they may be.
        limit: u64,
    },
    /// There are as many as there may be.
    #[error("there are {limit} {what}, which is the most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A policy is larger than it may be.
    #[error("the policy has {bytes} bytes, and may have {limit}")]
    PolicyLength {
        /// How large it would be.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
}

impl Error {
    /// A function that is not there.
    #[must_use]
    pub fn no_function(name: &FunctionName) -> Self {
        Self::no_version(name, None)
    }

    /// A function, or a version of it, that is not there.
    #[must_use]
    pub fn no_version(name: &FunctionName, qualifier: Option<String>) -> Self {
        Self::NotFound(Missing::Function {
            name: name.clone(),
            qualifier,
        })
    }
}
