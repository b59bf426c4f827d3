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
    store(file, &draw(traffic, shown))
}

/// Stores a picture, as an SVG or a PNG by the file's name.
pub(in crate::cli) fn store(file: &Path, svg: &str) -> anyhow::Result<()> {
    let ending = file
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    let bytes = match ending {
        "svg" => svg.as_bytes().to_vec(),
        "png" => picture::png(svg).context("cannot paint the picture")?,
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
    let secs = shown.iter().map(|one| one.outcome.secs).fold(0.0, f64::max);
    let curves = Curves {
        title: "Simulated",
        start_secs: traffic.start_ms() / 1_000,
        secs,
        period_secs: PERIOD_SECS,
    };
    let lines = shown
        .iter()
        .map(|one| (one.outcome.policy.as_str(), one.outcome.minutes.as_slice()));
    let currency = shown
        .first()
        .map(|one| one.cost.currency)
        .unwrap_or_default();
    let spent = shown.iter().map(|one| one.cost.spent(&one.outcome.minutes));
    let spent = Spent {
        title: format!("Spent, {currency}"),
        of_each: spent.collect(),
    };
    curves.draw(&lines.collect::<Vec<_>>(), Some(spent))
}

/// What each spent.
#[derive(Debug)]
pub(in crate::cli) struct Spent {
    /// What stands over it.
    title: String,
    /// By the name of each, a number for each minute.
    of_each: Vec<Vec<f64>>,
}

/// What curves are of.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Curves<'a> {
    /// What stands above.
    pub(in crate::cli) title: &'a str,
    /// The first moment: of a day, or since the epoch.
    pub(in crate::cli) start_secs: u64,
    /// How long it was.
    pub(in crate::cli) secs: f64,
    /// How long that is which stands in a [`Minute`].
    pub(in crate::cli) period_secs: u32,
}

impl Curves<'_> {
    /// An SVG of what was sent, who ran, how late it was and maybe what it cost, by each name.
    pub(in crate::cli) fn draw(&self, lines: &[(&str, &[Minute])], spent: Option<Spent>) -> String {
        let start = match self.start_secs {
            start if start < DAY => DAY + start,
            start => start,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "eight days at most"
        )]
        let range = Range {
            from: Timestamp::from_secs(start),
            to: Timestamp::from_secs(start + self.secs.ceil() as u64),
        };
        let line =
            |label: &str, colour: &str, minutes: &[Minute], value: fn(&Minute) -> Option<f64>| {
                line_of(label, colour, (range, self.period_secs), minutes, value)
            };
        let sent = lines
            .iter()
            .take(1)
            .map(|(_, minutes)| line("sent", GREY, minutes, |minute| Some(float(minute.sent))));
        let of_each = |value: fn(&Minute) -> Option<f64>| {
            let lines = lines.iter().zip(COLOURS.iter().cycle());
            let series = lines.map(|((name, minutes), colour)| line(name, colour, minutes, value));
            series.collect::<Vec<_>>()
        };
        let sent_in = match self.period_secs {
            PERIOD_SECS => "Notifications a minute".to_owned(),
            secs => format!("Notifications in {secs} s"),
        };
        let mut charts = vec![
            (sent_in.as_str(), sent.collect()),
            ("Notifiers", of_each(|minute| Some(minute.notifiers))),
            (
                "Seconds until 99 of 100 were sent",
                of_each(|minute| minute.delay_p99_ms.map(|ms| float(ms) / 1_000.0)),
            ),
        ];
        if let Some(Spent { title, of_each }) = &spent {
            let lines = lines.iter().zip(of_each).zip(COLOURS.iter().cycle());
            let series = lines.map(|(((name, minutes), spent), colour)| {
                let mut spent = spent.iter().copied();
                let ranged = (range, self.period_secs);
                line_of(name, colour, ranged, minutes, |_| spent.next())
            });
            charts.push((title.as_str(), series.collect()));
        }
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
        picture::board(self.title, &widgets)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a pixel is wider")]
fn float(number: u64) -> f64 {
    number as f64
}

fn line_of(
    label: &str,
    colour: &str,
    (range, period_secs): (Range, u32),
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
        period_secs,
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
