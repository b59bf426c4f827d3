//! Tables and JSON.

use std::time::Duration;

use delivery::config;
use delivery::cost::Part;
use delivery::simulate::{Model, Policy, Traffic};
use serde_json::{Value, json};

use super::Shown;
use crate::app::App;
use crate::output;

pub(super) fn show(app: &App, traffic: &Traffic, model: &Model, shown: &[Shown]) {
    let value = value(traffic, model, shown);
    output::show(app.output(), &value, |_| table(traffic, model, shown));
}

fn value(traffic: &Traffic, model: &Model, shown: &[Shown]) -> Value {
    let one = |one: &Shown| {
        let found = one
            .found
            .map(|(is_kept, tried)| json!({ "is_kept": is_kept, "simulations": tried }));
        let settings = match &one.policy {
            Policy::Scaled(settings) => json!(settings),
            Policy::Fixed(count) => json!({ "notifiers": count }),
            Policy::EventSource { concurrency_max } => {
                json!({ "concurrency_max": concurrency_max })
            }
        };
        json!({ "settings": settings, "target": found, "outcome": one.outcome, "cost": one.cost })
    };
    json!({
        "traffic": {
            "notifications": traffic.count(),
            "secs": traffic.len_ms() / 1_000,
            "peak_per_minute": traffic.peak_per_minute(),
        },
        "notifier_per_minute": model.per_minute(),
        "simulations": shown.iter().map(one).collect::<Vec<_>>(),
    })
}

fn table(traffic: &Traffic, model: &Model, shown: &[Shown]) -> String {
    let head = output::pairs(&[
        (
            "traffic",
            format!(
                "{} in {}, {:.0} a minute at most",
                output::of(traffic.count(), "notification"),
                output::span(Duration::from_millis(traffic.len_ms())),
                traffic.peak_per_minute()
            ),
        ),
        (
            "a notifier",
            format!(
                "{} slots manage {:.0} a minute at these receivers",
                model.notifier.slots,
                model.per_minute()
            ),
        ),
    ]);
    let delays = output::table(
        &[
            "policy",
            "p50",
            "p90",
            "p99",
            "longest",
            "notifiers",
            "at most",
            "notifier-minutes",
            "left",
        ],
        shown.iter().map(delay_row),
    );
    let used = output::table(
        &[
            "policy",
            "invocations",
            "GB-s",
            "server-min",
            "queue requests",
            "a million",
            "objects",
            "plans",
        ],
        shown.iter().map(used_row),
    );
    let costs = output::table(&COSTS, shown.iter().map(cost_row));
    let mut parts = vec![head, delays, used, costs];
    parts.extend(shown.iter().map(arithmetic));
    if shown.iter().any(|one| one.found.is_some()) {
        parts.push(output::table(
            &["policy", "target", "settings", "simulations"],
            shown.iter().map(found_row),
        ));
    }
    parts.join("\n\n")
}

fn delay_row(one: &Shown) -> [String; 9] {
    let outcome = &one.outcome;
    let delay = &outcome.delay;
    let mean = outcome.notifier_minutes * 60.0 / outcome.secs.max(1.0);
    [
        outcome.policy.clone(),
        late(delay.p50_ms),
        late(delay.p90_ms),
        late(delay.p99_ms),
        late(delay.max_ms),
        format!("{mean:.2}"),
        outcome.notifiers_max.to_string(),
        format!("{:.0}", outcome.notifier_minutes),
        output::count(outcome.left),
    ]
}

fn used_row(one: &Shown) -> [String; 8] {
    let usage = &one.outcome.usage;
    let requests = usage.queue_sends + usage.queue_receives + usage.queue_deletes;
    let millions = usage.notifications.max(1);
    let each = u128::from(requests) * 1_000_000 / u128::from(millions);
    [
        one.outcome.policy.clone(),
        output::count(usage.notifier_invocations),
        format!("{:.0}", usage.notifier_gb_seconds),
        format!("{:.0}", usage.server_minutes),
        output::count(requests),
        output::count(u64::try_from(each).unwrap_or(u64::MAX)),
        output::count(usage.result_objects),
        output::count(one.outcome.plans),
    ]
}

const COSTS: [&str; 10] = [
    "policy",
    "cost",
    "a million",
    "without data out",
    "queue",
    "functions",
    "results",
    "monitoring",
    "data out",
    "servers",
];

fn cost_row(one: &Shown) -> [String; 10] {
    let cost = &one.cost;
    let amount = |value| cost.currency.amount(value);
    let part = |part| amount(cost.bill.part(part));
    let servers = cost.servers.as_ref();
    [
        one.outcome.policy.clone(),
        amount(cost.total),
        amount(cost.per_million),
        amount(cost.per_million_inside),
        part(Part::Queue),
        part(Part::Functions),
        part(Part::Results),
        part(Part::Monitoring),
        part(Part::DataOut),
        servers.map_or_else(|| "-".to_owned(), |servers| amount(servers.amount)),
    ]
}

/// The bill of a policy, line by line.
fn arithmetic(one: &Shown) -> String {
    let cost = &one.cost;
    let servers = cost.servers.iter().map(|servers| {
        let sum = format!(
            "{} {} × {:.2} hours × {} = {}",
            servers.count,
            servers.server,
            servers.hours,
            cost.currency.price(servers.per_hour),
            cost.currency.amount(servers.amount)
        );
        ["servers".to_owned(), sum]
    });
    let lines = cost.bill.lines.iter();
    let lines = lines.map(|line| [line.what.name().to_owned(), line.arithmetic()]);
    output::table(
        &[one.outcome.policy.as_str(), "quantity × price = amount"],
        servers.chain(lines),
    )
}

fn found_row(one: &Shown) -> [String; 4] {
    let (is_kept, tried) = one.found.unwrap_or((true, 1));
    let kept = if is_kept {
        "kept"
    } else {
        "not kept; the nearest"
    };
    [
        one.outcome.policy.clone(),
        kept.to_owned(),
        settings(&one.policy),
        tried.to_string(),
    ]
}

/// What was looked for, as it is written in the settings.
fn settings(policy: &Policy) -> String {
    match policy {
        Policy::Fixed(count) => format!("{count} servers"),
        Policy::EventSource { concurrency_max } => format!("concurrency at most {concurrency_max}"),
        Policy::Scaled(settings) => {
            let min = settings.notifiers_min;
            match settings.policy {
                config::Policy::Proportional => {
                    format!(
                        "notifiers_min = {min}, notifier_per_minute = {}",
                        settings.notifier_per_minute
                    )
                }
                config::Policy::Backlog => format!(
                    "notifiers_min = {min}, headroom = {}, target_age = \"{}\"",
                    settings.headroom, settings.target_age
                ),
            }
        }
    }
}

/// A delay: `42ms`, `3.2s`, `12m05s`.
fn late(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}ms"),
        #[expect(clippy::cast_precision_loss, reason = "under a minute")]
        1_000..60_000 => format!("{:.1}s", ms as f64 / 1_000.0),
        _ => output::span(Duration::from_millis(ms)),
    }
}
