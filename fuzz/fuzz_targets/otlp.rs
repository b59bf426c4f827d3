//! Any bytes as OTLP's metrics in protobuf and JSON: data that can be put, or a reason; never a panic.
#![no_main]

use std::convert::Infallible;
use std::time::Duration;

use base::Timestamp;
use cloudwatch::ingest::{Intake, Kind, read};
use cloudwatch::series::Datum;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_secs(1_544_712_661);

fuzz_target!(|body: &[u8]| {
    // So old that no time of a point is.
    let intake = Intake::new(Timestamp::EPOCH, Duration::from_secs(NOW.as_secs()));
    for content_type in ["application/x-protobuf", "application/json"] {
        let Ok(sent) = read(Kind::Otlp, content_type, body) else {
            continue;
        };
        for _ in 0..2 {
            let _ = intake.take(&sent, NOW, |data: &[Datum]| {
                assert!(data.iter().all(|datum| datum.identity.dimensions().len() <= 30));
                Ok::<(), Infallible>(())
            });
        }
    }
});
