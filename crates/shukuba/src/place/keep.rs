//! `compact` and `forget` of what lone notifiers stored.

use base::{Clock, SystemClock};
use delivery::results::set::{Whose, Window};
use serde::Deserialize;

use super::Place;
use crate::answers::{Answer, failed, write};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Compact {
    route: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Forget {
    /// A message or notification id.
    id: String,
}

impl Place {
    pub(super) async fn compact(&self, input: &[u8]) -> anyhow::Result<Answer> {
        let input: Compact = super::given(input)?;
        let window = Window {
            route: self.results_of(input.route).await?,
            whose: Whose::Lone,
            ..Window::default()
        };
        let now = SystemClock::new().now();
        let done = self.known.results.compact(&window, now).await;
        Ok(done
            .map_err(|error| failed("the results cannot be compacted", &error))
            .and_then(|done| write(&done)))
    }

    pub(super) async fn forget(&self, input: &[u8]) -> anyhow::Result<Answer> {
        let Forget { id } = super::given(input)?;
        let window = Window {
            whose: Whose::Lone,
            ..Window::default()
        };
        let done = self.known.results.forget(&window, &id).await;
        Ok(done
            .map_err(|error| failed("results cannot be removed", &error))
            .and_then(|done| write(&done)))
    }
}
