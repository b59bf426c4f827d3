//! Any text as a metric's expression, a search, a label and a `SELECT`, run over metrics of any values: an error with its
//! place, or series of numbers in the order of time; never a panic. What is printed is read again.
#![no_main]

use std::sync::Arc;

use base::Timestamp;
use cloudwatch::math::{Options, Plan, Window, parse};
use cloudwatch::metric::{
    Dimension, Found, Identity, Listing, Point, Query, Read, Source, Stat, Statistic, Summaries,
    Summary, Unit, Unreadable, Wanted,
};
use libfuzzer_sys::fuzz_target;

/// Two metrics, a value a minute.
#[derive(Debug)]
struct Metrics<'a>(&'a [f64]);

impl Metrics<'_> {
    fn points(&self, wanted: &Wanted<'_>) -> impl Iterator<Item = (Timestamp, f64)> {
        let times = (0..).map(|minute| Timestamp::from_secs(minute * 60));
        let points = times.zip(self.0.iter().copied());
        points.filter(|(at, value)| value.is_finite() && *at >= wanted.from && *at < wanted.to)
    }
}

impl Read for Metrics<'_> {
    fn series(&self, wanted: &Wanted<'_>) -> Result<Found, Unreadable> {
        let point = |(at, value)| Point {
            at,
            value,
            samples: 1.0,
        };
        Ok(Found {
            points: self.points(wanted).map(point).collect(),
            units: vec![Unit::None],
        })
    }

    fn summaries(&self, wanted: &Wanted<'_>) -> Result<Vec<Summaries>, Unreadable> {
        let periods = self.points(wanted);
        Ok(vec![Summaries {
            unit: Unit::None,
            periods: periods
                .map(|(at, value)| (at, Summary::of(value)))
                .collect(),
        }])
    }

    fn list(&self, _: &Listing<'_>) -> Vec<Arc<Identity>> {
        vec![Arc::new(metric("a")), Arc::new(metric("b"))]
    }
}

fn metric(host: &str) -> Identity {
    Identity::new("Own", "CustomCount1", vec![Dimension::new("Host", host)])
}

fuzz_target!(|input: (&str, &str, Vec<f64>)| {
    let (text, label, values) = input;
    if let Ok(tree) = parse(text)
        && let Ok(again) = parse(&tree.to_string())
    {
        assert_eq!(again, tree);
    }
    let quoted = text.replace('\'', "\"");
    for text in [
        text.to_owned(),
        format!("SEARCH('{quoted}', 'Sum', 60)"),
        format!("SELECT {text}"),
    ] {
        let queries = ["m1", "m2", "e1"].map(|id| Query {
            id: id.to_owned(),
            source: match id {
                "e1" => Source::Expression {
                    text: text.clone(),
                    period_secs: Some(60),
                },
                metric_id => Source::Metric(Stat {
                    identity: metric(metric_id),
                    statistic: Statistic::Average,
                    period_secs: 60,
                    unit: None,
                }),
            },
            label: Some(label.to_owned()),
            is_returned: true,
        });
        let Ok(plan) = Plan::new(&queries) else {
            continue;
        };
        let _ = plan.alarm(None);
        let window = Window {
            from: Timestamp::EPOCH,
            to: Timestamp::from_secs(7200),
            now: Timestamp::from_secs(7200),
        };
        let Ok(results) = plan.run(&Metrics(&values), &window, &Options::default()) else {
            continue;
        };
        for answer in results.answers {
            assert!(answer.points.iter().all(|(_, value)| value.is_finite()));
            assert!(answer.points.is_sorted_by(|one, next| one.0 < next.0));
        }
    }
});
