//! What a trial may cost at most: counts of what it may call, by the built-in price list ([`delivery::cost`]).
//!
//! Nothing is taken off for what is free. Of a region that the list has not, the first that it has stands in, twice ([`UNKNOWN`]).

use std::time::Duration;

use aws::counting::{Counts, Kind};
use delivery::cost::{Currency, Fact, List, Prices};
use serde::Serialize;

/// What a notification may read and send, with its result. Chosen: its lines are 200 bytes, its result 1 KB.
const BYTES_EACH: f64 = 16.0 * 1024.0;
/// How much dearer a region may be of which the list says nothing. Chosen: more than any asks for any of these.
const UNKNOWN: f64 = 2.0;
/// Requests of each kind that are left for the clean-up, and for what is under way when it begins. Chosen: it does a dozen.
const CLEAN_UP: u64 = 30;

/// Dollars of what a trial uses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tariff {
    /// A request of each kind that is billed.
    requests: [(Kind, f64); 4],
    /// An alarm for a month.
    alarm: f64,
    /// A GB out.
    out_gb: f64,
    /// Where and when that is from.
    pub(crate) source: String,
}

impl Tariff {
    /// That of a region.
    pub(crate) fn of(region: &str) -> anyhow::Result<Self> {
        let prices = Prices::built_in()?;
        let known = prices.list(region, Some(Currency::Usd));
        let (list, factor) = match known {
            Ok(list) => (list, 1.0),
            Err(error) => {
                let first = prices.regions().next().ok_or(error)?.to_owned();
                (prices.list(&first, Some(Currency::Usd))?, UNKNOWN)
            }
        };
        let one = |fact| unit(&list, fact) * factor;
        let (first, last) = list.dates();
        let times = match factor > 1.0 {
            true => format!(", {UNKNOWN} times since `{region}` is not on it"),
            false => String::new(),
        };
        Ok(Self {
            requests: [
                (Kind::Sqs, one(Fact::QueueRequest)),
                (Kind::S3Put, one(Fact::ObjectWrite)),
                (Kind::S3Get, one(Fact::ObjectRead)),
                (Kind::CloudWatch, one(Fact::MetricRequest)),
            ],
            alarm: one(Fact::AlarmMonth),
            out_gb: one(Fact::DataOutGb),
            source: format!(
                "list prices of {} from {first} to {last}, `shukuba cost prices`{times}; nothing is taken off for what is free",
                list.name
            ),
        })
    }

    /// Dollars of what was called, an alarm for an hour included.
    pub(crate) fn counted(&self, counts: &Counts, notifications: u64) -> f64 {
        let alarm = self.alarm / delivery::cost::HOURS_OF_MONTH;
        self.dollars(|kind| counts.of(kind), notifications) + alarm
    }

    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    fn dollars(&self, count: impl Fn(Kind) -> u64, notifications: u64) -> f64 {
        let requests = self.requests.iter();
        let requests: f64 = requests
            .map(|(kind, price)| count(*kind) as f64 * price)
            .sum();
        requests + notifications as f64 * BYTES_EACH / 1e9 * self.out_gb
    }
}

fn unit(list: &List<'_>, fact: Fact) -> f64 {
    let price = list.price(fact);
    price.price / price.per * list.rate(price.currency)
}

/// How many requests of each kind there may be. A trial that comes near one of them ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bound {
    pub(crate) notifications: u64,
    pub(crate) sqs: u64,
    pub(crate) s3_put: u64,
    pub(crate) s3_get: u64,
    pub(crate) cloudwatch: u64,
}

impl Bound {
    /// For `notifications` within `timeout`. A notification is received, deleted and perhaps tried again: three requests of SQS
    /// each at most. Besides that a long poll or a report of results may go out each second.
    pub(crate) const fn of(notifications: u64, timeout: Duration) -> Self {
        let secs = timeout.as_secs();
        Self {
            notifications,
            sqs: 50 + 3 * notifications + secs,
            s3_put: 50 + notifications + 2 * secs,
            s3_get: 100 + 2 * notifications,
            cloudwatch: 50,
        }
    }

    /// How many of a kind; none where there is no bound, since it is free.
    fn max(&self, kind: Kind) -> Option<u64> {
        match kind {
            Kind::Sqs => Some(self.sqs),
            Kind::S3Put => Some(self.s3_put),
            Kind::S3Get => Some(self.s3_get),
            Kind::CloudWatch => Some(self.cloudwatch),
            Kind::S3Delete | Kind::Other => None,
        }
    }

    /// What is nearly used up, in words.
    pub(crate) fn exceeded(&self, counts: &Counts) -> Option<String> {
        let near = |kind: &Kind| {
            let max = self.max(*kind)?;
            let is_near = counts.of(*kind) + CLEAN_UP >= max;
            is_near.then(|| format!("nearly {max} requests ({})", kind.name()))
        };
        Kind::ALL.iter().find_map(near)
    }

    /// Dollars at most: the alarm for a month, though it lives for minutes and is billed by the hour.
    pub(crate) fn dollars(&self, tariff: &Tariff) -> f64 {
        let count = |kind| self.max(kind).unwrap_or_default();
        tariff.dollars(count, self.notifications) + tariff.alarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_bound_is_counts_by_prices() {
        let bound = Bound::of(100, MINUTE);
        assert_eq!(
            (bound.sqs, bound.s3_put, bound.s3_get, bound.cloudwatch),
            (410, 270, 300, 50)
        );
        // By hand: 410 × $0.0000004 + 270 × $0.000005 + 300 × $0.0000004 + 50 × $0.00001 + $0.10 + 1.6384 MB × $0.00009.
        let by_hand = 0.000_164 + 0.001_35 + 0.000_12 + 0.000_5 + 0.10 + 0.000_147_456;
        let known = Tariff::of("us-east-1").unwrap();
        let dollars = bound.dollars(&known);
        assert!((dollars - by_hand).abs() < 1e-9, "{dollars}");
        let most = Bound::of(super::super::COUNT_MAX, super::super::TIMEOUT_MAX);
        assert!(most.dollars(&known) < 0.16, "{}", most.dollars(&known));
        let unknown = Tariff::of("xx-nowhere-1").unwrap();
        assert!(
            bound.dollars(&unknown) >= 1.99 * by_hand.min(dollars),
            "{unknown:?}"
        );
        assert!(unknown.source.contains("`xx-nowhere-1` is not on it"));
    }

    #[test]
    fn more_of_anything_is_never_cheaper() {
        let tariff = Tariff::of("us-east-1").unwrap();
        let dollars = |count, secs| Bound::of(count, Duration::from_secs(secs)).dollars(&tariff);
        for (count, secs) in [(1, 30), (100, 300), (999, 3_599)] {
            assert!(dollars(count + 1, secs) > dollars(count, secs));
            assert!(dollars(count, secs + 1) > dollars(count, secs));
        }
    }

    #[test]
    fn what_comes_near_the_bound_is_named() {
        let bound = Bound::of(1, Duration::ZERO);
        let counts = Counts::default();
        let signature =
            "AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-west-1/monitoring/aws4_request";
        let call = || {
            let request = Request::post("/").header("authorization", signature);
            request.body(()).unwrap()
        };
        (1..bound.cloudwatch - CLEAN_UP).for_each(|_| counts.add(&call()));
        assert_eq!(bound.exceeded(&counts), None);
        counts.add(&call());
        let over = bound.exceeded(&counts);
        assert_eq!(over.as_deref(), Some("nearly 50 requests (CloudWatch)"));
        let counted = Tariff::of("us-east-1").unwrap().counted(&counts, 0);
        assert!((counted - 20.0 * 0.000_01 - 0.10 / 730.0).abs() < 1e-9);
    }
}
