//! A picture of simulations: what came, who ran, how late it was.

use std::path::Path;

use anyhow::Context;
use base::Timestamp;
use cloudwatch::dashboard::layout::Area;
use cloudwatch::dashboard::widget::{Axis, Legend, Table, View};
use cloudwatch::dashboard::{Range, Side};
use cloudwatch::picture::{self, Chart, Drawing, Language, Series};
use delivery::simulate::{Minute, Traffic};

use super::Shown;
use crate::app;

/// Where a table of times of a day has its day: 1970-01-02, so that hours are what they say.
const DAY: u64 = 86_400;
/// The lines of policies. Source: the first colours of D3's category10, as CloudWatch draws.
const COLOURS: [&str; 6] = [
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b",
];
const GREY: &str = "#7f7f7f";
const PERIOD_SECS: u32 = 60;

/// Draws into a file, an SVG or a PNG by its name.
pub(super) fn write(file: &Path, traffic: &Traffic, shown: &[Shown]) -> anyhow::Result<()> {
    let svg = draw(traffic, shown);
    let ending = file
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    let bytes = match ending {
        "svg" => svg.into_bytes(),
        "png" => picture::png(&svg).context("cannot paint the picture")?,
        _ => {
            return Err(app::usage(format!(
                "--picture {}: it should end with .svg or .png",
                file.display()
            )));
        }
    };
    std::fs::write(file, bytes).with_context(|| format!("cannot write `{}`", file.display()))
}

fn draw(traffic: &Traffic, shown: &[Shown]) -> String {
    let start = traffic.start_ms() / 1_000;
    let start = if start < DAY { DAY + start } else { start };
    let secs = shown.iter().map(|one| one.outcome.secs).fold(0.0, f64::max);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "eight days at most"
    )]
    let range = Range {
        from: Timestamp::from_secs(start),
        to: Timestamp::from_secs(start + secs.ceil() as u64),
    };
    let first = shown.iter().take(1);
    let sent = first.map(|one| {
        line("sent", GREY, range, &one.outcome.minutes, |minute| {
            Some(float(minute.sent))
        })
    });
    let of_each = |value: fn(&Minute) -> Option<f64>| {
        let line = |(one, colour): (&Shown, &&str)| {
            line(
                &one.outcome.policy,
                colour,
                range,
                &one.outcome.minutes,
                value,
            )
        };
        shown
            .iter()
            .zip(COLOURS.iter().cycle())
            .map(line)
            .collect::<Vec<_>>()
    };
    let spent = shown
        .iter()
        .zip(COLOURS.iter().cycle())
        .map(|(one, colour)| {
            let spent = one.cost.spent(&one.outcome.minutes);
            let mut spent = spent.into_iter();
            line(
                &one.outcome.policy,
                colour,
                range,
                &one.outcome.minutes,
                |_| spent.next(),
            )
        });
    let currency = shown
        .first()
        .map(|one| one.cost.currency)
        .unwrap_or_default();
    let spent_title = format!("Spent, {currency}");
    let charts = [
        ("Notifications a minute", sent.collect()),
        ("Notifiers", of_each(|minute| Some(minute.notifiers))),
        (
            "Seconds until 99 of 100 were sent",
            of_each(|minute| minute.delay_p99_ms.map(|ms| float(ms) / 1_000.0)),
        ),
        (spent_title.as_str(), spent.collect()),
    ];
    let widget = |(row, (title, series)): (u32, (&str, Vec<Series>))| {
        let area = Area {
            x: 0,
            y: row * 5,
            width: 24,
            height: 5,
        };
        (area, Drawing::Chart(Box::new(chart(title, series, range))))
    };
    let widgets: Vec<_> = (0..).zip(charts).map(widget).collect();
    picture::board("Simulated", &widgets)
}

#[expect(clippy::cast_precision_loss, reason = "a pixel is wider")]
fn float(number: u64) -> f64 {
    number as f64
}

fn line(
    label: &str,
    colour: &str,
    range: Range,
    minutes: &[Minute],
    mut value: impl FnMut(&Minute) -> Option<f64>,
) -> Series {
    let point = |minute: &Minute| {
        let at = range
            .from
            .plus(std::time::Duration::from_secs(minute.at_secs));
        value(minute).map(|value| (at, value))
    };
    Series {
        label: label.to_owned(),
        colour: colour.to_owned(),
        side: Side::Left,
        unit: None,
        period_secs: PERIOD_SECS,
        points: minutes.iter().filter_map(point).collect(),
        value: None,
    }
}

fn chart(title: &str, series: Vec<Series>, range: Range) -> Chart {
    let axis = || Axis {
        min: Some(0.0),
        ..Axis::default()
    };
    Chart {
        title: title.to_owned(),
        view: View::TimeSeries,
        is_stacked: false,
        series,
        bands: Vec::new(),
        left: axis(),
        right: axis(),
        legend: Legend::Bottom,
        range,
        zone_minutes: 0,
        horizontal: Vec::new(),
        vertical: Vec::new(),
        is_full_precision: false,
        has_sparkline: false,
        table: Table {
            is_vertical: false,
            shows_series: false,
            summaries: Vec::new(),
        },
        language: Language::default(),
    }
}

#[cfg(test)]
mod tests {
    use delivery::config;
    use delivery::simulate::{self, Latency, Model, Notifier, Place, Policy, Receiver};

    use super::*;

    #[test]
    fn a_picture_has_a_line_for_each_policy() {
        let traffic = Traffic::even(600, 3);
        let latency = Latency::fixed(std::time::Duration::from_millis(100));
        let model = Model {
            receivers: vec![Receiver {
                weight: 1,
                latency,
                rate_per_sec: None,
                in_flight_max: None,
            }],
            notifier: Notifier::of(
                &config::Notifier::default(),
                std::time::Duration::from_secs(15),
            ),
            place: Place::Embedded,
            lines_per_message: 1,
            line_bytes: 300,
            bytes_out: 1_000,
            seed: 1,
        };
        let prices = delivery::cost::Prices::built_in().unwrap();
        let pricing = crate::cli::simulate::Pricing {
            list: prices.list("us-east-1", None).unwrap(),
            server: "t3.medium".to_owned(),
            nat_gateways: 0,
        };
        let shown = [Policy::Fixed(1), Policy::EventSource { concurrency_max: 2 }].map(|policy| {
            let outcome = simulate::run(&traffic, &model, &policy);
            Shown {
                cost: pricing.of(&model, &policy, &outcome),
                outcome,
                policy,
                found: None,
            }
        });
        let svg = draw(&traffic, &shown);
        for words in [
            "Notifications a minute",
            "Notifiers",
            "Spent, USD",
            "fixed:1",
            "sqs-event-source",
        ] {
            assert!(svg.contains(words), "{words}");
        }
        assert!(picture::png(&svg).unwrap().starts_with(b"\x89PNG"));
    }
}
