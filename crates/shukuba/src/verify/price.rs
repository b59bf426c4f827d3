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
/// Most plans of a trial with functions, each of which may start one notifier.
pub(super) const PLANS_MAX: u64 = 6;
/// How long such a notifier lives. Chosen: all of a trial is sent in a few seconds.
pub(super) const LIFE: Duration = Duration::from_secs(30);
/// When Lambda would kill it, and a scaler.
pub(super) const NOTIFIER_TIME: Duration = Duration::from_secs(55);
pub(super) const SCALER_TIME: Duration = Duration::from_secs(30);
/// The memory of both.
pub(super) const MEMORY_MIB: u64 = 128;
/// What a function prints at most in an invocation. Chosen: some lines; a plan with its inputs is 2 KB.
const LOG_BYTES: f64 = 64.0 * 1024.0;
/// Requests of an invocation beside those for notifications and those of each second: settings, state, reports. Chosen.
const BESIDE: u64 = 24;

/// Dollars of what a trial uses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tariff {
    /// A request of each kind that is billed.
    requests: [(Kind, f64); 4],
    /// An alarm for a month.
    alarm: f64,
    /// A GB out.
    out_gb: f64,
    /// A start of a function, a GB-second of one, and a GB of its lines.
    start: f64,
    gb_second: f64,
    log_gb: f64,
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
            start: one(Fact::FunctionRequest),
            gb_second: one(Fact::FunctionGbSecond),
            log_gb: one(Fact::LogGb),
            source: format!(
                "list prices of {} from {first} to {last}, `shukuba cost prices`{times}; nothing is taken off for what is free",
                list.name
            ),
        })
    }

    /// Dollars of what was called, an alarm for an hour included. What functions have called is not known here: it is as much as
    /// they may.
    pub(crate) fn counted(&self, counts: &Counts, used: Used) -> f64 {
        let alarm = self.alarm / delivery::cost::HOURS_OF_MONTH;
        let own = self.dollars(|kind| counts.of(kind), used.notifications);
        own + self.functions(used) + alarm
    }

    /// Dollars of functions.
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    fn functions(&self, used: Used) -> f64 {
        let plans = used.plans as f64;
        let secs = plans * (SCALER_TIME + NOTIFIER_TIME).as_secs_f64();
        let requests = self.dollars(|kind| asked_by_functions(kind, used), 0);
        requests
            + plans * 2.0 * self.start
            + secs * MEMORY_MIB as f64 / 1_024.0 * self.gb_second
            + plans * 2.0 * LOG_BYTES / 1e9 * self.log_gb
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

/// What was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// Notifications that were sent.
    pub(crate) notifications: u64,
    /// Plans of the scaler as a function.
    pub(crate) plans: u64,
}

/// The most that functions ask which so many plans have started, by the rule of [`Bound::of`].
fn asked_by_functions(kind: Kind, used: Used) -> u64 {
    let Used {
        notifications: sent,
        plans,
    } = used;
    if plans == 0 {
        return 0;
    }
    let secs = plans * LIFE.as_secs();
    let beside = plans * BESIDE;
    match kind {
        Kind::Sqs => beside + 3 * sent + secs,
        Kind::S3Put => beside + sent + 2 * secs,
        Kind::S3Get | Kind::CloudWatch => beside,
        Kind::S3Delete | Kind::Other => 0,
    }
}

/// How many requests of each kind there may be. A trial that comes near one of them ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bound {
    pub(crate) notifications: u64,
    pub(crate) sqs: u64,
    pub(crate) s3_put: u64,
    pub(crate) s3_get: u64,
    pub(crate) cloudwatch: u64,
    /// Plans of functions.
    pub(crate) plans: u64,
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
            plans: 0,
        }
    }

    /// The same with functions: as many notifications once more, and a look each second whether a notifier has ended. The
    /// functions' own requests come beside it, and are bounded by their number and their time.
    pub(crate) const fn with_functions(self, timeout: Duration) -> Self {
        let twice = Self::of(2 * self.notifications, timeout);
        Self {
            s3_put: twice.s3_put + timeout.as_secs(),
            s3_get: twice.s3_get + timeout.as_secs(),
            plans: PLANS_MAX,
            ..twice
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

    /// Seconds that functions run at most.
    pub(crate) fn function_secs(&self) -> u64 {
        self.plans * (SCALER_TIME + NOTIFIER_TIME).as_secs()
    }

    /// Dollars at most: the alarm for a month, though it lives for minutes and is billed by the hour.
    pub(crate) fn dollars(&self, tariff: &Tariff) -> f64 {
        let count = |kind| self.max(kind).unwrap_or_default();
        let used = Used {
            notifications: self.notifications,
            plans: self.plans,
        };
        tariff.dollars(count, self.notifications) + tariff.functions(used) + tariff.alarm
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
    fn functions_have_a_bound_too() {
        let bound = Bound::of(100, MINUTE).with_functions(MINUTE);
        // As for 200 in that time, and 60 looks, each a listing and a read.
        assert_eq!(
            (bound.notifications, bound.sqs, bound.s3_put, bound.s3_get),
            (200, 710, 430, 560)
        );
        assert_eq!((bound.plans, bound.function_secs()), (6, 6 * (30 + 55)));
        let known = Tariff::of("us-east-1").unwrap();
        // By hand: 710 × $0.0000004 + 430 × $0.000005 + 560 × $0.0000004 + 50 × $0.00001 + $0.10 + 3.2768 MB × $0.00009.
        let own = 0.000_284 + 0.002_15 + 0.000_224 + 0.000_5 + 0.10 + 0.000_294_912;
        // 6 × 24 + 600 + 180 of SQS, 144 + 200 + 360 puts, 144 reads, 144 figures.
        let asked = 924.0 * 0.4e-6 + 704.0 * 5e-6 + 144.0 * 0.4e-6 + 144.0 * 1e-5;
        // 12 starts, 510 s of 128 MB, 12 × 64 KiB of lines at $0.50 a GB.
        let run = 12.0 * 0.2e-6 + 510.0 * 0.125 * 0.000_016_666_7 + 12.0 * 65_536.0 / 1e9 * 0.5;
        let dollars = bound.dollars(&known);
        assert!((dollars - own - asked - run).abs() < 1e-9, "{dollars}");
        assert_eq!(Bound::of(100, MINUTE).function_secs(), 0);
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
        let counted = Tariff::of("us-east-1").unwrap().counted(
            &counts,
            Used {
                notifications: 0,
                plans: 0,
            },
        );
        assert!((counted - 20.0 * 0.000_01 - 0.10 / 730.0).abs() < 1e-9);
    }
}
