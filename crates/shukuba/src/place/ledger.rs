//! `ledger` of queues elsewhere: what `ship` had accepted, against the results.

use std::collections::BTreeSet;

use anyhow::Context;
use base::{Clock, SystemClock, Timestamp};
use delivery::ledger::LiveCounts;
use delivery::ledger::elsewhere::{self, Account, Sides};
use delivery::ledger::manifest;
use delivery::port::ResultStore;
use serde::Deserialize;

use super::{Place, given, last_part, listed, open_store};
use crate::app::{App, usage};
use crate::lone;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Input {
    /// Places with manifests.
    manifests: Vec<String>,
    route: Option<String>,
    /// A name or a URL; asked for its counts as well.
    queue: Option<String>,
    from_ms: Option<u64>,
    to_ms: Option<u64>,
}

/// A queue with the route that reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    queue: String,
    /// As its results are called.
    route: String,
}

impl Place {
    pub(super) async fn ledger(&self, app: &App, input: &[u8]) -> anyhow::Result<Vec<u8>> {
        let input: Input = given(input)?;
        let mut stores = Vec::new();
        for url in &input.manifests {
            let given = "give what ship was given with --manifests, or its state directory";
            stores.push(open_store(url, given).await.context("--manifests")?);
        }
        let mut manifests: Vec<&dyn ResultStore> = Vec::new();
        manifests.extend(stores.iter().map(|store| store as &dyn ResultStore));
        // Those of replays that gave new ids lie beside the results, as do those of a place that both share.
        if !input.manifests.contains(&self.url) {
            manifests.push(self.known.results.store());
        }
        let now = SystemClock::new().now();
        let mut accounts = Vec::new();
        for pair in self.pairs(&input, &manifests).await? {
            let sides = Sides {
                manifests: &manifests,
                results: &self.known.results,
                queue: &pair.queue,
                route: &pair.route,
                from: input.from_ms.map(Timestamp::from_millis),
                to: input.to_ms.map(Timestamp::from_millis),
                now,
            };
            let mut account = elsewhere::account(&sides).await?;
            account.live = self.live(app, &input, &pair).await?;
            accounts.push(account);
        }
        Ok(serde_json::to_vec(&answer(&accounts, now))?)
    }

    /// Which queue belongs to which route: as the arguments say, as the settings say, or the only ones there are.
    async fn pairs(
        &self,
        input: &Input,
        manifests: &[&dyn ResultStore],
    ) -> anyhow::Result<Vec<Pair>> {
        let mut queues = BTreeSet::new();
        for store in manifests {
            queues.extend(manifest::queues(*store).await?);
        }
        let queues: Vec<String> = queues.into_iter().collect();
        let routes = self.routes().await?;
        let wanted = |pair: &Pair| {
            let is_queue = |queue: &String| last_part(queue) == pair.queue;
            let is_route = |route: &String| self.results_name(route) == pair.route;
            input.queue.as_ref().is_none_or(is_queue) && input.route.as_ref().is_none_or(is_route)
        };
        let mut pairs: Vec<Pair> = self.pairs_of_settings();
        pairs.retain(|pair| queues.contains(&pair.queue) || routes.contains(&pair.route));
        pairs.retain(wanted);
        if !pairs.is_empty() {
            return Ok(pairs);
        }
        let only = |given: Option<String>, known: &[String]| match (given, known) {
            (Some(given), _) => Some(given),
            (None, [only]) => Some(only.clone()),
            _ => None,
        };
        let queue = only(input.queue.as_deref().map(last_part), &queues);
        let route = only(
            input.route.as_deref().map(|route| self.results_name(route)),
            &routes,
        );
        match (queue, route) {
            (Some(queue), Some(route)) => Ok(vec![Pair { queue, route }]),
            _ => Err(usage(format!(
                "say which queue belongs to which route: --queue (manifests of: {}), --route (results of: {}), or --config with their routes",
                listed(&queues),
                listed(&routes)
            ))),
        }
    }

    fn pairs_of_settings(&self) -> Vec<Pair> {
        let routes = self.settings.iter().flat_map(|all| &all.routes);
        let pairs: BTreeSet<Pair> = routes
            .map(|(name, rules)| Pair {
                queue: last_part(&rules.queue),
                route: self.results_name(name),
            })
            .collect();
        pairs.into_iter().collect()
    }

    /// What the queue itself says, where it was named, and its retry queue.
    async fn live(
        &self,
        app: &App,
        input: &Input,
        pair: &Pair,
    ) -> anyhow::Result<Option<LiveCounts>> {
        let Some(queue) = &input.queue else {
            return Ok(None);
        };
        let account = lone::account(app, &app.server(), queue).await?;
        let routes = self.settings.iter().flat_map(|all| &all.routes);
        let of_route = routes.filter(|(name, _)| self.results_name(name) == pair.route);
        let retry = of_route.filter_map(|(_, rules)| rules.retry_queue.clone());
        let mut urls = BTreeSet::new();
        for name in std::iter::once(queue.clone()).chain(retry) {
            urls.insert(account.queue_url(&name).await?);
        }
        let mut sum = LiveCounts::default();
        for url in urls {
            let counts = account.counts(&url).await?;
            sum.visible += counts.visible;
            sum.in_flight += counts.in_flight;
            sum.delayed += counts.delayed;
        }
        Ok(Some(sum))
    }
}

fn answer(accounts: &[Account], now: Timestamp) -> serde_json::Value {
    let drifts: Vec<_> = accounts.iter().flat_map(Account::drifts).collect();
    let not_asked = accounts.iter().filter(|account| account.live.is_none());
    let not_compared: Vec<String> = not_asked
        .map(|account| {
            format!(
                "queue `{}` itself: give --queue URL to see whether what is open is in it",
                account.queue
            )
        })
        .collect();
    serde_json::json!({
        "at": now.rfc3339(),
        "balanced": drifts.is_empty(),
        "drifts": drifts,
        "not_compared": not_compared,
        "queues": accounts,
    })
}
