//! `dead-*` where notifiers run alone: their results hold the dead ones, with their lines.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws::Outbox;
use base::SystemClock;
use delivery::dead::Filter;
use delivery::dead::stored::StoredDead;
use delivery::replay::Target;
use delivery::results::Range;
use delivery::results::set::Window;
use delivery::why::Story;

use super::{Place, given};
use crate::answers::dead::{Ask, Input, Shown};
use crate::answers::{Answer, only_route, write};
use crate::app::App;
use crate::{lone, output};

/// How long one call sends or drops. Chosen: each looks through the results anew.
const WITHIN: Duration = Duration::from_secs(10);

impl Place {
    pub(super) async fn dead(&self, app: &App, ask: Ask, input: &[u8]) -> anyhow::Result<Answer> {
        let input: Input = given(input)?;
        if ask == Ask::List {
            return self.list_dead(&input).await;
        }
        let route = match self.route_of_dead(&input).await? {
            Ok(route) => route,
            Err(fault) => return Ok(Err(fault)),
        };
        let target = match ask {
            Ask::Retry => Some(self.target(app, &route, input.queue.as_deref()).await?),
            _ => None,
        };
        self.say_whose_dead(&route).await?;
        let results = self.known.results.clone();
        let dead = StoredDead::open(results, &route, &input.ids, target).await?;
        if matches!(ask, Ask::Retry | Ask::Drop) {
            dead.tidy().await?;
        }
        Ok(ask.answer(&dead, &input, &SystemClock::new(), WITHIN).await)
    }

    /// The route that is named, or that of the ids, or the only one.
    async fn route_of_dead(&self, input: &Input) -> anyhow::Result<Result<String, api::Fault>> {
        let mut routes = match (&input.route, input.ids.is_empty()) {
            (None, false) => self.routes().await?,
            (named, _) => return Ok(Ok(self.route_or_only(named.clone()).await?)),
        };
        let mut found = Vec::new();
        for route in &routes {
            if self.has_dead(route, &input.ids).await? {
                found.push(route.clone());
            }
        }
        if found.is_empty() {
            // None of any route: the first one says so.
            routes.truncate(1);
            found = routes;
        }
        Ok(only_route(&found).map(str::to_owned))
    }

    async fn has_dead(&self, route: &str, ids: &[String]) -> anyhow::Result<bool> {
        let results = self.known.results.clone();
        let dead = StoredDead::open(results, route, ids, None).await?;
        let filter = Filter {
            ids: ids.to_vec(),
            ..Filter::default()
        };
        Ok(delivery::dead::count(&dead, &filter).await?.count > 0)
    }

    /// Whether nobody has decided yet on a dead notification.
    pub(super) async fn is_among_dead(&self, story: &Story) -> anyhow::Result<bool> {
        let ids = [story.notification_id.clone()];
        match story.attempts.last() {
            Some(last) => self.has_dead(&last.route, &ids).await,
            None => Ok(false),
        }
    }

    /// Those of a route; where none is named, of all.
    async fn list_dead(&self, input: &Input) -> anyhow::Result<Answer> {
        let most = match input.most() {
            Ok(most) => most,
            Err(fault) => return Ok(Err(fault)),
        };
        let routes = match &input.route {
            None => self.routes().await?,
            named => vec![self.route_or_only(named.clone()).await?],
        };
        let mut shown = Vec::new();
        for route in routes {
            let left = most.saturating_sub(shown.len());
            if left == 0 {
                break;
            }
            self.say_whose_dead(&route).await?;
            let results = self.known.results.clone();
            let dead = StoredDead::open(results, &route, &input.ids, None).await?;
            let found = match input.letters(&dead, left).await {
                Ok(found) => found.into_iter(),
                Err(fault) => return Ok(Err(fault)),
            };
            let route = || route.clone();
            shown.extend(found.map(|letter| Shown {
                route: route(),
                letter,
            }));
        }
        Ok(write(&shown))
    }

    /// The queue that messages are sent to again: as it is named, else that of the route.
    pub(super) async fn target(
        &self,
        app: &App,
        route: &str,
        queue: Option<&str>,
    ) -> anyhow::Result<Arc<dyn Target>> {
        let queue = self.queue_of(route, queue)?;
        let account = lone::account(app, &app.server(), &queue).await?;
        let url = account.queue_url(&queue).await.context("--queue")?;
        Ok(Arc::new(Outbox::new(&account, &url)?))
    }

    async fn say_whose_dead(&self, route: &str) -> anyhow::Result<()> {
        let window = Window {
            route: Some(route.to_owned()),
            ..Window::default()
        };
        let entries = self.known.results.entries(&window).await?;
        let is_of_server = |range: &Range| matches!(range, Range::Journal { .. });
        if entries.iter().any(|entry| is_of_server(&entry.name.range)) {
            output::complain(
                "a server stored some of these results: its dead ones are in its dead queue and not among those here",
            );
        }
        Ok(())
    }
}
