//! What every operation here has at hand: the trails, what an action touches, the threads that may block.

use api::{Access, Fault};
use base::Arn;

use super::Desk;
use crate::engine::{State, Trail, command, name};
use crate::record::Place;
use crate::trails::Error;

impl Desk {
    pub(super) fn place(&self) -> &Place {
        self.trails.place()
    }

    /// Nothing in particular: all that is the account's.
    pub(super) fn everything(&self, action: &'static str) -> Vec<Access> {
        vec![Access::new(action, self.arn_of("*".to_owned()))]
    }

    /// `action` on what a request calls `of`, by name or ARN, whether it exists or not.
    pub(super) fn on_trail(&self, action: &'static str, of: &str) -> Access {
        let named = of.starts_with("arn:").then(|| of.parse::<Arn>().ok());
        let arn = named
            .flatten()
            .unwrap_or_else(|| self.arn_of(format!("trail/{of}")));
        let state = self.trails.state();
        let tags = command::find(&state, self.place(), of).map(|trail| trail.tags.clone());
        let tags = tags.into_iter().flatten();
        let tags = tags.map(|(key, value)| (key, value.unwrap_or_default()));
        Access::new(action, arn).with_tags("aws:ResourceTag", tags)
    }

    fn arn_of(&self, resource: String) -> Arn {
        let place = self.place();
        Arn {
            service: "cloudtrail".to_owned(),
            region: place.region.to_string(),
            account: place.account.to_string(),
            resource,
        }
    }

    /// The ARN of a trail of ours, as text.
    pub(super) fn trail_arn(&self, trail: &str) -> String {
        name::arn(&self.place().region, &self.place().account, trail)
    }

    /// The trail that a request calls `of`.
    pub(super) fn find(&self, state: &State, of: &str) -> Result<Trail, Fault> {
        let found = command::find(state, self.place(), of);
        Ok(found.map_err(|error| self.fault(error.into()))?.clone())
    }

    /// Does what blocks on the disk beside the threads that answer calls.
    pub(super) async fn blocking<R: Send + 'static>(
        &self,
        run: impl FnOnce(&crate::Trails) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Fault> {
        let done = self.trails.blocking(run).await;
        done.map_err(|error| self.fault(error))
    }
}
