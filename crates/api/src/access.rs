//! What a call wants to touch, and who decides whether it may.
//!
//! The gateway holds one `Arc<dyn Authorizer>`; services only say what they are about to do.

use std::fmt;
use std::sync::Arc;

use base::Arn;
use policy::{Context, Document};

use crate::ctx::Ctx;

/// One thing that a call wants to do. A call may want several; all of them must be allowed.
#[derive(Clone, Debug)]
pub struct Access {
    /// Such as `sqs:SendMessage`; empty where it is the operation's, until an [`Op`](crate::Op) puts it in.
    pub action: &'static str,
    /// On what. An action that has no resource names all of its account's: `arn:aws:iam::123456789012:*`.
    pub resource: Arn,
    /// Values of the context keys of this action and resource, such as `s3:prefix`. What is known of every call, such as
    /// `aws:SourceIp`, follows from the [`Ctx`].
    pub context: Context,
    /// The policy of the resource, read once when it was set.
    pub resource_policy: Option<Arc<Document>>,
}

impl Access {
    /// `action` on `resource`, which has no policy.
    #[must_use]
    pub fn new(action: &'static str, resource: Arn) -> Self {
        Self {
            action,
            resource,
            context: Context::new(),
            resource_policy: None,
        }
    }

    /// The action of the operation itself on `resource`: an [`Op`](crate::Op) puts it in.
    #[must_use]
    pub fn on(resource: Arn) -> Self {
        Self::new("", resource)
    }

    /// The same with the value of a context key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.set(key, value);
        self
    }

    /// The same with the values of a context key that may have many.
    #[must_use]
    pub fn with_many(mut self, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.context.set_many(key, values);
        self
    }

    /// The same with tags, each under `key`, such as `aws:ResourceTag` or `iam:ResourceTag`.
    #[must_use]
    pub fn with_tags<K: AsRef<str>, V: Into<String>>(
        self,
        key: &str,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        tags.into_iter().fold(self, |access, (tag, value)| {
            access.with(&format!("{key}/{}", tag.as_ref()), value)
        })
    }

    /// The same with the tags that a request gives: `aws:RequestTag/…`, and `aws:TagKeys` even where there are none.
    #[must_use]
    pub fn with_request_tags<'a>(
        self,
        tags: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Self {
        self.with_many("aws:TagKeys", tags.clone().map(|(key, _)| key.to_owned()))
            .with_tags("aws:RequestTag", tags)
    }

    /// The same with the policy of the resource.
    #[must_use]
    pub fn with_policy(mut self, policy: Option<Arc<Document>>) -> Self {
        self.resource_policy = policy;
        self
    }
}

/// The answer to "may this caller do this?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, for one of the things wanted.
    Deny {
        /// What is not allowed.
        action: &'static str,
        /// On what.
        resource: Arn,
        /// The end of AWS's sentence, such as `because no identity-based policy allows the sqs:SendMessage action` or
        /// `with an explicit deny in an identity-based policy`. It goes into the answer, so it names no secrets.
        reason: String,
    },
}

/// Decides whether a caller may do what a call wants.
pub trait Authorizer: Send + Sync + fmt::Debug {
    /// Decides on all of `access` for `ctx.caller`. Must not block.
    fn decide(&self, ctx: &Ctx, access: &[Access]) -> Decision;
}
