//! Resource policies, made of statements one by one, written as AWS writes them.
//!
//! ```text
//! {"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"rule","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},
//! "Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:…:function:scaler","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:…"}}}]}
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use ::policy::{Document, Kind};
use serde::{Deserialize, Serialize};

/// Most bytes of a policy. Source: Lambda quotas, "Function resource-based policy".
pub const BYTES_MAX: usize = 20 * 1024;

/// One statement. Members stand in the order in which AWS writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its id, once in a policy.
    pub sid: String,
    /// `Allow`.
    pub effect: String,
    /// Whom it means.
    pub principal: Principal,
    /// Such as `lambda:InvokeFunction`.
    pub action: String,
    /// The ARN of the function, or of its version or alias.
    pub resource: String,
    /// On which conditions: operator, key, value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<String, BTreeMap<String, String>>,
}

/// Whom a statement means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Principal {
    /// `*`: everybody.
    Everybody(String),
    /// One kind of principal and its name.
    One(One),
}

/// One kind of principal and its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum One {
    /// A service, such as `events.amazonaws.com`.
    Service(String),
    /// An account, user or role, by ARN.
    #[serde(rename = "AWS")]
    Aws(String),
}

impl Principal {
    /// As AddPermission names it: a service, an account's number, an ARN, or `*`.
    #[must_use]
    pub fn named(text: &str) -> Self {
        let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text {
            "*" => Self::Everybody(text.to_owned()),
            _ if is_account => Self::One(One::Aws(format!("arn:aws:iam::{text}:root"))),
            _ if text.starts_with("arn:") => Self::One(One::Aws(text.to_owned())),
            _ => Self::One(One::Service(text.to_owned())),
        }
    }
}

/// The policy of a function, or of one version or alias.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Its statements, in the order in which they were added.
    pub statements: Vec<Statement>,
    /// A new one with each change.
    pub revision_id: String,
    /// Read when it is first asked for.
    #[serde(skip)]
    document: OnceLock<Option<Arc<Document>>>,
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.statements == other.statements && self.revision_id == other.revision_id
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    version: &'a str,
    id: &'a str,
    statement: &'a [Statement],
}

impl Policy {
    /// A policy of `statements`.
    #[must_use]
    pub const fn new(statements: Vec<Statement>, revision_id: String) -> Self {
        Self {
            statements,
            revision_id,
            document: OnceLock::new(),
        }
    }

    /// As AWS writes it.
    #[must_use]
    pub fn text(&self) -> String {
        let written = Written {
            version: "2012-10-17",
            id: "default",
            statement: &self.statements,
        };
        // Texts and maps of texts are always JSON.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// As decisions read it; `None` where it says nothing that can be read.
    #[must_use]
    pub fn document(&self) -> Option<Arc<Document>> {
        let read = || {
            Document::parse(&self.text(), Kind::Resource)
                .ok()
                .map(Arc::new)
        };
        self.document.get_or_init(read).clone()
    }
}
