//! Whether functions and queues let rules in, by their own policies.

use std::sync::Arc;

use base::Arn;
use lambda::Functions;
use policy::{Context, Policies, Principal, Request, decide};
use sqs::Queues;

/// Who asks.
const SERVICE: &str = "events.amazonaws.com";

/// The policies of functions and queues.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) functions: Arc<Functions>,
    pub(super) queues: Arc<Queues>,
}

impl lambda::rules::port::Policies for Doors {
    fn allow(&self, action: &str, resource: &Arn, rule: &Arn) -> bool {
        match resource.service.as_str() {
            "lambda" => self.functions.lets(SERVICE, action, resource, rule),
            "sqs" => self.queue_allows(action, resource, rule),
            _ => false,
        }
    }
}

impl Doors {
    fn queue_allows(&self, action: &str, resource: &Arn, rule: &Arn) -> bool {
        let text = resource.to_string();
        let queue = self.queues.queue(&resource.resource).ok();
        let queue = queue.filter(|queue| self.queues.arn(queue.name()) == text);
        let Some(document) = queue.and_then(|queue| queue.policy()) else {
            return false;
        };
        let mut facts = Context::new();
        facts.set("aws:SourceArn", rule.to_string());
        facts.set("aws:SourceAccount", rule.account.clone());
        let request = Request {
            principal: Principal::Service { name: SERVICE },
            action,
            resource: &text,
            resource_account: &resource.account,
            facts: &facts,
        };
        let policies = Policies {
            identity: &[],
            boundary: None,
            session: &[],
            resource: Some(&document),
        };
        decide(&request, &policies).is_allowed()
    }
}
