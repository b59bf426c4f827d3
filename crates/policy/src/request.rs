//! Who asks for what, under which circumstances.

use std::borrow::Cow;
use std::fmt;

/// One thing that a principal wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// Such as `sqs:SendMessage`.
    pub action: &'a str,
    /// An ARN, or `*` where the action has no resource.
    pub resource: &'a str,
    /// The account that owns the resource; empty means the principal's own.
    pub resource_account: &'a str,
    /// Values of the context keys that conditions and variables ask for. Asked only when one does.
    pub facts: &'a dyn Facts,
}

/// Who asks. ARNs and ids are as the service knows them, never patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal<'a> {
    /// Nobody: the call was not signed.
    Anonymous,
    /// The account itself.
    Root {
        /// 12 digits.
        account: &'a str,
    },
    /// A user, also with the temporary credentials of `GetSessionToken`.
    User {
        /// Such as `arn:aws:iam::123456789012:user/dev/alice`.
        arn: &'a str,
        /// Such as `AIDACKCEVSQ6C2EXAMPLE`; may be empty.
        id: &'a str,
    },
    /// A session of a role (or of a federated user, whose issuer is a user).
    Session {
        /// Such as `arn:aws:sts::123456789012:assumed-role/deploy/alice`.
        arn: &'a str,
        /// Such as `arn:aws:iam::123456789012:role/deploy`.
        issuer: &'a str,
        /// Such as `AROACKCEVSQ6C2EXAMPLE`; may be empty.
        issuer_id: &'a str,
    },
    /// A service of the platform.
    Service {
        /// Such as `cloudtrail.amazonaws.com`.
        name: &'a str,
    },
    /// Somebody whom an identity provider has signed in.
    Federated {
        /// The provider's ARN or name.
        provider: &'a str,
    },
}

/// What is known about a request: the values of context keys.
pub trait Facts: fmt::Debug {
    /// The value of `key`, or `None` when the request has none. `key` comes in lower case: `aws:sourceip`.
    fn get(&self, key: &str) -> Option<Fact<'_>>;
}

/// The value of a context key.
///
/// Whether a key has one value or many is a property of the key, not of the request: `aws:TagKeys` is `Many` even when
/// there is one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<'a> {
    /// A single-valued key.
    One(Cow<'a, str>),
    /// A multivalued key.
    Many(Vec<Cow<'a, str>>),
}

/// [`Facts`] in a list, for simulation, tests, and callers who know all facts beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    entries: Vec<(String, Fact<'static>)>,
}

impl<'a> Principal<'a> {
    /// How a refusal names it: its ARN, or what stands for one.
    #[must_use]
    pub fn name(&self) -> Cow<'a, str> {
        match *self {
            Self::Anonymous => Cow::Borrowed("anonymous"),
            Self::Root { account } => Cow::Owned(format!("arn:aws:iam::{account}:root")),
            Self::User { arn, .. } | Self::Session { arn, .. } => Cow::Borrowed(arn),
            Self::Service { name } => Cow::Borrowed(name),
            Self::Federated { provider } => Cow::Borrowed(provider),
        }
    }

    /// Its account, or nothing when it belongs to none.
    #[must_use]
    pub fn account(&self) -> &'a str {
        match *self {
            Self::Root { account } => account,
            Self::User { arn, .. } | Self::Session { arn, .. } => account(arn).unwrap_or_default(),
            Self::Anonymous | Self::Service { .. } | Self::Federated { .. } => "",
        }
    }
}

/// What stands between the fourth and the fifth colon, found byte by byte: every decision asks for it, and this is a
/// fifth of the cost of splitting.
fn account(arn: &str) -> Option<&str> {
    let mut colons = arn.bytes().enumerate().filter(|(_, byte)| *byte == b':');
    let (start, _) = colons.nth(3)?;
    let end = colons.next().map_or(arn.len(), |(end, _)| end);
    arn.get(start.checked_add(1)?..end)
}

impl Context {
    /// Nothing known.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Sets a single-valued key, in whatever case. The last value set counts.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.put(key, Fact::One(Cow::Owned(value.into())));
    }

    /// Sets a multivalued key, in whatever case.
    pub fn set_many(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        self.put(
            key,
            Fact::Many(values.into_iter().map(Cow::Owned).collect()),
        );
    }

    fn put(&mut self, key: &str, fact: Fact<'static>) {
        let key = key.to_lowercase();
        self.entries.retain(|(known, _)| *known != key);
        self.entries.push((key, fact));
    }
}

impl Facts for Context {
    fn get(&self, key: &str) -> Option<Fact<'_>> {
        let (_, fact) = self.entries.iter().find(|(known, _)| known == key)?;
        Some(match fact {
            Fact::One(value) => Fact::One(Cow::Borrowed(value)),
            Fact::Many(values) => {
                Fact::Many(values.iter().map(|value| Cow::Borrowed(&**value)).collect())
            }
        })
    }
}
