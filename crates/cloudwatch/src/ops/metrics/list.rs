//! ListMetrics: the metrics of which data came in the last two weeks.
//!
//! There is one account here: with `IncludeLinkedAccounts` its id stands beside every metric, and another account's
//! metrics are none.
//!
//! Source: CloudWatch API Reference, ListMetrics.

use std::sync::Arc;
use std::time::Duration;

use api::{Access, Act, Caller, Ctx, Fault};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::Shape;

use super::Desk;
use super::check::{Code, Wrongs};
use super::fault;
use super::shape::{Dimension, DimensionFilter};
use crate::metric::{Identity, Listing, Read};

/// Metrics of a page. Source: ListMetrics.
const PAGE: usize = 500;
/// Within which time data must have come. Source: ListMetrics.
const ACTIVE: Duration = Duration::from_secs(14 * 86_400);
/// The same with `RecentlyActive`, whose one value is `PT3H`.
const RECENTLY_ACTIVE: Duration = Duration::from_secs(3 * 3600);

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListMetricsInput {
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Vec<DimensionFilter>,
    next_token: Option<String>,
    recently_active: Option<String>,
    include_linked_accounts: Option<bool>,
    owning_account: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListMetricsOutput {
    metrics: Option<Vec<Metric>>,
    next_token: Option<String>,
    owning_accounts: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Metric {
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Option<Vec<Dimension>>,
}

impl Act<Desk> for ListMetricsInput {
    type Output = ListMetricsOutput;
    const ACTION: &'static str = "cloudwatch:ListMetrics";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.everything(Self::ACTION)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<ListMetricsOutput, Fault> {
        desk.blocking(move |desk| self.answer(desk)).await
    }
}

impl ListMetricsInput {
    fn answer(self, desk: &Desk) -> Result<ListMetricsOutput, Fault> {
        self.checked()?;
        let after = self.after()?;
        let (page, is_last) = self.page(desk, after.as_deref());
        let next_token = page.last().filter(|_| !is_last);
        let next_token = next_token.map(|last| self.token(last));
        let owner = desk.place.account.to_string();
        let owning_accounts = match self.include_linked_accounts {
            Some(true) => vec![owner; page.len()],
            _ => Vec::new(),
        };
        Ok(ListMetricsOutput {
            metrics: Some(page.iter().map(|identity| shown(identity)).collect()),
            next_token,
            owning_accounts,
        })
    }

    fn checked(&self) -> Result<(), Fault> {
        let mut wrongs = Wrongs::default();
        if let Some(namespace) = &self.namespace {
            wrongs.namespace(namespace);
        }
        if let Some(name) = &self.metric_name {
            wrongs.metric_name("MetricName", name);
        }
        wrongs.filters(&self.dimensions);
        if self
            .recently_active
            .as_deref()
            .is_some_and(|it| it != "PT3H")
        {
            wrongs.set("RecentlyActive", &["PT3H"]);
        }
        if self.owning_account.is_some() && self.include_linked_accounts != Some(true) {
            let text = "The parameter OwningAccount can only be specified if IncludeLinkedAccounts is true.";
            wrongs.add(Code::Value, text);
        }
        wrongs.check()
    }

    /// The page behind `after`, and whether it is the last.
    fn page(&self, desk: &Desk, after: Option<&str>) -> (Vec<Arc<Identity>>, bool) {
        let account = desk.place.account.to_string();
        if self
            .owning_account
            .as_ref()
            .is_some_and(|it| *it != account)
        {
            return (Vec::new(), true);
        }
        let filters = self.dimensions.iter();
        let filters = filters.map(|it| (it.name.as_str(), it.value.as_deref()));
        let filters: Vec<_> = filters.collect();
        let active = match self.recently_active {
            Some(_) => RECENTLY_ACTIVE,
            None => ACTIVE,
        };
        let mut all = desk.store.list(&Listing {
            namespace: self.namespace.as_deref(),
            name: self.metric_name.as_deref(),
            dimensions: &filters,
            since: Some(desk.clock.now().minus(active)),
        });
        let first = all.partition_point(|it| after.is_some_and(|after| *key(it) <= *after));
        all.drain(..first);
        let is_last = all.len() <= PAGE;
        all.truncate(PAGE);
        (all, is_last)
    }

    /// What a token is bound to: everything that says which metrics are asked for.
    fn sum(&self) -> String {
        let asked = format!(
            "{:?} {:?} {:?} {:?} {:?}",
            self.namespace,
            self.metric_name,
            self.dimensions,
            self.recently_active,
            self.owning_account
        );
        format!("{:08x}", crc32c::crc32c(asked.as_bytes()))
    }

    fn token(&self, last: &Identity) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}", self.sum(), key(last)))
    }

    /// Behind which metric the page that the token asks for begins.
    fn after(&self) -> Result<Option<String>, Fault> {
        let Some(token) = self.next_token.as_deref().filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        let text = URL_SAFE_NO_PAD.decode(token).ok();
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let parts = text.as_deref().and_then(|text| text.split_once('.'));
        let after = parts.filter(|(sum, _)| *sum == self.sum());
        match after {
            Some((_, after)) => Ok(Some(after.to_owned())),
            None => Err(fault::sender(
                Code::Value,
                "The value for parameter NextToken is invalid.",
            )),
        }
    }
}

/// A text that is sorted as metrics are: what separates its parts is less than any letter of theirs.
fn key(identity: &Identity) -> String {
    let mut key = format!("{}\0{}", identity.namespace, identity.name);
    for dimension in identity.dimensions() {
        key.push('\0');
        key.push_str(&dimension.name);
        key.push('\0');
        key.push_str(&dimension.value);
    }
    key
}

fn shown(identity: &Identity) -> Metric {
    let dimensions = identity.dimensions().iter().map(|it| Dimension {
        name: it.name.clone(),
        value: it.value.clone(),
    });
    Metric {
        namespace: Some(identity.namespace.clone()),
        metric_name: Some(identity.name.clone()),
        dimensions: Some(dimensions.collect()),
    }
}
