//! Whether a function lets a service use it.

use base::Arn;
use policy::{Context, Policies, Principal, Request, decide};

use super::Functions;

impl Functions {
    /// Whether the policy of `resource`, a function or a version or alias of one, lets `service`, such as `events.amazonaws.com`, do
    /// `action`, such as `lambda:InvokeFunction`, for `source`, such as a rule.
    #[must_use]
    pub fn lets(&self, service: &str, action: &str, resource: &Arn, source: &Arn) -> bool {
        let text = resource.to_string();
        let Ok(named) = self.place().named(&text, None) else {
            return false;
        };
        let function = self.get(&named.name);
        let document = function.and_then(|it| it.policy(named.qualifier.as_ref())?.document());
        let Some(document) = document else {
            return false;
        };
        let mut facts = Context::new();
        facts.set("aws:SourceArn", source.to_string());
        facts.set("aws:SourceAccount", source.account.clone());
        let request = Request {
            principal: Principal::Service { name: service },
            action,
            resource: &text,
            resource_account: self.place().account.as_str(),
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
