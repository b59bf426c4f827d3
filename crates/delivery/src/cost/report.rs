//! What was measured, priced: by route, destination and part, beside fixed servers and for what is to come.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::deployment::{gb, logs, plans};
use super::meter::Done;
use super::prices::{Currency, Exchange, List};
use super::usage::{Part, Usage, Use};
use super::{Bill, Deployment, Fixed, Fleet, HOURS_OF_MONTH, bill, float};
use crate::ledger::Requests;
use crate::scaler::{ASKED_MAX, REPORT_EVERY};

/// Messages whose results are a set at most (contract 7).
const MESSAGES_MAX: f64 = 1_000.0;
/// The longest long poll of SQS, and how many queues a lone notifier polls at once: its route's and that of its retries.
const LONG_POLL_SECS: f64 = 20.0;
const QUEUES_POLLED: f64 = 2.0;

/// How what was measured is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Hours that were looked at.
    pub hours: f64,
    /// The memory that a notifier would have as a function, in MiB.
    pub memory_mib: u32,
    /// How long a notifier lives.
    pub life: Duration,
    /// How long a lone notifier gathers results.
    pub gather: Duration,
    /// How often the scaler plans.
    pub interval: Duration,
    /// What stands beside.
    pub deployment: Deployment,
    /// Servers to compare with.
    pub fleets: Vec<Fleet>,
}

/// What a route did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Its name.
    pub route: String,
    /// Whether its queue is FIFO.
    pub is_fifo: bool,
    /// How long its results are kept.
    pub kept: Duration,
    /// What was asked of its queues.
    pub requests: Requests,
    /// What the meter knows of it.
    pub done: Done,
    /// The same by destination.
    pub destinations: BTreeMap<String, Done>,
}

/// What a function did that is no notifier.
pub type Functions = BTreeMap<String, Done>;

/// What was measured of one route, for reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Notifications that were accepted.
    pub notifications: u64,
    /// Messages that bore them.
    pub messages: u64,
    /// Notifications in a message, on the average.
    pub packing: f64,
    /// Sends to receivers.
    pub attempts: u64,
    /// Messages that were sent on to be tried again.
    pub retried: u64,
    /// Bytes to receivers.
    pub bytes_out: u64,
    /// How long notifiers ran.
    pub notifier_secs: f64,
    /// Sends under way at once of a notifier that ran, on the average.
    pub in_flight: f64,
    /// Sets of results that were stored.
    pub objects: u64,
}

/// What somebody's part costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Whose: a destination's, a function's.
    pub name: String,
    /// Sends, or starts.
    pub count: u64,
    /// What it comes to.
    pub amount: f64,
    /// The same for a million of `count`.
    pub per_million: f64,
    /// By part.
    pub parts: BTreeMap<String, f64>,
}

/// What a route costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RouteCost {
    /// Its name.
    pub route: String,
    /// What was measured.
    pub measured: Measured,
    /// For a million notifications.
    pub per_million: f64,
    /// The same without data out.
    pub per_million_inside: f64,
    /// With its arithmetic.
    #[serde(flatten)]
    pub bill: Bill,
    /// By destination; they add up to the route's.
    pub destinations: Vec<Share>,
}

/// What is to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Notifications.
    pub notifications: u64,
    /// In how many hours.
    pub hours: f64,
    /// For a million notifications.
    pub per_million: f64,
    /// With its arithmetic.
    #[serde(flatten)]
    pub bill: Bill,
    /// Fixed servers beside it.
    pub fixed: Vec<Fixed>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Hours that were looked at.
    pub hours: f64,
    /// Whose prices.
    pub region: String,
    /// In which currency.
    pub currency: Currency,
    /// What a dollar was taken for, where amounts are in yen.
    pub exchange: Exchange,
    /// The first and last day of the prices.
    pub prices_from: String,
    /// See `prices_from`.
    pub prices_to: String,
    /// Notifications that were accepted.
    pub notifications: u64,
    /// What all comes to.
    pub total: f64,
    /// The same for a million notifications.
    pub per_million: f64,
    /// The same without data out.
    pub per_million_inside: f64,
    /// By part.
    pub parts: BTreeMap<String, f64>,
    /// Each route.
    pub routes: Vec<RouteCost>,
    /// Each function.
    pub functions: Vec<Share>,
    /// What stands beside, for all of them.
    pub standing: Bill,
    /// Fixed servers beside it.
    pub fixed: Vec<Fixed>,
    /// What is to come, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
}

impl Work {
    /// What it used, as lone notifiers on SQS would have.
    #[must_use]
    pub fn usage(&self, taken: &Taken) -> Usage {
        let (requests, done) = (&self.requests, &self.done);
        let secs = float(done.notifier_ms) / 1_000.0;
        let life = taken.life.as_secs_f64().max(1.0);
        let starts = (secs / life).ceil();
        let bytes_out = self.bytes_out();
        let usage = Usage::default()
            .with(Use::Sends, float(requests.sends_billed))
            .with(Use::Receives, float(requests.receives_billed()))
            .with(Use::EmptyReceives, secs / LONG_POLL_SECS * QUEUES_POLLED)
            .with(Use::Deletes, float(requests.deletes))
            .with(Use::Retries, float(requests.retries))
            .with(
                Use::NotifierTime,
                secs * f64::from(taken.memory_mib) / 1_024.0,
            )
            .with(Use::NotifierStarts, starts)
            .with(
                Use::ReportWrites,
                secs / REPORT_EVERY.as_secs_f64() + starts,
            )
            .with(Use::ReportReads, reports_read(secs, taken))
            .with(Use::ResultObjects, self.sets(secs, taken))
            .with(Use::StoredResults, self.stored())
            .with(Use::DataOut, gb(bytes_out));
        let mut usage = if self.is_fifo { usage.on_fifo() } else { usage };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of starts"
        )]
        usage.merge(&logs(starts as u64));
        if taken.deployment.nat_gateways > 0 {
            usage.add(Use::NatBytes, gb(bytes_out));
        }
        usage
    }

    /// Sets of results that notifiers would have stored, an object each: one each time that they gather, and one for so many
    /// messages.
    fn sets(&self, secs: f64, taken: &Taken) -> f64 {
        let results = float(self.requests.results);
        let full = results / self.packing() / MESSAGES_MAX;
        let gathered = secs / taken.gather.as_secs_f64().max(1.0);
        full.max(gathered.min(results)).ceil()
    }

    /// Notifications in a message, on the average.
    fn packing(&self) -> f64 {
        let requests = &self.requests;
        (float(requests.notifications) / float(requests.messages.max(1))).max(1.0)
    }

    /// GB-months of results, for as long as they are kept.
    fn stored(&self) -> f64 {
        gb(self.done.object_bytes) * self.kept.as_secs_f64() / 3_600.0 / HOURS_OF_MONTH
    }

    fn bytes_out(&self) -> u64 {
        self.destinations.values().map(|done| done.bytes_out).sum()
    }

    fn measured(&self) -> Measured {
        let sum = |of: fn(&Done) -> u64| self.destinations.values().map(of).sum::<u64>();
        let requests = &self.requests;
        Measured {
            notifications: requests.notifications,
            messages: requests.messages,
            packing: self.packing(),
            attempts: sum(|done| done.attempts),
            retried: requests.retried,
            bytes_out: self.bytes_out(),
            notifier_secs: float(self.done.notifier_ms) / 1_000.0,
            in_flight: float(sum(|done| done.send_ms)) / float(self.done.notifier_ms.max(1)),
            objects: self.done.objects,
        }
    }

    fn cost(&self, taken: &Taken, list: &List<'_>) -> RouteCost {
        let usage = self.usage(taken);
        let bill = Bill::of(&usage, list);
        let count = self.requests.notifications;
        RouteCost {
            route: self.route.clone(),
            measured: self.measured(),
            per_million: bill::per_million(bill.total, count),
            per_million_inside: bill::per_million(bill.without_data_out(), count),
            destinations: self.shares(&usage, list),
            bill,
        }
    }

    /// The route's usage by destination: time by how long its sends took, bytes by its own, the rest by its sends.
    fn shares(&self, usage: &Usage, list: &List<'_>) -> Vec<Share> {
        let sum = |of: fn(&Done) -> u64| float(self.destinations.values().map(of).sum::<u64>());
        let (attempts, ms, bytes) = (
            sum(|done| done.attempts),
            sum(|done| done.send_ms),
            sum(|done| done.bytes_out),
        );
        let part = |own: u64, all: f64, or: f64| if all > 0.0 { float(own) / all } else { or };
        let share = |(name, done): (&String, &Done)| {
            let by_sends = part(done.attempts, attempts, 0.0);
            let own = usage.times_each(|what| match what.part() {
                Part::Functions => part(done.send_ms, ms, by_sends),
                Part::DataOut | Part::Nat => part(done.bytes_out, bytes, by_sends),
                _ => by_sends,
            });
            shared(name, done.attempts, &own, list)
        };
        let mut shares: Vec<Share> = self.destinations.iter().map(share).collect();
        shares.sort_by(|one, other| other.amount.total_cmp(&one.amount));
        shares
    }
}

fn shared(name: &str, count: u64, usage: &Usage, list: &List<'_>) -> Share {
    let bill = Bill::of(usage, list);
    Share {
        name: name.to_owned(),
        count,
        amount: bill.total,
        per_million: bill::per_million(bill.total, count),
        parts: parts([&bill]),
    }
}

fn parts<'a>(bills: impl IntoIterator<Item = &'a Bill>) -> BTreeMap<String, f64> {
    let mut parts = BTreeMap::new();
    for bill in bills {
        for part in Part::ALL {
            let amount = bill.part(part);
            if amount > 0.0 {
                *parts.entry(part.name().to_owned()).or_insert(0.0) += amount;
            }
        }
    }
    parts
}

/// Reports that plans would have read: those of all that ran, of so many at most. Where some plans found more and others fewer it
/// is less than this.
fn reports_read(secs: f64, taken: &Taken) -> f64 {
    let every = taken.interval.as_secs_f64().max(1.0);
    let planned = (taken.hours * 3_600.0 / every).floor();
    (secs / every).min(planned * float(u64::try_from(ASKED_MAX).unwrap_or(u64::MAX)))
}

/// What a function used.
fn of_function(done: &Done) -> Usage {
    let mut usage = logs(done.starts);
    usage.add(Use::FunctionStarts, float(done.starts));
    usage.add(Use::FunctionTime, done.gb_secs());
    usage
}

/// Prices what was measured.
#[must_use]
pub fn report(works: &[Work], functions: &Functions, taken: &Taken, list: &List<'_>) -> Report {
    let routes: Vec<RouteCost> = works.iter().map(|work| work.cost(taken, list)).collect();
    let standing_usage = standing(works, taken);
    let standing = Bill::of(&standing_usage, list);
    let used: Vec<(&String, u64, Usage)> = functions
        .iter()
        .map(|(name, done)| (name, done.starts, of_function(done)))
        .collect();
    let functions = used.iter();
    let functions: Vec<Share> = functions
        .map(|(name, starts, usage)| shared(name, *starts, usage, list))
        .collect();
    let mut usage = standing_usage;
    works
        .iter()
        .for_each(|work| usage.merge(&work.usage(taken)));
    used.iter().for_each(|(_, _, own)| usage.merge(own));
    let whole = Bill::of(&usage, list);
    let count = works.iter().map(|work| work.requests.notifications).sum();
    let (from, to) = list.dates();
    Report {
        hours: taken.hours,
        region: list.name.to_owned(),
        currency: list.shown,
        exchange: list.exchange.clone(),
        prices_from: from.to_owned(),
        prices_to: to.to_owned(),
        notifications: count,
        total: whole.total,
        per_million: bill::per_million(whole.total, count),
        per_million_inside: bill::per_million(whole.without_data_out(), count),
        parts: parts([&whole]),
        routes,
        functions,
        standing,
        fixed: fixed(&usage, taken.hours, count, taken, list),
        forecast: None,
    }
}

/// What stands, and the plans of those routes that were planned for.
fn standing(works: &[Work], taken: &Taken) -> Usage {
    let mut usage = taken.deployment.usage(taken.hours, 0);
    let every = taken.interval.as_secs_f64().max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of plans"
    )]
    let planned = (taken.hours * 3_600.0 / every) as u64;
    if !works.is_empty() {
        usage.merge(&plans(planned, works.len()));
        usage.merge(&logs(planned));
    }
    usage
}

fn fixed(usage: &Usage, hours: f64, count: u64, taken: &Taken, list: &List<'_>) -> Vec<Fixed> {
    let fleets = taken.fleets.iter();
    fleets
        .filter_map(|fleet| Fixed::of(fleet, hours, usage, count, list))
        .collect()
}

/// What `notifications` in `hours` would cost, each as those that were measured; none where none was.
#[must_use]
pub fn forecast(
    works: &[Work],
    (notifications, hours): (u64, f64),
    taken: &Taken,
    list: &List<'_>,
) -> Option<Forecast> {
    let measured: u64 = works.iter().map(|work| work.requests.notifications).sum();
    if measured == 0 {
        return None;
    }
    let mut usage = Usage::default();
    works
        .iter()
        .for_each(|work| usage.merge(&work.usage(taken)));
    let mut usage = usage.times(float(notifications) / float(measured));
    let taken = Taken {
        hours,
        ..taken.clone()
    };
    usage.merge(&standing(works, &taken));
    let bill = Bill::of(&usage, list);
    Some(Forecast {
        notifications,
        hours,
        per_million: bill::per_million(bill.total, notifications),
        fixed: fixed(&usage, hours, notifications, &taken, list),
        bill,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Prices;
    use super::*;

    fn taken() -> Taken {
        Taken {
            hours: 1.0,
            memory_mib: 128,
            life: Duration::from_secs(300),
            gather: Duration::from_secs(1),
            interval: Duration::from_secs(60),
            deployment: Deployment::default(),
            fleets: vec![Fleet {
                server: "t3.medium".to_owned(),
                count: 1,
            }],
        }
    }

    /// A million, 200 lines of 300 bytes in a message, 100 in flight of a notifier, receivers at 100 ms.
    fn work() -> Work {
        let done = |attempts, send_ms, bytes_out| Done {
            attempts,
            send_ms,
            bytes_out,
            ..Done::default()
        };
        Work {
            route: "s2s".to_owned(),
            is_fifo: false,
            kept: Duration::from_secs(730 * 3600),
            requests: Requests {
                notifications: 1_000_000,
                messages: 5_000,
                bytes: 300_000_000,
                sends: 5_000,
                sends_billed: 5_000,
                received: 5_000,
                receives: 5_000,
                deletes: 500,
                retried: 0,
                retries: 0,
                results: 1_000_000,
                result_bytes: 500_000_000,
            },
            done: Done {
                notifier_ms: 1_000_000,
                objects: 200,
                object_bytes: 1 << 30,
                ..Done::default()
            },
            destinations: BTreeMap::from([
                ("a".to_owned(), done(900_000, 50_000_000, 1 << 30)),
                ("b".to_owned(), done(100_000, 50_000_000, 1 << 30)),
            ]),
        }
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e-9)
    }

    #[test]
    fn a_million_costs_what_a_pencil_says() {
        let prices = Prices::built_in().unwrap();
        let list = prices.list("us-east-1", None).unwrap();
        let report = report(&[work()], &Functions::new(), &taken(), &list);
        let route = &report.routes[0];
        let bill = &route.bill;
        // 5,000 + 5,000 + 500 requests, and 1,000 s of long polls of 20 s on two queues.
        assert!(close(bill.part(Part::Queue), (10_500.0 + 100.0) * 0.4e-6));
        // 1,000 s × 0.125 GB, four starts; a report each 20 s and one at each end, of which plans read one a minute.
        let reports = (50.0 + 4.0) * 5e-6 + 1_000.0 / 60.0 * 0.4e-6;
        assert!(close(
            bill.part(Part::Functions),
            125.0 * 0.000_016_666_7 + 4.0 * 0.2e-6 + reports
        ));
        // A set a second, an object each; a GB for a month.
        assert!(close(bill.part(Part::Results), 1_000.0 * 5e-6 + 0.023));
        assert!(close(bill.part(Part::DataOut), 2.0 * 0.09));
        assert_eq!(
            (route.measured.packing, route.measured.in_flight),
            (200.0, 100.0)
        );
        assert!(close(route.per_million_inside, bill.total - 0.18));
        // Who gathers for ten seconds stores a tenth of the sets.
        let mut longer = taken();
        longer.gather = Duration::from_secs(10);
        assert!(close(work().usage(&longer).of(Use::ResultObjects), 100.0));
    }

    #[test]
    fn a_plan_reads_sixteen_reports_at_most() {
        // 100 notifiers all the time of an hour, and 60 plans.
        let mut work = work();
        work.done.notifier_ms = 100 * 3_600_000;
        assert!(close(
            work.usage(&taken()).of(Use::ReportReads),
            60.0 * 16.0
        ));
        work.done.notifier_ms = 0;
        let nobody = work.usage(&taken());
        assert!(nobody.of(Use::ReportReads) == 0.0 && nobody.of(Use::ReportWrites) == 0.0);
    }

    #[test]
    fn destinations_add_up_to_their_route_and_routes_to_all() {
        let prices = Prices::built_in().unwrap();
        let list = prices.list("ap-northeast-1", None).unwrap();
        let function = Done {
            starts: 10,
            billed_ms: 1_000,
            mib_ms: 128_000,
            ..Done::default()
        };
        let functions = Functions::from([("f".to_owned(), function)]);
        let mut taken = taken();
        taken.deployment = Deployment {
            alarms: 5,
            dashboards: 1,
            nat_gateways: 1,
        };
        let report = report(&[work(), work()], &functions, &taken, &list);
        for route in &report.routes {
            let sum: f64 = route.destinations.iter().map(|one| one.amount).sum();
            assert!(close(sum, route.bill.total));
        }
        let routes: f64 = report.routes.iter().map(|route| route.bill.total).sum();
        let functions: f64 = report.functions.iter().map(|one| one.amount).sum();
        assert!(close(
            report.total,
            routes + functions + report.standing.total
        ));
        let parts: f64 = report.parts.values().sum();
        assert!(close(parts, report.total));
        // Half of the time is b's, a tenth of the sends.
        let (a, b) = (
            &report.routes[0].destinations[0],
            &report.routes[0].destinations[1],
        );
        assert_eq!((a.name.as_str(), b.name.as_str()), ("a", "b"));
        assert!(close(a.parts["functions"], b.parts["functions"]));
        assert!(close(a.parts["queue"], b.parts["queue"] * 9.0));
    }

    #[test]
    fn a_forecast_is_what_was_measured_times_as_much() {
        let prices = Prices::built_in().unwrap();
        let list = prices.list("us-east-1", None).unwrap();
        let taken = taken();
        let now = report(&[work()], &Functions::new(), &taken, &list);
        let later = forecast(&[work()], (10_000_000, 24.0), &taken, &list).unwrap();
        let sent = now.routes[0].bill.total * 10.0;
        assert!(close(later.bill.total, sent + now.standing.total * 24.0));
        assert_eq!(later.fixed.len(), 1);
        assert_eq!(forecast(&[], (1, 1.0), &taken, &list), None);
    }
}
