//! Any body of a dashboard: checked, read and drawn, never a panic; and what is drawn is XML.
#![no_main]

use std::sync::Arc;

use base::Timestamp;
use cloudwatch::dashboard::Body;
use cloudwatch::dashboard::widget::Host;
use cloudwatch::metric::{Found, Identity, Listing, Point, Read, Summaries, Unit, Unreadable, Wanted};
use cloudwatch::ops::Place;
use cloudwatch::picture::{Around, Computed, Hosts, NoAlarms, board, dashboard};
use libfuzzer_sys::fuzz_target;

/// Each metric has three points, whatever it is.
#[derive(Debug)]
struct Three;

impl Read for Three {
    fn series(&self, wanted: &Wanted<'_>) -> Result<Found, Unreadable> {
        let point = |index: u64| Point {
            at: Timestamp::from_secs(wanted.from.as_secs() + index * u64::from(wanted.period_secs)),
            value: [-1e108, 0.1, 1e108][index as usize % 3],
            samples: 1.0,
        };
        Ok(Found { points: (0..3).map(point).collect(), units: vec![Unit::Bytes] })
    }

    fn summaries(&self, _: &Wanted<'_>) -> Result<Vec<Summaries>, Unreadable> {
        Ok(Vec::new())
    }

    fn list(&self, _: &Listing<'_>) -> Vec<Arc<Identity>> {
        Vec::new()
    }
}

/// Two hosts, whose tags are as short as those that a fuzzer finds.
#[derive(Debug)]
struct Two;

impl Hosts for Two {
    fn all(&self) -> Vec<Host> {
        let host = |id: &str| Host {
            id: id.to_owned(),
            tags: [("a".to_owned(), id.to_owned()), (String::new(), String::new())].into(),
        };
        vec![host("b"), host("c")]
    }
}

fuzz_target!(|body: &str| {
    let _ = Body::read(body);
    let Ok(value) = serde_json::from_str(body) else {
        return;
    };
    let read = Body::of(&value);
    let around = Around::at(Timestamp::from_secs(1_795_000_000));
    let data = Computed {
        read: Arc::new(Three),
        alarms: Arc::new(NoAlarms),
        hosts: Arc::new(Two),
        place: Place {
            region: "eu-west-1".parse().expect("a region"),
            account: "123456789012".parse().expect("an account"),
        },
    };
    let svg = board("fuzz", &dashboard(&read, &data, around));
    assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"));
});
