//! The tables.

use delivery::cost::report::{Forecast, RouteCost, Share};
use delivery::cost::{Bill, BreakEven, Currency, Fixed, Part, Report};
use serde_json::Value;

use super::super::operator::text;
use crate::output;

/// Hours that a month has.
const MONTH: f64 = delivery::cost::HOURS_OF_MONTH;

pub(super) fn table(answer: &Value, report: &Report) -> String {
    let mut blocks = vec![head(answer, report)];
    if report.routes.is_empty() {
        blocks.push("nothing was sent in that time".to_owned());
    } else {
        blocks.push(routes(report));
    }
    for route in &report.routes {
        blocks.push(arithmetic(&format!("route {}", route.route), &route.bill));
        if !route.destinations.is_empty() {
            blocks.push(shares(
                "destination",
                "sends",
                &route.destinations,
                report.currency,
            ));
        }
    }
    if !report.functions.is_empty() {
        blocks.push(shares(
            "function",
            "starts",
            &report.functions,
            report.currency,
        ));
    }
    if !report.standing.lines.is_empty() {
        let title = "beside them, paid by time";
        blocks.push(arithmetic(title, &report.standing));
    }
    blocks.push(fixed(&report.fixed, report.currency, report.hours));
    if let Some(forecast) = &report.forecast {
        blocks.push(coming(forecast, report.currency));
    }
    blocks.push(CAVEATS.to_owned());
    blocks.join("\n\n")
}

const CAVEATS: &str = "List prices without free tiers, discounts and taxes; what is sent is counted as the requests, starts and objects that it would be on AWS (docs/cost.md).";

fn head(answer: &Value, report: &Report) -> String {
    let amount = |value| report.currency.amount(value);
    let dates = match report.prices_from == report.prices_to {
        true => report.prices_from.clone(),
        false => format!("{} to {}", report.prices_from, report.prices_to),
    };
    let mut rows = vec![
        (
            "time",
            format!("{} to {}", text(answer, "from"), text(answer, "to")),
        ),
        ("prices", format!("{}, of {dates}", report.region)),
        ("notifications", output::count(report.notifications)),
        ("all", amount(report.total)),
        ("a million", amount(report.per_million)),
        (
            "without data out",
            format!("{} a million", amount(report.per_million_inside)),
        ),
    ];
    if report.currency == Currency::Jpy {
        let exchange = &report.exchange;
        let rate = format!(
            "{} yen for a dollar, of {} ({})",
            exchange.yen_per_dollar, exchange.date, exchange.source
        );
        rows.push(("exchange", rate));
    }
    output::pairs(&rows)
}

fn routes(report: &Report) -> String {
    let amount = |value| report.currency.amount(value);
    let row = |route: &RouteCost| {
        let measured = &route.measured;
        let parts = Part::ALL.map(|part| amount(route.bill.part(part)));
        let mut row = vec![
            route.route.clone(),
            output::count(measured.notifications),
            format!("{:.1}", measured.packing),
            format!("{:.1}", measured.in_flight),
            amount(route.bill.total),
            amount(route.per_million),
            amount(route.per_million_inside),
        ];
        row.extend(parts);
        row
    };
    let mut heads = vec![
        "route",
        "notifications",
        "a message",
        "in flight",
        "cost",
        "a million",
        "without data out",
    ];
    heads.extend(Part::ALL.map(Part::name));
    output::table(&heads, report.routes.iter().map(row))
}

fn arithmetic(title: &str, bill: &Bill) -> String {
    let rows = bill
        .lines
        .iter()
        .map(|line| [line.what.name().to_owned(), line.arithmetic()]);
    output::table(&[title, "quantity × price = amount"], rows)
}

fn shares(who: &str, what: &str, shares: &[Share], currency: Currency) -> String {
    let row = |share: &Share| {
        let parts: Vec<String> = share
            .parts
            .iter()
            .map(|(part, value)| format!("{part} {}", currency.amount(*value)))
            .collect();
        [
            share.name.clone(),
            output::count(share.count),
            currency.amount(share.amount),
            currency.amount(share.per_million),
            parts.join(", "),
        ]
    };
    let heads = [who, what, "cost", "a million", "by part"];
    output::table(&heads, shares.iter().map(row))
}

fn fixed(all: &[Fixed], currency: Currency, hours: f64) -> String {
    let row = |one: &Fixed| {
        let arithmetic = format!(
            "{} × {:.2} hours × {} = {}",
            one.count,
            hours,
            currency.price(one.per_hour),
            currency.amount(one.amount)
        );
        let cheaper = match one.is_cheaper {
            true => "the servers",
            false => "functions",
        };
        [
            format!("{} × {}", one.count, one.server),
            arithmetic,
            cheaper.to_owned(),
            break_even(one.break_even),
        ]
    };
    let heads = [
        "servers",
        "in this time",
        "cheaper",
        "where they are cheaper",
    ];
    output::table(&heads, all.iter().map(row))
}

/// From when on servers are cheaper, in words.
pub(in crate::cli) fn break_even(from: BreakEven) -> String {
    match from {
        BreakEven::Always => "always: what functions cost at rest is more".to_owned(),
        BreakEven::Never => "never".to_owned(),
        BreakEven::From { per_month } => format!(
            "from {:.1} million a month on ({:.0} a second), if they manage them",
            per_month / 1e6,
            per_month / MONTH / 3_600.0
        ),
    }
}

fn coming(forecast: &Forecast, currency: Currency) -> String {
    let head = output::pairs(&[
        (
            "forecast",
            format!(
                "{} notifications in {:.1} hours",
                output::count(forecast.notifications),
                forecast.hours
            ),
        ),
        ("costs", currency.amount(forecast.bill.total)),
        ("a million", currency.amount(forecast.per_million)),
    ]);
    let lines = arithmetic("forecast", &forecast.bill);
    let servers = fixed(&forecast.fixed, currency, forecast.hours);
    [head, lines, servers].join("\n\n")
}
