//! What every operation works on, and how requests name a queue.

use std::sync::Arc;

use api::{Ctx, Fault};
use base::{AccountId, Arn, Region};

use super::fault;
use crate::{Access, Queue, Queues};

/// What it takes, beyond the action itself, to receive from a queue that is bound to a route and to settle what came from it.
const TAKE_FROM_ROUTE: &str = "shukuba:TakeFromRoute";

/// What whoever has this policy takes is booked as a notifier's.
const NOTIFIER: &str = "arn:aws:iam::aws:policy/ShukubaNotifier";

/// The queues, and whose they are.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) queues: Arc<Queues>,
    region: Region,
    account: AccountId,
}

impl State {
    pub(crate) fn new(queues: Arc<Queues>, region: Region, account: AccountId) -> Self {
        Self {
            queues,
            region,
            account,
        }
    }

    /// The queue that a `QueueUrl` names, by the last two parts of its path: `http://…/123456789012/s2s`.
    ///
    /// The host is not looked at: a client may reach the same server by several names.
    pub(crate) fn queue(&self, url: &str) -> Result<Arc<Queue>, Fault> {
        let (account, name) = split(url).ok_or_else(|| fault::invalid_address(url))?;
        if account != self.account.as_str() {
            return Err(fault::no_such_queue());
        }
        Ok(self.queues.queue(name)?)
    }

    /// `QueueUrl` of the queue `name`, by the address at which the caller reaches us.
    pub(crate) fn url(&self, ctx: &Ctx, name: &str) -> String {
        format!("{}/{}/{name}", ctx.base_url, self.account.as_str())
    }

    /// Whether `account` is the one whose queues these are.
    pub(crate) fn is_ours(&self, account: &str) -> bool {
        account == self.account.as_str()
    }

    /// What it takes to do `action` on the queue that `url` names.
    pub(crate) fn access(&self, action: &'static str, url: &str) -> Vec<api::Access> {
        // An address that names no queue is refused by the call itself; `-` names no queue either.
        let name = split(url).map_or("-", |(_, name)| name);
        vec![self.access_to(action, name)]
    }

    /// What it takes to take messages from the queue that `url` names by `action`: one that is bound to a route asks for
    /// more than that.
    pub(crate) fn access_to_messages(&self, action: &'static str, url: &str) -> Vec<api::Access> {
        let mut access = self.access(action, url);
        let name = split(url).map_or("-", |(_, name)| name);
        if self.queues.is_bound(name) {
            access.push(api::Access::new(TAKE_FROM_ROUTE, self.arn(name)));
        }
        access
    }

    /// What it takes to do `action` on the queue `name`, or on all with `*`.
    pub(crate) fn access_to(&self, action: &'static str, name: &str) -> api::Access {
        let queue = self.queues.queue(name).ok();
        let policy = queue.and_then(|queue| queue.policy());
        api::Access::new(action, self.arn(name)).with_policy(policy)
    }

    fn arn(&self, name: &str) -> Arn {
        Arn::new("sqs", &self.region, &self.account, name)
    }

    /// What it takes to do `action` on the queue with an ARN.
    pub(crate) fn access_to_arn(&self, action: &'static str, arn: &str) -> api::Access {
        let parsed = arn.parse::<Arn>();
        // Queues of others are none here: the call says so.
        let ours = |arn: &Arn| *arn == self.arn(&arn.resource);
        match parsed {
            Ok(arn) if ours(&arn) => self.access_to(action, &arn.resource),
            Ok(arn) => api::Access::new(action, arn),
            Err(_) => self.access_to(action, "-"),
        }
    }
}

/// Account and name in a queue's URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let url = url.split(['?', '#']).next()?;
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url,
    };
    // Clients of the query protocol post to the URL with a slash behind it too.
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut parts = path.rsplit('/');
    let name = parts.next()?;
    let account = parts.next()?;
    (!name.is_empty() && !account.is_empty()).then_some((account, name))
}

/// In which capacity the caller receives and deletes. Whether it may, the gateway has decided.
pub(crate) fn capacity(ctx: &Ctx) -> Access {
    let mut policies = ctx.caller.grants.identity.iter();
    match policies.any(|policy| &*policy.id == NOTIFIER) {
        true => Access::Notifier,
        false => Access::Administrator,
    }
}

/// The caller as the attribute `SenderId` shows it, such as `user/administrator`.
pub(crate) fn sender_id(ctx: &Ctx) -> &str {
    &ctx.caller.arn.resource
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_queue_is_named_by_the_last_two_parts_of_its_url() {
        for url in [
            "http://localhost:5310/123456789012/s2s",
            "https://sqs.ap-northeast-1.amazonaws.com/123456789012/s2s?x=y",
            "http://proxy/queues/123456789012/s2s",
            "/123456789012/s2s",
            "123456789012/s2s",
            "http://localhost:5310/123456789012/s2s/",
        ] {
            assert_eq!(split(url), Some(("123456789012", "s2s")), "{url}");
        }
        for url in [
            "",
            "s2s",
            "http://localhost/",
            "http://localhost//s2s",
            "http://h/1/",
            "http://h/1",
            "/123456789012/s2s//",
        ] {
            assert!(split(url).is_none(), "{url}");
        }
    }
}
