//! What operations touch, and how they change rules.

use api::{Access, Fault};
use base::Arn;

use crate::rules::Rules;
use crate::rules::engine::Refusal;

impl Rules {
    /// A rule, whether it exists or not.
    pub(super) fn on_rule(&self, name: &str) -> Access {
        let tags = self.bus().rule(name).map(|rule| rule.tags.clone());
        let tags = tags.into_iter().flatten();
        Access::on(self.arn(name)).with_tags("aws:ResourceTag", tags)
    }

    /// Nothing in particular: all that is the account's.
    pub(super) fn on_all(&self) -> Access {
        Access::on(self.arn_of("*"))
    }

    /// The bus.
    pub(super) fn on_bus(&self) -> Access {
        Access::on(self.bus_arn())
    }

    pub(super) fn bus_arn(&self) -> Arn {
        self.arn_of("event-bus/default")
    }

    fn arn_of(&self, resource: &str) -> Arn {
        let place = self.place();
        Arn::new("events", &place.region, &place.account, resource)
    }

    /// The name of the rule that `arn` is of.
    pub(super) fn rule_of(&self, arn: &str) -> Result<String, Fault> {
        let parsed = arn.parse::<Arn>().ok();
        let name = parsed
            .filter(|parsed| parsed.service == "events")
            .and_then(|parsed| {
                let name = parsed.resource.strip_prefix("rule/")?;
                Some(name.strip_prefix("default/").unwrap_or(name).to_owned())
            });
        name.ok_or_else(|| {
            Fault::sender(
                "ValidationException",
                format!(
                    "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
                ),
            )
        })
    }

    /// Changes the rules by a call.
    pub(super) async fn changed<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut crate::rules::engine::Bus) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Fault> {
        self.change(change).await.map_err(super::fault::of)
    }
}

/// Whoever lets events use a role passes it.
pub(super) fn pass(role: Option<&str>) -> Option<Access> {
    let arn = role?.parse().ok()?;
    Some(Access::new("iam:PassRole", arn).with("iam:PassedToService", "events.amazonaws.com"))
}
