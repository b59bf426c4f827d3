//! What a simulated policy costs.

use delivery::cost::bill::per_million;
use delivery::cost::{Bill, Currency, Deployment, List, Part};
use delivery::simulate::{Minute, Model, Outcome, Place, Policy};
use serde::Serialize;

/// What `deploy/terraform` puts beside one route.
const ALARMS: u32 = 5;
const DASHBOARDS: u32 = 1;

/// Servers that always run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Servers {
    pub(super) server: String,
    pub(super) count: u32,
    pub(super) hours: f64,
    pub(super) per_hour: f64,
    pub(super) amount: f64,
}

/// A policy's bill.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Priced {
    pub(super) currency: Currency,
    pub(super) region: String,
    pub(super) total: f64,
    /// For a million notifications.
    pub(super) per_million: f64,
    /// The same without what leaves for the internet.
    pub(super) per_million_inside: f64,
    pub(super) servers: Option<Servers>,
    #[serde(flatten)]
    pub(super) bill: Bill,
}

/// By what it is priced.
pub(super) struct Pricing<'a> {
    pub(super) list: List<'a>,
    /// The type of servers, which the list has.
    pub(super) server: String,
    pub(super) nat_gateways: u32,
}

impl Pricing<'_> {
    /// What `outcome` costs.
    pub(super) fn of(&self, model: &Model, policy: &Policy, outcome: &Outcome) -> Priced {
        let hours = outcome.secs / 3_600.0;
        let deployment = Deployment {
            alarms: ALARMS,
            dashboards: DASHBOARDS,
            nat_gateways: self.nat_gateways,
        };
        let servers = servers(model, policy);
        let used = outcome.usage.priced(hours, &deployment);
        let used = match servers {
            0 => used,
            _ => used.only(|what| matches!(what.part(), Part::DataOut | Part::Nat)),
        };
        let bill = Bill::of(&used, &self.list);
        let servers = (servers > 0).then(|| self.servers(servers, hours));
        let beside = servers.as_ref().map_or(0.0, |servers| servers.amount);
        Priced {
            currency: self.list.shown,
            region: self.list.name.to_owned(),
            total: bill.total + beside,
            per_million: per_million(bill.total + beside, outcome.sent),
            per_million_inside: per_million(bill.without_data_out() + beside, outcome.sent),
            servers,
            bill,
        }
    }

    fn servers(&self, count: u32, hours: f64) -> Servers {
        let price = self.list.server(&self.server);
        let per_hour = price.map_or(0.0, |price| {
            price.price / price.per * self.list.rate(price.currency)
        });
        Servers {
            server: self.server.clone(),
            count,
            hours,
            per_hour,
            amount: per_hour * f64::from(count) * hours,
        }
    }
}

/// Servers that a policy runs on: those of a fixed fleet, or the one that serves.
fn servers(model: &Model, policy: &Policy) -> u32 {
    match (policy, model.place) {
        (Policy::Fixed(count), _) => *count,
        (Policy::Scaled(_), Place::Embedded) => 1,
        _ => 0,
    }
}

impl Priced {
    /// What was spent up to each minute's end: what is paid by time goes with the notifiers or evenly, the rest with what was
    /// sent. The last one is the total.
    pub(super) fn spent(&self, minutes: &[Minute]) -> Vec<f64> {
        let sum = |of: fn(&Minute) -> f64| minutes.iter().map(of).sum::<f64>();
        let (sent, ran) = (sum(sent), sum(|minute| minute.notifiers));
        let even = 1.0 / minutes_of(minutes.len());
        let part = |own: f64, all: f64| if all > 0.0 { own / all } else { even };
        let beside = self.servers.as_ref().map_or(0.0, |servers| servers.amount);
        let (mut standing, mut by_time, mut by_sent) = (beside, 0.0, 0.0);
        for line in &self.bill.lines {
            let into = match (line.what.is_standing(), line.part) {
                (true, _) => &mut standing,
                (false, Part::Functions) => &mut by_time,
                (false, _) => &mut by_sent,
            };
            *into += line.amount;
        }
        let mut spent = 0.0;
        let step = |minute: &Minute| {
            spent += standing * even
                + by_time * part(minute.notifiers, ran)
                + by_sent * part(self::sent(minute), sent);
            spent
        };
        minutes.iter().map(step).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of a minute")]
fn sent(minute: &Minute) -> f64 {
    minute.sent as f64
}

#[expect(clippy::cast_precision_loss, reason = "some thousand minutes")]
fn minutes_of(minutes: usize) -> f64 {
    minutes.max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use delivery::config;
    use delivery::cost::Prices;
    use delivery::simulate::{self, Latency, Notifier, Receiver, Traffic};

    use super::*;

    #[test]
    fn a_fleet_costs_its_servers_and_functions_what_they_used() {
        let traffic = Traffic::even(6_000, 10);
        let receiver = Receiver {
            weight: 1,
            latency: Latency::fixed(Duration::from_millis(100)),
            rate_per_sec: None,
            in_flight_max: None,
        };
        let model = Model {
            receivers: vec![receiver],
            notifier: Notifier::of(&config::Notifier::default(), Duration::from_secs(15)),
            place: Place::Functions {
                late: Duration::ZERO,
                missing: 0.0,
            },
            lines_per_message: 200,
            line_bytes: 300,
            bytes_out: 1_000,
            seed: 1,
        };
        let prices = Prices::built_in().unwrap();
        let pricing = Pricing {
            list: prices.list("us-east-1", None).unwrap(),
            server: "t3.medium".to_owned(),
            nat_gateways: 0,
        };
        let priced = |policy: &Policy| {
            let outcome = simulate::run(&traffic, &model, policy);
            (pricing.of(&model, policy, &outcome), outcome)
        };
        let (fleet, outcome) = priced(&Policy::Fixed(3));
        let servers = fleet.servers.clone().unwrap();
        assert!((servers.amount - 3.0 * 0.0416 * outcome.secs / 3_600.0).abs() < 1e-12);
        let inside = fleet.per_million_inside - per_million(servers.amount, outcome.sent);
        assert!(inside.abs() < 1e-9, "{inside}");
        let (functions, outcome) = priced(&Policy::Scaled(config::Scaler::default()));
        assert!(functions.servers.is_none());
        assert!(functions.bill.part(Part::Functions) > 0.0);
        assert!(functions.bill.part(Part::Monitoring) > 0.0);
        for priced in [&fleet, &functions] {
            let spent = priced.spent(&outcome.minutes);
            let last = spent.last().copied().unwrap();
            assert!((last - priced.total).abs() < 1e-9 * priced.total.max(1.0));
            assert!(spent.is_sorted());
        }
    }
}
